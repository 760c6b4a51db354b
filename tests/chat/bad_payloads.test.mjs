// Nonsense on a good socket: always answered, never a closed socket, never a harmed server.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertSocketError, connect, dm, people, TIMESTAMP } from "./client.mjs";

const EVENTS = [
  "message.send",
  "message.history",
  "message.read",
  "typing.start",
  "typing.stop",
  "presence.set",
  "presence.get",
  "presence.subscribe",
  "presence.unsubscribe",
  "room.create",
  "session.resume",
  "session.refresh",
];

function nested(depth) {
  let value = {};
  for (let level = 0; level < depth; level++) value = level % 2 ? { a: value } : [value];
  return value;
}

const NO_OBJECTS = [
  ["null", null],
  ["text", "text"],
  ["the empty text", ""],
  ["a number", 7],
  ["a huge number", 1e308],
  ["true", true],
  ["an empty array", []],
  ["an array", [{ roomId: "x" }]],
  ["bytes", Buffer.from([0, 1, 2, 255])],
];

describe("a payload that is no object", () => {
  for (const [name, payload] of NO_OBJECTS) {
    test(`${name} fails validation for every event and the socket stays`, async () => {
      const [one] = await people(1);
      const chat = await connect(one);
      for (const event of EVENTS) {
        assertSocketError(await chat.ask(event, payload), event, "validation_failed");
      }
      assert.equal((await chat.ask("ping", payload)).status, "OK");
      assert.equal(chat.disconnectReason, undefined);
    });
  }

  test("no payload at all fails validation", async () => {
    const [one] = await people(1);
    const chat = await connect(one);
    for (const event of EVENTS) assertSocketError(await chat.ask(event), event, "validation_failed");
    assert.equal((await chat.ask("ping")).status, "OK");
  });
});

describe("an object that is wrong", () => {
  const cases = [
    ["empty", {}],
    ["of wrong types", { roomId: 7, userIds: "x", rooms: 1, status: [], type: {}, memberIds: true, token: 7 }],
    ["of nulls", { roomId: null, userIds: null, rooms: null, status: null, type: null, memberIds: null, token: null }],
    ["nested 100 levels", { roomId: nested(100) }],
    ["nested 1,000 levels", { roomId: nested(1000) }],
    ["nested 3,000 levels", nested(3000)],
    ["with bytes inside", { roomId: Buffer.from("x"), userIds: [Buffer.from("y")], rooms: Buffer.from("z"), token: Buffer.from("t") }],
    ["with inherited names", JSON.parse('{"__proto__":{"roomId":"x"},"constructor":{"prototype":{}},"toString":1}')],
    ["with ids of other shapes", { roomId: "' OR 1=1 --", userIds: ["../../etc/passwd"], rooms: [{ roomId: "%00" }], memberIds: ["\u0000"] }],
  ];
  for (const [name, payload] of cases) {
    test(`${name}: refused by every event, and the socket stays`, async () => {
      const [one] = await people(1);
      const chat = await connect(one);
      for (const event of EVENTS) {
        const ack = await chat.ask(event, payload);
        assert.ok(["ERROR"].includes(ack?.status), `${event}: ${JSON.stringify(ack)}`);
        assert.ok(["validation_failed", "empty_content", "invalid_token"].includes(ack.code), `${event}: ${JSON.stringify(ack)}`);
      }
      assert.equal((await chat.ask("ping", payload)).status, "OK");
      assert.equal(chat.disconnectReason, undefined);
    });
  }
});

test("bytes beside an object harm nothing", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  chat.socket.emit("message.send", { roomId: room.id, content: "with a passenger" }, Buffer.from("x"), "and more");
  await chat.delivered("with a passenger");
});

test("an unknown event is told so, whatever its name", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  for (const event of ["nothing.here", "x", "", "__proto__", "constructor", "message.send ", "MESSAGE.SEND", "ü👋", "x".repeat(10_000)]) {
    const ack = await chat.ask(event, { clientMsgId: "u-1" });
    assert.equal(ack.code, "unknown_event", event.slice(0, 40));
    assert.equal(ack.status, "ERROR");
    assert.equal(ack.clientMsgId, "u-1");
  }
  assert.equal((await chat.ask("ping")).status, "OK");
});

test("without an ack the error comes as two events with the client's id", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  chat.socket.emit("message.send", { roomId: "x", content: "y", clientMsgId: "e-1" });
  chat.socket.emit("no.such.event", { clientMsgId: "e-2" });
  for (const [clientMsgId, event, code] of [
    ["e-1", "message.send", "validation_failed"],
    ["e-2", "no.such.event", "unknown_event"],
  ]) {
    for (const name of ["error", "exception"]) {
      const error = await chat.heard(name, (data) => data.clientMsgId === clientMsgId);
      assert.equal(error.status, "error");
      assert.equal(error.event, event);
      assert.equal(error.code, code);
      assert.deepEqual(error.error, { code, message: error.message });
      assert.match(error.timestamp, TIMESTAMP);
    }
  }
});

test("an error carries the client's id of the event that failed", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  const ack = await chat.ask("message.send", { roomId: 7, content: "x", clientMsgId: "c-9" });
  assertSocketError(ack, "message.send", "validation_failed");
  assert.equal(ack.clientMsgId, "c-9");
});

for (const transports of [["websocket"], ["polling"]]) {
  test(`a packet over 1 MB closes the ${transports[0]} connection and nothing else`, async () => {
    const [one, other] = await people(2);
    const room = await dm(one, other);
    const [chat, bystander] = await Promise.all([connect(one, { transports }), connect(other)]);
    chat.socket.emit("message.send", { roomId: room.id, content: "x".repeat(1_100_000) });
    await chat.disconnected();
    assert.equal((await bystander.ask("ping")).status, "OK");
    const again = await connect(one, { transports });
    await again.send(room.id, "still here");
    await bystander.delivered("still here");
    assert.equal(bystander.all("message.delivered").length, 1);
  });
}

test("a thousand bad events in a row are all answered", async () => {
  const [one] = await people(1);
  const chat = await connect(one);
  const acks = await Promise.all(Array.from({ length: 1000 }, () => chat.ask("message.send", null)));
  assert.ok(acks.every(({ code }) => code === "validation_failed" || code === "rate_limited"));
  assert.equal(chat.disconnectReason, undefined);
});
