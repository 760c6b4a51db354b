/** Tells the gateway how far the user has read: the furthest only, and again after a lost connection. */
import { toChatError } from './errors.js';

const THROTTLE_MS = 400;

export class ReadReceipts {
  readonly #wanted = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    /** Emits `message.read`; resolves with the gateway's count, rejects when it did not arrive. */
    private readonly send: (roomId: string, seq: number) => Promise<void>,
  ) {}

  read(roomId: string, seq: number): void {
    if (seq <= (this.#wanted.get(roomId) ?? 0)) return;
    this.#wanted.set(roomId, seq);
    this.#timer ??= setTimeout(() => this.flush(), THROTTLE_MS);
  }

  /** Sends what is wanted now; called again when a connection is back. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [roomId, seq] of this.#wanted) {
      this.send(roomId, seq).then(
        () => {
          if (this.#wanted.get(roomId) === seq) this.#wanted.delete(roomId);
        },
        (cause: unknown) => {
          // What may still succeed stays wanted: the next connection flushes it, reading further replaces it.
          if (!toChatError(cause).retryable) this.#wanted.delete(roomId);
        },
      );
    }
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wanted.clear();
  }
}
