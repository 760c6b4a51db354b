/**
 * Messages on their way: kept until the room shows them, resent under the same `clientMsgId`.
 *
 * Each room is a lane with one send in flight, so a retry never lets a later message overtake. An
 * acknowledged entry stays (`queued`) until its `message.delivered` came, because only that carries the `seq`.
 */
import { retryDelayMs, type Backoff } from './backoff.js';
import { ChatError, isObject, toChatError } from './errors.js';
import type { KeyValueStore } from './storage.js';
import type { Attachment } from './types.js';

export interface Draft {
  roomId: string;
  /** May be empty where there are attachments. */
  content: string;
  replyTo?: string;
  /** The first message of the thread that it goes into. */
  threadId?: string;
  /** Ids of the users that the content names. */
  mentions?: string[];
  /** Uploaded before, see `ChatClient.upload`. */
  attachments?: Attachment[];
}

export interface OutboxEntry extends Draft {
  clientMsgId: string;
  /** Unix milliseconds. */
  createdAt: number;
  state: 'pending' | 'sending' | 'queued' | 'failed';
  /** Sends that got a retryable refusal; being offline does not count. */
  attempts: number;
  error?: { code: string; message: string };
}

export interface OutboxOptions {
  store: KeyValueStore;
  /** Sends one entry; resolves on the gateway's `QUEUED`, rejects with a `ChatError`. */
  send(entry: OutboxEntry): Promise<void>;
  onChange(roomId: string): void;
  newId(): string;
  now?: () => number;
  random?: () => number;
  backoff?: Backoff;
  maxAttempts?: number;
  maxEntries?: number;
}

const BACKOFF: Backoff = { baseMs: 500, maxMs: 15_000 };

export class Outbox {
  /** In the order of writing. */
  #entries: OutboxEntry[] = [];
  readonly #lanes = new Map<string, { busy: boolean; timer?: ReturnType<typeof setTimeout> }>();
  #online = false;
  #owner: string | null = null;
  /** Store writes one after another, so that a removal never passes the write before it. */
  #writes: Promise<void> = Promise.resolve();

  constructor(private readonly options: OutboxOptions) {}

  /** Loads what `userId` left unsent; other users' entries stay where they are. */
  async open(userId: string): Promise<void> {
    this.#owner = userId;
    const prefix = keyOf(userId, '');
    const found: OutboxEntry[] = [];
    for (const key of await this.options.store.keys(prefix)) {
      const entry = parse(await this.options.store.get(key));
      // What was in flight when the page went away may or may not have arrived: the id makes sending again safe.
      if (entry) found.push({ ...entry, state: entry.state === 'failed' ? 'failed' : 'pending' });
    }
    this.#entries = found.sort((a, b) => a.createdAt - b.createdAt);
    for (const roomId of new Set(found.map((entry) => entry.roomId))) this.#changed(roomId);
    this.#pumpAll();
  }

  /** Forgets the entries in memory, and in the store too unless `keep`. */
  async close({ keep }: { keep: boolean }): Promise<void> {
    const entries = this.#entries;
    this.#entries = [];
    this.setOnline(false);
    if (!keep) for (const entry of entries) this.#erase(entry);
    this.#owner = null;
    await this.#writes;
  }

  entries(roomId: string): OutboxEntry[] {
    return this.#entries.filter((entry) => entry.roomId === roomId);
  }

  enqueue(draft: Draft): OutboxEntry {
    if (!this.#owner) throw new ChatError('unauthenticated', 'Sign in to send messages');
    if (this.#entries.length >= (this.options.maxEntries ?? 500)) {
      throw new ChatError('outbox_full', 'Too many messages are waiting to be sent');
    }
    const last = this.#entries.at(-1)?.createdAt ?? 0;
    const entry: OutboxEntry = {
      ...draft,
      clientMsgId: this.options.newId(),
      // Strictly rising, so that sorting by it after a reload gives the order of writing.
      createdAt: Math.max((this.options.now ?? Date.now)(), last + 1),
      state: 'pending',
      attempts: 0,
    };
    this.#entries.push(entry);
    this.#save(entry);
    this.#changed(entry.roomId);
    this.#pump(entry.roomId);
    return entry;
  }

  /** The user asks for another try of a failed message. */
  retry(clientMsgId: string): void {
    const entry = this.#entries.find((e) => e.clientMsgId === clientMsgId && e.state === 'failed');
    if (!entry) return;
    delete entry.error;
    entry.attempts = 0;
    this.#move(entry, 'pending');
    this.#pump(entry.roomId);
  }

  discard(clientMsgId: string): void {
    const entry = this.#entries.find((e) => e.clientMsgId === clientMsgId);
    if (entry) this.#remove(entry);
  }

  /** The room shows the message: it is stored and has its `seq`. */
  confirm(roomId: string, clientMsgId: string): void {
    const entry = this.#find(roomId, clientMsgId);
    if (entry) this.#remove(entry);
  }

  /** The gateway gave up a message it had acknowledged. */
  fail(roomId: string, clientMsgId: string, error: { code: string; message: string }): void {
    const entry = this.#find(roomId, clientMsgId);
    if (entry) this.#fail(entry, error);
  }

  setOnline(online: boolean): void {
    this.#online = online;
    if (online) {
      this.#pumpAll();
      return;
    }
    for (const lane of this.#lanes.values()) {
      clearTimeout(lane.timer);
      delete lane.timer;
    }
  }

  /** Sends again what was acknowledged before `before` (Unix ms) and never shown, e.g. after a resume. */
  resendUnshown(before: number): void {
    for (const entry of this.#entries) {
      if (entry.state !== 'queued' || entry.createdAt >= before) continue;
      this.#move(entry, 'pending');
    }
    this.#pumpAll();
  }

  #pumpAll(): void {
    for (const roomId of new Set(this.#entries.map((entry) => entry.roomId))) this.#pump(roomId);
  }

  #pump(roomId: string): void {
    const lane = this.#lanes.get(roomId) ?? { busy: false };
    this.#lanes.set(roomId, lane);
    if (!this.#online || lane.busy || lane.timer !== undefined) return;
    const entry = this.#entries.find((e) => e.roomId === roomId && e.state === 'pending');
    if (!entry) {
      this.#lanes.delete(roomId);
      return;
    }
    lane.busy = true;
    this.#move(entry, 'sending');
    void this.#send(entry).then((waitMs) => {
      lane.busy = false;
      if (waitMs > 0 && this.#online) {
        lane.timer = setTimeout(() => {
          delete lane.timer;
          this.#pump(roomId);
        }, waitMs);
      } else this.#pump(roomId);
    });
  }

  /** Returns how long the lane has to wait. */
  async #send(entry: OutboxEntry): Promise<number> {
    try {
      await this.options.send({ ...entry });
      // The echo may have come first and removed the entry, or a failure event marked it.
      if (this.#holds(entry) && entry.state === 'sending') this.#move(entry, 'queued');
      return 0;
    } catch (cause) {
      const error = toChatError(cause);
      if (!this.#holds(entry) || entry.state !== 'sending') return 0;
      if (error.code === 'disconnected') {
        this.#move(entry, 'pending');
        return (this.options.backoff ?? BACKOFF).baseMs;
      }
      entry.attempts++;
      if (!error.retryable || entry.attempts >= (this.options.maxAttempts ?? 8)) {
        this.#fail(entry, { code: error.code, message: error.message });
        return 0;
      }
      this.#move(entry, 'pending');
      const random = (this.options.random ?? Math.random)();
      const backoff = this.options.backoff ?? BACKOFF;
      return retryDelayMs(backoff, entry.attempts, random, error.retryAfterMs);
    }
  }

  #find(roomId: string, clientMsgId: string): OutboxEntry | undefined {
    return this.#entries.find((e) => e.clientMsgId === clientMsgId && e.roomId === roomId);
  }

  #holds(entry: OutboxEntry): boolean {
    return this.#entries.includes(entry);
  }

  #fail(entry: OutboxEntry, error: { code: string; message: string }): void {
    entry.error = error;
    this.#move(entry, 'failed');
  }

  #move(entry: OutboxEntry, state: OutboxEntry['state']): void {
    entry.state = state;
    // `sending` is not worth a write: a reload treats it as `pending`.
    if (state !== 'sending') this.#save(entry);
    this.#changed(entry.roomId);
  }

  #remove(entry: OutboxEntry): void {
    this.#entries = this.#entries.filter((e) => e !== entry);
    this.#erase(entry);
    this.#changed(entry.roomId);
  }

  #changed(roomId: string): void {
    this.options.onChange(roomId);
  }

  #save(entry: OutboxEntry): void {
    if (!this.#owner) return;
    const key = keyOf(this.#owner, entry.clientMsgId);
    const text = JSON.stringify(entry);
    this.#write(async () => this.options.store.set(key, text));
  }

  #erase(entry: OutboxEntry): void {
    if (!this.#owner) return;
    const key = keyOf(this.#owner, entry.clientMsgId);
    this.#write(async () => this.options.store.remove(key));
  }

  #write(work: () => Promise<void>): void {
    // A full or forbidden store costs persistence over a reload, not the message: it is still in memory.
    this.#writes = this.#writes.then(work).catch(() => {});
  }
}

/** One key an entry, so that two tabs never overwrite each other's list. */
function keyOf(userId: string, clientMsgId: string): string {
  return `chatcluster.outbox.${userId}.${clientMsgId}`;
}

function parse(text: string | null): OutboxEntry | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    const complete =
      isObject(value) &&
      ['roomId', 'content', 'clientMsgId', 'state'].every((k) => typeof value[k] === 'string') &&
      typeof value.createdAt === 'number';
    return complete ? ({ attempts: 0, ...value } as unknown as OutboxEntry) : null;
  } catch {
    return null;
  }
}
