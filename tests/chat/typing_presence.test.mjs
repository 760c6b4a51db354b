// Typing and presence: who hears what, and what is dropped.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { assertProblem, assertSocketError, connect, dm, eventually, group, people, rest, TIMESTAMP, UUID } from "./client.mjs";

const about = (account, status) => (presence) => presence.userId === account.id && (!status || presence.status === status);

function assertPresence(presence) {
  assert.match(presence.userId, UUID);
  assert.ok(["online", "away", "busy", "offline"].includes(presence.status));
  assert.ok("activity" in presence);
  assert.ok(presence.lastSeen === null || TIMESTAMP.test(presence.lastSeen));
  assert.match(presence.at, TIMESTAMP);
}

test("typing reaches the other members and not the one who types", async () => {
  const [one, two, three] = await people(3);
  const room = await group(one, [two, three]);
  const [typist, second, third] = await Promise.all([one, two, three].map((who) => connect(who)));
  const began = Date.now();
  const ack = await typist.ask("typing.start", { roomId: room.id });
  assert.equal(ack.status, "QUEUED", JSON.stringify(ack));
  for (const chat of [second, third]) {
    const update = await chat.heard("typing.update", ({ isTyping }) => isTyping);
    assert.equal(update.roomId, room.id);
    assert.equal(update.userId, one.id);
    const lasts = Date.parse(update.expiresAt) - began;
    assert.ok(lasts > 4000 && lasts < 12_000, `ends ${lasts} ms after the start`);
  }
  assert.equal((await typist.ask("typing.stop", { roomId: room.id })).status, "QUEUED");
  const stop = await second.heard("typing.update", ({ isTyping }) => !isTyping);
  assert.deepEqual([stop.roomId, stop.userId], [room.id, one.id]);
  await typist.send(room.id, "typed");
  await typist.delivered("typed");
  assert.equal(typist.all("typing.update").length, 0);
});

test("typing needs a room that exists and membership", async () => {
  const [one, other, stranger] = await people(3);
  const room = await dm(one, other);
  const chat = await connect(stranger);
  for (const event of ["typing.start", "typing.stop"]) {
    assertSocketError(await chat.ask(event, { roomId: room.id }), event, "not_member");
    assertSocketError(await chat.ask(event, { roomId: randomUUID() }), event, "room_not_found");
    assertSocketError(await chat.ask(event, { roomId: "x" }), event, "validation_failed");
  }
});

test("too much typing is shed, not refused", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  const acks = await Promise.all(Array.from({ length: 20 }, () => chat.ask("typing.start", { roomId: room.id })));
  assert.ok(acks.filter(({ status }) => status === "QUEUED").length >= 5);
  assert.ok(acks.some((ack) => ack.status === "SHED" && !ack.code), JSON.stringify(acks));
  assert.ok(acks.every(({ status }) => status === "QUEUED" || status === "SHED"));
});

test("coming and going is told to the people of one's rooms", async () => {
  const [one, other, stranger] = await people(3);
  await dm(one, other);
  const [watcher, outsider] = await Promise.all([connect(other), connect(stranger)]);
  const chat = await connect(one);
  assertPresence(await watcher.heard("presence.update", about(one, "online")));
  chat.close();
  const gone = await watcher.heard("presence.update", about(one, "offline"));
  assert.match(gone.lastSeen, TIMESTAMP);
  assert.equal(outsider.all("presence.update", about(one)).length, 0);
});

test("closing one of two tabs keeps a person online", async () => {
  const [one, other] = await people(2);
  await dm(one, other);
  const watcher = await connect(other);
  const tabs = [await connect(one), await connect(one)];
  await watcher.heard("presence.update", about(one, "online"));
  const closedAt = Date.now();
  tabs[0].close();
  // Offline would come 5 s after the last socket: longer than that, and still nothing.
  await eventually(() => Date.now() - closedAt > 7000, "seven seconds");
  assert.equal(watcher.all("presence.update", about(one, "offline")).length, 0);
  tabs[1].close();
  await watcher.heard("presence.update", about(one, "offline"));
});

test("a quick reconnect is never seen as offline", async () => {
  const [one, other] = await people(2);
  await dm(one, other);
  const watcher = await connect(other);
  (await connect(one)).close();
  const again = await connect(one);
  const since = Date.now();
  await eventually(() => Date.now() - since > 7000, "seven seconds");
  assert.equal(watcher.all("presence.update", about(one, "offline")).length, 0);
  again.close();
});

test("presence.set is told to co-members and to one's own other sockets", async () => {
  const [one, other] = await people(2);
  await dm(one, other);
  const [watcher, chat, tab] = await Promise.all([connect(other), connect(one), connect(one)]);
  const ack = await chat.ask("presence.set", { status: "busy", activity: "<b>in a call</b>" });
  assert.equal(ack.status, "QUEUED", JSON.stringify(ack));
  for (const socket of [watcher, tab]) {
    const update = await socket.heard("presence.update", about(one, "busy"));
    assertPresence(update);
    assert.equal(update.activity, "in a call");
  }
  const { presence } = await watcher.ask("presence.get", { userIds: [one.id] });
  assert.equal(presence[0].status, "busy");
  assert.equal(presence[0].activity, "in a call");
});

test("appearing offline looks offline to others", async () => {
  const [one, other] = await people(2);
  await dm(one, other);
  const [watcher, chat] = await Promise.all([connect(other), connect(one)]);
  await chat.ask("presence.set", { status: "offline" });
  await watcher.heard("presence.update", about(one, "offline"));
  const ack = await watcher.ask("presence.get", { userIds: [one.id] });
  assert.equal(ack.presence[0].status, "offline");
});

test("presence.set refuses what is out of bounds", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  for (const payload of [{ status: "sleeping" }, {}, { status: 1 }, { status: "online", activity: "x".repeat(141) }, { status: "online", activity: 7 }]) {
    assertSocketError(await chat.ask("presence.set", payload), "presence.set", "validation_failed");
  }
});

test("presence is read over the socket and over REST alike", async () => {
  const [one, other] = await people(2);
  await dm(one, other);
  const chat = await connect(one);
  const { status, presence } = await eventually(async () => {
    const ack = await chat.ask("presence.get", { userIds: [one.id, other.id] });
    return ack.presence.find(about(one, "online")) && ack;
  }, "online in presence.get");
  assert.equal(status, "OK");
  presence.forEach(assertPresence);
  assert.equal(presence.find(about(other)).status, "offline");
  const answer = await rest("GET", `/api/v1/presence?userIds=${one.id},${other.id}`, { token: other.accessToken });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.presence.find(about(one)).status, "online");
});

test("a subscriber hears of strangers until it unsubscribes", async () => {
  const [one, stranger] = await people(2);
  const watcher = await connect(stranger);
  const ack = await watcher.ask("presence.subscribe", { userIds: [one.id] });
  assert.equal(ack.status, "OK", JSON.stringify(ack));
  assert.equal(ack.presence.find(about(one)).status, "offline");
  const chat = await connect(one);
  await watcher.heard("presence.update", about(one, "online"));
  assert.equal((await watcher.ask("presence.unsubscribe", { userIds: [one.id] })).status, "OK");
  await chat.ask("presence.set", { status: "away" });
  await eventually(async () => {
    const { presence } = await watcher.ask("presence.get", { userIds: [one.id] });
    return presence[0].status === "away";
  }, "away in presence.get");
  assert.equal(watcher.all("presence.update", about(one, "away")).length, 0);
});

test("at most 200 people at once", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  const ids = (count) => Array.from({ length: count }, () => randomUUID());
  for (const event of ["presence.get", "presence.subscribe", "presence.unsubscribe"]) {
    assertSocketError(await chat.ask(event, { userIds: ids(201) }), event, "validation_failed");
    assertSocketError(await chat.ask(event, { userIds: ["x"] }), event, "validation_failed");
    assertSocketError(await chat.ask(event, { userIds: null }), event, "validation_failed");
    assert.equal((await chat.ask(event, { userIds: ids(200) })).status, "OK");
  }
  const path = `/api/v1/presence?userIds=${ids(201).join(",")}`;
  assertProblem(await rest("GET", path, { token: one.accessToken }), 400, "validation_failed");
});
