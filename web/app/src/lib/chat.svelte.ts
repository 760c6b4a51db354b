/** The SDK's client as reactive state: a getter read in a component makes it follow the matching event. */
import {
  ChatClient,
  ChatError,
  type ConversationEntry,
  type PresenceStatus,
  type Room,
  type Thread,
  type User,
} from '@chatcluster/sdk';
import { createSubscriber } from 'svelte/reactivity';

import { dropDrafts } from './drafts';
import { settings } from './settings.svelte';
import { wordsFor, wordsForCode } from './wording';

const TOAST_MS = 6_000;
/** The SDK's own key; another tab that changes it has signed in or out. */
const SESSION_KEY = 'chatcluster.session';

export interface Toast {
  text: string;
  retry?: () => void;
  /** What the button says. */
  label: string;
}

class Chat {
  readonly client = new ChatClient();

  self = $state.raw<User | null>(null);
  /** Whether a stored session was looked for. */
  ready = $state(false);
  /** Whether the browser believes that it has a network. */
  networkUp = $state(navigator.onLine);
  /** Why the session ended, for the sign-in form. */
  goodbye = $state<string | null>(null);
  toast = $state.raw<Toast | null>(null);
  /** The clock of relative times. */
  now = $state(Date.now());

  readonly #rooms = createSubscriber((update) => this.client.on('rooms', update));
  readonly #people = createSubscriber((update) => this.client.on('people', update));
  readonly #presence = createSubscriber((update) => this.client.on('presence', update));
  readonly #connection = createSubscriber((update) => this.client.on('connection', update));
  #toastTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    this.client.on('signedOut', ({ code }) => {
      this.goodbye = wordsForCode(code, 'Your session ended. Please sign in again.');
      this.self = null;
      settings.forgetPerson();
    });
    this.client.on('error', (error) => this.say(wordsFor(error)));
    this.client.on('connection', (state) => {
      if (state === 'online') this.#tellStatus();
    });
    setInterval(() => (this.now = Date.now()), 30_000);
    addEventListener('online', () => {
      this.networkUp = true;
      this.client.wake();
    });
    addEventListener('offline', () => (this.networkUp = false));
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.client.wake();
    });
    addEventListener('storage', (event) => this.#otherTab(event));
  }

  async start(): Promise<void> {
    try {
      this.self = await this.client.restore();
    } finally {
      this.ready = true;
    }
  }

  async login(login: string, password: string): Promise<void> {
    this.self = await this.client.login(login, password);
    this.goodbye = null;
  }

  async register(input: { username: string; email: string; password: string }): Promise<void> {
    this.self = await this.client.register(input);
    this.goodbye = null;
  }

  async logout(): Promise<void> {
    const self = this.self;
    this.self = null;
    if (self) dropDrafts(self.id);
    settings.forgetPerson();
    await this.client.logout();
  }

  get connection() {
    this.#connection();
    return this.client.connection;
  }

  get rooms(): Room[] {
    this.#rooms();
    return this.client.rooms();
  }

  get listed(): boolean {
    this.#rooms();
    return this.client.listed;
  }

  room(id: string): Room | undefined {
    this.#rooms();
    return this.client.room(id);
  }

  user(id: string) {
    this.#people();
    return this.client.user(id);
  }

  presence(id: string) {
    this.#presence();
    return this.client.presence(id);
  }

  mentions(roomId: string): number {
    this.#rooms();
    return this.client.mentions(roomId);
  }

  /** The user's own status, here and wherever they come online again in this browser. */
  setStatus(status: PresenceStatus, activity: string): void {
    settings.set({ status, activity });
    void this.attempt(() => this.client.setPresence(status, activity));
  }

  /** Shows a sentence for a few seconds, with a button when it may be tried again. */
  say(text: string, retry?: () => void, label = 'Try again'): void {
    this.toast = retry ? { text, retry, label } : { text, label };
    clearTimeout(this.#toastTimer);
    this.#toastTimer = setTimeout(() => (this.toast = null), retry ? TOAST_MS * 2 : TOAST_MS);
  }

  hush(): void {
    this.toast = null;
  }

  /** Does something that may fail; what may succeed a moment later can be tried again from the toast. */
  async attempt(work: () => Promise<unknown>, done?: string): Promise<boolean> {
    try {
      await work();
      if (done) this.say(done);
      return true;
    } catch (error) {
      const again = error instanceof ChatError && error.retryable;
      this.say(wordsFor(error), again ? () => void this.attempt(work, done) : undefined);
      return false;
    }
  }

  /** A new connection is simply online; anything else the gateway must hear again. */
  #tellStatus(): void {
    const { status, activity } = settings.current;
    if (status === 'online' && !activity) return;
    this.client.setPresence(status, activity).catch(() => {});
  }

  #otherTab({ key, newValue }: StorageEvent): void {
    if (key !== SESSION_KEY && key !== null) return;
    if (storedUserId(newValue) !== (this.self?.id ?? null)) location.reload();
  }
}

function storedUserId(session: string | null): string | null {
  try {
    return (JSON.parse(session ?? 'null') as { user?: User } | null)?.user?.id ?? null;
  } catch {
    return null;
  }
}

export const chat = new Chat();

/** One room's conversation as reactive state. */
export class ConversationState {
  readonly #changes: () => void;
  readonly #typing: () => void;

  constructor(readonly roomId: string) {
    const follow = (event: 'conversation' | 'typing') =>
      createSubscriber((update) =>
        chat.client.on(event, (change) => {
          if (change.roomId === roomId) update();
        }),
      );
    this.#changes = follow('conversation');
    this.#typing = follow('typing');
  }

  get entries(): ConversationEntry[] {
    this.#changes();
    return chat.client.entries(this.roomId);
  }

  get loaded(): boolean {
    this.#changes();
    return chat.client.isLoaded(this.roomId);
  }

  get hasOlder(): boolean {
    this.#changes();
    return chat.client.hasOlder(this.roomId);
  }

  get hasNewer(): boolean {
    this.#changes();
    return chat.client.hasNewer(this.roomId);
  }

  get typing(): string[] {
    this.#typing();
    return chat.client.typingUsers(this.roomId);
  }
}

/** One thread as reactive state, for as long as it is on screen. */
export class ThreadState {
  readonly #thread: Thread;
  readonly #changes: () => void;

  constructor(roomId: string, rootId: string) {
    this.#thread = chat.client.thread(roomId, rootId);
    this.#changes = createSubscriber((update) =>
      chat.client.on('conversation', (change) => {
        if (change.roomId === roomId) update();
      }),
    );
  }

  get entries(): ConversationEntry[] {
    this.#changes();
    return this.#thread.entries();
  }

  get loaded(): boolean {
    this.#changes();
    return this.#thread.loaded;
  }

  get hasMore(): boolean {
    this.#changes();
    return this.#thread.hasMore;
  }

  load(): Promise<void> {
    return this.#thread.load();
  }

  loadMore(): Promise<void> {
    return this.#thread.loadMore();
  }

  close(): void {
    this.#thread.close();
  }
}
