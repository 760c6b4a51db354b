// Reading a room back: the paging rules, previews, bounds.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { assertProblem, assertSocketError, connect, dm, history, people, rest } from "./client.mjs";

const TOTAL = 25;
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("history", () => {
  let one;
  let other;
  let stranger;
  let room;
  let chat;
  before(async () => {
    [one, other, stranger] = await people(3);
    room = await dm(one, other);
    chat = await connect(one);
    await Promise.all(numbers(1, TOTAL).map((n) => chat.send(room.id, `message ${n}`)));
    await chat.delivered(`message ${TOTAL}`);
  });

  const page = (query) => history(one, room.id, query);
  const seqs = ({ messages }) => messages.map(({ seq }) => seq);

  test("after_seq gives the first messages with a greater seq", async () => {
    const first = await page("?after_seq=0&limit=10");
    assert.deepEqual(seqs(first), numbers(1, 10));
    assert.equal(first.hasMore, true);
    assert.equal(first.nextAfterSeq, 10);
    assert.equal(first.lastSeq, TOTAL);
    const last = await page("?after_seq=20&limit=10");
    assert.deepEqual(seqs(last), numbers(21, TOTAL));
    assert.equal(last.hasMore, false);
    assert.equal(last.nextAfterSeq, TOTAL);
  });

  test("following nextAfterSeq reads the whole room once", async () => {
    const read = [];
    let after = 0;
    for (let more = true; more; ) {
      const next = await page(`?after_seq=${after}&limit=7`);
      read.push(...seqs(next));
      after = next.nextAfterSeq;
      more = next.hasMore;
    }
    assert.deepEqual(read, numbers(1, TOTAL));
  });

  test("at the end an empty page returns the given after_seq", async () => {
    for (const after of [TOTAL, 1000]) {
      const empty = await page(`?after_seq=${after}`);
      assert.deepEqual(empty, { messages: [], hasMore: false, nextAfterSeq: after, lastSeq: TOTAL });
    }
  });

  test("before_seq gives the last messages with a smaller seq, ascending", async () => {
    const middle = await page("?before_seq=21&limit=10");
    assert.deepEqual(seqs(middle), numbers(11, 20));
    assert.equal(middle.hasMore, true);
    const first = await page("?before_seq=6&limit=10");
    assert.deepEqual(seqs(first), numbers(1, 5));
    assert.equal(first.hasMore, false);
  });

  test("without either it is the newest page", async () => {
    const newest = await page("?limit=10");
    assert.deepEqual(seqs(newest), numbers(16, 25));
    assert.equal(newest.hasMore, true);
    assert.equal(newest.lastSeq, TOTAL);
    assert.equal((await page("")).messages.length, TOTAL);
  });

  test("both at once, bad limits and bad positions are invalid", async () => {
    const bad = [
      "?after_seq=1&before_seq=5",
      "?limit=0",
      "?limit=-3",
      "?limit=ten",
      "?limit=1.5",
      "?after_seq=x",
      "?before_seq=",
      "?after_seq=99999999999999999999999",
    ];
    for (const query of bad) {
      const answer = await rest("GET", `/api/v1/rooms/${room.id}/messages${query}`, { token: one.accessToken });
      assertProblem(answer, 400, "validation_failed");
    }
  });

  test("a limit above 200 counts as 200", async () => {
    assert.equal((await page("?limit=100000&after_seq=0")).messages.length, TOTAL);
  });

  test("pages are previews unless the full content is asked for", async () => {
    const [preview] = (await page("?after_seq=0&limit=1")).messages;
    assert.equal("content" in preview, false);
    assert.equal(preview.preview, "message 1");
    const [full] = (await page("?after_seq=0&limit=1&fields=full")).messages;
    assert.equal(full.content, "message 1");
  });

  test("message.history gives the same over the socket", async () => {
    const ack = await chat.ask("message.history", { roomId: room.id, afterSeq: 10, limit: 5, fields: "full" });
    assert.equal(ack.status, "OK", JSON.stringify(ack));
    const { messages, hasMore, lastSeq } = await page("?after_seq=10&limit=5&fields=full");
    assert.deepEqual({ messages: ack.messages, hasMore: ack.hasMore, lastSeq: ack.lastSeq }, { messages, hasMore, lastSeq });
    const back = await chat.ask("message.history", { roomId: room.id, beforeSeq: 11 });
    assert.deepEqual(seqs(back), numbers(1, 10));
  });

  test("message.history refuses what REST refuses", async () => {
    const ask = (payload) => chat.ask("message.history", { roomId: room.id, ...payload });
    for (const payload of [{ afterSeq: 1, beforeSeq: 2 }, { limit: 0 }, { limit: "ten" }, { afterSeq: "x" }, { roomId: "x" }]) {
      assertSocketError(await ask(payload), "message.history", "validation_failed");
    }
    const outsider = await connect(stranger);
    assertSocketError(await outsider.ask("message.history", { roomId: room.id }), "message.history", "not_member");
  });

  test("reading needs membership", async () => {
    const answer = await rest("GET", `/api/v1/rooms/${room.id}/messages`, { token: stranger.accessToken });
    assertProblem(answer, 403, "not_member");
  });
});

test("previews are the first 200 characters, counted as characters", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  await chat.send(room.id, "👋".repeat(201));
  const long = await chat.delivered("👋".repeat(201));
  assert.equal(long.preview, "👋".repeat(200));
  assert.equal(long.hasMore, true);
  await chat.send(room.id, "ü".repeat(200));
  const short = await chat.delivered("ü".repeat(200));
  assert.equal(short.preview, "ü".repeat(200));
  assert.equal(short.hasMore, false);
});
