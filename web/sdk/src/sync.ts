/**
 * Keeps the timelines whole: resume after a reconnect, fetch what a jump in `seq` shows to be missing.
 * Every path ends in `Timeline.insert`, so any of them may repeat another's work.
 */
import { retryDelayMs } from './backoff.js';
import { toChatError, type ChatError } from './errors.js';
import type { RestApi } from './rest.js';
import type { Rooms, RoomState } from './rooms.js';
import type { Message, ResumedRoom, Room, RoomHead } from './types.js';

/** The gateway's bound of one `session.resume`. */
const RESUME_MAX = 500;
const PAGE = 50;
const FILL_PAGE = 200;
/** A hole larger than this is not worth filling: start again from the newest page. */
const FILL_MAX = 1_000;
const ROOM_PAGES_MAX = 50;
const FILL_ATTEMPTS = 6;
const FILL_BACKOFF = { baseMs: 500, maxMs: 10_000 };

export interface SyncOptions {
  rest: RestApi;
  rooms: Rooms;
  resume(rooms: { roomId: string; lastSeq: number }[]): Promise<ResumedRoom[]>;
  /** Everything that comes in, repeats too: each proves that its message is stored. */
  onStored(messages: readonly Message[]): void;
  /** New messages in room order, each once: live, resumed or filled in; not pages of history. */
  onMessages(messages: Message[]): void;
  onRoom(room: Room): void;
  onChange(roomId: string): void;
  onListed(): void;
  onError(error: ChatError): void;
}

export class Sync {
  readonly #filling = new Map<string, Promise<void>>();
  readonly #opening = new Map<string, Promise<void>>();
  readonly #unknown = new Map<string, Promise<RoomState>>();
  /** Raised when the session ends, so that work under way stops writing. */
  #epoch = 0;
  #listing: Promise<void> | null = null;
  #listed = false;
  /** The gateway's latest word on each room, which may come before the list does. */
  #heads: readonly RoomHead[] = [];

  constructor(private readonly options: SyncOptions) {}

  stop(): void {
    this.#epoch++;
    this.#filling.clear();
    this.#opening.clear();
    this.#unknown.clear();
    this.#listing = null;
    this.#listed = false;
    this.#heads = [];
  }

  /** Whether the list of rooms was read since the session began. */
  get listed(): boolean {
    return this.#listed;
  }

  /** The gateway says where every room stands. */
  async heads(heads: readonly RoomHead[]): Promise<void> {
    this.#heads = heads;
    for (const head of heads) this.options.rooms.head(head);
    if (!this.#listed) return;
    const unknown = heads.some((head) => !this.options.rooms.get(head.roomId));
    await (unknown ? this.loadRooms() : this.catchUp());
  }

  /** Reads the whole list of rooms; what is no longer in it goes. */
  loadRooms(): Promise<void> {
    this.#listing ??= this.#loadRooms().finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  async #loadRooms(): Promise<void> {
    const { rest, rooms } = this.options;
    const epoch = this.#epoch;
    const before = new Set(rooms.states().map(({ room }) => room.id));
    let cursor: string | undefined;
    for (let page = 0; page < ROOM_PAGES_MAX; page++) {
      const answer = await rest.rooms(cursor);
      if (epoch !== this.#epoch) return;
      for (const room of answer.data) {
        before.delete(room.id);
        this.#putRoom(room);
      }
      if (!answer.nextCursor) {
        for (const roomId of before) rooms.remove(roomId);
        break;
      }
      cursor = answer.nextCursor;
    }
    this.#listed = true;
    this.options.onListed();
    for (const head of this.#heads) rooms.head(head);
    await this.catchUp();
  }

  /** Resumes only the rooms that are known to be behind. */
  async catchUp(): Promise<void> {
    await this.#resume(this.options.rooms.behind());
  }

  /** Tells the gateway where we are in every room (or one) and takes what was missed. */
  async resume(roomId?: string): Promise<void> {
    const states = this.options.rooms.states();
    await this.#resume(roomId ? states.filter(({ room }) => room.id === roomId) : states);
  }

  /** A message came in live. */
  async ingest(message: Message): Promise<void> {
    const state =
      this.options.rooms.get(message.roomId) ??
      (await this.fetchRoom(message.roomId, message.seq - 1));
    this.#insert(state, [message]);
    if (state.timeline.gap()) void this.fill(state);
  }

  /** Takes a page of history, which tells nobody of new messages. */
  take(state: RoomState, messages: readonly Message[]): void {
    this.#insert(state, messages, false);
  }

  /** A room not known yet; live messages from `head` on are awaited to follow. */
  fetchRoom(roomId: string, head?: number): Promise<RoomState> {
    const running = this.#unknown.get(roomId);
    if (running) return running;
    const fetching = this.options.rest
      .room(roomId)
      .then((room) => this.#putRoom(room, head))
      .finally(() => this.#unknown.delete(roomId));
    this.#unknown.set(roomId, fetching);
    return fetching;
  }

  /** Makes the newest page of a room present; safe to call each time the room is shown. */
  open(roomId: string): Promise<void> {
    const running = this.#opening.get(roomId);
    if (running) return running;
    const opening = this.#open(roomId).finally(() => this.#opening.delete(roomId));
    this.#opening.set(roomId, opening);
    return opening;
  }

  /** Fetches the newest page again for what changed without a `seq`: edits, deletions, reactions. */
  async refresh(roomId: string): Promise<void> {
    const state = this.options.rooms.get(roomId);
    if (!state?.loaded) return;
    const epoch = this.#epoch;
    const page = await this.options.rest.history(roomId, { limit: PAGE });
    if (epoch === this.#epoch) this.#insert(state, page.messages);
  }

  /** Closes the holes of one room; concurrent calls share the work. */
  fill(state: RoomState): Promise<void> {
    const roomId = state.room.id;
    const running = this.#filling.get(roomId);
    if (running) return running;
    const filling = this.#fill(state).finally(() => {
      if (this.#filling.get(roomId) === filling) this.#filling.delete(roomId);
    });
    this.#filling.set(roomId, filling);
    return filling;
  }

  async #fill(state: RoomState): Promise<void> {
    const epoch = this.#epoch;
    const { timeline } = state;
    const missing = () => timeline.head < state.room.lastSeq || timeline.gap() !== null;
    for (let attempt = 1; missing() && attempt <= FILL_ATTEMPTS; attempt++) {
      const head = timeline.head;
      let retryAfterMs = 0;
      try {
        await this.#fillOnce(state, epoch);
      } catch (cause) {
        const error = toChatError(cause);
        if (!error.retryable) return this.options.onError(error);
        retryAfterMs = error.retryAfterMs ?? 0;
      }
      if (epoch !== this.#epoch) return;
      if (timeline.head > head) attempt = 0;
      else if (missing()) {
        await wait(retryDelayMs(FILL_BACKOFF, attempt, Math.random(), retryAfterMs));
      }
      if (epoch !== this.#epoch) return;
    }
  }

  async #fillOnce(state: RoomState, epoch: number): Promise<void> {
    const { rest } = this.options;
    const { room, timeline } = state;
    if (room.lastSeq - timeline.head > FILL_MAX) return this.#restart(state);
    const page = await rest.history(room.id, { afterSeq: timeline.head, limit: FILL_PAGE });
    if (epoch === this.#epoch) this.#insert(state, page.messages);
  }

  async #open(roomId: string): Promise<void> {
    const { rest, rooms } = this.options;
    const epoch = this.#epoch;
    const state = rooms.get(roomId) ?? (await this.fetchRoom(roomId));
    const details = state.room.members?.length ? null : rest.room(roomId);
    if (!state.loaded) {
      const page = await rest.history(roomId, { limit: PAGE });
      if (epoch !== this.#epoch) return;
      const oldest = page.messages[0]?.seq;
      // Live messages may already lie beyond this page; only a page wholly beyond them replaces the window.
      if (oldest !== undefined && oldest > state.timeline.head + 1) {
        state.timeline.reset(page.messages, page.lastSeq);
      }
      state.loaded = true;
      this.#insert(state, page.messages, false);
      if (!page.hasMore) state.timeline.markStart();
      this.options.onChange(roomId);
    }
    if (details) {
      const room = await details;
      if (epoch === this.#epoch) this.#putRoom(room);
    }
  }

  async #resume(states: RoomState[]): Promise<void> {
    const epoch = this.#epoch;
    for (let i = 0; i < states.length; i += RESUME_MAX) {
      const part = states.slice(i, i + RESUME_MAX);
      const asked = part.map(({ room, timeline }) => ({
        roomId: room.id,
        lastSeq: timeline.head,
      }));
      const answers = await this.options.resume(asked);
      if (epoch !== this.#epoch) return;
      await Promise.all(answers.map((answer) => this.#apply(answer)));
    }
  }

  async #apply(answer: ResumedRoom): Promise<void> {
    const { rooms } = this.options;
    const state = rooms.get(answer.roomId);
    if (!state) return;
    if (answer.action === 'left') return rooms.remove(answer.roomId);
    if (answer.action === 'resync') return this.#restart(state);
    if (answer.messages?.length) this.#insert(state, answer.messages);
    if (state.timeline.head < answer.lastSeq) {
      state.room = { ...state.room, lastSeq: Math.max(state.room.lastSeq, answer.lastSeq) };
      void this.fill(state);
    }
  }

  /** Starts the timeline again at the newest page (or empty at the head, for a room never shown). */
  async #restart(state: RoomState): Promise<void> {
    const { rest } = this.options;
    const epoch = this.#epoch;
    const room = await rest.room(state.room.id);
    const page = state.loaded ? await rest.history(room.id, { limit: PAGE }) : null;
    if (epoch !== this.#epoch) return;
    state.timeline.reset(page?.messages ?? [], page?.lastSeq ?? room.lastSeq);
    this.#putRoom(room);
    this.options.onChange(room.id);
  }

  #insert(state: RoomState, messages: readonly Message[], announce = true): void {
    this.options.onStored(messages);
    const { added, inOrder } = this.options.rooms.insert(state, messages);
    if (announce) this.#countAnswers(state, inOrder, messages);
    if (announce && inOrder.length > 0) this.options.onMessages(inOrder);
    if (messages.length > 0 || added.length > 0) this.options.onChange(state.room.id);
  }

  /** New answers raise the count of the message they answer; one that came with them has them in its count. */
  #countAnswers(state: RoomState, news: readonly Message[], together: readonly Message[]): void {
    for (const { threadId } of news) {
      if (!threadId || together.some(({ id }) => id === threadId)) continue;
      this.options.rooms.updateMessage(state.room.id, threadId, (message) => ({
        ...message,
        replyCount: (message.replyCount ?? 0) + 1,
      }));
    }
  }

  #putRoom(room: Room, head?: number): RoomState {
    const state = this.options.rooms.put(room, head);
    this.options.onRoom(state.room);
    return state;
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
