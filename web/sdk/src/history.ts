/**
 * Paging through a room's past, both ways. A jump far back opens a second window, `past`, beside the
 * live one; once their edges touch they are one again, so nothing between them is ever passed over.
 */
import type { RestApi } from './rest.js';
import type { Rooms, RoomState } from './rooms.js';
import { Timeline } from './timeline.js';
import type { Message } from './types.js';

const PAGE = 50;

export interface HistoryOptions {
  rest: RestApi;
  rooms: Rooms;
  /** Takes messages into the live window. */
  insert(state: RoomState, messages: readonly Message[]): void;
  onChange(roomId: string): void;
}

export class History {
  constructor(private readonly options: HistoryOptions) {}

  /** Fetches the page before the oldest shown. */
  async older(roomId: string): Promise<void> {
    const state = this.options.rooms.get(roomId);
    const shown = state && windowOf(state);
    if (!state || !shown?.hasOlder) return;
    const page = await this.#page(roomId, { beforeSeq: shown.first });
    if (!this.#shows(state, shown)) return;
    if (shown === state.past) shown.insert(page.messages);
    else this.options.insert(state, page.messages);
    if (!page.hasMore) shown.markStart();
    this.options.onChange(roomId);
  }

  /** Fetches the page after the newest shown; without effect at the newest. */
  async newer(roomId: string): Promise<void> {
    const state = this.options.rooms.get(roomId);
    const past = state?.past;
    if (!state || !past) return;
    const page = await this.#page(roomId, { afterSeq: past.head });
    if (!this.#shows(state, past)) return;
    past.insert(page.messages);
    this.#join(state, past, !page.hasMore);
    this.options.onChange(roomId);
  }

  /** Shows the messages around `seq`; resolves when they are there. */
  async jump(roomId: string, seq: number): Promise<void> {
    const state = this.options.rooms.get(roomId);
    if (!state) return;
    const { timeline } = state;
    if (seq >= timeline.first) {
      this.newest(roomId);
      return;
    }
    if (state.past && seq >= state.past.first && seq <= state.past.head) return;
    const page = await this.#page(roomId, { beforeSeq: seq + PAGE / 2 });
    if (this.options.rooms.get(roomId) !== state) return;
    const past = new Timeline(0);
    past.reset(page.messages, page.messages.at(-1)?.seq ?? 0);
    if (!page.hasMore) past.markStart();
    state.past = past;
    this.#join(state, past, false);
    this.options.onChange(roomId);
  }

  /** Back to the live window. */
  newest(roomId: string): void {
    const state = this.options.rooms.get(roomId);
    if (!state?.past) return;
    state.past = null;
    this.options.onChange(roomId);
  }

  /** The two windows become one when no message lies between them. */
  #join(state: RoomState, past: Timeline, reachedEnd: boolean): void {
    if (past.head < state.timeline.first - 1) {
      if (reachedEnd) state.past = null;
      return;
    }
    state.past = null;
    this.options.insert(state, past.messages());
    if (!past.hasOlder) state.timeline.markStart();
  }

  #page(roomId: string, query: { beforeSeq?: number; afterSeq?: number }) {
    return this.options.rest.history(roomId, { ...query, limit: PAGE });
  }

  /** Whether the window is still the one shown: the session or a jump may have ended it meanwhile. */
  #shows(state: RoomState, shown: Timeline): boolean {
    return this.options.rooms.get(state.room.id) === state && windowOf(state) === shown;
  }
}

/** What the reader looks at. */
export function windowOf(state: RoomState): Timeline {
  return state.past ?? state.timeline;
}
