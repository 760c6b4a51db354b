// Too much at once: refused with a time to come back, and nothing of it stored.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertProblem, connect, dm, eventually, history, people, rest } from "./client.mjs";

test("a burst of messages is limited per user, over all of their sockets and REST", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chats = await Promise.all([connect(one), connect(one)]);
  const acks = await Promise.all(Array.from({ length: 600 }, (_, index) => chats[index % 2].send(room.id, `flood ${index}`)));
  const queued = acks.filter(({ status }) => status === "QUEUED").length;
  const limited = acks.filter(({ code }) => code === "rate_limited");
  assert.equal(queued + limited.length, 600, JSON.stringify(acks.find(({ status, code }) => status !== "QUEUED" && code !== "rate_limited")));
  assert.ok(queued >= 300 && limited.length > 0, `${queued} queued, ${limited.length} limited`);
  for (const { retryAfterMs } of limited) assert.ok(Number.isInteger(retryAfterMs) && retryAfterMs > 0, `${retryAfterMs}`);
  await eventually(async () => (await history(one, room.id, "?limit=1")).lastSeq === queued, "what was queued, and no more");
});

test("a limited send over REST says when to come back", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const send = () =>
    rest("POST", `/api/v1/rooms/${room.id}/messages`, { token: one.accessToken, body: { content: `flood ${Math.random()}` } });
  const answers = await Promise.all(Array.from({ length: 700 }, send));
  const limited = answers.filter(({ status }) => status === 429);
  assert.ok(limited.length > 0);
  assert.ok(answers.every(({ status }) => status === 202 || status === 429));
  for (const answer of limited.slice(0, 5)) {
    const body = assertProblem(answer, 429, "rate_limited");
    const seconds = Number(answer.headers.get("retry-after"));
    assert.ok(Number.isInteger(seconds) && seconds >= 1, `${seconds}`);
    assert.ok(body.retryAfter === undefined || body.retryAfter >= 1);
  }
  assert.equal((await rest("GET", "/api/v1/me", { token: other.accessToken })).status, 200);
});
