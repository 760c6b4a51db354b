import type { Room } from '@chatcluster/sdk';
import { describe, expect, it } from 'vitest';

import { colourOf, initials, roomTitle } from './people';

describe('people', () => {
  it('have initials of their first and last word', () => {
    expect(initials('Ada Lindqvist')).toBe('AL');
    expect(initials('mohamed')).toBe('M');
    expect(initials('Ana María López')).toBe('AL');
    expect(initials('🦊 fox')).toBe('🦊F');
    expect(initials('')).toBe('?');
  });

  it('keep their colour', () => {
    expect(colourOf('0b6d7562')).toBe(colourOf('0b6d7562'));
    const colours = new Set(Array.from({ length: 200 }, (_, i) => colourOf(`user-${i}`)));
    expect(colours.size).toBeGreaterThan(8);
  });

  it('give a dm the name of the other', () => {
    const member = (userId: string) => ({ userId, name: '', username: `u-${userId}` });
    const room = { type: 'dm', title: null, members: [member('me'), member('x')] };
    expect(roomTitle(room as unknown as Room, 'me')).toBe('u-x');
    expect(roomTitle({ type: 'group', title: null } as Room, 'me')).toBe('Group');
  });
});
