// Reading positions: only ever forward, told to the others, counted.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { assertProblem, assertSocketError, connect, dm, people, rest, TIMESTAMP } from "./client.mjs";

describe("reading", () => {
  let one;
  let other;
  let stranger;
  let room;
  let sender;
  let reader;
  let tab;
  /** @type {any[]} */
  let messages;
  before(async () => {
    [one, other, stranger] = await people(3);
    room = await dm(one, other);
    [sender, reader, tab] = await Promise.all([connect(one), connect(other), connect(other)]);
    for (const content of ["a", "b", "c", "d"]) await sender.send(room.id, content);
    messages = await Promise.all(["a", "b", "c", "d"].map((content) => reader.delivered(content)));
  });

  const unread = async () => {
    const answer = await rest("GET", "/api/v1/unread", { token: other.accessToken });
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  };

  test("what one hasn't read is counted, for the reader and not for the sender", async () => {
    const body = await unread();
    assert.equal(body.total, 4);
    assert.equal(body.rooms.find(({ roomId }) => roomId === room.id).unread, 4);
    const own = await rest("GET", `/api/v1/rooms/${room.id}`, { token: one.accessToken });
    assert.equal(own.body.unread, 0);
  });

  test("message.read moves the position, tells members and senders, and not the emitting socket", async () => {
    const ack = await reader.ask("message.read", { roomId: room.id, seq: 2 });
    assert.deepEqual(ack, { status: "OK", roomId: room.id, lastReadSeq: 2, unread: 2 });
    const isIt = ({ seq }) => seq === 2;
    for (const chat of [sender, tab]) {
      const read = await chat.heard("message.read", isIt);
      assert.equal(read.roomId, room.id);
      assert.equal(read.userId, other.id);
      assert.equal(read.messageId, messages[1].id);
      assert.match(read.readAt, TIMESTAMP);
    }
    const status = await sender.heard("message.status", (data) => data.seq === 2 && data.status === "read");
    assert.equal(status.messageId, messages[1].id);
    assert.equal(status.userId, other.id);
    assert.match(status.at, TIMESTAMP);
    await reader.ask("ping");
    assert.equal(reader.all("message.read", isIt).length, 0);
    const message = await rest("GET", `/api/v1/messages/${messages[0].id}`, { token: one.accessToken });
    assert.equal(message.body.status, "read");
  });

  test("a position never moves back", async () => {
    const ack = await reader.ask("message.read", { roomId: room.id, seq: 1 });
    assert.equal(ack.lastReadSeq, 2);
    const answer = await rest("POST", `/api/v1/rooms/${room.id}/read`, { token: other.accessToken, body: { seq: 0 } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.body, { lastReadSeq: 2, unread: 2 });
  });

  test("a message is as good as its number", async () => {
    const ack = await reader.ask("message.read", { messageId: messages[2].id });
    assert.deepEqual(ack, { status: "OK", roomId: room.id, lastReadSeq: 3, unread: 1 });
  });

  test("reading over REST counts too", async () => {
    const answer = await rest("POST", `/api/v1/rooms/${room.id}/read`, { token: other.accessToken, body: { seq: 4 } });
    assert.deepEqual(answer.body, { lastReadSeq: 4, unread: 0 });
    await sender.heard("message.read", ({ seq }) => seq === 4);
    assert.equal((await unread()).total, 0);
  });

  test("bad positions and strangers are refused", async () => {
    for (const payload of [{ roomId: room.id }, { roomId: room.id, seq: -1 }, { roomId: room.id, seq: "2" }, { roomId: room.id, seq: 1.5 }, {}]) {
      assertSocketError(await reader.ask("message.read", payload), "message.read", "validation_failed");
    }
    const outsider = await connect(stranger);
    assertSocketError(await outsider.ask("message.read", { roomId: room.id, seq: 1 }), "message.read", "not_member");
    const options = { token: stranger.accessToken, body: { seq: 1 } };
    assertProblem(await rest("POST", `/api/v1/rooms/${room.id}/read`, options), 403, "not_member");
  });
});
