/** One error type for REST answers, failed acks and the client's own refusals. */

/** Codes after which the same request may be sent again with the same `clientMsgId`. */
const RETRYABLE = new Set([
  'busy',
  'unavailable',
  'draining',
  'rate_limited',
  'internal',
  'timeout',
  'disconnected',
  'network',
]);

export interface ChatErrorDetail {
  /** HTTP status, where there was one. */
  status?: number;
  /** How long the server asked to wait. */
  retryAfterMs?: number;
  /** The fields a validation refused. */
  fields?: { path: string; message: string }[];
}

/** A failure with the gateway's stable code (or the client's own: `timeout`, `disconnected`, `network`, …). */
export class ChatError extends Error {
  override readonly name = 'ChatError';
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly fields: { path: string; message: string }[];

  constructor(
    readonly code: string,
    message: string,
    detail: ChatErrorDetail = {},
  ) {
    super(message);
    this.status = detail.status;
    this.retryAfterMs = detail.retryAfterMs;
    this.fields = detail.fields ?? [];
  }

  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/** Anything thrown, as a `ChatError`. */
export function toChatError(cause: unknown): ChatError {
  if (cause instanceof ChatError) return cause;
  return new ChatError('internal', cause instanceof Error ? cause.message : String(cause));
}

/** A `problem+json` body, or whatever a proxy put in its place. */
export function fromProblem(status: number, body: unknown, retryAfter: string | null): ChatError {
  const problem = isObject(body) ? body : {};
  const code = typeof problem.code === 'string' ? problem.code : codeOfStatus(status);
  const text = [problem.detail, problem.message, problem.title].find(
    (t): t is string => typeof t === 'string' && t !== '',
  );
  const seconds = Number(retryAfter ?? problem.retryAfter);
  return new ChatError(code, text ?? `The server answered ${status}`, {
    status,
    retryAfterMs: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined,
    fields: Array.isArray(problem.errors) ? problem.errors.filter(isField) : [],
  });
}

/** Throws when an ack is a SocketError, returns it otherwise. */
export function unwrapAck<T>(ack: unknown): T {
  if (!isObject(ack)) throw new ChatError('internal', 'The server sent an unreadable answer');
  if (String(ack.status).toUpperCase() === 'ERROR') {
    throw new ChatError(String(ack.code ?? 'internal'), String(ack.message ?? 'Request failed'), {
      retryAfterMs: typeof ack.retryAfterMs === 'number' ? ack.retryAfterMs : undefined,
    });
  }
  return ack as T;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isField(value: unknown): value is { path: string; message: string } {
  return isObject(value) && typeof value.path === 'string' && typeof value.message === 'string';
}

function codeOfStatus(status: number): string {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  if (status === 413) return 'payload_too_large';
  if (status === 429) return 'rate_limited';
  return status === 502 || status === 503 || status === 504 ? 'unavailable' : 'internal';
}
