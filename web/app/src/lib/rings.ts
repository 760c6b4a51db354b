/** Stories by the person they are of: one ring each. */
import type { Story } from '@chatcluster/sdk';

export interface Ring {
  userId: string;
  /** The oldest first, as they are shown. */
  stories: Story[];
  /** Whether all of them were seen. */
  seen: boolean;
}

/** The user's own ring first, then those with something new, each of them the latest first. */
export function ringsOf(stories: readonly Story[], selfId: string): Ring[] {
  const byUser = new Map<string, Story[]>();
  for (const story of [...stories].sort((a, b) => a.createdAt.localeCompare(b.createdAt))) {
    byUser.set(story.userId, [...(byUser.get(story.userId) ?? []), story]);
  }
  const rings = [...byUser].map(([userId, own]): Ring => {
    return { userId, stories: own, seen: userId === selfId || own.every((s) => s.viewedByMe) };
  });
  const rank = ({ userId, seen }: Ring) => (userId === selfId ? 0 : seen ? 2 : 1);
  const latest = (ring: Ring) => ring.stories.at(-1)?.createdAt ?? '';
  return rings.sort((a, b) => rank(a) - rank(b) || latest(b).localeCompare(latest(a)));
}
