/** The stories of friends and the user's own, kept fresh by the gateway's events. */
import type { Story, StoryNews } from '@chatcluster/sdk';

import { chat } from './chat.svelte';
import { displayName } from './people';
import { ringsOf, type Ring } from './rings';

/** Several events at once ask once. */
const GATHER_MS = 300;
/** After a lost connection not everybody asks at once. */
const SPREAD_MS = 8_000;

class Stories {
  all = $state.raw<Story[]>([]);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #loaded = false;

  constructor() {
    const { client } = chat;
    client.on('story', (news) => this.#heard(news));
    client.on('friends', () => this.#soon(GATHER_MS));
    client.on('connection', (state) => {
      if (state === 'online') this.#soon(this.#loaded ? Math.random() * SPREAD_MS : 0);
    });
    client.on('signedOut', () => this.clear());
  }

  rings(selfId: string): Ring[] {
    return ringsOf(
      this.all.filter(({ expiresAt }) => Date.parse(expiresAt) > chat.now),
      selfId,
    );
  }

  async load(): Promise<void> {
    const found = await chat.client.rest.stories();
    for (const { userId } of found) chat.client.needName(userId);
    this.all = found;
    this.#loaded = true;
  }

  /** Changes one here at once; the gateway's word follows. */
  patch(id: string, change: (story: Story) => Story): void {
    this.all = this.all.map((story) => (story.id === id ? change(story) : story));
  }

  /** Counts a look, once. */
  async saw(story: Story): Promise<void> {
    if (story.viewedByMe) return;
    this.patch(story.id, (seen) => ({ ...seen, viewedByMe: true }));
    // A look that was not counted costs nobody anything.
    await chat.client.rest.viewStory(story.id).catch(() => {});
  }

  async like(story: Story): Promise<void> {
    const liked = !story.likedByMe;
    const by = liked ? 1 : -1;
    const set = (likedByMe: boolean, change: number) =>
      this.patch(story.id, (s) => ({ ...s, likedByMe, likeCount: s.likeCount + change }));
    set(liked, by);
    if (!(await chat.attempt(() => chat.client.rest.likeStory(story.id, liked)))) set(!liked, -by);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.all = [];
    this.#loaded = false;
  }

  #heard({ what, userId }: StoryNews): void {
    if (what === 'liked' || what === 'commented') {
      const who = chat.client.user(userId);
      if (who && userId !== chat.self?.id)
        chat.say(`${displayName(who)} ${what === 'liked' ? 'liked' : 'commented on'} your story.`);
    }
    this.#soon(GATHER_MS);
  }

  #soon(waitMs: number): void {
    clearTimeout(this.#timer);
    // What can't be read now is read with the next event or connection.
    this.#timer = setTimeout(() => chat.self && this.load().catch(() => {}), waitMs);
  }
}

export const stories = new Stories();
