import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ChatClient } from './client.js';
import { MemoryStore } from './storage.js';
import { aMessage, FakeRest, FakeTransport, messages } from './testing/fake-gateway.js';

let rest: FakeRest;
let transport: FakeTransport;
let client: ChatClient;

const settle = () => vi.advanceTimersByTimeAsync(100);
const shown = () => client.entries('room').map(({ message }) => message?.seq ?? 0);
const span = () => [shown()[0], shown().at(-1)];

beforeEach(async () => {
  vi.useFakeTimers();
  rest = new FakeRest();
  rest.history = messages(1, 400);
  transport = new FakeTransport();
  client = new ChatClient({
    store: new MemoryStore(),
    transport,
    fetch: rest.fetch as typeof fetch,
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

describe('a jump far back', () => {
  it('shows the messages around it, and pages both ways without a hole', async () => {
    await client.jumpTo('room', 100);
    expect(span()).toEqual([75, 124]);
    expect(client.hasNewer('room')).toBe(true);
    await client.loadOlder('room');
    await client.loadNewer('room');
    expect(span()).toEqual([25, 174]);
    expect(shown()).toHaveLength(150);
  });

  it('ends when its pages reach the newest messages', async () => {
    await client.jumpTo('room', 300);
    for (let page = 0; page < 3 && client.hasNewer('room'); page++) await client.loadNewer('room');
    expect(client.hasNewer('room')).toBe(false);
    expect(shown()).toEqual(Array.from({ length: 126 }, (_, i) => 275 + i));
  });

  it('leaves live messages to the newest window', async () => {
    await client.jumpTo('room', 100);
    transport.emit('message.delivered', aMessage(401));
    await settle();
    expect(shown()).not.toContain(401);
    client.toNewest('room');
    expect(span()).toEqual([351, 401]);
  });

  it('shows edits and reactions of what it shows', async () => {
    await client.jumpTo('room', 100);
    const reactions = [{ emoji: '👍', count: 1, userIds: ['other'] }];
    transport.emit('message.reaction', { roomId: 'room', messageId: 'id-room-100', reactions });
    const entry = client.entries('room').find(({ message }) => message?.seq === 100);
    expect(entry?.message?.reactions).toEqual(reactions);
  });

  it('comes back to the newest when something is sent', async () => {
    transport.answers['message.send'] = () => ({ status: 'QUEUED' });
    await client.jumpTo('room', 100);
    client.send({ roomId: 'room', content: 'hello' });
    expect(client.hasNewer('room')).toBe(false);
    expect(client.entries('room').at(-1)?.content).toBe('hello');
  });

  it('to what is shown already fetches nothing', async () => {
    const before = rest.calls.length;
    await client.jumpTo('room', 380);
    expect(rest.calls.slice(before)).toEqual([]);
    expect(span()).toEqual([351, 400]);
  });
});
