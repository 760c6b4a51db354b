// One's own sessions: seeing them, and ending one or all others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertProblem, claims, connect, people, register, rest, TIMESTAMP, UUID } from "./client.mjs";

const login = async (account) =>
  (await rest("POST", "/auth/login", { body: { email: account.email, password: account.password } })).body.accessToken;
const sessions = (token) => rest("GET", "/api/v1/sessions", { token });

test("a user sees all of their sessions and which one is current", async () => {
  const account = await register();
  const other = await login(account);
  const answer = await sessions(other);
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.data.length, 2);
  for (const session of answer.body.data) {
    assert.match(session.id, UUID);
    assert.match(session.createdAt, TIMESTAMP);
    assert.match(session.lastSeenAt, TIMESTAMP);
    for (const member of ["userAgent", "ip"]) assert.ok(member in session, member);
  }
  const current = answer.body.data.filter((session) => session.current);
  assert.deepEqual(current.map(({ id }) => id), [claims(other).sid]);
});

test("ending a session ends its tokens and its sockets within a second or two", async () => {
  const account = await register();
  const other = await login(account);
  const chat = await connect(other);
  const { sid } = claims(other);
  const answer = await rest("DELETE", `/api/v1/sessions/${sid}`, { token: account.accessToken });
  assert.equal(answer.status, 204, answer.text);
  assert.deepEqual(await chat.heard("session.revoked", () => true, 3000), { sessionId: sid });
  await chat.disconnected();
  assertProblem(await sessions(other), 401, "session_revoked");
  assert.equal((await sessions(account.accessToken)).body.data.length, 1);
});

test("ending all others keeps the current one", async () => {
  const account = await register();
  const others = await Promise.all([login(account), login(account)]);
  const answer = await rest("DELETE", "/api/v1/sessions", { token: account.accessToken });
  assert.equal(answer.status, 204, answer.text);
  for (const token of others) assertProblem(await sessions(token), 401, "session_revoked");
  assert.equal((await sessions(account.accessToken)).body.data.length, 1);
});

test("nobody ends the session of somebody else", async () => {
  const [one, other] = await people(2);
  const answer = await rest("DELETE", `/api/v1/sessions/${claims(other.accessToken).sid}`, { token: one.accessToken });
  assertProblem(answer, 404, "not_found");
  assert.equal((await sessions(other.accessToken)).status, 200);
});
