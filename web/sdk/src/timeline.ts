/**
 * The messages of one room that this client holds, in `seq` order and each once.
 *
 * It is a window `first..head` without holes, plus what arrived ahead of a hole. `head` is what a
 * resume reports: everything up to it (from `first` on) is here.
 */
import type { DeliveryStatus, Message } from './types.js';

const RANK: Record<DeliveryStatus, number> = { sent: 0, delivered: 1, read: 2 };

export interface Inserted {
  /** Messages not held before, ascending. */
  added: Message[];
  /** Messages that joined the top of the window, ascending and without holes: each is told once, in order. */
  inOrder: Message[];
}

export interface Gap {
  /** The last `seq` before the hole. */
  after: number;
  /** The first `seq` after the hole. */
  before: number;
}

export class Timeline {
  readonly #bySeq = new Map<number, Message>();
  readonly #seqById = new Map<string, number>();
  #first: number;
  #head: number;
  #sorted: readonly Message[] | null = null;

  /** `head` is the room's last `seq` that needs no fetching: the window starts empty behind it. */
  constructor(head: number) {
    this.#first = head + 1;
    this.#head = head;
  }

  get first(): number {
    return this.#first;
  }

  get head(): number {
    return this.#head;
  }

  /** Whether older messages exist than those held. */
  get hasOlder(): boolean {
    return this.#first > 1;
  }

  get size(): number {
    return this.#bySeq.size;
  }

  messages(): readonly Message[] {
    this.#sorted ??= [...this.#bySeq.values()].sort((a, b) => a.seq - b.seq);
    return this.#sorted;
  }

  get(id: string): Message | undefined {
    const seq = this.#seqById.get(id);
    return seq === undefined ? undefined : this.#bySeq.get(seq);
  }

  /** Takes live messages or a page of history; what is known only gets fresher. */
  insert(messages: readonly Message[]): Inserted {
    const added: Message[] = [];
    for (const message of messages) {
      if (!Number.isSafeInteger(message.seq) || message.seq < 1) continue;
      const known = this.#bySeq.get(message.seq);
      if (known) this.#put(fresher(known, message));
      else if (!this.#seqById.has(message.id)) {
        this.#put(message);
        added.push(message);
      }
    }
    while (this.#bySeq.has(this.#first - 1)) this.#first--;
    const inOrder: Message[] = [];
    for (let next; (next = this.#bySeq.get(this.#head + 1)); this.#head++) inOrder.push(next);
    const kept = added.filter((message) => message.seq >= this.#first);
    this.#dropBelowWindow();
    return { added: kept.sort((a, b) => a.seq - b.seq), inOrder };
  }

  /** The first hole above the window, if something lies beyond it. */
  gap(): Gap | null {
    const ahead = this.messages().find((message) => message.seq > this.#head);
    return ahead ? { after: this.#head, before: ahead.seq } : null;
  }

  /** Too much was missed: the window becomes just this page (ascending, without holes). */
  reset(page: readonly Message[], lastSeq: number): void {
    const ahead = [...this.#bySeq.values()].filter((message) => message.seq > lastSeq);
    this.#bySeq.clear();
    this.#seqById.clear();
    this.#head = page.at(-1)?.seq ?? lastSeq;
    this.#first = page[0]?.seq ?? lastSeq + 1;
    for (const message of page) this.#put(message);
    this.#sorted = null;
    this.insert(ahead);
  }

  /** History before `first` turned out to be empty (it may start after 1 for a late member). */
  markStart(): void {
    this.#first = Math.min(this.#first, 1);
  }

  /** Applies a change to a held message; unknown ones are left to the next fetch. */
  update(id: string, change: (message: Message) => Message): Message | null {
    const message = this.get(id);
    if (!message) return null;
    const changed = change(message);
    this.#put(changed);
    return changed;
  }

  /** Raises the status of one sender's messages up to `seq`; a status never goes back. */
  raiseStatus(senderId: string, seq: number, status: DeliveryStatus): boolean {
    let raised = false;
    for (const message of this.#bySeq.values()) {
      if (message.seq > seq || message.senderId !== senderId) continue;
      if (RANK[message.status] >= RANK[status]) continue;
      this.#put({ ...message, status });
      raised = true;
    }
    return raised;
  }

  /** Forgets the oldest so that at most `max` stay. */
  trim(max: number): void {
    const surplus = this.#head - this.#first + 1 - max;
    if (surplus <= 0) return;
    this.#first += surplus;
    this.#dropBelowWindow();
  }

  #put(message: Message): void {
    this.#bySeq.set(message.seq, message);
    this.#seqById.set(message.id, message.seq);
    this.#sorted = null;
  }

  #dropBelowWindow(): void {
    for (const [seq, message] of this.#bySeq) {
      if (seq >= this.#first) continue;
      this.#bySeq.delete(seq);
      this.#seqById.delete(message.id);
      this.#sorted = null;
    }
  }
}

/** Redeliveries may be older than what is held: edits, deletions and receipts never go back. */
function fresher(known: Message, incoming: Message): Message {
  if (known.deletedAt && !incoming.deletedAt) return known;
  const older = (incoming.editVersion ?? 0) < (known.editVersion ?? 0);
  const status = RANK[incoming.status] > RANK[known.status] ? incoming.status : known.status;
  if (older) return { ...known, status };
  // A preview carries no content; keep the one held.
  return { ...known, ...incoming, content: incoming.content ?? known.content ?? '', status };
}
