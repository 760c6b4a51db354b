import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { People } from './people.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function somePeople() {
  const asked: string[][] = [];
  const lookedUp: string[] = [];
  const people = new People({
    lookUp: async (id) => {
      lookedUp.push(id);
      return { id, username: id, name: id.toUpperCase() };
    },
    subscribe: async (ids) => {
      asked.push(ids);
      return ids.map((userId) => ({ userId, status: 'online' as const, lastSeen: null }));
    },
    onNames: () => {},
    onPresence: () => {},
  });
  return { people, asked, lookedUp };
}

const ids = (n: number) => Array.from({ length: n }, (_, i) => `u${i}`);

describe('People', () => {
  it('subscribes each user once, many at a time, within the bound of one request', async () => {
    const { people, asked } = somePeople();
    for (const id of ids(250)) people.watch([id]);
    people.watch(['u0']);
    await vi.advanceTimersByTimeAsync(100);
    expect(asked.map((part) => part.length)).toEqual([200, 50]);
    expect(people.presence('u249')?.status).toBe('online');
  });

  it('subscribes all again after a reconnect', async () => {
    const { people, asked } = somePeople();
    people.watch(['a', 'b']);
    await vi.advanceTimersByTimeAsync(100);
    await people.resubscribe();
    expect(asked).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
  });

  it('looks a name up once, however often it is needed', async () => {
    const { people, lookedUp } = somePeople();
    for (let i = 0; i < 3; i++) people.need(ids(10));
    await vi.advanceTimersByTimeAsync(0);
    expect(lookedUp.toSorted()).toEqual(ids(10).toSorted());
    expect(people.user('u3')?.name).toBe('U3');
  });
});
