// Coming back: what was missed is told, and only that.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { assertSocketError, connect, dm, people } from "./client.mjs";

test("session.ready lists the rooms with their heads", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const sender = await connect(one);
  await sender.send(room.id, "hello");
  await sender.delivered("hello");
  const receiver = await connect(other);
  const { rooms } = await receiver.heard("session.ready");
  assert.deepEqual(rooms, [{ roomId: room.id, lastSeq: 1, lastReadSeq: 0, unread: 1 }]);
});

test("a resume fills a gap with exactly what was missed, in full", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const sender = await connect(one);
  const long = "x".repeat(300);
  for (const content of ["one", "two", long]) await sender.send(room.id, content);
  await sender.delivered(long);
  const receiver = await connect(other);
  const ack = await receiver.ask("session.resume", { rooms: [{ roomId: room.id, lastSeq: 1 }] });
  assert.equal(ack.status, "OK", JSON.stringify(ack));
  const [answer] = ack.rooms;
  assert.equal(answer.roomId, room.id);
  assert.equal(answer.action, "gap");
  assert.equal(answer.lastSeq, 3);
  assert.deepEqual(answer.messages.map(({ seq, content }) => [seq, content]), [
    [2, "two"],
    [3, long],
  ]);
});

test("a resume says ok, resync and left", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  const resume = async (roomId, lastSeq) => (await chat.ask("session.resume", { rooms: [{ roomId, lastSeq }] })).rooms[0];
  assert.equal((await resume(room.id, 0)).action, "ok");
  assert.equal((await resume(room.id, 7)).action, "resync");
  assert.equal((await resume(randomUUID(), 3)).action, "left");
  await Promise.all(Array.from({ length: 205 }, (_, index) => chat.send(room.id, `line ${index}`)));
  await chat.delivered("line 204");
  assert.equal((await resume(room.id, 205)).action, "ok");
  const whole = await resume(room.id, 5);
  assert.equal(whole.action, "gap");
  assert.equal(whole.messages.length, 200);
  const far = await resume(room.id, 0);
  assert.equal(far.action, "resync");
  assert.equal(far.messages, undefined);
});

test("a resume is bounded and checked", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  const ask = (payload) => chat.ask("session.resume", payload);
  const rooms = (count) => Array.from({ length: count }, () => ({ roomId: randomUUID(), lastSeq: 0 }));
  assert.equal((await ask({ rooms: rooms(500) })).status, "OK");
  const bad = [{ rooms: rooms(501) }, {}, { rooms: null }, { rooms: [{ roomId: "x", lastSeq: 0 }] }, { rooms: [{ roomId: randomUUID(), lastSeq: -1 }] }];
  for (const payload of bad) assertSocketError(await ask(payload), "session.resume", "validation_failed");
});

test("what is sent while a client is away is there when it comes back", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const [sender, before] = await Promise.all([connect(one), connect(other)]);
  await sender.send(room.id, "seen");
  const { seq } = await before.delivered("seen");
  before.close();
  await Promise.all(Array.from({ length: 20 }, (_, index) => sender.send(room.id, `missed ${index}`)));
  const later = await connect(other);
  await sender.send(room.id, "live");
  await later.delivered("live");
  const ack = await later.ask("session.resume", { rooms: [{ roomId: room.id, lastSeq: seq }] });
  const known = new Map();
  for (const message of [...ack.rooms[0].messages, ...later.all("message.delivered")]) known.set(message.seq, message.content);
  assert.deepEqual([...known.keys()].sort((a, b) => a - b), Array.from({ length: 21 }, (_, index) => index + 2));
});

test("ping answers by ack and by event", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  const ack = await chat.ask("ping", { any: "thing" });
  assert.equal(ack.status, "OK");
  assert.equal(ack.userId, one.id);
  assert.ok("timestamp" in ack);
  const pong = await chat.heard("pong");
  assert.equal(pong.userId, one.id);
  assert.ok("timestamp" in pong);
});
