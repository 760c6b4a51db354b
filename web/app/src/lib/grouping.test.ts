import type { ConversationEntry } from '@chatcluster/sdk';
import { describe, expect, it } from 'vitest';

import { rowsOf } from './grouping';

const NOON = new Date(2026, 1, 14, 12).getTime();
const MINUTE = 60_000;

function entry(seq: number, minutes: number, senderId = 'other'): ConversationEntry {
  return {
    key: `k${seq}`,
    state: senderId === 'me' ? 'sent' : 'received',
    senderId,
    content: '',
    at: NOON + minutes * MINUTE,
    message: { seq } as ConversationEntry['message'],
  } as ConversationEntry;
}

const shape = (entries: ConversationEntry[], readUpTo: number | null = null) =>
  rowsOf(entries, readUpTo).map((row) =>
    row.kind === 'entry' ? `${row.first ? '[' : ''}${row.key}${row.last ? ']' : ''}` : row.kind,
  );

describe('rowsOf', () => {
  it('gathers what one sender writes within five minutes', () => {
    const entries = [entry(1, 0), entry(2, 1), entry(3, 9), entry(4, 10, 'me')];
    expect(shape(entries)).toEqual(['day', '[k1', 'k2]', '[k3]', '[k4]']);
  });

  it('draws a line between two days', () => {
    expect(shape([entry(1, 0), entry(2, 24 * 60)])).toEqual(['day', '[k1]', 'day', '[k2]']);
  });

  it('draws one line above the first unread message of somebody else', () => {
    const entries = [entry(1, 0), entry(2, 1, 'me'), entry(3, 2), entry(4, 3)];
    expect(shape(entries, 1)).toEqual(['day', '[k1]', '[k2]', 'unread', '[k3', 'k4]']);
    expect(shape(entries, 4)).not.toContain('unread');
  });
});
