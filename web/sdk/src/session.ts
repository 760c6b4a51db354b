/**
 * The signed-in session: tokens, where they are kept, and their refresh.
 *
 * A refresh token works once, and presenting a used one revokes the whole session. So refreshes are
 * single-flight in this client, and across tabs the one that waited takes the pair its neighbour got.
 */
import { toChatError } from './errors.js';
import type { KeyValueStore } from './storage.js';
import type { AuthResult, User } from './types.js';

const KEY = 'chatcluster.session';
/** Refresh this long before the token ends, or for its last fifth when its life is short. */
const REFRESH_MARGIN_MS = 60_000;

export interface Session {
  accessToken: string;
  refreshToken: string;
  /** Unix milliseconds of this machine's clock. */
  expiresAt: number;
  /** When a new token should be fetched, well before. */
  refreshAt: number;
  user: User;
}

/** Runs `work` while no other tab runs one under the same name. */
export type Lock = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export interface SessionKeeperOptions {
  store: KeyValueStore;
  /** `POST /auth/refresh`; rejects with a `ChatError`. */
  requestRefresh(refreshToken: string): Promise<Omit<AuthResult, 'user'> & { user?: User }>;
  now?: () => number;
  lock?: Lock;
}

export class SessionKeeper {
  #current: Session | null = null;
  #refreshing: Promise<Session> | null = null;
  readonly #now: () => number;
  readonly #lock: Lock;

  /** Called when the server no longer knows the session. */
  onLost: (code: string) => void = () => {};

  constructor(private readonly options: SessionKeeperOptions) {
    this.#now = options.now ?? Date.now;
    this.#lock = options.lock ?? webLock;
  }

  get current(): Session | null {
    return this.#current;
  }

  /** Reads what an earlier run (or another tab) left. */
  async restore(): Promise<Session | null> {
    this.#current = await this.#stored();
    return this.#current;
  }

  async start(result: AuthResult): Promise<Session> {
    const lifetimeMs = result.expiresIn * 1000;
    const expiresAt = this.#now() + lifetimeMs;
    const session: Session = {
      accessToken: result.accessToken,
      refreshToken: result.refreshToken,
      expiresAt,
      refreshAt: expiresAt - Math.min(REFRESH_MARGIN_MS, lifetimeMs / 5),
      user: result.user,
    };
    await this.#keep(session);
    return session;
  }

  async updateUser(user: User): Promise<void> {
    if (this.#current) await this.#keep({ ...this.#current, user });
  }

  async end(): Promise<void> {
    this.#current = null;
    await this.options.store.remove(KEY);
  }

  /** Milliseconds until the token should be refreshed; 0 when it is due. */
  refreshInMs(): number {
    return this.#current ? Math.max(0, this.#current.refreshAt - this.#now()) : 0;
  }

  /** A new pair; concurrent callers share one request. */
  refresh(): Promise<Session> {
    this.#refreshing ??= this.#lock('chatcluster.refresh', () => this.#refresh()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<Session> {
    const mine = this.#current;
    const stored = await this.#stored();
    if (stored && stored.refreshToken !== mine?.refreshToken && stored.user.id === mine?.user.id) {
      this.#current = stored;
      return stored;
    }
    if (!mine) throw toChatError(new Error('not signed in'));
    try {
      const result = await this.options.requestRefresh(mine.refreshToken);
      return await this.start({ ...result, user: result.user ?? mine.user });
    } catch (cause) {
      const error = toChatError(cause);
      if (error.status === 401 || error.status === 403) {
        await this.end();
        this.onLost(error.code);
      }
      throw error;
    }
  }

  async #keep(session: Session): Promise<void> {
    this.#current = session;
    await this.options.store.set(KEY, JSON.stringify(session));
  }

  async #stored(): Promise<Session | null> {
    const text = await this.options.store.get(KEY);
    if (!text) return null;
    try {
      const session = JSON.parse(text) as Partial<Session>;
      const complete = session.accessToken && session.refreshToken && session.user?.id;
      return complete ? (session as Session) : null;
    } catch {
      return null;
    }
  }
}

/** The Web Locks API where it exists (secure contexts); elsewhere tabs may race, and one signs in again. */
const webLock: Lock = (name, work) => {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  return locks ? (locks.request(name, work) as ReturnType<typeof work>) : work();
};
