/** Puts a conversation into rows: day lines, the line above unread messages, runs of one sender. */
import type { ConversationEntry } from '@chatcluster/sdk';

import { daysAgo } from './dates';

const RUN_MS = 5 * 60_000;

export type Row =
  | { kind: 'day'; key: string; at: number }
  | { kind: 'unread'; key: string }
  | { kind: 'entry'; key: string; entry: ConversationEntry; first: boolean; last: boolean };

/** `readUpTo` is what was read when the room was opened; null draws no unread line. */
export function rowsOf(entries: readonly ConversationEntry[], readUpTo: number | null): Row[] {
  const rows: Row[] = [];
  let marked = readUpTo === null;
  entries.forEach((entry, i) => {
    const previous = entries[i - 1];
    const newDay = !previous || daysAgo(previous.at, entry.at) !== 0;
    if (newDay) rows.push({ kind: 'day', key: `day-${entry.key}`, at: entry.at });
    const unread =
      !marked && entry.state === 'received' && (entry.message?.seq ?? 0) > (readUpTo ?? 0);
    if (unread) {
      marked = true;
      rows.push({ kind: 'unread', key: 'unread' });
    }
    rows.push({
      kind: 'entry',
      key: entry.key,
      entry,
      first: newDay || unread || !sameRun(previous, entry),
      last: !sameRun(entry, entries[i + 1]),
    });
  });
  return rows;
}

function sameRun(a: ConversationEntry | undefined, b: ConversationEntry | undefined): boolean {
  if (!a || !b || a.senderId !== b.senderId) return false;
  return Math.abs(b.at - a.at) < RUN_MS && daysAgo(a.at, b.at) === 0;
}
