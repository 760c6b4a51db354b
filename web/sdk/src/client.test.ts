import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ChatClient } from './client.js';
import { ChatError } from './errors.js';
import { MemoryStore } from './storage.js';
import {
  aMessage,
  FakeRest,
  FakeTransport,
  ME,
  messages,
  problem,
} from './testing/fake-gateway.js';

let rest: FakeRest;
let transport: FakeTransport;
let store: MemoryStore;
let client: ChatClient;
let told: number[];

const settle = (ms = 100) => vi.advanceTimersByTimeAsync(ms);
const shown = () => client.entries('room').map(({ content }) => content);
const seqs = () => client.entries('room').map(({ message }) => message?.seq);

async function signIn(): Promise<void> {
  client = new ChatClient({ store, transport, fetch: rest.fetch as typeof fetch });
  told = [];
  client.on('message', ({ seq }) => told.push(seq));
  await client.login('me', 'secret12');
  transport.accept();
  await settle();
}

beforeEach(async () => {
  vi.useFakeTimers();
  rest = new FakeRest();
  rest.history = messages(1, 3);
  transport = new FakeTransport();
  transport.answers['message.send'] = ({ clientMsgId }: { clientMsgId: string }) => ({
    status: 'QUEUED',
    clientMsgId,
  });
  store = new MemoryStore();
  await signIn();
});

afterEach(async () => {
  await client.logout();
  vi.useRealTimers();
});

describe('live messages', () => {
  it('are told once each, however often they are delivered', async () => {
    for (const seq of [4, 4, 5, 4]) transport.emit('message.delivered', aMessage(seq));
    await settle();
    expect(told).toEqual([4, 5]);
  });

  it('after a jump are fetched and told in order', async () => {
    rest.history = messages(1, 8);
    transport.emit('message.delivered', aMessage(8));
    await settle();
    expect(told).toEqual([4, 5, 6, 7, 8]);
    expect(rest.calls).toContain('/api/v1/rooms/room/messages?after_seq=3&limit=200&fields=full');
  });

  it('of a gap are asked for again when the first request fails', async () => {
    rest.history = messages(1, 5);
    rest.overrides.set('/api/v1/rooms/room/messages', () => problem(503, 'unavailable'));
    transport.emit('message.delivered', aMessage(5));
    await settle(5_000);
    expect(told).toEqual([]);
    rest.overrides.clear();
    await settle(20_000);
    expect(told).toEqual([4, 5]);
  });

  it('of an unknown room bring the room', async () => {
    await client.leaveRoom('room').catch(() => {});
    transport.emit('room.deleted', { roomId: 'room' });
    expect(client.rooms()).toEqual([]);
    rest.history = messages(1, 4);
    transport.emit('message.delivered', aMessage(4));
    await settle();
    expect(told).toEqual([4]);
    expect(client.room('room')?.lastMessage?.seq).toBe(4);
  });
});

describe('after a reconnect', () => {
  const resumeWith = (answer: object) => {
    transport.answers['session.resume'] = () => ({ status: 'OK', rooms: [answer] });
  };

  it('the client says where it is and takes what it missed', async () => {
    transport.drop();
    resumeWith({ roomId: 'room', lastSeq: 5, action: 'gap', messages: messages(4, 5) });
    transport.accept();
    await settle();
    expect(transport.sent('session.resume')).toEqual([{ rooms: [{ roomId: 'room', lastSeq: 3 }] }]);
    expect(told).toEqual([4, 5]);
  });

  it('a resync fetches the newest page of an open room', async () => {
    await client.open('room');
    rest.history = messages(1, 900);
    transport.drop();
    resumeWith({ roomId: 'room', lastSeq: 900, action: 'resync' });
    transport.accept();
    await settle();
    expect(seqs()).toEqual(messages(851, 900).map(({ seq }) => seq));
    expect(client.hasOlder('room')).toBe(true);
  });

  it('a room that was left goes', async () => {
    transport.drop();
    resumeWith({ roomId: 'room', lastSeq: 3, action: 'left' });
    transport.accept();
    await settle();
    expect(client.rooms()).toEqual([]);
  });

  it('a last message lost on the way is found by the next check', async () => {
    resumeWith({ roomId: 'room', lastSeq: 4, action: 'gap', messages: [aMessage(4)] });
    await settle(121_000);
    expect(told).toEqual([4]);
  });
});

describe('sending', () => {
  it('goes pending → queued → sent → read under one key', async () => {
    const key = client.send({ roomId: 'room', content: ' hello ' });
    expect(client.entries('room').at(-1)).toMatchObject({
      key,
      state: 'pending',
      content: 'hello',
    });
    await settle();
    expect(client.entries('room').at(-1)).toMatchObject({ key, state: 'queued' });
    const echo = { senderId: ME.id, clientMsgId: key, content: 'hello' };
    transport.emit('message.delivered', aMessage(4, echo));
    await settle();
    expect(client.entries('room').at(-1)).toMatchObject({ key, state: 'sent' });
    transport.emit('message.read', { roomId: 'room', userId: 'other', seq: 4 });
    expect(client.entries('room').at(-1)).toMatchObject({ key, state: 'read' });
    expect(shown()).toHaveLength(1);
  });

  it('is confirmed by a redelivery of what the client knows already', async () => {
    transport.answers['message.send'] = () => new Promise(() => {});
    const key = client.send({ roomId: 'room', content: 'hello' });
    transport.emit('message.delivered', aMessage(4, { senderId: ME.id, clientMsgId: key }));
    await settle();
    expect(store.keys('chatcluster.outbox')).toEqual([]);
  });

  it('outlives a reload and goes out under the same id', async () => {
    transport.drop();
    const key = client.send({ roomId: 'room', content: 'offline' });
    await settle();
    transport = new FakeTransport();
    transport.answers['message.send'] = () => ({ status: 'QUEUED' });
    client = new ChatClient({ store, transport, fetch: rest.fetch as typeof fetch });
    expect(await client.restore()).toMatchObject(ME);
    transport.accept();
    await settle();
    expect(transport.sent('message.send')).toEqual([
      { roomId: 'room', content: 'offline', clientMsgId: key },
    ]);
  });

  it('refuses what is empty or too long before it is queued', () => {
    expect(() => client.send({ roomId: 'room', content: '  \n ' })).toThrow(/empty/);
    expect(() => client.send({ roomId: 'room', content: 'x'.repeat(100_001) })).toThrow(/at most/);
  });
});

describe('unread counts', () => {
  it('count what others wrote since the gateway counted, each message once', async () => {
    transport.emit('message.delivered', aMessage(4));
    transport.emit('message.delivered', aMessage(4));
    transport.emit('message.delivered', aMessage(5, { senderId: ME.id }));
    await settle();
    expect(client.room('room')?.unread).toBe(1);
  });

  it('do not count twice what session.ready counted already', async () => {
    const head = { roomId: 'room', lastSeq: 4, lastReadSeq: 3, unread: 1 };
    transport.answers['session.resume'] = () => ({
      status: 'OK',
      rooms: [{ roomId: 'room', lastSeq: 4, action: 'gap', messages: [aMessage(4)] }],
    });
    transport.emit('session.ready', { rooms: [head] });
    await settle();
    expect(told).toEqual([4]);
    expect(client.room('room')?.unread).toBe(1);
  });

  it('fall to zero on reading, and only the furthest position is sent', async () => {
    for (const seq of [4, 5]) transport.emit('message.delivered', aMessage(seq));
    await settle();
    client.markRead('room', 4);
    client.markRead('room', 5);
    expect(client.room('room')?.unread).toBe(0);
    await settle(1_000);
    expect(transport.sent('message.read')).toEqual([{ roomId: 'room', seq: 5 }]);
  });

  it('are sent after the connection is back', async () => {
    transport.emit('message.delivered', aMessage(4));
    await settle();
    transport.drop();
    client.markRead('room', 4);
    await settle(1_000);
    expect(transport.sent('message.read')).toEqual([]);
    transport.accept();
    await settle();
    expect(transport.sent('message.read')).toEqual([{ roomId: 'room', seq: 4 }]);
  });

  it('are not taken from an event that all members get', async () => {
    transport.emit('message.delivered', aMessage(4));
    const room = { ...client.room('room'), title: 'Renamed', unread: 0, lastReadSeq: 9 };
    transport.emit('room.updated', { room });
    await settle();
    expect(client.room('room')).toMatchObject({ title: 'Renamed', unread: 1, lastReadSeq: 3 });
  });

  it("follow the user's other devices", async () => {
    transport.emit('message.delivered', aMessage(4));
    await settle();
    transport.emit('message.read', { roomId: 'room', userId: ME.id, seq: 4 });
    expect(client.room('room')?.unread).toBe(0);
  });
});

describe('history', () => {
  it('opens at the newest page and grows upwards without repeats', async () => {
    rest.history = messages(1, 120);
    transport.emit('session.ready', {
      rooms: [{ roomId: 'room', lastSeq: 120, lastReadSeq: 120, unread: 0 }],
    });
    await client.open('room');
    expect(seqs()).toEqual(messages(71, 120).map(({ seq }) => seq));
    await client.loadOlder('room');
    await client.loadOlder('room');
    expect(seqs()).toEqual(messages(1, 120).map(({ seq }) => seq));
    expect(client.hasOlder('room')).toBe(false);
    expect(told).toEqual([]);
  });

  it('applies edits, deletions and reactions in place', async () => {
    await client.open('room');
    const of = (seq: number) => ({ roomId: 'room', messageId: aMessage(seq).id, seq });
    const edit = { content: 'new', preview: 'new', hasMore: false, editedAt: 'now' };
    transport.emit('message.edited', { ...of(1), ...edit, editVersion: 1 });
    transport.emit('message.deleted', { ...of(2), scope: 'all', deletedAt: 'now' });
    const reactions = [{ emoji: '👍', count: 1, userIds: ['other'] }];
    transport.emit('message.reaction', { ...of(3), reactions });
    const [first, second, third] = client.entries('room');
    expect(first).toMatchObject({ content: 'new' });
    expect(second).toMatchObject({ content: '', message: { deletedAt: 'now' } });
    expect(third).toMatchObject({ message: { reactions } });
  });
});

describe('the connection', () => {
  it('once back shows what was edited meanwhile', async () => {
    await client.open('room');
    transport.drop();
    rest.history[2] = aMessage(3, { content: 'edited', editVersion: 1 });
    transport.accept();
    await settle(6_000);
    expect(shown()).toEqual(['message 1', 'message 2', 'edited']);
  });

  it('renews an expired token and comes back', async () => {
    transport.drop();
    const before = transport.connects;
    transport.refuse('Token expired');
    await settle();
    expect(rest.refreshes).toBe(1);
    expect(transport.connects).toBe(before + 1);
    transport.accept();
    expect(client.connection).toBe('online');
  });

  it('never connects with the old token while a new one is fetched', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { fetch } = rest;
    const slow = async (url: string | URL | Request) => {
      if (String(url).endsWith('/refresh')) await held;
      return fetch(url);
    };
    await client.logout();
    client = new ChatClient({ store, transport, fetch: slow as typeof globalThis.fetch });
    await client.login('me', 'secret12');
    transport.accept();
    const before = transport.connects;
    transport.emit('session.expired', {});
    transport.drop(false);
    await settle(10_000);
    expect(transport.connects).toBe(before);
    release();
    await settle();
    expect(transport.connects).toBe(before + 1);
  });

  it('ends a revoked session, says so, and keeps the unsent for the next sign-in', async () => {
    const reasons: string[] = [];
    client.on('signedOut', ({ code }) => reasons.push(code));
    transport.drop();
    client.send({ roomId: 'room', content: 'unsent' });
    transport.refuse('Session revoked');
    await settle();
    expect(reasons).toEqual(['session_revoked']);
    expect(client.self).toBeNull();
    expect(store.keys('chatcluster.outbox')).toHaveLength(1);
  });

  it('leaves a draining gateway when it was told to', async () => {
    const before = transport.connects;
    transport.emit('server.draining', { reason: 'shutdown', reconnectInMs: 3_000 });
    await settle(2_900);
    expect(transport.connects).toBe(before);
    await settle(200);
    expect(transport.connects).toBe(before + 1);
  });

  it('comes back by itself when the server closed it', async () => {
    const before = transport.connects;
    transport.drop(false);
    expect(client.connection).toBe('reconnecting');
    await settle(3_000);
    expect(transport.connects).toBe(before + 1);
  });

  it('hands the live socket a new token before the old one ends', async () => {
    transport.answers['session.refresh'] = () => ({ status: 'OK' });
    await settle(3_541_000);
    expect(transport.sent('session.refresh')).toEqual([{ token: 'access-1' }]);
  });

  it('that only looks alive after a sleep is replaced', async () => {
    const before = transport.connects;
    transport.answers.ping = () => ({ status: 'OK' });
    client.wake();
    await settle();
    expect(transport.connects).toBe(before);
    transport.answers.ping = () => Promise.reject(new ChatError('timeout', 'no answer'));
    client.wake();
    await settle();
    expect(transport.connects).toBe(before + 1);
  });

  it('survives events it cannot read', async () => {
    for (const payload of [null, 'text', 7, [], { roomId: 1 }]) {
      transport.emit('message.delivered', payload);
      transport.emit('constructor', payload);
    }
    await settle();
    transport.emit('message.delivered', aMessage(4));
    await settle();
    expect(told).toEqual([4]);
  });
});

describe('signing out', () => {
  it('works offline and leaves nothing behind', async () => {
    transport.drop();
    client.send({ roomId: 'room', content: 'unsent' });
    rest.overrides.set('/api/v1/auth/logout', () => {
      throw new TypeError('Failed to fetch');
    });
    await client.logout();
    expect(store.keys('')).toEqual([]);
    expect(client.rooms()).toEqual([]);
  });
});
