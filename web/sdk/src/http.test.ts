import { beforeEach, describe, expect, it } from 'vitest';

import { Http } from './http.js';
import { json, problem } from './testing/fake-gateway.js';

let answers: (Response | Error)[];
let requests: { url: string; init: RequestInit }[];
let renewals: number;

const http = () =>
  new Http({
    baseUrl: '',
    bearer: {
      token: () => `token-${renewals}`,
      renew: async () => void renewals++,
    },
    fetch: async (url, init) => {
      requests.push({ url: String(url), init: init ?? {} });
      const answer = answers.shift() ?? json({});
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });

const tokens = () =>
  requests.map(({ init }) => (init.headers as Record<string, string>).Authorization);

beforeEach(() => {
  answers = [];
  requests = [];
  renewals = 0;
});

describe('Http', () => {
  it('renews a refused token once and sends the request again', async () => {
    answers = [problem(401, 'token_expired'), json({ ok: true })];
    await expect(http().request('/x')).resolves.toEqual({ ok: true });
    expect(tokens()).toEqual(['Bearer token-0', 'Bearer token-1']);
  });

  it('gives up when the new token is refused too', async () => {
    answers = [problem(401, 'invalid_token'), problem(401, 'invalid_token')];
    await expect(http().request('/x')).rejects.toMatchObject({ code: 'invalid_token' });
    expect(renewals).toBe(1);
  });

  it('takes a wrong password for just that', async () => {
    answers = [problem(401, 'invalid_credentials')];
    const login = http().request('/login', { method: 'POST', body: {}, auth: false });
    await expect(login).rejects.toMatchObject({ code: 'invalid_credentials', status: 401 });
    expect(renewals).toBe(0);
    expect(tokens()).toEqual([undefined]);
  });

  it('repeats a read that met a passing failure, never a write', async () => {
    answers = [problem(503, 'unavailable'), json({ ok: true })];
    await expect(http().request('/x')).resolves.toEqual({ ok: true });
    answers = [problem(503, 'unavailable')];
    await expect(http().request('/x', { method: 'POST', body: {} })).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(requests).toHaveLength(3);
  });

  it('reads Retry-After and names a failure of the network', async () => {
    answers = [problem(429, 'rate_limited', { 'Retry-After': '7' })];
    const limited = http().request('/x', { method: 'POST', body: {} });
    await expect(limited).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 7000 });
    answers = [new TypeError('Failed to fetch')];
    const lost = http().request('/x', { method: 'POST', body: {} });
    await expect(lost).rejects.toMatchObject({ code: 'network', retryable: true });
  });

  it("understands a proxy's page instead of a problem", async () => {
    answers = [new Response('<html>Bad gateway</html>', { status: 502 })];
    const write = http().request('/x', { method: 'POST', body: {} });
    await expect(write).rejects.toMatchObject({ code: 'unavailable' });
  });
});
