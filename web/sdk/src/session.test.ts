import { beforeEach, describe, expect, it } from 'vitest';

import { ChatError } from './errors.js';
import { SessionKeeper, type Lock } from './session.js';
import { MemoryStore } from './storage.js';
import { ME } from './testing/fake-gateway.js';

let store: MemoryStore;
let used: string[];
let refuse: ChatError | null;
let now: number;
let queue: Promise<unknown>;

/** Like the browser's lock between tabs: one holder at a time. */
const lock: Lock = (_name, work) => {
  const mine = queue.then(work);
  queue = mine.catch(() => {});
  return mine;
};

function aKeeper(): SessionKeeper {
  return new SessionKeeper({
    store,
    lock,
    now: () => now,
    requestRefresh: async (refreshToken) => {
      if (refuse) throw refuse;
      if (used.includes(refreshToken)) throw new ChatError('refresh_reused', '', { status: 401 });
      used.push(refreshToken);
      const n = used.length;
      return { accessToken: `access-${n}`, refreshToken: `refresh-${n}`, expiresIn: 3600 };
    },
  });
}

async function signedIn(): Promise<SessionKeeper> {
  const keeper = aKeeper();
  await keeper.start({
    accessToken: 'access-0',
    refreshToken: 'refresh-0',
    expiresIn: 3600,
    user: ME,
  });
  return keeper;
}

beforeEach(() => {
  store = new MemoryStore();
  used = [];
  refuse = null;
  now = 1_700_000_000_000;
  queue = Promise.resolve();
});

describe('SessionKeeper', () => {
  it('asks once for any number of callers at a time', async () => {
    const keeper = await signedIn();
    const sessions = await Promise.all([keeper.refresh(), keeper.refresh(), keeper.refresh()]);
    expect(used).toEqual(['refresh-0']);
    expect(new Set(sessions.map((s) => s.accessToken))).toEqual(new Set(['access-1']));
  });

  it('never presents a refresh token that another tab has used', async () => {
    const first = await signedIn();
    const second = aKeeper();
    await second.restore();
    const [a, b] = await Promise.all([first.refresh(), second.refresh()]);
    expect(used).toEqual(['refresh-0']);
    expect(b.accessToken).toBe(a.accessToken);
  });

  it('keeps the session when the server could not be reached', async () => {
    const keeper = await signedIn();
    refuse = new ChatError('network', '');
    await expect(keeper.refresh()).rejects.toMatchObject({ code: 'network' });
    expect(keeper.current?.refreshToken).toBe('refresh-0');
    refuse = null;
    await expect(keeper.refresh()).resolves.toMatchObject({ accessToken: 'access-1' });
  });

  it('ends, forgets and says so when the server refuses the refresh', async () => {
    const keeper = await signedIn();
    const lost: string[] = [];
    keeper.onLost = (code) => lost.push(code);
    refuse = new ChatError('refresh_reused', '', { status: 401 });
    await expect(keeper.refresh()).rejects.toThrow();
    expect(lost).toEqual(['refresh_reused']);
    expect(keeper.current).toBeNull();
    expect(await aKeeper().restore()).toBeNull();
  });

  it('survives a reload', async () => {
    await signedIn();
    expect(await aKeeper().restore()).toMatchObject({ accessToken: 'access-0', user: ME });
  });

  it('takes an unreadable store for signed out', async () => {
    store.set('chatcluster.session', '{"accessToken": 1');
    expect(await aKeeper().restore()).toBeNull();
  });

  it('is due a minute before the token ends', async () => {
    const keeper = await signedIn();
    expect(keeper.refreshInMs()).toBe(3540_000);
    now += 3540_000;
    expect(keeper.refreshInMs()).toBe(0);
  });
});
