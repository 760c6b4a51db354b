import type { Story } from '@chatcluster/sdk';
import { expect, it } from 'vitest';

import { ringsOf } from './rings';

let minute = 0;
function story(userId: string, viewedByMe = false): Story {
  const createdAt = new Date(1_700_000_000_000 + minute++ * 60_000).toISOString();
  const counts = { viewCount: 0, likeCount: 0, commentCount: 0, likedByMe: false };
  return { id: `s${minute}`, userId, content: '', createdAt, expiresAt: '', viewedByMe, ...counts };
}

it('own stories come first, then what is new, then what was seen', () => {
  const stories = [
    story('seen', true),
    story('me'),
    story('older'),
    story('newer', true),
    story('newer'),
  ].reverse();
  const rings = ringsOf(stories, 'me');
  expect(rings.map(({ userId }) => userId)).toEqual(['me', 'newer', 'older', 'seen']);
  expect(rings.map(({ seen }) => seen)).toEqual([true, false, false, true]);
});

it('within a ring the oldest is shown first', () => {
  const [first, second] = [story('a'), story('a')];
  expect(ringsOf([second, first], 'me')[0]?.stories).toEqual([first, second]);
});
