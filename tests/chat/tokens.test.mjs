// Forged, broken and expired access tokens, over REST. The same over sockets is in handshake.test.mjs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertProblem, claims, foreignClaims, mint, people, register, rest, signingSecret } from "./client.mjs";

const me = (token) => rest("GET", "/api/v1/me", { token });
const now = () => Math.floor(Date.now() / 1000);

test("no token is unauthenticated", async () => {
  assertProblem(await rest("GET", "/api/v1/me"), 401, "unauthenticated");
});

test("a token of the algorithm none is refused, with and without a signature", async () => {
  const account = await register();
  for (const alg of ["none", "None", "NONE", ""]) {
    const unsigned = mint(claims(account.accessToken), { secret: null, header: { alg, typ: "JWT" } });
    assertProblem(await me(unsigned), 401, "invalid_token");
    assertProblem(await me(unsigned + account.accessToken.split(".")[2]), 401, "invalid_token");
  }
});

test("a token of another algorithm is refused, even if the secret is right", async () => {
  const account = await register();
  const secret = signingSecret();
  const wrong = [
    { alg: "HS512", hash: "sha512" },
    { alg: "HS384", hash: "sha384" },
    { alg: "RS256", hash: "sha256" },
    { alg: "ES256", hash: "sha256" },
  ];
  for (const { alg, hash } of wrong) {
    assertProblem(await me(mint(foreignClaims(account), { secret, hash, header: { alg, typ: "JWT" } })), 401, "invalid_token");
  }
});

test("a token signed with another secret is refused", async () => {
  const account = await register();
  for (const secret of ["secret", "changeme", "", "JWT_ACCESS_TOKEN"]) {
    assertProblem(await me(mint(foreignClaims(account), { secret })), 401, "invalid_token");
  }
});

test("a token with changed claims is refused", async () => {
  const [account, victim] = await people(2);
  const [header, , signature] = account.accessToken.split(".");
  const changed = { ...claims(account.accessToken), sub: victim.id, id: victim.id, role: "ADMIN", type: "ADMIN" };
  const payload = Buffer.from(JSON.stringify(changed)).toString("base64url");
  assertProblem(await me(`${header}.${payload}.${signature}`), 401, "invalid_token");
});

test("what is no token at all is refused", async () => {
  const account = await register();
  const [header, payload, signature] = account.accessToken.split(".");
  const broken = [
    "x",
    "a.b.c",
    "..",
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `.${payload}.${signature}`,
    `${header}..${signature}`,
    `${account.accessToken}.x`,
    `${account.accessToken}x`,
    "eyJhbGciOiJIUzI1NiJ9.bm90IGpzb24.x",
    "x".repeat(7000),
    account.id,
    account.refreshToken,
  ];
  for (const token of broken) assertProblem(await me(token), 401, "invalid_token");
});

test("another scheme or an empty bearer is refused", async () => {
  const account = await register();
  for (const authorization of ["Bearer", "Bearer ", "Basic dXNlcjpwYXNz", `Token ${account.accessToken}`]) {
    const answer = await rest("GET", "/api/v1/me", { headers: { authorization } });
    assert.equal(answer.status, 401, `${authorization}: ${answer.text}`);
  }
});

test("an expired token is expired", async () => {
  const account = await register();
  const expired = { ...foreignClaims(account), iat: now() - 7200, exp: now() - 3600 };
  assertProblem(await me(mint(expired, { secret: signingSecret() })), 401, "token_expired");
});

test("a token minted elsewhere with the secret is accepted by sub or by id", async () => {
  const account = await register();
  const secret = signingSecret();
  const { sub, id, ...rest } = foreignClaims(account);
  for (const payload of [{ sub, ...rest }, { id, ...rest }]) {
    const answer = await me(mint(payload, { secret }));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.id, account.id);
  }
});

test("a token of an unknown user is invalid", async () => {
  const secret = signingSecret();
  const stranger = "00000000-0000-4000-8000-000000000000";
  for (const sub of [stranger, "not-an-id", ""]) {
    assertProblem(await me(mint({ sub, iat: now(), exp: now() + 600 }, { secret })), 401, "invalid_token");
  }
  assertProblem(await me(mint({ iat: now(), exp: now() + 600 }, { secret })), 401, "invalid_token");
});

test("a token that claims to be an admin is only what its account is", async () => {
  const account = await register();
  const token = mint({ ...foreignClaims(account), role: "ADMIN", type: "ADMIN" }, { secret: signingSecret() });
  const answer = await me(token);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.role, "USER");
});
