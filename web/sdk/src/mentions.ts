/** How many unread messages of each room name the user: the gateway's count, then what comes in live. */
import type { MentionEvent, UnreadSummary } from './types.js';

export class Mentions {
  readonly #counts = new Map<string, number>();
  /** Redeliveries must not count twice. */
  readonly #seen = new Set<string>();

  constructor(private readonly onChange: (roomId: string) => void) {}

  of(roomId: string): number {
    return this.#counts.get(roomId) ?? 0;
  }

  /** Starts from what the gateway counted. */
  load({ rooms }: UnreadSummary): void {
    const before = [...this.#counts.keys()];
    this.#counts.clear();
    for (const { roomId, mentions } of rooms) if (mentions > 0) this.#counts.set(roomId, mentions);
    for (const roomId of new Set([...before, ...this.#counts.keys()])) this.onChange(roomId);
  }

  /** Says whether the mention is new. */
  add({ roomId, messageId }: MentionEvent): boolean {
    if (this.#seen.has(messageId)) return false;
    this.#seen.add(messageId);
    this.#counts.set(roomId, this.of(roomId) + 1);
    this.onChange(roomId);
    return true;
  }

  /** The room was read to its end. */
  clear(roomId: string): void {
    if (this.#counts.delete(roomId)) this.onChange(roomId);
  }

  clearAll(): void {
    this.#counts.clear();
    this.#seen.clear();
  }
}
