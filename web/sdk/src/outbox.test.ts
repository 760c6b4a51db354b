import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ChatError } from './errors.js';
import { Outbox, type OutboxEntry } from './outbox.js';
import { MemoryStore } from './storage.js';

const BACKOFF = { baseMs: 100, maxMs: 1_000 };

let store: MemoryStore;
let sent: { roomId: string; content: string; clientMsgId: string }[];
let answer: (entry: OutboxEntry) => Promise<void>;

async function anOutbox(): Promise<Outbox> {
  let n = 0;
  const outbox = new Outbox({
    store,
    newId: () => `id-${++n}-${sent.length}`,
    onChange: () => {},
    random: () => 0.5,
    backoff: BACKOFF,
    maxAttempts: 3,
    send: (entry) => {
      const { roomId, content, clientMsgId } = entry;
      sent.push({ roomId, content, clientMsgId });
      return answer(entry);
    },
  });
  await outbox.open('me');
  return outbox;
}

const refusal = (code: string, retryAfterMs?: number) => async () => {
  throw new ChatError(code, code, retryAfterMs === undefined ? {} : { retryAfterMs });
};
const contents = () => sent.map(({ content }) => content);
const states = (outbox: Outbox, roomId = 'room') =>
  outbox.entries(roomId).map(({ state }) => state);

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryStore();
  sent = [];
  answer = async () => {};
});

afterEach(() => {
  vi.useRealTimers();
});

describe('Outbox', () => {
  it('keeps an acknowledged message until the room shows it', async () => {
    const outbox = await anOutbox();
    outbox.setOnline(true);
    const { clientMsgId } = outbox.enqueue({ roomId: 'room', content: 'a' });
    await vi.advanceTimersByTimeAsync(0);
    expect(states(outbox)).toEqual(['queued']);
    outbox.confirm('room', clientMsgId);
    expect(states(outbox)).toEqual([]);
    await vi.advanceTimersByTimeAsync(0);
    expect(store.keys('')).toEqual([]);
  });

  it('waits while offline and sends in the order of writing once online', async () => {
    const outbox = await anOutbox();
    for (const content of ['a', 'b', 'c']) outbox.enqueue({ roomId: 'room', content });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
    outbox.setOnline(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(contents()).toEqual(['a', 'b', 'c']);
  });

  it.each(['busy', 'unavailable', 'draining', 'rate_limited', 'internal', 'timeout'])(
    'resends under the same id after %s',
    async (code) => {
      const outbox = await anOutbox();
      outbox.setOnline(true);
      answer = refusal(code);
      outbox.enqueue({ roomId: 'room', content: 'a' });
      await vi.advanceTimersByTimeAsync(0);
      answer = async () => {};
      await vi.advanceTimersByTimeAsync(1_000);
      expect(sent).toHaveLength(2);
      expect(sent[0]?.clientMsgId).toBe(sent[1]?.clientMsgId);
      expect(states(outbox)).toEqual(['queued']);
    },
  );

  it('does not come back before the server asked it to', async () => {
    const outbox = await anOutbox();
    outbox.setOnline(true);
    answer = refusal('rate_limited', 5_000);
    outbox.enqueue({ roomId: 'room', content: 'a' });
    await vi.advanceTimersByTimeAsync(4_999);
    expect(sent).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_300);
    expect(sent).toHaveLength(2);
  });

  it('lets no later message of the room overtake a retry, and holds up no other room', async () => {
    const outbox = await anOutbox();
    outbox.setOnline(true);
    answer = async ({ content }) => {
      if (content === 'a' && sent.length < 3) throw new ChatError('busy', 'busy');
    };
    outbox.enqueue({ roomId: 'room', content: 'a' });
    outbox.enqueue({ roomId: 'room', content: 'b' });
    outbox.enqueue({ roomId: 'elsewhere', content: 'x' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(contents()).toEqual(['a', 'x', 'a', 'b']);
  });

  it('fails at once for what no retry cures, and goes on with the next', async () => {
    const outbox = await anOutbox();
    outbox.setOnline(true);
    answer = async ({ content }) => {
      if (content === 'a') throw new ChatError('muted', 'muted');
    };
    outbox.enqueue({ roomId: 'room', content: 'a' });
    outbox.enqueue({ roomId: 'room', content: 'b' });
    await vi.advanceTimersByTimeAsync(0);
    expect(outbox.entries('room')).toMatchObject([
      { state: 'failed', error: { code: 'muted' } },
      { state: 'queued' },
    ]);
  });

  it('gives up after its attempts, and the user may try again under the same id', async () => {
    const outbox = await anOutbox();
    outbox.setOnline(true);
    answer = refusal('busy');
    const { clientMsgId } = outbox.enqueue({ roomId: 'room', content: 'a' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(3);
    expect(states(outbox)).toEqual(['failed']);
    answer = async () => {};
    outbox.retry(clientMsgId);
    await vi.advanceTimersByTimeAsync(0);
    expect(states(outbox)).toEqual(['queued']);
    expect(new Set(sent.map((entry) => entry.clientMsgId)).size).toBe(1);
  });

  it('does not count lost connections as attempts', async () => {
    const outbox = await anOutbox();
    answer = refusal('disconnected');
    outbox.enqueue({ roomId: 'room', content: 'a' });
    for (let i = 0; i < 10; i++) {
      outbox.setOnline(true);
      await vi.advanceTimersByTimeAsync(0);
      outbox.setOnline(false);
    }
    expect(sent.length).toBeGreaterThan(3);
    expect(states(outbox)).toEqual(['pending']);
  });

  it('sends what an earlier run left, whatever state it was in, under its old id', async () => {
    const before = await anOutbox();
    before.setOnline(true);
    answer = ({ content }) => (content === 'b' ? new Promise(() => {}) : Promise.resolve());
    for (const content of ['a', 'b', 'c']) before.enqueue({ roomId: 'room', content });
    await vi.advanceTimersByTimeAsync(0);
    const ids = before.entries('room').map(({ clientMsgId }) => clientMsgId);
    expect(states(before)).toEqual(['queued', 'sending', 'pending']);

    sent = [];
    answer = async () => {};
    const after = await anOutbox();
    after.setOnline(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(sent.map(({ clientMsgId }) => clientMsgId)).toEqual(ids);
  });

  it("leaves another user's messages alone", async () => {
    const mine = await anOutbox();
    mine.enqueue({ roomId: 'room', content: 'mine' });
    await mine.close({ keep: true });
    const theirs = await anOutbox();
    await theirs.open('somebody-else');
    expect(theirs.entries('room')).toEqual([]);
    await theirs.open('me');
    expect(theirs.entries('room')).toMatchObject([{ content: 'mine' }]);
  });

  it('takes an echo that comes before the ack', async () => {
    const outbox = await anOutbox();
    outbox.setOnline(true);
    answer = async ({ roomId, clientMsgId }) => outbox.confirm(roomId, clientMsgId);
    outbox.enqueue({ roomId: 'room', content: 'a' });
    await vi.advanceTimersByTimeAsync(0);
    expect(states(outbox)).toEqual([]);
  });

  it('marks what the gateway gave up after acknowledging it', async () => {
    const outbox = await anOutbox();
    outbox.setOnline(true);
    const { clientMsgId } = outbox.enqueue({ roomId: 'room', content: 'a' });
    await vi.advanceTimersByTimeAsync(0);
    outbox.fail('room', clientMsgId, { code: 'delivery_failed', message: 'gone' });
    expect(outbox.entries('room')).toMatchObject([{ state: 'failed' }]);
  });

  it('refuses more than it may hold', async () => {
    const outbox = new Outbox({
      store,
      newId: () => 'id',
      onChange: () => {},
      send: async () => {},
      maxEntries: 1,
    });
    await outbox.open('me');
    outbox.enqueue({ roomId: 'room', content: 'a' });
    expect(() => outbox.enqueue({ roomId: 'room', content: 'b' })).toThrow(/waiting/);
  });
});
