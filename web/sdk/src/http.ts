/** JSON over `fetch`: bearer token, one refresh on 401, bounded retries of reads, problem+json as `ChatError`. */
import { retryDelayMs } from './backoff.js';
import { ChatError, fromProblem } from './errors.js';

const TIMEOUT_MS = 15_000;
const READ_RETRIES = 2;
const BACKOFF = { baseMs: 400, maxMs: 5_000 };

export interface Bearer {
  /** The token to send, or null when signed out. */
  token(): string | null;
  /** Gets a new token after the old one was refused. */
  renew(): Promise<void>;
}

export interface HttpOptions {
  /** Origin of the gateway, without a trailing slash; empty for the page's own. */
  baseUrl: string;
  bearer: Bearer;
  fetch?: typeof fetch;
}

export interface HttpRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  query?: Record<string, string | number | undefined>;
  /** Sent as JSON, or as it is when it is a form. */
  body?: unknown;
  /** `blob` for the bytes of a file. */
  answer?: 'json' | 'blob';
  timeoutMs?: number;
  /** False for the routes that need no token. */
  auth?: boolean;
}

/** Codes of a 401 that a new token may cure; a revoked session or a wrong password is not among them. */
const RENEWABLE = new Set(['unauthenticated', 'invalid_token', 'token_expired']);

export class Http {
  readonly #fetch: typeof fetch;

  constructor(private readonly options: HttpOptions) {
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  async request<T>(path: string, request: HttpRequest = {}): Promise<T> {
    const isRead = (request.method ?? 'GET') === 'GET';
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once<T>(path, request);
      } catch (error) {
        if (!(error instanceof ChatError)) throw error;
        const renewable = request.auth !== false && error.status === 401;
        if (renewable && !renewed && RENEWABLE.has(error.code)) {
          renewed = true;
          await this.options.bearer.renew();
          continue;
        }
        if (!isRead || !error.retryable || attempt > READ_RETRIES) throw error;
        await wait(retryDelayMs(BACKOFF, attempt, Math.random(), error.retryAfterMs));
      }
    }
  }

  async #once<T>(path: string, request: HttpRequest): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json' };
    const token = request.auth === false ? null : this.options.bearer.token();
    if (token) headers.Authorization = `Bearer ${token}`;
    const form = request.body instanceof FormData ? request.body : null;
    if (request.body !== undefined && !form) headers['Content-Type'] = 'application/json';
    let response: Response;
    let body: unknown = null;
    try {
      response = await this.#fetch(this.options.baseUrl + path + queryString(request.query), {
        method: request.method ?? 'GET',
        headers,
        body: form ?? (request.body === undefined ? null : JSON.stringify(request.body)),
        credentials: 'omit',
        signal: AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS),
      });
      const file = response.ok && request.answer === 'blob';
      body = file ? await response.blob() : await readJson(response);
    } catch (cause) {
      const timedOut = cause instanceof Error && cause.name === 'TimeoutError';
      throw timedOut
        ? new ChatError('timeout', 'The server took too long to answer')
        : new ChatError('network', 'The server could not be reached');
    }
    if (!response.ok) throw fromProblem(response.status, body, response.headers.get('Retry-After'));
    return body as T;
  }
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

function queryString(query: HttpRequest['query'] = {}): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) params.set(key, String(value));
  }
  const text = params.toString();
  return text && `?${text}`;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
