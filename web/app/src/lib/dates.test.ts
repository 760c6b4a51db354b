import { describe, expect, it } from 'vitest';

import { briefly, dayName, daysAgo, since, timeOfDay } from './dates';

const at = (day: number, hour = 12) => new Date(2026, 1, day, hour).getTime();
const NOW = at(14, 0);

describe('dates', () => {
  it('count calendar days, not spans of 24 hours', () => {
    expect(daysAgo(at(13, 23), NOW)).toBe(1);
    expect(daysAgo(at(14, 23), at(14, 1))).toBe(0);
  });

  it('are short in the list of rooms', () => {
    expect(briefly(at(14, 0), NOW)).toBe(timeOfDay(at(14, 0)));
    expect(briefly(at(13), NOW)).toBe('Yesterday');
    expect(briefly(at(10), NOW)).toBe('Tuesday');
    expect(briefly(at(2), NOW)).toBe('Feb 2');
  });

  it('name the day of a conversation', () => {
    expect(dayName(at(14, 9), NOW)).toBe('Today');
    expect(dayName(at(10), NOW)).toBe('Tuesday, February 10');
  });

  it('say how long ago somebody was here', () => {
    expect(since(NOW - 20_000, NOW)).toBe('just now');
    expect(since(NOW - 42 * 60_000, NOW)).toBe('42 min ago');
    expect(since(at(12), NOW)).toBe('Thursday');
  });
});
