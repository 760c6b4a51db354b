/** The REST routes this client uses, one method each. */
import type { Http } from './http.js';
import type {
  AuthResult,
  CreateRoomInput,
  HistoryPage,
  Member,
  Message,
  Presence,
  RegisterInput,
  Room,
  User,
  UserRef,
} from './types.js';

interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

export interface HistoryQuery {
  afterSeq?: number;
  beforeSeq?: number;
  limit?: number;
}

export class RestApi {
  constructor(private readonly http: Http) {}

  register(input: RegisterInput): Promise<AuthResult> {
    return this.#post('/auth/register', input, false);
  }

  /** `login` is an e-mail address or a username. */
  login(login: string, password: string): Promise<AuthResult> {
    const name = login.includes('@') ? { email: login } : { username: login };
    return this.#post('/auth/login', { ...name, password }, false);
  }

  refresh(refreshToken: string): Promise<AuthResult> {
    return this.#post('/auth/refresh', { refreshToken }, false);
  }

  async logout(): Promise<void> {
    await this.#post('/auth/logout', {});
  }

  me(): Promise<User> {
    return this.#get('/me');
  }

  user(id: string): Promise<User> {
    return this.#get(`/users/${encodeURIComponent(id)}`);
  }

  async searchUsers(q: string, limit = 20): Promise<UserRef[]> {
    return (await this.#get<Page<UserRef>>('/search/users', { q, limit })).data;
  }

  rooms(cursor?: string, limit = 100): Promise<Page<Room>> {
    return this.#get('/rooms', { limit, cursor });
  }

  room(id: string): Promise<Room> {
    return this.#get(`/rooms/${encodeURIComponent(id)}`);
  }

  createRoom(input: CreateRoomInput): Promise<Room> {
    return this.#post('/rooms', input);
  }

  async members(roomId: string): Promise<Member[]> {
    const path = `/rooms/${encodeURIComponent(roomId)}/members`;
    return (await this.#get<Page<Member>>(path, { limit: 100 })).data;
  }

  async leave(roomId: string): Promise<void> {
    await this.#post(`/rooms/${encodeURIComponent(roomId)}/leave`, {});
  }

  history(roomId: string, query: HistoryQuery = {}): Promise<HistoryPage> {
    return this.#get(`/rooms/${encodeURIComponent(roomId)}/messages`, {
      after_seq: query.afterSeq,
      before_seq: query.beforeSeq,
      limit: query.limit ?? 50,
      fields: 'full',
    });
  }

  message(id: string): Promise<Message> {
    return this.#get(`/messages/${encodeURIComponent(id)}`);
  }

  async presence(userIds: string[]): Promise<Presence[]> {
    const answer = await this.#get<{ presence: Presence[] }>('/presence', {
      userIds: userIds.join(','),
    });
    return answer.presence;
  }

  #get<T>(path: string, query?: Record<string, string | number | undefined>): Promise<T> {
    return this.http.request<T>(`/api/v1${path}`, query ? { query } : {});
  }

  #post<T>(path: string, body: unknown, auth = true): Promise<T> {
    return this.http.request<T>(`/api/v1${path}`, { method: 'POST', body, auth });
  }
}
