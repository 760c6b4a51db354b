/**
 * One thread while it is looked at: its first message and the answers, kept fresh by what the room hears.
 *
 * Answers are messages of the room like all others; this only gathers them, however far apart they lie.
 */
import { conversation, type ConversationEntry } from './conversation.js';
import type { Outbox } from './outbox.js';
import type { RestApi } from './rest.js';
import type { Rooms } from './rooms.js';
import type { Message } from './types.js';

const PAGE = 200;

export interface ThreadOptions {
  rest: RestApi;
  rooms: Rooms;
  outbox: Outbox;
  selfId(): string | null;
  /** Calls back for each new message of any room; returns how to stop. */
  listen(heard: (message: Message) => void): () => void;
  onChange(roomId: string): void;
}

export class Thread {
  readonly #held = new Map<string, Message>();
  readonly #stops: (() => void)[];
  #cursor: string | null = null;
  #loaded = false;

  constructor(
    readonly roomId: string,
    /** The id of the thread's first message. */
    readonly rootId: string,
    private readonly options: ThreadOptions,
  ) {
    this.#stops = [
      options.listen((message) => {
        // Behind answers that are not here yet it would hide the hole; their page brings it.
        if (message.threadId === rootId && !this.#cursor) this.#held.set(message.id, message);
      }),
      options.rooms.watch((messageId, change) => {
        const message = this.#held.get(messageId);
        if (message) this.#held.set(messageId, change(message));
      }),
    ];
  }

  get loaded(): boolean {
    return this.#loaded;
  }

  /** Whether later answers exist than those held. */
  get hasMore(): boolean {
    return this.#cursor !== null;
  }

  get root(): Message | undefined {
    return this.#fresh(this.rootId);
  }

  /** The first message, and the first page of answers. */
  async load(): Promise<void> {
    const { rest } = this.options;
    const root = this.root ?? (await rest.message(this.rootId));
    this.#held.set(this.rootId, root);
    await this.#page();
    this.#loaded = true;
    this.options.onChange(this.roomId);
  }

  async loadMore(): Promise<void> {
    if (this.#cursor === null) return;
    await this.#page(this.#cursor);
    this.options.onChange(this.roomId);
  }

  /** The first message, the answers, and what is on its way, in this order. */
  entries(): ConversationEntry[] {
    const self = this.options.selfId();
    if (!self) return [];
    const messages = [...this.#held.keys()]
      .flatMap((id) => this.#fresh(id) ?? [])
      .sort((a, b) => a.seq - b.seq);
    const waiting = this.options.outbox
      .entries(this.roomId)
      .filter(({ threadId }) => threadId === this.rootId);
    return conversation(messages, waiting, self);
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  async #page(cursor?: string): Promise<void> {
    const page = await this.options.rest.thread(this.rootId, cursor, PAGE);
    for (const message of page.data) this.#held.set(message.id, message);
    this.#cursor = page.nextCursor;
  }

  /** The room's own copy has the latest receipts. */
  #fresh(id: string): Message | undefined {
    return this.options.rooms.get(this.roomId)?.timeline.get(id) ?? this.#held.get(id);
  }
}
