import { describe, expect, it } from 'vitest';

import { EMOJI, findEmoji, nameOf, QUICK } from './emoji';

describe('emoji', () => {
  it('are offered once each, each with a name', () => {
    expect(new Set(EMOJI.map(({ emoji }) => emoji)).size).toBe(EMOJI.length);
    expect(EMOJI.every(({ emoji, name }) => emoji !== '' && name !== '')).toBe(true);
  });

  it('fit into what the protocol takes', () => {
    expect(EMOJI.every(({ emoji }) => [...emoji].length <= 16)).toBe(true);
  });

  it('are found by a part of their name', () => {
    expect(findEmoji(' ROCK ').map(({ emoji }) => emoji)).toEqual(['🚀']);
  });

  it('one tap away are among them', () => {
    for (const emoji of QUICK) expect(nameOf(emoji)).not.toBe(emoji);
  });
});
