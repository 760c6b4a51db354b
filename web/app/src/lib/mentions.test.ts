import { describe, expect, it } from 'vitest';

import { complete, matching, mentionedIds, mentionQuery, splitMentions } from './mentions';

const person = (username: string, name = username) => ({
  userId: `id-${username}`,
  username,
  name,
});
const members = [
  person('ada', 'Ada Byron'),
  person('ben.k'),
  person('adam'),
  person('zoe', 'Zoe Adams'),
];

describe('the name that is being typed', () => {
  it('begins with an @ that follows no word', () => {
    expect(mentionQuery('hi @ad', 6)).toEqual({ start: 3, text: 'ad' });
    expect(mentionQuery('@', 1)).toEqual({ start: 0, text: '' });
    expect(mentionQuery('mail me@example', 15)).toBeNull();
    expect(mentionQuery('hi @ada there', 13)).toBeNull();
  });

  it('is what stands left of the caret', () => {
    expect(mentionQuery('hi @adam', 6)).toEqual({ start: 3, text: 'ad' });
  });

  it('offers usernames first, then names, and nobody else', () => {
    expect(matching(members, 'ad').map((m) => m.username)).toEqual(['ada', 'adam', 'zoe']);
    expect(matching(members, 'x')).toEqual([]);
  });

  it('is replaced by the chosen one, with one space behind it', () => {
    const query = mentionQuery('hi @ad there', 6)!;
    expect(complete('hi @ad there', 6, query, 'ada')).toEqual({ text: 'hi @ada there', caret: 8 });
  });
});

describe('a finished text', () => {
  it('names members by their whole username, whatever the case and the full stop', () => {
    expect(mentionedIds('@Ada, ask @ben.k. Not @ad or me@zoe', members)).toEqual([
      'id-ada',
      'id-ben.k',
    ]);
  });

  it('is split at those whom the message mentions, and loses no character', () => {
    const mentioned = [{ id: '1', username: 'ben.k' }];
    const text = 'ask @ben.k. or @ada';
    const parts = splitMentions(text, mentioned);
    expect(parts).toEqual([
      { text: 'ask ' },
      { text: '@ben.k', userId: '1' },
      { text: '. or @ada' },
    ]);
    expect(parts.map((part) => part.text).join('')).toBe(text);
  });
});
