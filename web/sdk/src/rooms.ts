/** The user's rooms: their timelines, last messages and unread counts, newest activity first. */
import { Timeline, type Inserted } from './timeline.js';
import type { Member, Message, Room, RoomHead } from './types.js';

/** Messages kept of a room that nobody looks at. */
const BACKGROUND_KEEP = 200;

type Change = (message: Message) => Message;

export interface RoomState {
  room: Room;
  timeline: Timeline;
  /** An older stretch of the room that is looked at instead, see `History`. */
  past: Timeline | null;
  /** Whether a page of history was fetched: before that the timeline holds live messages only. */
  loaded: boolean;
  /** Up to this `seq` the unread count came from the gateway; later ones are counted here. */
  countedTo: number;
}

export class Rooms {
  readonly #states = new Map<string, RoomState>();

  readonly #watchers = new Set<(messageId: string, change: Change) => void>();

  constructor(
    private readonly selfId: () => string | null,
    private readonly onChange: (roomId: string) => void,
  ) {}

  get(roomId: string): RoomState | undefined {
    return this.#states.get(roomId);
  }

  list(): Room[] {
    return [...this.#states.values()]
      .map(({ room }) => room)
      .sort((a, b) => activityOf(b).localeCompare(activityOf(a)));
  }

  states(): RoomState[] {
    return [...this.#states.values()];
  }

  /** A room as the gateway describes it now; a new one's timeline starts behind `head`. */
  put(incoming: Room, head = incoming.lastSeq): RoomState {
    const state = this.#states.get(incoming.id);
    if (!state) {
      const timeline = new Timeline(head);
      const fresh = {
        room: incoming,
        timeline,
        past: null,
        loaded: false,
        countedTo: incoming.lastSeq,
      };
      this.#states.set(incoming.id, fresh);
      this.onChange(incoming.id);
      return fresh;
    }
    const known = state.room;
    const behind = incoming.lastSeq < known.lastSeq;
    state.room = {
      ...known,
      ...incoming,
      members: incoming.members ?? known.members,
      lastMessage: behind ? known.lastMessage : (incoming.lastMessage ?? known.lastMessage),
      lastSeq: known.lastSeq,
      lastReadSeq: known.lastReadSeq,
      unread: known.unread,
    };
    this.head({ roomId: incoming.id, ...incoming });
    return state;
  }

  /** The gateway's count; it wins unless it is older than what was seen here. */
  head({ roomId, lastSeq, lastReadSeq, unread }: RoomHead): void {
    const state = this.#states.get(roomId);
    if (!state) return;
    const { room, timeline } = state;
    if (lastSeq >= state.countedTo) {
      // We may have read further than the gateway had noted when it counted: then count ourselves.
      const ahead = room.lastReadSeq > lastReadSeq;
      const from = ahead ? room.lastReadSeq : lastSeq;
      state.countedTo = ahead ? Math.min(lastSeq, timeline.head) : lastSeq;
      state.room = {
        ...room,
        lastSeq: Math.max(room.lastSeq, lastSeq),
        lastReadSeq: Math.max(room.lastReadSeq, lastReadSeq),
        unread: (ahead ? 0 : unread) + this.#othersAfter(state, from),
      };
    }
    this.onChange(roomId);
  }

  /** Rooms whose newest messages this client lacks. */
  behind(): RoomState[] {
    return this.states().filter(({ room, timeline }) => timeline.head < room.lastSeq);
  }

  remove(roomId: string): void {
    if (this.#states.delete(roomId)) this.onChange(roomId);
  }

  /** Live messages, a gap's filling or a page of history. */
  insert(state: RoomState, messages: readonly Message[]): Inserted {
    const inserted = state.timeline.insert(messages);
    const newest = inserted.added.at(-1);
    const unseen = inserted.added.filter(
      (m) => m.seq > state.countedTo && m.seq > state.room.lastReadSeq && this.#countsUnread(m),
    ).length;
    const advance = newest !== undefined && newest.seq >= state.room.lastSeq;
    state.room = {
      ...state.room,
      unread: state.room.unread + unseen,
      ...(advance ? { lastSeq: newest.seq, lastMessage: newest } : {}),
    };
    return inserted;
  }

  /** The user read up to `seq`, here or on another device; `unread` is the gateway's count if it gave one. */
  read(roomId: string, seq: number, unread?: number): void {
    const state = this.#states.get(roomId);
    if (!state || seq < state.room.lastReadSeq) return;
    const left = state.timeline.first <= seq + 1 ? this.#othersAfter(state, seq) : unread;
    const count = seq >= state.room.lastSeq ? 0 : (left ?? state.room.unread);
    state.room = { ...state.room, lastReadSeq: seq, unread: count };
    this.onChange(roomId);
  }

  /** Changes a held message, and the room's preview when it is the last one. */
  updateMessage(roomId: string, messageId: string, change: Change): void {
    const state = this.#states.get(roomId);
    if (!state) return;
    for (const watcher of this.#watchers) watcher(messageId, change);
    state.timeline.update(messageId, change);
    state.past?.update(messageId, change);
    const last = state.room.lastMessage;
    if (last?.id === messageId) state.room = { ...state.room, lastMessage: change(last) };
    this.onChange(roomId);
  }

  /** Hears of every change of a message, held here or not; returns how to stop. */
  watch(watcher: (messageId: string, change: Change) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  patch(roomId: string, change: (room: Room) => Room): void {
    const state = this.#states.get(roomId);
    if (!state) return;
    state.room = change(state.room);
    this.onChange(roomId);
  }

  /** Another member read up to `seq`. */
  readBy(roomId: string, userId: string, seq: number): void {
    this.patch(roomId, (room) => {
      if (!room.members?.some((m) => m.userId === userId && (m.lastReadSeq ?? 0) < seq))
        return room;
      const raise = (m: Member) => (m.userId === userId ? { ...m, lastReadSeq: seq } : m);
      return { ...room, members: room.members.map(raise) };
    });
  }

  /** Lets go of history that is not on screen. */
  rest(roomId: string): void {
    const state = this.#states.get(roomId);
    if (!state) return;
    state.past = null;
    state.timeline.trim(BACKGROUND_KEEP);
  }

  clear(): void {
    this.#states.clear();
  }

  #othersAfter(state: RoomState, seq: number): number {
    return state.timeline.messages().filter((m) => m.seq > seq && this.#countsUnread(m)).length;
  }

  #countsUnread(message: Message): boolean {
    return message.senderId !== this.selfId() && !message.deletedAt;
  }
}

function activityOf(room: Room): string {
  return room.lastMessage?.createdAt ?? room.updatedAt ?? room.createdAt;
}
