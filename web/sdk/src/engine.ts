/**
 * The parts of one client and what they tell each other. `ChatClient` is what the outside sees of it;
 * the rules live in the parts' own files.
 */
import { Calls, type CallEnd, type CurrentCall } from './calls.js';
import { Connection, type ConnectionState } from './connection.js';
import { Emitter } from './emitter.js';
import { toChatError, type ChatError } from './errors.js';
import { Http } from './http.js';
import { History } from './history.js';
import { uuidv7 } from './ids.js';
import { applyEvent, type LiveContext } from './live.js';
import { Mentions } from './mentions.js';
import { Outbox, type OutboxEntry } from './outbox.js';
import { People } from './people.js';
import { ReadReceipts } from './receipts.js';
import { pathOf, RestApi } from './rest.js';
import { Rooms } from './rooms.js';
import { SessionKeeper, type Lock, type Session } from './session.js';
import { defaultStore, type KeyValueStore } from './storage.js';
import { Sync } from './sync.js';
import { SocketTransport, type Transport } from './transport.js';
import { Thread } from './threads.js';
import type {
  CallSignal,
  Invite,
  JoinRequest,
  MentionEvent,
  Message,
  MessageType,
  Presence,
  ResumedRoom,
  Room,
  StoryNews,
  User,
} from './types.js';
import { TypingNotifier, TypingWatch } from './typing.js';

/** Losing a room's very last message leaves no gap, so heads are compared now and then. */
const CHECK_INTERVAL_MS = 120_000;
/** An acknowledged message not shown this long after writing is sent again after a reconnect. */
const UNSHOWN_MS = 10_000;
const FRESHEN_SPREAD_MS = 5_000;

export interface ChatEvents {
  connection: ConnectionState;
  /** The list of rooms, a preview or an unread count changed. */
  rooms: undefined;
  /** What this room shows changed. */
  conversation: { roomId: string };
  /** A new message: of one room in order, each once. */
  message: Message;
  typing: { roomId: string };
  presence: { userId: string };
  /** Names became known. */
  people: undefined;
  /** Somebody named the user in a message. */
  mention: MentionEvent;
  /** What is pinned in the room changed; see `rest.pins()`. */
  pins: { roomId: string };
  /** The user was asked into a group; see `rest.invites()`. */
  invite: { invite: Invite; room: Room };
  /** Somebody wants to be let into a group that the user manages. */
  joinRequest: JoinRequest;
  /** Friends or their requests changed; see `rest.friends()` and `rest.friendRequests()`. */
  friends: undefined;
  /** Who is blocked changed; see `rest.blocks()`. */
  blocks: undefined;
  /** A story came or went, or somebody saw, liked or commented one of the user's; see `rest.stories()`. */
  story: StoryNews;
  /** A call rings, stopped ringing, or the one that this device is in changed. */
  calls: undefined;
  /** The call that this device was in is over. */
  callEnded: { call: CurrentCall; reason: CallEnd };
  /** The other side's browser says something of the current call. */
  callSignal: CallSignal;
  /** The session ended without `logout`: the code says why. */
  signedOut: { code: string };
  /** Something in the background failed for good. */
  error: ChatError;
}

export interface ChatClientOptions {
  /** Origin of the gateway; empty for the page's own. */
  baseUrl?: string;
  store?: KeyValueStore;
  transports?: ('websocket' | 'polling')[];
  /** For tests and unusual runtimes. */
  fetch?: typeof fetch;
  transport?: Transport;
  lock?: Lock;
  newId?: () => string;
}

export class Engine {
  readonly events = new Emitter<ChatEvents>();
  readonly transport: Transport;
  readonly session: SessionKeeper;
  readonly connection: Connection;
  readonly calls: Calls;
  readonly outbox: Outbox;
  readonly people: People;
  readonly rooms: Rooms;
  readonly sync: Sync;
  readonly history: History;
  readonly mentions: Mentions;
  readonly typing: TypingWatch;
  readonly notifier: TypingNotifier;
  readonly receipts: ReadReceipts;
  readonly #live: LiveContext;
  readonly #dirty = new Set<string>();
  /** Dms whose members were asked for, so that a gateway that leaves them out is asked once. */
  readonly #asked = new Set<string>();
  #flushing = false;
  #checks: ReturnType<typeof setInterval> | undefined;
  #freshen: ReturnType<typeof setTimeout> | undefined;

  readonly rest: RestApi;
  readonly #baseUrl: string;
  /** The room on screen. */
  shown: string | null = null;

  constructor(options: ChatClientOptions) {
    const store = options.store ?? defaultStore();
    const baseUrl = (options.baseUrl ?? '').replace(/\/$/, '');
    this.#baseUrl = baseUrl;
    const token = () => this.session.current?.accessToken ?? null;
    const renew = async () => void (await this.session.refresh());
    const http = { baseUrl, bearer: { token, renew } };
    this.rest = new RestApi(new Http(options.fetch ? { ...http, fetch: options.fetch } : http));
    this.session = new SessionKeeper({
      store,
      requestRefresh: (refreshToken) => this.rest.refresh(refreshToken),
      ...(options.lock ? { lock: options.lock } : {}),
    });
    this.session.onLost = (code) => void this.#lost(code);
    this.transport =
      options.transport ??
      new SocketTransport({
        baseUrl,
        token,
        ...(options.transports ? { transports: options.transports } : {}),
      });
    this.calls = new Calls({
      rest: this.rest,
      transport: this.transport,
      selfId: () => this.selfId,
      onChange: () => this.events.emit('calls', undefined),
      onEnd: (call, reason) => this.events.emit('callEnded', { call, reason }),
      onSignal: (signal) => this.events.emit('callSignal', signal),
    });
    this.rooms = new Rooms(
      () => this.selfId,
      (roomId) => this.#changed(roomId),
    );
    this.outbox = new Outbox({
      store,
      newId: options.newId ?? uuidv7,
      send: (entry) => this.#send(entry),
      onChange: (roomId) => this.#changed(roomId),
    });
    this.people = new People({
      lookUp: (userId) => this.rest.user(userId),
      subscribe: (userIds) => this.#subscribe(userIds),
      onNames: () => this.events.emit('people', undefined),
      onPresence: (userId) => this.events.emit('presence', { userId }),
    });
    this.sync = new Sync({
      rest: this.rest,
      rooms: this.rooms,
      resume: (rooms) => this.#resume(rooms),
      onStored: (messages) => this.#stored(messages),
      onMessages: (messages) => {
        for (const message of messages) {
          this.#noteMention(message);
          this.events.emit('message', message);
        }
      },
      onRoom: (room) => this.learned(room),
      onChange: (roomId) => this.#changed(roomId),
      onListed: () => this.events.emit('rooms', undefined),
      onError: (error) => this.events.emit('error', error),
    });
    this.history = new History({
      rest: this.rest,
      rooms: this.rooms,
      insert: (state, messages) => this.sync.take(state, messages),
      onChange: (roomId) => this.#changed(roomId),
    });
    this.mentions = new Mentions((roomId) => this.#changed(roomId));
    this.typing = new TypingWatch((roomId) => this.events.emit('typing', { roomId }));
    this.notifier = new TypingNotifier((event, roomId) => this.transport.send(event, { roomId }));
    this.receipts = new ReadReceipts((roomId, seq) => this.#sendRead(roomId, seq));
    this.#live = {
      selfId: () => this.selfId,
      mentions: this.mentions,
      outbox: this.outbox,
      people: this.people,
      rooms: this.rooms,
      sync: this.sync,
      typing: this.typing,
      onMention: (mention) => this.events.emit('mention', mention),
      onInvite: (invite, room) => this.events.emit('invite', { invite, room }),
      onJoinRequest: (request) => this.events.emit('joinRequest', request),
      onPins: (roomId) => this.events.emit('pins', { roomId }),
      onFriends: () => this.events.emit('friends', undefined),
      onStory: (news) => this.events.emit('story', news),
      onBlocks: () => this.events.emit('blocks', undefined),
      onRoom: (room) => this.learned(room),
      onChange: (roomId) => this.#changed(roomId),
      background: (work) => this.#background(work),
    };
    this.connection = new Connection({
      transport: this.transport,
      session: this.session,
      onState: (state) => this.events.emit('connection', state),
      onOnline: (first) => this.#background(this.#online(first)),
      onOffline: () => this.#offline(),
      onEvent: (name, payload) => {
        if (name.startsWith('call.')) this.calls.handle(name, payload);
        else applyEvent(this.#live, name, payload);
      },
      onSessionEnd: (code) => void this.#lost(code),
    });
  }

  get selfId(): string | null {
    return this.session.current?.user.id ?? null;
  }

  streamUrl(url: string): string {
    const path = pathOf(url);
    const token = encodeURIComponent(this.session.current?.accessToken ?? '');
    return `${this.#baseUrl}${path}${path.includes('?') ? '&' : '?'}token=${token}`;
  }

  /** Signed in: connect and read the rooms. */
  async begin(session: Session): Promise<User> {
    this.people.learn([session.user]);
    await this.outbox.open(session.user.id);
    this.connection.start();
    this.#checks = setInterval(() => {
      if (this.transport.connected) this.#background(this.sync.resume());
    }, CHECK_INTERVAL_MS);
    this.#background(this.sync.loadRooms());
    return session.user;
  }

  /** Signed out: nothing of the session stays in memory. */
  async end({ keepOutbox }: { keepOutbox: boolean }): Promise<void> {
    clearInterval(this.#checks);
    clearTimeout(this.#freshen);
    this.calls.abandon();
    this.calls.clear();
    this.connection.stop();
    this.sync.stop();
    this.receipts.clear();
    this.notifier.stop();
    this.typing.clear();
    this.shown = null;
    await this.outbox.close({ keep: keepOutbox });
    await this.session.end();
    this.rooms.clear();
    this.mentions.clearAll();
    this.people.clear();
    this.#asked.clear();
    this.events.emit('rooms', undefined);
  }

  async #lost(code: string): Promise<void> {
    if (this.connection.state === 'stopped') return;
    // The same person may sign in again: what they wrote is kept for them.
    await this.end({ keepOutbox: true });
    this.events.emit('signedOut', { code });
  }

  async #online(first: boolean): Promise<void> {
    this.outbox.setOnline(true);
    this.receipts.flush();
    if (!this.sync.listed) this.#background(this.sync.loadRooms());
    if (first) this.#background(this.#countMentions());
    else {
      this.#background(this.calls.recheck());
      await this.sync.resume();
      this.outbox.resendUnshown(Date.now() - UNSHOWN_MS);
      this.#freshenSoon();
    }
    await this.people.resubscribe();
  }

  /** Edits made while away have no `seq`; after a restart of a gateway not everybody asks for them at once. */
  #freshenSoon(): void {
    clearTimeout(this.#freshen);
    this.#freshen = setTimeout(() => {
      if (this.shown) this.#background(this.sync.refresh(this.shown));
      this.#background(this.#countMentions());
    }, Math.random() * FRESHEN_SPREAD_MS);
  }

  async #countMentions(): Promise<void> {
    this.mentions.load(await this.rest.unread());
  }

  #offline(): void {
    clearTimeout(this.#freshen);
    this.outbox.setOnline(false);
    this.typing.clear();
  }

  async #send(entry: OutboxEntry): Promise<void> {
    const { roomId, content, clientMsgId, replyTo, threadId, mentions, attachments } = entry;
    await this.transport.request('message.send', {
      roomId,
      clientMsgId,
      ...(content ? { content } : {}),
      ...(replyTo ? { replyTo } : {}),
      ...(threadId ? { threadId } : {}),
      ...(mentions?.length ? { mentions } : {}),
      ...(attachments?.length
        ? { attachments: attachments.map(({ id }) => id), type: typeOf(attachments[0]?.mimeType) }
        : {}),
    });
  }

  async #sendRead(roomId: string, seq: number): Promise<void> {
    const ack = await this.transport.request<{ lastReadSeq: number; unread: number }>(
      'message.read',
      { roomId, seq },
    );
    this.rooms.read(roomId, ack.lastReadSeq, ack.unread);
  }

  async #resume(rooms: { roomId: string; lastSeq: number }[]): Promise<ResumedRoom[]> {
    const ack = await this.transport.request<{ rooms: ResumedRoom[] }>('session.resume', {
      rooms,
    });
    return ack.rooms;
  }

  async #subscribe(userIds: string[]): Promise<Presence[]> {
    // Over REST while the socket is not there yet; `resubscribe` follows on connect.
    if (!this.transport.connected) return this.rest.presence(userIds);
    const ack = await this.transport.request<{ presence: Presence[] }>('presence.subscribe', {
      userIds,
    });
    return ack.presence;
  }

  /** The message itself says whom it names; `message.mention` may come before it, after it, or not at all. */
  #noteMention({ roomId, id, seq, senderId, preview, mentions, deletedAt }: Message): void {
    const self = this.selfId;
    if (!self || senderId === self || deletedAt || !mentions?.includes(self)) return;
    if (seq <= (this.rooms.get(roomId)?.room.lastReadSeq ?? 0)) return;
    const mention = { roomId, messageId: id, seq, senderId, preview };
    if (this.mentions.add(mention)) this.events.emit('mention', mention);
  }

  #stored(messages: readonly Message[]): void {
    for (const { senderId, clientMsgId, roomId } of messages) {
      if (senderId === this.selfId && clientMsgId) this.outbox.confirm(roomId, clientMsgId);
    }
  }

  thread(roomId: string, rootId: string): Thread {
    return new Thread(roomId, rootId, {
      rest: this.rest,
      rooms: this.rooms,
      outbox: this.outbox,
      selfId: () => this.selfId,
      listen: (heard) => this.events.on('message', heard),
      onChange: (changed) => this.#changed(changed),
    });
  }

  /** A room came in: who is in it, and whom to follow. */
  learned(room: Room): void {
    this.people.learnMembers(room);
    const others = (room.members ?? []).map((m) => m.userId).filter((id) => id !== this.selfId);
    if (room.type === 'dm') this.people.watch(others);
    const last = room.lastMessage?.senderId;
    if (last && room.type === 'group') this.people.need([last]);
    // A dm is named after the other; a list without members leaves that to be asked.
    if (room.type !== 'dm' || room.members || this.#asked.has(room.id)) return;
    this.#asked.add(room.id);
    this.#background(this.sync.fetchRoom(room.id));
  }

  #background(work: Promise<unknown>): void {
    work.catch((cause: unknown) => {
      const error = toChatError(cause);
      // The connection's own state says this already, and reconnecting repeats the work.
      if (error.code !== 'disconnected') this.events.emit('error', error);
    });
  }

  /** Many changes in one turn are told once. */
  #changed(roomId: string): void {
    this.#dirty.add(roomId);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      const rooms = [...this.#dirty];
      this.#dirty.clear();
      for (const id of rooms) this.events.emit('conversation', { roomId: id });
      this.events.emit('rooms', undefined);
    });
  }
}

function typeOf(mimeType = ''): MessageType {
  const [kind] = mimeType.split('/');
  return kind === 'image' || kind === 'video' || kind === 'audio' ? kind : 'file';
}
