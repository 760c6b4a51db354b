/** Names and presence of the users this client came across. */
import type { Presence, Room, UserRef } from './types.js';

/** The gateway's bound of one `presence.subscribe`. */
const SUBSCRIBE_MAX = 200;
const PARALLEL_LOOKUPS = 4;
/** Subscriptions wished within this time go out as one. */
const GATHER_MS = 50;

export interface PeopleOptions {
  lookUp(userId: string): Promise<UserRef>;
  subscribe(userIds: string[]): Promise<Presence[]>;
  onNames(): void;
  onPresence(userId: string): void;
}

export class People {
  readonly #names = new Map<string, UserRef>();
  readonly #presence = new Map<string, Presence>();
  readonly #watched = new Set<string>();
  readonly #queue: string[] = [];
  readonly #asked = new Set<string>();
  #running = 0;
  #gathered: string[] = [];
  #gather: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: PeopleOptions) {}

  user(id: string): UserRef | undefined {
    return this.#names.get(id);
  }

  presence(id: string): Presence | undefined {
    return this.#presence.get(id);
  }

  learn(users: readonly UserRef[]): void {
    let news = false;
    for (const { id, username, name, avatarUrl } of users) {
      const known = this.#names.get(id);
      if (known && known.name === name && known.username === username) continue;
      this.#names.set(id, { id, username, name, avatarUrl: avatarUrl ?? null });
      news = true;
    }
    if (news) this.options.onNames();
  }

  learnMembers(room: Room): void {
    this.learn((room.members ?? []).map((member) => ({ ...member, id: member.userId })));
  }

  /** Asks the gateway for names not known yet, a few at a time and each once. */
  need(userIds: readonly string[]): void {
    for (const id of userIds) {
      if (this.#names.has(id) || this.#asked.has(id)) continue;
      this.#asked.add(id);
      this.#queue.push(id);
    }
    while (this.#running < PARALLEL_LOOKUPS && this.#queue.length > 0) void this.#next();
  }

  /** Follows the presence of these users, now and after every reconnect. */
  watch(userIds: readonly string[]): void {
    for (const id of userIds) {
      if (this.#watched.has(id)) continue;
      this.#watched.add(id);
      this.#gathered.push(id);
    }
    if (this.#gathered.length === 0) return;
    this.#gather ??= setTimeout(() => {
      this.#gather = undefined;
      const ids = this.#gathered.splice(0);
      // What is lost here is asked again by the next `resubscribe`.
      this.#subscribe(ids).catch(() => {});
    }, GATHER_MS);
  }

  async resubscribe(): Promise<void> {
    await this.#subscribe([...this.#watched]);
  }

  setPresence(presence: Presence): void {
    const known = this.#presence.get(presence.userId);
    this.#presence.set(presence.userId, presence);
    const same =
      known?.status === presence.status &&
      known.lastSeen === presence.lastSeen &&
      known.activity === presence.activity;
    if (!same) {
      this.options.onPresence(presence.userId);
    }
  }

  clear(): void {
    this.#names.clear();
    this.#presence.clear();
    this.#watched.clear();
    this.#asked.clear();
    this.#queue.length = 0;
    this.#gathered.length = 0;
    clearTimeout(this.#gather);
    this.#gather = undefined;
  }

  async #subscribe(userIds: string[]): Promise<void> {
    for (let i = 0; i < userIds.length; i += SUBSCRIBE_MAX) {
      const answer = await this.options.subscribe(userIds.slice(i, i + SUBSCRIBE_MAX));
      for (const presence of answer) this.setPresence(presence);
    }
  }

  async #next(): Promise<void> {
    const id = this.#queue.shift();
    if (id === undefined) return;
    this.#running++;
    try {
      this.learn([await this.options.lookUp(id)]);
    } catch {
      // A deleted user has no name; a lost request is asked again when the name is next needed.
      this.#asked.delete(id);
    } finally {
      this.#running--;
      if (this.#queue.length > 0) void this.#next();
    }
  }
}
