/** Friends, requests, invitations and blocked people, kept fresh by the gateway's events. */
import type { FriendRequest, Invite, JoinRequest, Room, UserRef } from '@chatcluster/sdk';

import { chat } from './chat.svelte';
import { wordsFor } from './wording';

/** After a lost connection not everybody asks at once. */
const SPREAD_MS = 8_000;

class Social {
  friends = $state.raw<UserRef[]>([]);
  requests = $state.raw<FriendRequest[]>([]);
  invites = $state.raw<Invite[]>([]);
  blocked = $state.raw<UserRef[]>([]);
  /** Who asks to be let into the user's groups; heard of while signed in. */
  joinRequests = $state.raw<JoinRequest[]>([]);
  #loaded = false;
  /** Titles of rooms the user is only invited to. */
  readonly #invitedTo = new Map<string, Room>();

  constructor() {
    const { client } = chat;
    client.on('friends', () => this.#quietly(this.loadFriends()));
    client.on('blocks', () => this.#quietly(this.loadBlocks()));
    client.on('invite', ({ invite, room }) => {
      this.#invitedTo.set(room.id, room);
      this.invites = [invite, ...this.invites.filter(({ id }) => id !== invite.id)];
      const by = client.user(invite.invitedBy);
      chat.say(`${by?.name || 'Somebody'} invited you to ${room.title ?? 'a group'}.`);
    });
    client.on('joinRequest', (request) => {
      client.needName(request.userId);
      const others = this.joinRequests.filter(({ requestId }) => requestId !== request.requestId);
      this.joinRequests = [request, ...others];
    });
    // Whatever happened while away is not told again.
    client.on('connection', (state) => {
      if (state !== 'online') return;
      const wait = this.#loaded ? Math.random() * SPREAD_MS : 0;
      setTimeout(() => chat.self && this.#quietly(this.load()), wait);
    });
    client.on('signedOut', () => this.clear());
  }

  /** What waits for the user's answer. */
  get waiting(): number {
    return this.incoming.length + this.invites.length + this.joinRequests.length;
  }

  get incoming(): FriendRequest[] {
    return this.requests.filter(({ to }) => to.id === chat.self?.id);
  }

  get outgoing(): FriendRequest[] {
    return this.requests.filter(({ from }) => from.id === chat.self?.id);
  }

  isFriend(userId: string): boolean {
    return this.friends.some(({ id }) => id === userId);
  }

  isBlocked(userId: string): boolean {
    return this.blocked.some(({ id }) => id === userId);
  }

  requestWith(userId: string): FriendRequest | undefined {
    return this.requests.find(({ from, to }) => from.id === userId || to.id === userId);
  }

  invitedTo(roomId: string): Room | undefined {
    return this.#invitedTo.get(roomId);
  }

  async load(): Promise<void> {
    await Promise.all([this.loadFriends(), this.loadBlocks(), this.loadInvites()]);
    this.#loaded = true;
  }

  answered(request: JoinRequest): void {
    this.joinRequests = this.joinRequests.filter((other) => other !== request);
  }

  async loadFriends(): Promise<void> {
    const { rest } = chat.client;
    const [friends, requests] = await Promise.all([rest.friends(), rest.friendRequests()]);
    this.friends = friends;
    this.requests = requests.filter(({ status }) => status === 'pending');
  }

  async loadBlocks(): Promise<void> {
    this.blocked = await chat.client.rest.blocks();
  }

  async loadInvites(): Promise<void> {
    this.invites = (await chat.client.rest.invites()).filter(({ status }) => status === 'pending');
  }

  clear(): void {
    this.friends = [];
    this.requests = [];
    this.invites = [];
    this.blocked = [];
    this.joinRequests = [];
    this.#loaded = false;
    this.#invitedTo.clear();
  }

  #quietly(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (chat.self && chat.connection === 'online') chat.say(wordsFor(error));
    });
  }
}

export const social = new Social();
