/** The socket, cut to what the client needs, so that tests can put a fake in its place. */
import { io, type Socket } from 'socket.io-client';

import { ChatError, unwrapAck } from './errors.js';

export interface TransportHandlers {
  connected(): void;
  /** `willRetry` is false when the transport gave up and waits for `connect`. */
  disconnected(reason: string, willRetry: boolean): void;
  /** The gateway refused the handshake with one of its fixed sentences. */
  refused(message: string): void;
  event(name: string, payload: unknown): void;
}

export interface Transport {
  readonly connected: boolean;
  listen(handlers: TransportHandlers): void;
  connect(): void;
  disconnect(): void;
  /** Emits with an ack; rejects with `disconnected`, `timeout` or the gateway's code. */
  request<T>(event: string, payload: unknown): Promise<T>;
  /** Emits what may be lost. */
  send(event: string, payload: unknown): void;
}

export interface SocketTransportOptions {
  baseUrl: string;
  /** Asked at each (re)connect, so a refreshed token is used. */
  token(): string | null;
  transports?: ('websocket' | 'polling')[];
  ackTimeoutMs?: number;
}

export class SocketTransport implements Transport {
  readonly #socket: Socket;
  readonly #ackTimeoutMs: number;
  readonly #waiting = new Set<(error: ChatError) => void>();
  /** Set while `connect` closes the old connection: that end is not one to recover from. */
  #restarting = false;

  constructor(options: SocketTransportOptions) {
    this.#ackTimeoutMs = options.ackTimeoutMs ?? 10_000;
    this.#socket = io(`${options.baseUrl}/chat`, {
      path: '/socket.io',
      autoConnect: false,
      forceNew: true,
      transports: options.transports ?? ['websocket', 'polling'],
      tryAllTransports: true,
      auth: (give) => give({ token: options.token(), dialect: 'native' }),
      reconnectionDelay: 500,
      reconnectionDelayMax: 5_000,
      randomizationFactor: 0.5,
    });
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  listen(handlers: TransportHandlers): void {
    this.#socket.on('connect', () => handlers.connected());
    this.#socket.on('disconnect', (reason) => {
      for (const reject of [...this.#waiting]) reject(disconnected());
      handlers.disconnected(reason, this.#socket.active || this.#restarting);
    });
    this.#socket.on('connect_error', (error) => {
      // An inactive socket was refused by the namespace; an active one only failed to get there.
      if (this.#socket.active) handlers.disconnected(error.message, true);
      else handlers.refused(error.message);
    });
    this.#socket.onAny((name: string, payload: unknown) => handlers.event(name, payload));
  }

  connect(): void {
    // `connect` on the namespace alone would wait for a running back-off of the manager.
    this.#restarting = true;
    this.#socket.disconnect();
    this.#restarting = false;
    this.#socket.connect();
  }

  disconnect(): void {
    this.#socket.disconnect();
  }

  request<T>(event: string, payload: unknown): Promise<T> {
    // socket.io would buffer while offline; the outbox is our buffer, everything else should fail now.
    if (!this.#socket.connected) return Promise.reject(disconnected());
    return new Promise<T>((resolve, reject) => {
      const fail = (error: ChatError) => {
        this.#waiting.delete(fail);
        reject(error);
      };
      this.#waiting.add(fail);
      this.#socket
        .timeout(this.#ackTimeoutMs)
        .emit(event, payload, (timeout: Error | null, ack: unknown) => {
          if (!this.#waiting.delete(fail)) return;
          if (timeout)
            return reject(new ChatError('timeout', 'The server took too long to answer'));
          try {
            resolve(unwrapAck<T>(ack));
          } catch (error) {
            reject(error);
          }
        });
    });
  }

  send(event: string, payload: unknown): void {
    if (this.#socket.connected) this.#socket.emit(event, payload);
  }
}

function disconnected(): ChatError {
  return new ChatError('disconnected', 'Not connected to the server');
}
