/** Calls as reactive state: the SDK's signalling, this device's microphone and camera, and the peer connection. */
import {
  ChatError,
  type CallEnd,
  type CallMedia,
  type CallSignal,
  type CurrentCall,
  type IncomingCall,
} from '@chatcluster/sdk';
import { createSubscriber } from 'svelte/reactivity';

import { chat } from './chat.svelte';
import { Peer, type PeerState } from './peer';
import { wordsFor } from './wording';

const GOODBYES: Partial<Record<CallEnd, string>> = {
  refused: 'The call was declined.',
  missed: 'Nobody answered.',
  unavailable: 'They’re not online right now.',
  busy: 'There is a call in this conversation already.',
  elsewhere: 'The call goes on at your other device.',
};

class CallState {
  readonly #changes = createSubscriber((update) => chat.client.on('calls', update));

  /** What this device sends; null between calls. */
  local = $state.raw<MediaStream | null>(null);
  remote = $state.raw<MediaStream | null>(null);
  link = $state<PeerState>('connecting');
  muted = $state(false);
  cameraOff = $state(false);
  /** Since when both sides are connected, Unix milliseconds. */
  connectedAt = $state<number | null>(null);
  /** Asking for the microphone, before anything rings. */
  preparing = $state(false);
  #peer: Peer | null = null;
  #early: CallSignal[] = [];

  constructor() {
    const { client } = chat;
    client.on('calls', () => {
      const call = client.calls.current;
      if (call?.outgoing && call.phase === 'ongoing' && !this.#peer) void this.#connect(call);
    });
    client.on('callSignal', (signal) => this.#heard(signal));
    client.on('callEnded', ({ reason }) => {
      this.#release();
      const words = GOODBYES[reason];
      if (words) chat.say(words);
    });
    addEventListener('pagehide', () => client.calls.abandon());
  }

  get current(): CurrentCall | null {
    this.#changes();
    return chat.client.calls.current;
  }

  /** What rings and may be answered here; a group's calls are for other clients. */
  get incoming(): IncomingCall[] {
    this.#changes();
    return chat.client.calls.incoming.filter(
      ({ roomId }) => chat.client.room(roomId)?.type !== 'group',
    );
  }

  get hasCamera(): boolean {
    return (this.local?.getVideoTracks().length ?? 0) > 0;
  }

  async start(roomId: string, media: CallMedia): Promise<void> {
    if (this.preparing) return;
    if (this.current) return chat.say('Hang up first: you’re in a call.');
    if (!(await this.#listen(media))) return;
    try {
      await chat.client.calls.start(roomId, media);
    } catch (error) {
      this.#release();
      const going = error instanceof ChatError && error.code === 'call_busy';
      if (going) await this.#occupied(roomId, media);
      else chat.say(wordsFor(error));
    }
  }

  async answer({ id, media }: IncomingCall): Promise<void> {
    if (this.preparing) return;
    if (this.current) await this.hangUp();
    if (!(await this.#listen(media))) return;
    try {
      // Whoever called may have given up while the browser asked for the microphone.
      await chat.client.calls.answer(id);
      const call = chat.client.calls.current;
      if (call?.id === id) await this.#connect(call);
    } catch (error) {
      this.#release();
      chat.say(wordsFor(error));
    }
  }

  async refuse({ id }: IncomingCall): Promise<void> {
    await chat.attempt(() => chat.client.calls.refuse(id));
  }

  async hangUp(): Promise<void> {
    this.#release();
    await chat.attempt(() => chat.client.calls.close());
  }

  toggleMute(): void {
    this.muted = !this.muted;
    for (const track of this.local?.getAudioTracks() ?? []) track.enabled = !this.muted;
  }

  toggleCamera(): void {
    this.cameraOff = !this.cameraOff;
    for (const track of this.local?.getVideoTracks() ?? []) track.enabled = !this.cameraOff;
  }

  /** A window that crashed may have left its call open: whoever takes part in it may end it from here. */
  async #occupied(roomId: string, media: CallMedia): Promise<void> {
    const { client, self } = chat;
    const page = await client.rest.roomCalls(roomId, 1).catch(() => null);
    const live = page?.data.find(({ state }) => state === 'ongoing');
    const mine = live?.participants.some((p) => p.userId === self?.id && p.state === 'joined');
    if (!live || !mine) return chat.say(GOODBYES.busy ?? '');
    const again = async () => {
      if (await chat.attempt(() => client.calls.end(live.id))) await this.start(roomId, media);
    };
    const words = 'You’re in a call here at another device, or it was left open.';
    chat.say(words, () => void again(), 'End it and call');
  }

  /** Opens the microphone and camera; says why when it can't. */
  async #listen(media: CallMedia): Promise<boolean> {
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    if (!devices || !('RTCPeerConnection' in globalThis)) {
      chat.say('Calls need a secure connection (https) and a browser with WebRTC.');
      return false;
    }
    this.preparing = true;
    try {
      this.local = await openDevices(devices, media);
      return true;
    } catch (error) {
      const refused = error instanceof DOMException && error.name === 'NotAllowedError';
      chat.say(
        refused
          ? 'The browser does not let the page use the microphone. Allow it and call again.'
          : 'No microphone was found.',
      );
      return false;
    } finally {
      this.preparing = false;
    }
  }

  async #connect(call: CurrentCall): Promise<void> {
    if (!this.local) return;
    const stream = this.local;
    const { iceServers } = await chat.client.rest.iceServers().catch(() => ({ iceServers: [] }));
    // Hung up meanwhile.
    if (chat.client.calls.current?.id !== call.id || this.local !== stream) return;
    this.#peer = new Peer({
      iceServers,
      stream,
      video: call.media === 'video',
      offers: call.outgoing,
      signal: (kind, data) => chat.client.calls.signal(kind, data),
      onRemote: (remote) => (this.remote = remote),
      onState: (state) => {
        this.link = state;
        if (state === 'connected') this.connectedAt ??= Date.now();
      },
      onError: () => chat.say('The connection to the other side failed.'),
    });
    for (const { kind, data } of this.#early.splice(0)) this.#peer.take(kind, data);
    if (call.outgoing) this.#peer.offer();
  }

  #heard(signal: CallSignal): void {
    if (signal.fromUserId !== chat.client.calls.current?.peerId) return;
    if (this.#peer) this.#peer.take(signal.kind, signal.data);
    // The offer may be here before the relays' addresses are.
    else this.#early.push(signal);
  }

  #release(): void {
    this.#peer?.close();
    this.#peer = null;
    this.#early = [];
    for (const track of this.local?.getTracks() ?? []) track.stop();
    this.local = null;
    this.remote = null;
    this.link = 'connecting';
    this.connectedAt = null;
    this.muted = false;
    this.cameraOff = false;
  }
}

/** A video call without a camera is still a call. */
async function openDevices(devices: MediaDevices, media: CallMedia): Promise<MediaStream> {
  if (media === 'video') {
    try {
      return await devices.getUserMedia({ audio: true, video: { facingMode: 'user' } });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') throw error;
    }
  }
  return devices.getUserMedia({ audio: true });
}

export const calls = new CallState();
