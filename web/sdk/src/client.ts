/** `ChatClient`: signing in, the rooms, their conversations, and events for whatever shows them. */
import type { Calls } from './calls.js';
import type { ConnectionState } from './connection.js';
import { conversation, type ConversationEntry } from './conversation.js';
import { Engine, type ChatClientOptions, type ChatEvents } from './engine.js';
import { ChatError } from './errors.js';
import { windowOf } from './history.js';
import type { Draft } from './outbox.js';
import type { RestApi } from './rest.js';
import type { Thread } from './threads.js';
import type {
  Attachment,
  CreateRoomInput,
  MemberRole,
  Presence,
  PresenceStatus,
  ProfileChange,
  RegisterInput,
  Room,
  RoomChange,
  SearchHit,
  SearchQuery,
  Page,
  User,
  UserRef,
} from './types.js';

const MAX_CONTENT = 100_000;

export class ChatClient {
  readonly #engine: Engine;

  constructor(options: ChatClientOptions = {}) {
    this.#engine = new Engine(options);
  }

  /** The plain REST routes, with the session's token. */
  get rest(): RestApi {
    return this.#engine.rest;
  }

  on<K extends keyof ChatEvents>(event: K, listener: (payload: ChatEvents[K]) => void): () => void {
    return this.#engine.events.on(event, listener);
  }

  // --- the session ---

  get self(): User | null {
    return this.#engine.session.current?.user ?? null;
  }

  get connection(): ConnectionState {
    return this.#engine.connection.state;
  }

  /** Goes on with a stored session; resolves with its user, or null when there is none. */
  async restore(): Promise<User | null> {
    const session = await this.#engine.session.restore();
    if (session) await this.#engine.begin(session);
    return session?.user ?? null;
  }

  async register(input: RegisterInput): Promise<User> {
    return this.#engine.begin(await this.#engine.session.start(await this.rest.register(input)));
  }

  /** `login` is an e-mail address or a username. */
  async login(login: string, password: string): Promise<User> {
    return this.#engine.begin(
      await this.#engine.session.start(await this.rest.login(login, password)),
    );
  }

  /** Ends the session here and, when reachable, on the server. Unsent messages are dropped. */
  async logout(): Promise<void> {
    // Signing out must work offline too; the token then ends by its expiry.
    const revoked = this.#engine.session.current && this.rest.logout().catch(() => {});
    await this.#engine.end({ keepOutbox: false });
    await revoked;
  }

  async updateProfile(change: ProfileChange): Promise<User> {
    const user = await this.rest.updateMe(change);
    await this.#engine.session.updateUser(user);
    this.#engine.people.learn([user]);
    return user;
  }

  /** Call when the network is back or the page is shown again. */
  wake(): void {
    this.#engine.connection.wake();
  }

  // --- rooms and people ---

  /** Newest activity first. */
  rooms(): Room[] {
    return this.#engine.rooms.list();
  }

  /** Whether the list of rooms is complete; before, an empty list means nothing. */
  get listed(): boolean {
    return this.#engine.sync.listed;
  }

  room(roomId: string): Room | undefined {
    return this.#engine.rooms.get(roomId)?.room;
  }

  user(userId: string): UserRef | undefined {
    return this.#engine.people.user(userId);
  }

  /** Asks for a name that no list brought; `people` tells when it is there. */
  needName(userId: string): void {
    this.#engine.people.need([userId]);
  }

  presence(userId: string): Presence | undefined {
    return this.#engine.people.presence(userId);
  }

  async searchUsers(query: string): Promise<UserRef[]> {
    const users = await this.rest.searchUsers(query);
    this.#engine.people.learn(users);
    return users.filter((user) => user.id !== this.self?.id);
  }

  /** Creates a room; of a pair that talks already, its dm comes back. */
  async createRoom(input: CreateRoomInput): Promise<Room> {
    const room = this.#engine.rooms.put(await this.rest.createRoom(input)).room;
    this.#engine.learned(room);
    return room;
  }

  async leaveRoom(roomId: string): Promise<void> {
    await this.rest.leave(roomId);
    this.#engine.rooms.remove(roomId);
  }

  async updateRoom(roomId: string, change: RoomChange): Promise<void> {
    this.#engine.rooms.put(await this.rest.updateRoom(roomId, change));
  }

  async deleteRoom(roomId: string): Promise<void> {
    await this.rest.deleteRoom(roomId);
    this.#engine.rooms.remove(roomId);
  }

  /** Adds people at once (owners and admins), or asks them to come. */
  async invite(roomId: string, userIds: string[], direct: boolean): Promise<void> {
    await this.rest.invite(roomId, userIds, direct);
    if (direct) await this.#engine.sync.fetchRoom(roomId);
  }

  /** Into an open group at once: true; false where an admin has to agree first. */
  async joinRoom(roomId: string): Promise<boolean> {
    const joined = await this.rest.join(roomId);
    if (joined) this.#engine.learned(this.#engine.rooms.put(joined).room);
    return joined !== null;
  }

  async acceptInvite(inviteId: string): Promise<Room> {
    const room = this.#engine.rooms.put(await this.rest.acceptInvite(inviteId)).room;
    this.#engine.learned(room);
    return room;
  }

  async removeMember(roomId: string, userId: string): Promise<void> {
    await this.rest.removeMember(roomId, userId);
    await this.#engine.sync.fetchRoom(roomId);
  }

  /** `owner` hands the group over. */
  async setRole(roomId: string, userId: string, role: MemberRole): Promise<void> {
    await this.rest.setRole(roomId, userId, role);
    await this.#engine.sync.fetchRoom(roomId);
  }

  /** No notifications of the room until then; null ends it. Mentions are still told. */
  async muteRoom(roomId: string, until: Date | null): Promise<void> {
    const mutedUntil = until?.toISOString() ?? null;
    await this.#engine.transport.request('room.mute', { roomId, until: mutedUntil });
    this.#engine.rooms.patch(roomId, (room) => ({ ...room, mutedUntil }));
  }

  /** `offline` appears offline; `activity` is a few words shown beside the name. */
  async setPresence(status: PresenceStatus, activity?: string): Promise<void> {
    const payload = { status, ...(activity === undefined ? {} : { activity }) };
    await this.#engine.transport.request('presence.set', payload);
  }

  /** Unread messages of the room that name the user. */
  mentions(roomId: string): number {
    return this.#engine.mentions.of(roomId);
  }

  /** Full text, newest first, in the user's rooms or in one. */
  searchMessages(query: SearchQuery): Promise<Page<SearchHit>> {
    return this.rest.searchMessages(query);
  }

  // --- files ---

  /** Uploads a file, to be named in `send`. */
  upload(file: Blob, fileName: string): Promise<Attachment> {
    return this.rest.upload(file, fileName);
  }

  /** Whether this gateway takes files. */
  takesFiles(): Promise<boolean> {
    return this.rest.takesFiles();
  }

  /** Where a player may stream an attachment from: it can send no header, so the address holds the token. */
  streamUrl(url: string): string {
    return this.#engine.streamUrl(url);
  }

  /** The bytes of an attachment's `url` or `thumbUrl`. */
  file(url: string): Promise<Blob> {
    return this.rest.download(url);
  }

  // --- calls ---

  /** What rings, the call that this device is in, and what can be done with them. */
  get calls(): Calls {
    return this.#engine.calls;
  }

  // --- one conversation ---

  /** Makes the newest messages of a room present and keeps them fresh while it is shown. */
  async open(roomId: string): Promise<void> {
    if (this.#engine.shown && this.#engine.shown !== roomId)
      this.#engine.rooms.rest(this.#engine.shown);
    this.#engine.shown = roomId;
    await this.#engine.sync.open(roomId);
    const members = this.room(roomId)?.members ?? [];
    const others = members.map((m) => m.userId).filter((id) => id !== this.self?.id);
    this.#engine.people.watch(others);
  }

  /** No room is shown any more. */
  close(): void {
    if (this.#engine.shown) this.#engine.rooms.rest(this.#engine.shown);
    this.#engine.shown = null;
    this.#engine.notifier.stop();
  }

  async loadOlder(roomId: string): Promise<void> {
    await this.#engine.history.older(roomId);
  }

  /** After `jumpTo`: the page below what is shown. */
  async loadNewer(roomId: string): Promise<void> {
    await this.#engine.history.newer(roomId);
  }

  /** Shows the messages around `seq`, however far back they are. */
  async jumpTo(roomId: string, seq: number): Promise<void> {
    await this.#engine.history.jump(roomId, seq);
  }

  /** Leaves what `jumpTo` showed for the newest messages. */
  toNewest(roomId: string): void {
    this.#engine.history.newest(roomId);
  }

  hasOlder(roomId: string): boolean {
    const state = this.#engine.rooms.get(roomId);
    return state ? windowOf(state).hasOlder : false;
  }

  /** Whether newer messages exist than those shown. */
  hasNewer(roomId: string): boolean {
    return Boolean(this.#engine.rooms.get(roomId)?.past);
  }

  /** Whether the room's history was fetched at least once. */
  isLoaded(roomId: string): boolean {
    return this.#engine.rooms.get(roomId)?.loaded ?? false;
  }

  entries(roomId: string): ConversationEntry[] {
    const self = this.self;
    if (!self) return [];
    const state = this.#engine.rooms.get(roomId);
    // What is on its way belongs below the newest message, not into the past.
    const outbox = state?.past ? [] : this.#engine.outbox.entries(roomId);
    return conversation(state ? windowOf(state).messages() : [], outbox, self.id);
  }

  /** Puts a message into the outbox; it is sent as soon as the connection allows. */
  send(draft: Draft): string {
    const content = draft.content.trim();
    if (!content && !draft.attachments?.length)
      throw new ChatError('empty_content', 'The message is empty');
    if ([...content].length > MAX_CONTENT) {
      throw new ChatError('content_too_large', `A message holds at most ${MAX_CONTENT} characters`);
    }
    this.#engine.notifier.stop();
    if (!draft.threadId) this.toNewest(draft.roomId);
    return this.#engine.outbox.enqueue({ ...draft, content }).clientMsgId;
  }

  /** The thread that begins with a message; `conversation` tells of its changes. Close it when it is left. */
  thread(roomId: string, rootId: string): Thread {
    return this.#engine.thread(roomId, rootId);
  }

  retry(clientMsgId: string): void {
    this.#engine.outbox.retry(clientMsgId);
  }

  discard(clientMsgId: string): void {
    this.#engine.outbox.discard(clientMsgId);
  }

  async edit(messageId: string, content: string): Promise<void> {
    await this.#engine.transport.request('message.edit', { messageId, content });
  }

  async delete(messageId: string, scope: 'me' | 'all' = 'all'): Promise<void> {
    await this.#engine.transport.request('message.delete', { messageId, scope });
  }

  async react(messageId: string, emoji: string, remove = false): Promise<void> {
    await this.#engine.transport.request('message.react', { messageId, emoji, remove });
  }

  async pin(messageId: string): Promise<void> {
    await this.#engine.transport.request('message.pin', { messageId });
  }

  async unpin(messageId: string): Promise<void> {
    await this.#engine.transport.request('message.unpin', { messageId });
  }

  /** Sends copies into other rooms; a `comment` goes first. */
  async forward(messageIds: string[], roomIds: string[], comment?: string): Promise<void> {
    const payload = { messageIds, roomIds, ...(comment ? { comment } : {}) };
    await this.#engine.transport.request('message.forward', payload);
  }

  /** The user has seen everything up to `seq`. */
  markRead(roomId: string, seq: number): void {
    const room = this.room(roomId);
    if (room && seq >= room.lastSeq) this.#engine.mentions.clear(roomId);
    if (!room || seq <= room.lastReadSeq) return;
    this.#engine.rooms.read(roomId, seq);
    this.#engine.receipts.read(roomId, seq);
  }

  /** Call on each key; the gateway hears of it every few seconds at most. */
  typing(roomId: string): void {
    this.#engine.notifier.keystroke(roomId);
  }

  stopTyping(): void {
    this.#engine.notifier.stop();
  }

  typingUsers(roomId: string): string[] {
    return this.#engine.typing.users(roomId);
  }
}
