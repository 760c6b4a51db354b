import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { ChatClient } from './client.js';
import { MemoryStore } from './storage.js';
import type { Thread } from './threads.js';
import { aMessage, FakeRest, FakeTransport, json, messages } from './testing/fake-gateway.js';

let rest: FakeRest;
let transport: FakeTransport;
let client: ChatClient;
let thread: Thread;

const ROOT = 'id-room-2';
const settle = () => vi.advanceTimersByTimeAsync(100);
const words = () => thread.entries().map(({ content }) => content);

beforeEach(async () => {
  vi.useFakeTimers();
  rest = new FakeRest();
  rest.history = messages(1, 3);
  rest.overrides.set(`/api/v1/messages/${ROOT}/thread`, () =>
    json({ data: [aMessage(3, { threadId: ROOT, content: 'first' })], nextCursor: null }),
  );
  transport = new FakeTransport();
  transport.answers['message.send'] = () => ({ status: 'QUEUED' });
  client = new ChatClient({
    store: new MemoryStore(),
    transport,
    fetch: rest.fetch as typeof globalThis.fetch,
  });
  await client.login('me', 'secret12');
  transport.accept();
  await settle();
  await client.open('room');
  thread = client.thread('room', ROOT);
  await thread.load();
});

afterEach(async () => {
  thread.close();
  await client.logout();
  vi.useRealTimers();
});

it('holds its first message, the answers, and what is on its way into it', async () => {
  transport.answers['message.send'] = () => new Promise(() => {});
  client.send({ roomId: 'room', content: 'mine', threadId: ROOT });
  client.send({ roomId: 'room', content: 'not of the thread' });
  await settle();
  expect(words()).toEqual(['message 2', 'message 3', 'mine']);
  expect(transport.sent('message.send')[0]).toMatchObject({ threadId: ROOT });
});

it('hears new answers, edits and deletions', async () => {
  transport.emit('message.delivered', aMessage(4, { threadId: ROOT, content: 'second' }));
  transport.emit('message.delivered', aMessage(5, { content: 'elsewhere' }));
  await settle();
  expect(words()).toEqual(['message 2', 'message 3', 'second']);
  const edit = { roomId: 'room', messageId: 'id-room-4', content: 'changed', preview: 'changed' };
  transport.emit('message.edited', { ...edit, hasMore: false, editedAt: 'now', editVersion: 1 });
  transport.emit('message.deleted', { roomId: 'room', messageId: 'id-room-3', deletedAt: 'now' });
  expect(words()).toEqual(['message 2', '', 'changed']);
});

it('an answer raises the count of the message it answers, once', async () => {
  const count = () => client.entries('room')[1]?.message?.replyCount ?? 0;
  const answer = aMessage(4, { threadId: ROOT });
  transport.emit('message.delivered', answer);
  transport.emit('message.delivered', answer);
  await settle();
  expect(count()).toBe(1);
});

it('the next page is asked for behind the last', async () => {
  rest.overrides.set(`/api/v1/messages/${ROOT}/thread`, () =>
    json({ data: [aMessage(8, { threadId: ROOT, content: 'eight' })], nextCursor: '8' }),
  );
  const long = client.thread('room', ROOT);
  await long.load();
  expect(long.hasMore).toBe(true);
  rest.overrides.set(`/api/v1/messages/${ROOT}/thread`, () =>
    json({ data: [aMessage(9, { threadId: ROOT, content: 'nine' })], nextCursor: null }),
  );
  await long.loadMore();
  expect(rest.calls.at(-1)).toBe(`/api/v1/messages/${ROOT}/thread?limit=200&cursor=8`);
  expect(long.entries().map(({ content }) => content)).toEqual(['message 2', 'eight', 'nine']);
  expect(long.hasMore).toBe(false);
  long.close();
});
