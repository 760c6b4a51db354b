/** A gateway in memory behind the two boundaries of the client: `fetch` and `Transport`. */
import { ChatError } from '../errors.js';
import type { Transport, TransportHandlers } from '../transport.js';
import type { Message, Room } from '../types.js';

export const ME = { id: 'me', username: 'me', name: 'Me' };
export const OTHER = { id: 'other', username: 'other', name: 'Other' };

export function aMessage(seq: number, over: Partial<Message> = {}): Message {
  const content = over.content ?? `message ${seq}`;
  return {
    id: `id-${over.roomId ?? 'room'}-${seq}`,
    roomId: 'room',
    seq,
    senderId: OTHER.id,
    clientMsgId: null,
    type: 'text',
    content,
    preview: content,
    hasMore: false,
    replyTo: null,
    editedAt: null,
    deletedAt: null,
    status: 'sent',
    createdAt: new Date(1_700_000_000_000 + seq * 1000).toISOString(),
    ...over,
  };
}

export function messages(from: number, to: number): Message[] {
  return Array.from({ length: to - from + 1 }, (_, i) => aMessage(from + i));
}

type Answer = (payload: never) => unknown;

export class FakeTransport implements Transport {
  connected = false;
  /** Every request and send, in order. */
  readonly log: { event: string; payload: never }[] = [];
  readonly answers: Record<string, Answer> = {
    'session.resume': () => ({ status: 'OK', rooms: [] }),
    'presence.subscribe': () => ({ status: 'OK', presence: [] }),
    'message.read': ({ roomId, seq }: { roomId: string; seq: number }) => ({
      status: 'OK',
      roomId,
      lastReadSeq: seq,
      unread: 0,
    }),
  };
  connects = 0;
  #handlers!: TransportHandlers;

  listen(handlers: TransportHandlers): void {
    this.#handlers = handlers;
  }

  connect(): void {
    this.connects++;
  }

  disconnect(): void {
    this.connected = false;
  }

  // --- what the test does ---

  accept(): void {
    this.connected = true;
    this.#handlers.connected();
  }

  refuse(message: string): void {
    this.#handlers.refused(message);
  }

  drop(willRetry = true): void {
    this.connected = false;
    this.#handlers.disconnected('transport close', willRetry);
  }

  emit(event: string, payload: unknown): void {
    this.#handlers.event(event, payload);
  }

  sent(event: string): never[] {
    return this.log.filter((entry) => entry.event === event).map(({ payload }) => payload);
  }

  // --- what the client does ---

  async request<T>(event: string, payload: unknown): Promise<T> {
    if (!this.connected) throw new ChatError('disconnected', 'offline');
    this.log.push({ event, payload: payload as never });
    const answer = this.answers[event];
    if (!answer) throw new ChatError('unknown_event', event);
    return (await answer(payload as never)) as T;
  }

  send(event: string, payload: unknown): void {
    if (this.connected) this.log.push({ event, payload: payload as never });
  }
}

/** One room and its history over REST. */
export class FakeRest {
  history: Message[] = [];
  room: Partial<Room> = {};
  /** Paths with query, in order. */
  readonly calls: string[] = [];
  /** Answers that go before the normal ones: path prefix → response. */
  readonly overrides = new Map<string, () => Response>();
  refreshes = 0;
  expiresIn = 3600;

  readonly fetch = async (input: string | URL | Request): Promise<Response> => {
    const url = new URL(String(input), 'http://gateway');
    this.calls.push(url.pathname + url.search);
    for (const [prefix, answer] of this.overrides) {
      if (url.pathname.startsWith(prefix)) return answer();
    }
    switch (url.pathname) {
      case '/api/v1/auth/login':
      case '/api/v1/auth/register':
        return json(this.#pair());
      case '/api/v1/auth/refresh':
        this.refreshes++;
        return json(this.#pair());
      case '/api/v1/rooms':
        return json({ data: [this.#room()], nextCursor: null });
      case '/api/v1/rooms/room':
        return json(this.#room());
      case '/api/v1/rooms/room/messages':
        return json(this.#page(url.searchParams));
      case '/api/v1/presence':
        return json({ presence: [] });
      case '/api/v1/unread':
        return json({ total: 0, rooms: [] });
      default:
        return problem(404, 'not_found');
    }
  };

  #pair() {
    const n = this.refreshes;
    return {
      accessToken: `access-${n}`,
      refreshToken: `refresh-${n}`,
      expiresIn: this.expiresIn,
      user: ME,
    };
  }

  #room(): Room {
    const last = this.history.at(-1) ?? null;
    return {
      id: 'room',
      type: 'group',
      title: 'Room',
      createdAt: '2026-01-01T00:00:00.000Z',
      lastSeq: last?.seq ?? 0,
      lastMessage: last,
      memberCount: 2,
      members: [ME, OTHER].map((user) => ({ ...user, userId: user.id, role: 'member' as const })),
      unread: 0,
      lastReadSeq: last?.seq ?? 0,
      ...this.room,
    };
  }

  #page(query: URLSearchParams) {
    const after = query.get('after_seq');
    const before = Number(query.get('before_seq') ?? Infinity);
    const limit = Number(query.get('limit'));
    const found = this.history.filter(({ seq }) =>
      after === null ? seq < before : seq > Number(after),
    );
    const page = after === null ? found.slice(-limit) : found.slice(0, limit);
    return {
      messages: page,
      hasMore: found.length > page.length,
      nextAfterSeq: page.at(-1)?.seq ?? Number(after),
      lastSeq: this.history.at(-1)?.seq ?? 0,
    };
  }
}

export function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

export function problem(status: number, code: string, headers: HeadersInit = {}): Response {
  return new Response(JSON.stringify({ status, code, detail: code }), { status, headers });
}
