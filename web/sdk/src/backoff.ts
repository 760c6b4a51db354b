/** How long to wait before trying again. */

export interface Backoff {
  baseMs: number;
  maxMs: number;
}

/**
 * Exponential with jitter over its upper half, never shorter than what the server asked for.
 * `attempt` counts from 1; `random` is in [0, 1).
 */
export function retryDelayMs(
  { baseMs, maxMs }: Backoff,
  attempt: number,
  random: number,
  retryAfterMs = 0,
): number {
  const full = Math.min(maxMs, baseMs * 2 ** (attempt - 1));
  const jittered = full / 2 + (full / 2) * random;
  // Spread those whom the server told the same time, or they all come back at once.
  return Math.round(
    retryAfterMs > 0 ? Math.max(retryAfterMs * (1 + random / 4), jittered) : jittered,
  );
}
