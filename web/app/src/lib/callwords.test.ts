import { describe, expect, it } from 'vitest';

import { callWords } from './callwords';
import { lasting } from './dates';

const call = { callId: 'c', media: 'video', state: 'ended', durationMs: 65_000 } as const;

describe('a call that is over', () => {
  it('says how long it lasted', () => {
    expect(callWords(call, true)).toBe('Video call · 1:05');
  });

  it('is missed by who was called, not by who called', () => {
    const missed = { ...call, media: 'audio', state: 'missed', durationMs: null } as const;
    expect(callWords(missed, false)).toBe('Missed voice call');
    expect(callWords(missed, true)).toBe('Voice call, no answer');
    expect(callWords({ ...missed, state: 'cancelled' }, true)).toBe('Cancelled voice call');
    expect(callWords({ ...missed, state: 'refused' }, false)).toBe('Voice call, declined');
  });
});

it('lengths are written as clocks do', () => {
  expect(lasting(0)).toBe('0:00');
  expect(lasting(599_999)).toBe('9:59');
  expect(lasting(3_661_000)).toBe('1:01:01');
});
