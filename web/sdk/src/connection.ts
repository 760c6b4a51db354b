/**
 * Stays connected: answers refused handshakes, server disconnects, drains and expiring tokens.
 * The transport retries by itself while it can; this decides when it can't.
 */
import { retryDelayMs } from './backoff.js';
import { isObject, toChatError } from './errors.js';
import type { SessionKeeper } from './session.js';
import type { Transport } from './transport.js';

/** `draining` is still connected: the gateway shuts down and the client moves on in a moment. */
export type ConnectionState = 'stopped' | 'connecting' | 'online' | 'draining' | 'reconnecting';

/** Handshake refusals that a new token may cure. */
const RENEWABLE = new Set(['No token provided', 'Invalid token', 'Token expired']);
/** Handshake refusals that end the session, and the code the page is told. */
const FATAL: Record<string, string> = {
  'Session revoked': 'session_revoked',
  'User not found': 'user_not_found',
  'Account banned': 'account_banned',
};
const BACKOFF = { baseMs: 1_000, maxMs: 20_000 };
/** A connection that lived this long makes the next trouble a first one. */
const STABLE_MS = 10_000;
const DRAIN_MAX_MS = 60_000;
/** Timers hold 31 bits. */
const TIMER_MAX_MS = 2_000_000_000;

export interface ConnectionOptions {
  transport: Transport;
  session: SessionKeeper;
  onState(state: ConnectionState): void;
  /** Connected: `first` is false after an interruption. */
  onOnline(first: boolean): void;
  onOffline(): void;
  onEvent(name: string, payload: unknown): void;
  onSessionEnd(code: string): void;
}

export class Connection {
  #state: ConnectionState = 'stopped';
  #wasOnline = false;
  #onlineSince = 0;
  #attempt = 0;
  #renewedForHandshake = false;
  /** While a new token is fetched nothing connects with the old one. */
  #renewing = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #refresh: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: ConnectionOptions) {
    options.transport.listen({
      connected: () => this.#connected(),
      disconnected: (_reason, willRetry) => this.#disconnected(willRetry),
      refused: (message) => void this.#refused(message),
      event: (name, payload) => this.#event(name, payload),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  start(): void {
    this.#wasOnline = false;
    this.#attempt = 0;
    this.#renewedForHandshake = false;
    this.#set('connecting');
    this.#scheduleRefresh();
    this.options.transport.connect();
  }

  stop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#refresh);
    this.#set('stopped');
    this.options.transport.disconnect();
  }

  /** The network is back or the page is visible again: don't wait for the back-off. */
  wake(): void {
    if (this.#state === 'stopped') return;
    const { transport } = this.options;
    if (!transport.connected) {
      this.#connectIn(0);
      return;
    }
    // After a sleep the socket looks alive until its heartbeat fails; a ping finds out sooner.
    transport.request('ping', {}).catch((cause: unknown) => {
      if (toChatError(cause).code === 'timeout') this.#connectIn(0);
    });
  }

  #connected(): void {
    if (this.#state === 'stopped') return;
    const first = !this.#wasOnline;
    this.#wasOnline = true;
    this.#onlineSince = Date.now();
    this.#renewedForHandshake = false;
    clearTimeout(this.#retry);
    this.#set('online');
    this.options.onOnline(first);
  }

  #disconnected(willRetry: boolean): void {
    if (this.#state === 'stopped') return;
    const wasOnline = this.#state === 'online' || this.#state === 'draining';
    this.#set(this.#wasOnline ? 'reconnecting' : 'connecting');
    if (wasOnline) {
      if (Date.now() - this.#onlineSince > STABLE_MS) this.#attempt = 0;
      this.options.onOffline();
    }
    if (!willRetry) this.#retryLater();
  }

  async #refused(message: string): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#set(this.#wasOnline ? 'reconnecting' : 'connecting');
    const fatal = FATAL[message];
    if (fatal) return this.options.onSessionEnd(fatal);
    if (!RENEWABLE.has(message)) return this.#retryLater();
    if (this.#renewedForHandshake) return this.options.onSessionEnd('invalid_token');
    await this.#renewAndConnect();
  }

  #event(name: string, payload: unknown): void {
    if (name === 'server.draining') {
      const hint = isObject(payload) ? Number(payload.reconnectInMs) : 0;
      const delay = Number.isFinite(hint) ? Math.min(Math.max(hint, 0), DRAIN_MAX_MS) : 0;
      if (this.#state === 'online') this.#set('draining');
      this.#connectIn(delay);
    } else if (name === 'session.expired') {
      void this.#renewAndConnect();
    } else if (name === 'session.revoked') {
      this.options.onSessionEnd('session_revoked');
    } else {
      this.options.onEvent(name, payload);
    }
  }

  async #renewAndConnect(): Promise<void> {
    if (this.#renewing) return;
    this.#renewing = true;
    clearTimeout(this.#retry);
    try {
      await this.options.session.refresh();
      this.#renewedForHandshake = true;
    } catch {
      // A refused refresh ended the session through `SessionKeeper.onLost`; anything else is tried again.
      this.#renewing = false;
      return this.#retryLater();
    }
    this.#renewing = false;
    if (this.#state === 'stopped') return;
    this.#scheduleRefresh();
    this.#connectIn(0);
  }

  #retryLater(): void {
    if (this.#renewing) return;
    this.#attempt++;
    this.#connectIn(retryDelayMs(BACKOFF, this.#attempt, Math.random()));
  }

  #connectIn(delayMs: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#state !== 'stopped') this.options.transport.connect();
    }, delayMs);
  }

  /** Refreshes ahead of the expiry, so that a live socket never sees it. */
  #scheduleRefresh(delayMs = this.options.session.refreshInMs()): void {
    clearTimeout(this.#refresh);
    if (this.#state === 'stopped') return;
    this.#refresh = setTimeout(() => void this.#refreshNow(), Math.min(delayMs, TIMER_MAX_MS));
  }

  async #refreshNow(): Promise<void> {
    const { session, transport } = this.options;
    if (session.refreshInMs() > 0) return this.#scheduleRefresh();
    try {
      const { accessToken } = await session.refresh();
      this.#scheduleRefresh();
      await transport.request('session.refresh', { token: accessToken });
    } catch (cause) {
      // Offline: the next handshake carries the token anyway.
      if (toChatError(cause).code !== 'disconnected') this.#scheduleRefresh(30_000);
    }
  }

  #set(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.options.onState(state);
  }
}
