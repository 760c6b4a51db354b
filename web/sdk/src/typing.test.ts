import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { TypingNotifier, TypingWatch } from './typing.js';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('TypingWatch', () => {
  it('forgets a typist whose stop was lost', () => {
    const watch = new TypingWatch(() => {});
    watch.set('room', 'a', true);
    vi.advanceTimersByTime(6_000);
    watch.set('room', 'a', true);
    vi.advanceTimersByTime(6_000);
    expect(watch.users('room')).toEqual(['a']);
    vi.advanceTimersByTime(1_000);
    expect(watch.users('room')).toEqual([]);
  });

  it('tells changes only', () => {
    let changes = 0;
    const watch = new TypingWatch(() => changes++);
    watch.set('room', 'a', false);
    watch.set('room', 'a', true);
    watch.set('room', 'a', true);
    watch.set('room', 'a', false);
    expect(changes).toBe(2);
  });
});

describe('TypingNotifier', () => {
  it('starts once for a burst, renews in time, and stops after a pause', () => {
    const log: string[] = [];
    const notifier = new TypingNotifier((event) => log.push(event));
    for (let i = 0; i < 60; i++) {
      notifier.keystroke('room');
      vi.advanceTimersByTime(100);
    }
    expect(log).toEqual(['typing.start', 'typing.start']);
    vi.advanceTimersByTime(5_000);
    expect(log.at(-1)).toBe('typing.stop');
  });

  it('stops in the room it leaves', () => {
    const log: string[] = [];
    const notifier = new TypingNotifier((event, roomId) => log.push(`${event} ${roomId}`));
    notifier.keystroke('a');
    notifier.keystroke('b');
    expect(log).toEqual(['typing.start a', 'typing.stop a', 'typing.start b']);
  });
});
