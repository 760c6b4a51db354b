import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ChatClient } from './client.js';
import { MemoryStore } from './storage.js';
import { aMessage, FakeRest, FakeTransport, json, messages } from './testing/fake-gateway.js';
import type { Attachment } from './types.js';

let rest: FakeRest;
let transport: FakeTransport;
let client: ChatClient;
let requests: { url: string; init: RequestInit }[];

const settle = () => vi.advanceTimersByTimeAsync(100);
const file: Attachment = {
  id: 'file-1',
  fileName: 'cat.png',
  mimeType: 'image/png',
  size: 3,
  url: 'https://elsewhere.example/api/v1/attachments/file-1?x=1',
  thumbUrl: null,
};

beforeEach(async () => {
  vi.useFakeTimers();
  rest = new FakeRest();
  rest.history = messages(1, 3);
  transport = new FakeTransport();
  transport.answers['message.send'] = () => ({ status: 'QUEUED' });
  requests = [];
  const fetch = (input: string, init: RequestInit) => {
    requests.push({ url: input, init });
    return rest.fetch(input);
  };
  client = new ChatClient({
    store: new MemoryStore(),
    transport,
    fetch: fetch as typeof globalThis.fetch,
  });
  await client.login('me', 'secret12');
  transport.accept();
  await settle();
  await client.open('room');
});

afterEach(async () => {
  await client.logout();
  vi.useRealTimers();
});

describe('a sent message', () => {
  it('carries its reply, mentions, files and their type', async () => {
    client.send({
      roomId: 'room',
      content: '',
      replyTo: 'id-room-1',
      mentions: ['other'],
      attachments: [file],
    });
    await settle();
    expect(transport.sent('message.send')).toMatchObject([
      { replyTo: 'id-room-1', mentions: ['other'], attachments: ['file-1'], type: 'image' },
    ]);
    expect(transport.sent('message.send')[0]).not.toHaveProperty('content');
  });

  it('without words and files is refused', () => {
    expect(() => client.send({ roomId: 'room', content: ' ' })).toThrow('empty');
  });
});

describe('files', () => {
  it('are uploaded as a form, without a JSON type', async () => {
    rest.overrides.set('/api/v1/attachments', () => json(file, 201));
    expect(await client.upload(new Blob(['abc']), 'cat.png')).toEqual(file);
    const { init } = requests.at(-1)!;
    expect(init.body).toBeInstanceOf(FormData);
    expect(init.headers).not.toHaveProperty('Content-Type');
  });

  it('are fetched from the gateway only, whatever host their address names', async () => {
    rest.overrides.set('/api/v1/attachments', () => new Response('abc'));
    expect(await (await client.file(file.url)).text()).toBe('abc');
    expect(requests.at(-1)!.url).toBe('/api/v1/attachments/file-1?x=1');
  });
});

describe('mentions', () => {
  const mention = { roomId: 'room', messageId: 'id-room-4', seq: 4, senderId: 'other' };

  it('are counted once each until the room is read', async () => {
    const told: unknown[] = [];
    client.on('mention', (event) => told.push(event));
    transport.emit('message.mention', { ...mention, preview: '@me' });
    transport.emit('message.mention', { ...mention, preview: '@me' });
    transport.emit('message.delivered', aMessage(4, { mentions: ['me'] }));
    await settle();
    expect(client.mentions('room')).toBe(1);
    expect(told).toHaveLength(1);
    client.markRead('room', 4);
    expect(client.mentions('room')).toBe(0);
  });

  it('are heard of by the message alone', async () => {
    transport.emit('message.delivered', aMessage(4, { mentions: ['me'] }));
    await settle();
    expect(client.mentions('room')).toBe(1);
  });

  it('start from the gateway’s count', async () => {
    const rooms = [{ roomId: 'room', unread: 2, mentions: 2 }];
    rest.overrides.set('/api/v1/unread', () => json({ total: 2, rooms }));
    transport.drop();
    transport.accept();
    await vi.advanceTimersByTimeAsync(6_000);
    expect(client.mentions('room')).toBe(2);
  });
});

describe('joining', () => {
  it('an open group brings the room, one that asks its admins does not', async () => {
    rest.overrides.set('/api/v1/rooms/open/join', () =>
      json({ ...client.room('room'), id: 'open' }),
    );
    rest.overrides.set('/api/v1/rooms/asks/join', () => json({ status: 'pending' }, 202));
    expect(await client.joinRoom('open')).toBe(true);
    expect(client.room('open')?.id).toBe('open');
    expect(await client.joinRoom('asks')).toBe(false);
    expect(client.room('asks')).toBeUndefined();
  });
});

describe('events of others', () => {
  it('move a member’s read position forward only', () => {
    const position = () =>
      client.room('room')?.members?.find(({ userId }) => userId === 'other')?.lastReadSeq;
    transport.emit('message.read', { roomId: 'room', userId: 'other', seq: 3 });
    transport.emit('message.read', { roomId: 'room', userId: 'other', seq: 2 });
    expect(position()).toBe(3);
  });

  it('tell of invitations, friends and blocks', () => {
    const told: string[] = [];
    client.on('invite', ({ invite }) => told.push(`invite ${invite.id}`));
    client.on('friends', () => told.push('friends'));
    client.on('blocks', () => told.push('blocks'));
    transport.emit('room.invited', { invite: { id: 'i1' }, room: {} });
    transport.emit('friend.requested', { request: {} });
    transport.emit('block.changed', { userId: 'other', blocked: true });
    expect(told).toEqual(['invite i1', 'friends', 'blocks']);
  });

  it('tell what happened to stories', () => {
    const told: unknown[] = [];
    client.on('story', (news) => told.push(news));
    transport.emit('story.created', { story: { id: 's1', userId: 'other' } });
    transport.emit('story.liked', { storyId: 's2', userId: 'other', at: 'now' });
    expect(told).toEqual([
      { what: 'created', storyId: 's1', userId: 'other' },
      { what: 'liked', storyId: 's2', userId: 'other' },
    ]);
  });

  it('take a deleted message’s words, files and pin', () => {
    const deletedAt = '2026-01-01T00:00:00.000Z';
    transport.emit('message.deleted', { roomId: 'room', messageId: 'id-room-2', deletedAt });
    const gone = client.entries('room')[1]?.message;
    expect(gone).toMatchObject({ content: '', attachments: [], pinned: false, deletedAt });
  });
});

it('a draining gateway is said to be one until the next connection', async () => {
  transport.emit('server.draining', { reason: 'shutdown', reconnectInMs: 1_000 });
  expect(client.connection).toBe('draining');
  transport.drop();
  expect(client.connection).toBe('reconnecting');
  transport.accept();
  expect(client.connection).toBe('online');
});
