/** Naming people by `@username`: what is being typed, who matches, and whom a finished text names. */
import type { UserRef } from '@chatcluster/sdk';

type Named = Pick<UserRef, 'username' | 'name'>;

export interface MentionQuery {
  /** Where the `@` stands. */
  start: number;
  text: string;
}

/** A name as it is written: an `@` with no word before it. */
const NAME = /(?<![\p{L}\p{N}_.@-])@([\p{L}\p{N}_.-]+)/gu;
const OFFERED = 6;
/** The gateway's bound of one message. */
const MENTIONS_MAX = 50;

/** The name that is being typed left of the caret, if one is. */
export function mentionQuery(text: string, caret: number): MentionQuery | null {
  const found = /(?<![\p{L}\p{N}_.@-])@([\p{L}\p{N}_.-]{0,50})$/u.exec(text.slice(0, caret));
  return found ? { start: found.index, text: found[1] ?? '' } : null;
}

/** The members that a query may mean: those whose username begins with it first. */
export function matching<T extends Named>(members: readonly T[], query: string): T[] {
  const wanted = query.toLocaleLowerCase();
  const rank = ({ username, name }: Named) => {
    if (username.toLocaleLowerCase().startsWith(wanted)) return 0;
    const words = name.toLocaleLowerCase().split(/\s+/);
    return words.some((word) => word.startsWith(wanted)) ? 1 : 2;
  };
  return members
    .filter((member) => rank(member) < 2)
    .sort((a, b) => rank(a) - rank(b) || a.username.localeCompare(b.username))
    .slice(0, OFFERED);
}

/** Puts the chosen name in place of what was typed; says where the caret goes. */
export function complete(text: string, caret: number, query: MentionQuery, username: string) {
  const before = `${text.slice(0, query.start)}@${username} `;
  return { text: before + text.slice(caret).replace(/^ /, ''), caret: before.length };
}

/** Ids of the members whom the text names. */
export function mentionedIds(
  text: string,
  members: readonly { userId: string; username: string }[],
): string[] {
  const names = new Set([...text.matchAll(NAME)].map(([, name]) => plain(name)));
  const ids = members.filter(({ username }) => names.has(plain(username))).map((m) => m.userId);
  return ids.slice(0, MENTIONS_MAX);
}

export interface NamedPart {
  text: string;
  /** Set where the part names one of the message's mentioned users. */
  userId?: string;
}

/** Splits a text at the names of those whom the message mentions. */
export function splitMentions(
  text: string,
  mentioned: readonly { id: string; username: string }[],
): NamedPart[] {
  if (mentioned.length === 0) return [{ text }];
  const parts: NamedPart[] = [];
  let end = 0;
  for (const match of text.matchAll(NAME)) {
    const user = mentioned.find(({ username }) => plain(username) === plain(match[1]));
    if (!user) continue;
    const length = user.username.length + 1;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: text.slice(match.index, match.index + length), userId: user.id });
    end = match.index + length;
  }
  if (end < text.length || parts.length === 0) parts.push({ text: text.slice(end) });
  return parts;
}

/** A full stop after a name ends the sentence; it is no part of the name. */
function plain(name = ''): string {
  return name.toLocaleLowerCase().replace(/[.-]+$/, '');
}
