/** The REST routes this client uses, one method each. */
import { AdminApi } from './admin.js';
import { toChatError } from './errors.js';
import type { Http } from './http.js';
import type {
  Attachment,
  AuthResult,
  Call,
  CreateRoomInput,
  DataExport,
  DeviceSession,
  FriendRequest,
  HistoryPage,
  IceServers,
  Invite,
  Member,
  MemberRole,
  Message,
  Page,
  Presence,
  ProfileChange,
  RegisterInput,
  ReportInput,
  ReportStatus,
  Room,
  RoomChange,
  SearchHit,
  SearchQuery,
  Story,
  StoryComment,
  UnreadSummary,
  User,
  UserRef,
} from './types.js';

/** A file of 10 MiB over a slow line. */
const TRANSFER_TIMEOUT_MS = 120_000;

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

  updateMe(change: ProfileChange): Promise<User> {
    return this.#send('PATCH', '/me', change);
  }

  /** Ends the other sessions. */
  changePassword(currentPassword: string, newPassword: string): Promise<void> {
    return this.#post('/me/password', { currentPassword, newPassword });
  }

  async sessions(): Promise<DeviceSession[]> {
    return (await this.#get<Page<DeviceSession>>('/sessions')).data;
  }

  revokeSession(id: string): Promise<void> {
    return this.#send('DELETE', `/sessions/${seg(id)}`);
  }

  revokeOtherSessions(): Promise<void> {
    return this.#send('DELETE', '/sessions');
  }

  user(id: string): Promise<User> {
    return this.#get(`/users/${seg(id)}`);
  }

  async searchUsers(q: string, limit = 20): Promise<UserRef[]> {
    return (await this.#get<Page<UserRef>>('/search/users', { q, limit })).data;
  }

  rooms(cursor?: string, limit = 100): Promise<Page<Room>> {
    return this.#get('/rooms', { limit, cursor });
  }

  room(id: string): Promise<Room> {
    return this.#get(`/rooms/${seg(id)}`);
  }

  createRoom(input: CreateRoomInput): Promise<Room> {
    return this.#post('/rooms', input);
  }

  updateRoom(id: string, change: RoomChange): Promise<Room> {
    return this.#send('PATCH', `/rooms/${seg(id)}`, change);
  }

  deleteRoom(id: string): Promise<void> {
    return this.#send('DELETE', `/rooms/${seg(id)}`);
  }

  async members(roomId: string): Promise<Member[]> {
    const path = `/rooms/${seg(roomId)}/members`;
    return (await this.#get<Page<Member>>(path, { limit: 100 })).data;
  }

  setRole(roomId: string, userId: string, role: MemberRole): Promise<Member> {
    return this.#send('PATCH', `/rooms/${seg(roomId)}/members/${seg(userId)}`, { role });
  }

  removeMember(roomId: string, userId: string): Promise<void> {
    return this.#send('DELETE', `/rooms/${seg(roomId)}/members/${seg(userId)}`);
  }

  /** `direct` adds at once, which owners and admins may. */
  async invite(roomId: string, userIds: string[], direct = false): Promise<Invite[]> {
    const body = { userIds, direct };
    return (await this.#post<Page<Invite>>(`/rooms/${seg(roomId)}/invites`, body)).data;
  }

  async invites(): Promise<Invite[]> {
    return (await this.#get<Page<Invite>>('/invites')).data;
  }

  acceptInvite(id: string): Promise<Room> {
    return this.#post(`/invites/${seg(id)}/accept`, {});
  }

  declineInvite(id: string): Promise<void> {
    return this.#post(`/invites/${seg(id)}/decline`, {});
  }

  /** Into an open group at once; null where an admin has to agree first. */
  async join(roomId: string): Promise<Room | null> {
    const answer = await this.#post<Room | { status: string }>(`/rooms/${seg(roomId)}/join`, {});
    return 'id' in answer ? answer : null;
  }

  leave(roomId: string): Promise<void> {
    return this.#post(`/rooms/${seg(roomId)}/leave`, {});
  }

  history(roomId: string, query: HistoryQuery = {}): Promise<HistoryPage> {
    return this.#get(`/rooms/${seg(roomId)}/messages`, {
      after_seq: query.afterSeq,
      before_seq: query.beforeSeq,
      limit: query.limit ?? 50,
      fields: 'full',
    });
  }

  message(id: string): Promise<Message> {
    return this.#get(`/messages/${seg(id)}`);
  }

  /** The answers of the thread that begins with this message, ascending. */
  thread(messageId: string, cursor?: string, limit = 50): Promise<Page<Message>> {
    return this.#get(`/messages/${seg(messageId)}/thread`, { limit, cursor });
  }

  /** The room's pinned messages. */
  async pins(roomId: string): Promise<Message[]> {
    return (await this.#get<Page<Message>>(`/rooms/${seg(roomId)}/pins`)).data;
  }

  searchMessages(query: SearchQuery): Promise<Page<SearchHit>> {
    return this.#get('/search/messages', { limit: 20, ...query });
  }

  unread(): Promise<UnreadSummary> {
    return this.#get('/unread');
  }

  async friends(): Promise<UserRef[]> {
    return (await this.#get<Page<UserRef>>('/friends')).data;
  }

  /** Those that wait for an answer, both ways. */
  async friendRequests(): Promise<FriendRequest[]> {
    return (await this.#get<Page<FriendRequest>>('/friends/requests')).data;
  }

  requestFriend(userId: string): Promise<FriendRequest> {
    return this.#post('/friends/requests', { userId });
  }

  answerFriend(requestId: string, answer: 'accept' | 'refuse'): Promise<FriendRequest> {
    return this.#post(`/friends/requests/${seg(requestId)}/${answer}`, {});
  }

  cancelFriendRequest(requestId: string): Promise<void> {
    return this.#send('DELETE', `/friends/requests/${seg(requestId)}`);
  }

  removeFriend(userId: string): Promise<void> {
    return this.#send('DELETE', `/friends/${seg(userId)}`);
  }

  async blocks(): Promise<UserRef[]> {
    return (await this.#get<Page<UserRef>>('/blocks')).data;
  }

  block(userId: string): Promise<void> {
    return this.#send('PUT', `/blocks/${seg(userId)}`);
  }

  unblock(userId: string): Promise<void> {
    return this.#send('DELETE', `/blocks/${seg(userId)}`);
  }

  call(id: string): Promise<Call> {
    return this.#get(`/calls/${seg(id)}`);
  }

  /** The calls of a room, the latest first. */
  roomCalls(roomId: string, limit = 50): Promise<Page<Call>> {
    return this.#get(`/rooms/${seg(roomId)}/calls`, { limit });
  }

  /** STUN and TURN servers, with credentials for this user and the next hour. */
  iceServers(): Promise<IceServers> {
    return this.#get('/calls/turn-credentials');
  }

  /** Those of the user and of friends that are not over, the latest first. */
  async stories(): Promise<Story[]> {
    return (await this.#get<Page<Story>>('/stories')).data;
  }

  /** For a day; words, a picture uploaded before, or both. */
  createStory(input: { content?: string; attachmentId?: string }): Promise<Story> {
    return this.#post('/stories', input);
  }

  deleteStory(id: string): Promise<void> {
    return this.#send('DELETE', `/stories/${seg(id)}`);
  }

  /** Counts the user among those who saw it. */
  viewStory(id: string): Promise<void> {
    return this.#post(`/stories/${seg(id)}/view`, {});
  }

  likeStory(id: string, liked = true): Promise<void> {
    return this.#send(liked ? 'PUT' : 'DELETE', `/stories/${seg(id)}/like`);
  }

  /** The first at the front. */
  async storyComments(id: string): Promise<StoryComment[]> {
    return (await this.#get<Page<StoryComment>>(`/stories/${seg(id)}/comments`)).data;
  }

  commentStory(id: string, content: string): Promise<StoryComment> {
    return this.#post(`/stories/${seg(id)}/comments`, { content });
  }

  /** Asks the moderators to look at something that the user can see. */
  report(input: ReportInput): Promise<{ id: string; status: ReportStatus }> {
    return this.#post('/reports', input);
  }

  /** Begins an export of all of the user's own data; see `export`. */
  async requestExport(): Promise<string> {
    return (await this.#post<{ exportId: string }>('/me/export', {})).exportId;
  }

  export(id: string): Promise<DataExport> {
    return this.#get(`/me/export/${seg(id)}`);
  }

  /** Erases the account; what it wrote stays, without a name. */
  deleteAccount(password: string): Promise<void> {
    return this.#send('DELETE', '/me', { password });
  }

  /** What only accounts with the role `ADMIN` may do. */
  get admin(): AdminApi {
    return new AdminApi(this.http);
  }

  /** Whether this gateway takes files. */
  async takesFiles(): Promise<boolean> {
    try {
      await this.http.request('/api/v1/attachments', { method: 'POST', body: new FormData() });
    } catch (cause) {
      // An empty form is refused for what it lacks; a gateway without the route does not know it.
      const { status } = toChatError(cause);
      return status !== undefined && status !== 404 && status !== 405 && status < 500;
    }
    return true;
  }

  upload(file: Blob, fileName: string): Promise<Attachment> {
    const body = new FormData();
    body.append('file', file, fileName);
    const request = { method: 'POST', body, timeoutMs: TRANSFER_TIMEOUT_MS } as const;
    return this.http.request('/api/v1/attachments', request);
  }

  /** The bytes behind an attachment's `url` or `thumbUrl`, which are of this gateway. */
  download(url: string): Promise<Blob> {
    return this.http.request(pathOf(url), { answer: 'blob', timeoutMs: TRANSFER_TIMEOUT_MS });
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

  #send<T>(method: 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
    return this.http.request<T>(`/api/v1${path}`, { method, body });
  }
}

function seg(id: string): string {
  return encodeURIComponent(id);
}

/** The token must never travel to another host, whatever a message says its file's address is. */
export function pathOf(url: string): string {
  const { pathname, search } = new URL(url, 'http://gateway.invalid');
  return pathname + search;
}
