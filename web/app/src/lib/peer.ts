/**
 * Sound and picture between two browsers: one `RTCPeerConnection`, its offers, answers and candidates.
 *
 * Who dialled offers, so the two never offer at the same time; who was called only answers.
 */
import type { CallSignalKind } from '@chatcluster/sdk';

/** How long a broken connection may mend by itself before new ways are looked for. */
const MEND_MS = 4_000;

export type PeerState = 'connecting' | 'connected' | 'broken';

export interface PeerOptions {
  iceServers: RTCIceServer[];
  /** What this side sends; may be without a picture, or silent. */
  stream: MediaStream;
  video: boolean;
  offers: boolean;
  signal(kind: CallSignalKind, data: unknown): Promise<void>;
  onState(state: PeerState): void;
  onRemote(stream: MediaStream): void;
  onError(error: unknown): void;
}

export class Peer {
  readonly #connection: RTCPeerConnection;
  readonly #remote = new MediaStream();
  /** Candidates may come before the description that they belong to. */
  #early: RTCIceCandidateInit[] = [];
  /** One signal after another: each changes what the next one finds. */
  #turn: Promise<void> = Promise.resolve();
  #mending: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: PeerOptions) {
    const connection = new RTCPeerConnection({ iceServers: options.iceServers });
    this.#connection = connection;
    const { stream } = options;
    for (const kind of options.video ? (['audio', 'video'] as const) : (['audio'] as const)) {
      const [track] = stream.getTracks().filter((one) => one.kind === kind);
      // Without a microphone or camera one can still listen and watch.
      if (track) connection.addTrack(track, stream);
      else if (options.offers) connection.addTransceiver(kind, { direction: 'recvonly' });
    }
    connection.ontrack = ({ track }) => {
      this.#remote.addTrack(track);
      options.onRemote(this.#remote);
    };
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) this.#tell('ice', candidate.toJSON());
    };
    connection.onconnectionstatechange = () => this.#follow(connection.connectionState);
  }

  /** Begins: the other side is there and listens. */
  offer(): void {
    this.#then(async () => {
      await this.#connection.setLocalDescription();
      this.#tell('offer', this.#connection.localDescription);
    });
  }

  /** Takes what the other side's browser said. */
  take(kind: CallSignalKind, data: unknown): void {
    this.#then(async () => {
      if (kind === 'ice') return this.#candidate(data as RTCIceCandidateInit);
      if (kind === 'offer' && this.options.offers) return;
      await this.#connection.setRemoteDescription(data as RTCSessionDescriptionInit);
      for (const candidate of this.#early.splice(0)) await this.#candidate(candidate);
      if (kind !== 'offer') return;
      await this.#connection.setLocalDescription();
      this.#tell('answer', this.#connection.localDescription);
    });
  }

  close(): void {
    clearTimeout(this.#mending);
    this.#connection.onconnectionstatechange = null;
    this.#connection.onicecandidate = null;
    this.#connection.close();
  }

  async #candidate(candidate: RTCIceCandidateInit): Promise<void> {
    if (this.#connection.remoteDescription) await this.#connection.addIceCandidate(candidate);
    else this.#early.push(candidate);
  }

  #follow(state: RTCPeerConnectionState): void {
    clearTimeout(this.#mending);
    if (state === 'connected') this.options.onState('connected');
    else if (state === 'disconnected' || state === 'failed') {
      this.options.onState('broken');
      const wait = state === 'failed' ? 0 : MEND_MS;
      if (this.options.offers) this.#mending = setTimeout(() => this.#restart(), wait);
    } else if (state === 'connecting') this.options.onState('connecting');
  }

  #restart(): void {
    this.#connection.restartIce();
    this.offer();
  }

  #then(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(work).catch((error: unknown) => {
      if (this.#connection.connectionState !== 'closed') this.options.onError(error);
    });
  }

  /** What gets lost while the socket reconnects is said anew by the next restart. */
  #tell(kind: CallSignalKind, data: unknown): void {
    this.options.signal(kind, data).catch(() => {});
  }
}
