/**
 * The calls of this device: which ring, which one it is in, and what the gateway says of them.
 *
 * Only signalling: sound and picture go from browser to browser, see what listens to `callSignal`. Every device of a
 * user hears everything; what concerns a call that another device took is dropped here.
 */
import { ChatError, isObject } from './errors.js';
import type { RestApi } from './rest.js';
import type { Transport } from './transport.js';
import type { Call, CallMedia, CallSignal, CallSignalKind, CallState, UserRef } from './types.js';

/** Somebody calls; gone when it is answered anywhere, refused, taken back or rings out. */
export interface IncomingCall {
  id: string;
  roomId: string;
  media: CallMedia;
  from: UserRef;
  /** Unix milliseconds. */
  ringsUntil: number;
}

/** The call that this device is in. */
export interface CurrentCall {
  /** Absent until the gateway gave it one. */
  id: string | null;
  roomId: string;
  media: CallMedia;
  /** Who dialled is who offers. */
  outgoing: boolean;
  /** The other side, once it is known. */
  peerId: string | null;
  phase: 'dialling' | 'ongoing';
}

export type CallEnd =
  | Exclude<CallState, 'ringing' | 'ongoing'>
  | 'busy'
  /** It goes on at another of the user's devices. */
  | 'elsewhere';

export interface CallsOptions {
  rest: RestApi;
  transport: Transport;
  selfId(): string | null;
  onChange(): void;
  onEnd(call: CurrentCall, reason: CallEnd): void;
  onSignal(signal: CallSignal): void;
}

interface OfCall {
  callId: string;
  call?: Call;
  by?: string;
  state?: string;
  reason?: string;
}

/** What a browser's clock may lie behind the gateway's before a ring is cut short. */
const CLOCK_SLACK_MS = 2_000;
const RING_MAX_MS = 60_000;

export class Calls {
  #incoming: IncomingCall[] = [];
  #current: CurrentCall | null = null;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** What came between dialling and the answer that says which call it is. */
  #early: { name: string; payload: OfCall }[] = [];

  constructor(private readonly options: CallsOptions) {}

  get incoming(): readonly IncomingCall[] {
    return this.#incoming;
  }

  get current(): CurrentCall | null {
    return this.#current;
  }

  /** Rings the other member of a dm. */
  async start(roomId: string, media: CallMedia): Promise<void> {
    if (this.#current) throw new ChatError('call_busy', 'There is a call already');
    const call: CurrentCall = {
      id: null,
      roomId,
      media,
      outgoing: true,
      peerId: null,
      phase: 'dialling',
    };
    this.#set(call);
    this.#early = [];
    try {
      const { callId } = await this.options.transport.request<{ callId: string }>('call.initiate', {
        roomId,
        media,
      });
      // Hung up while the gateway was asked: then it must stop ringing there.
      if (!this.#isIn(call)) return this.options.transport.send('call.close', { callId });
      this.#set({ ...call, id: callId });
    } catch (error) {
      if (this.#isIn(call)) this.#set(null);
      throw error;
    }
    for (const { name, payload } of this.#early.splice(0)) this.handle(name, payload);
  }

  /** Takes an incoming call; one that this device was in ends. */
  async answer(callId: string): Promise<void> {
    const ring = this.#incoming.find(({ id }) => id === callId);
    if (!ring) throw new ChatError('call_ended', 'This call is over');
    await this.close();
    const { roomId, media, from } = ring;
    const call: CurrentCall = {
      id: callId,
      roomId,
      media,
      outgoing: false,
      peerId: from.id,
      phase: 'ongoing',
    };
    this.#silence(callId);
    this.#set(call);
    try {
      await this.options.transport.request('call.answer', { callId });
    } catch (error) {
      if (this.#isIn(call)) this.#set(null);
      throw error;
    }
  }

  async refuse(callId: string): Promise<void> {
    this.#silence(callId);
    this.options.onChange();
    await this.options.transport.request('call.refuse', { callId });
  }

  /** Hangs up, or takes back what still rings. Over at once here, whatever the connection says. */
  async close(): Promise<void> {
    const call = this.#current;
    if (!call) return;
    this.#end(call, call.phase === 'dialling' ? 'cancelled' : 'ended');
    if (call.id) await this.end(call.id);
  }

  /** Ends a call that the user takes part in, also one of another device. */
  async end(callId: string): Promise<void> {
    try {
      await this.options.transport.request('call.close', { callId });
    } catch (error) {
      // Both sides may hang up at once.
      if (!(error instanceof ChatError) || error.code !== 'call_ended') throw error;
    }
  }

  /** The page goes away: said without waiting for an answer. */
  abandon(): void {
    const call = this.#current;
    if (!call?.id) return;
    this.options.transport.send('call.close', { callId: call.id });
    this.#end(call, 'ended');
  }

  async signal(kind: CallSignalKind, data: unknown): Promise<void> {
    const call = this.#current;
    if (!call?.id || !call.peerId) return;
    const payload = { callId: call.id, kind, data, toUserId: call.peerId };
    await this.options.transport.request('call.signal', payload);
  }

  /** Connected again: what happened to the calls meanwhile was not heard. */
  async recheck(): Promise<void> {
    const ids = [this.#current?.id, ...this.#incoming.map(({ id }) => id)];
    for (const id of ids) {
      if (!id) continue;
      const call = await this.options.rest.call(id);
      if (call.state === 'ongoing' && this.#incoming.some((ring) => ring.id === id)) {
        this.#silence(id);
        this.options.onChange();
      }
      this.#follow(call);
    }
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#incoming = [];
    this.#early = [];
    this.#set(null);
  }

  /** Takes one `call.*` event. */
  handle(name: string, payload: unknown): void {
    if (!isObject(payload) || typeof payload.callId !== 'string') return;
    if (name === 'call.ringing') return this.#ring(payload as never);
    const event = payload as unknown as OfCall;
    const current = this.#current;
    if (current && !current.id && name !== 'call.signal') {
      this.#early.push({ name, payload: event });
    }
    if (name === 'call.signal') {
      // Other devices of the user hear the signals too.
      if (current?.id === event.callId) this.options.onSignal(payload as never);
      return;
    }
    if (name === 'call.unavailable') {
      const busy = event.reason === 'busy';
      if (current?.id === event.callId) this.#end(current, busy ? 'busy' : 'unavailable');
      return;
    }
    const self = this.options.selfId();
    if (name === 'call.answered' && event.by) {
      if (event.by === self && this.#silence(event.callId)) this.options.onChange();
      else if (event.by !== self && current?.id === event.callId && current.phase === 'dialling')
        this.#set({ ...current, phase: 'ongoing', peerId: event.by });
    }
    if (name === 'call.refused' && event.by === self && this.#silence(event.callId))
      this.options.onChange();
    if (name === 'call.state' && event.state === 'answered_elsewhere') {
      if (this.#silence(event.callId)) this.options.onChange();
      else if (current?.id === event.callId) this.#end(current, 'elsewhere');
    }
    if (event.call) this.#follow(event.call);
  }

  #ring(event: {
    callId: string;
    roomId: string;
    media: CallMedia;
    from: UserRef;
    expiresAt: string;
  }): void {
    if (event.from.id === this.options.selfId()) return;
    if (this.#incoming.some(({ id }) => id === event.callId)) return;
    const left = Date.parse(event.expiresAt) - Date.now() + CLOCK_SLACK_MS;
    // A clock that is wrong by more than a ring's length is no reason not to ring.
    const ringMs = left > 0 && left < RING_MAX_MS ? left : RING_MAX_MS;
    const { callId: id, roomId, media, from } = event;
    this.#incoming = [
      ...this.#incoming,
      { id, roomId, media, from, ringsUntil: Date.now() + ringMs },
    ];
    this.#timers.set(
      id,
      setTimeout(() => this.#silence(id) && this.options.onChange(), ringMs),
    );
    this.options.onChange();
  }

  /** What the gateway says of a call that is over. */
  #follow(call: Call): void {
    if (call.state === 'ringing' || call.state === 'ongoing') return;
    if (this.#silence(call.id)) this.options.onChange();
    const current = this.#current;
    if (current?.id === call.id) this.#end(current, call.state);
  }

  #isIn(call: CurrentCall): boolean {
    return this.#current === call;
  }

  #silence(callId: string): boolean {
    clearTimeout(this.#timers.get(callId));
    this.#timers.delete(callId);
    const before = this.#incoming.length;
    this.#incoming = this.#incoming.filter(({ id }) => id !== callId);
    return this.#incoming.length < before;
  }

  #end(call: CurrentCall, reason: CallEnd): void {
    this.#set(null);
    this.options.onEnd(call, reason);
  }

  #set(call: CurrentCall | null): void {
    if (this.#current === null && call === null) return;
    this.#current = call;
    this.options.onChange();
  }
}
