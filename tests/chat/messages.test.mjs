// Sending: the acknowledgement, who hears it, in which order, and what a message is.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import {
  assertProblem,
  assertSocketError,
  connect,
  dm,
  eventually,
  group,
  history,
  people,
  rest,
  TIMESTAMP,
  UUID,
} from "./client.mjs";

function assertMessage(message, expected) {
  assert.match(message.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/, "message ids are UUIDs of version 7");
  assert.equal(message.messageId, message.id);
  const plain = {
    type: "text",
    hasMore: false,
    replyTo: null,
    threadId: null,
    replyCount: 0,
    forwardedFrom: null,
    mentions: [],
    attachments: [],
    reactions: [],
    pinned: false,
    pinnedAt: null,
    pinnedBy: null,
    editedAt: null,
    editVersion: 0,
    deletedAt: null,
    deletedBy: null,
    call: null,
    preview: expected.content,
    ...expected,
  };
  for (const [member, value] of Object.entries(plain)) assert.deepEqual(message[member], value, member);
  assert.ok(["sent", "delivered", "read"].includes(message.status));
  assert.match(message.createdAt, TIMESTAMP);
}

const TRANSPORTS = [
  ["websocket", ["websocket"]],
  ["polling", ["polling"]],
  ["polling that upgrades", ["polling", "websocket"]],
];

for (const [name, transports] of TRANSPORTS) {
  describe(`sending over ${name}`, () => {
    test("the ack is exactly QUEUED and both people hear the same message", async () => {
      const [one, other] = await people(2);
      const room = await dm(one, other);
      const [sender, receiver] = await Promise.all([connect(one, { transports }), connect(other, { transports })]);
      const ack = await sender.send(room.id, "Hello 👋", { clientMsgId: "tmp-123" });
      assert.deepEqual(ack, { status: "QUEUED", clientMsgId: "tmp-123" });
      const copies = await Promise.all([sender.delivered("Hello 👋"), receiver.delivered("Hello 👋")]);
      for (const copy of copies) {
        assertMessage(copy, { roomId: room.id, seq: 1, senderId: one.id, clientMsgId: "tmp-123", content: "Hello 👋" });
      }
      assert.equal(copies[0].id, copies[1].id);
      const reply = await receiver.send(room.id, "Hi back", { clientMsgId: randomUUID() });
      assert.equal(reply.status, "QUEUED");
      const answer = await sender.delivered("Hi back");
      assert.equal(answer.seq, 2);
      assert.equal(answer.senderId, other.id);
    });
  });
}

test("every socket of every member hears a message, and nobody else", async () => {
  const [one, two, three, stranger] = await people(4);
  const room = await group(one, [two, three]);
  const members = await Promise.all([one, one, two, two, three].map((who) => connect(who)));
  const outsider = await connect(stranger);
  await members[0].send(room.id, "to all of us");
  await Promise.all(members.map((chat) => chat.delivered("to all of us")));
  // What the outsider hears later shows that the earlier message would have come by now.
  const other = await dm(stranger, one);
  await outsider.heard("room.created", ({ room: created }) => created.id === other.id);
  await members[0].send(other.id, "to the stranger");
  await outsider.delivered("to the stranger");
  assert.equal(outsider.all("message.delivered").length, 1);
});

test("a client message id is made up where none is given", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  const ack = await chat.send(room.id, "anonymous");
  assert.deepEqual(Object.keys(ack).sort(), ["clientMsgId", "status"]);
  assert.match(ack.clientMsgId, UUID);
  assert.equal((await chat.delivered("anonymous")).clientMsgId, ack.clientMsgId);
});

test("a send without an ack is delivered all the same", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const [sender, receiver] = await Promise.all([connect(one), connect(other)]);
  sender.socket.emit("message.send", { roomId: room.id, content: "fire and forget", unknown: "ignored" });
  await receiver.delivered("fire and forget");
});

test("a send over REST is accepted with its job and heard like any other", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const receiver = await connect(other);
  const answer = await rest("POST", `/api/v1/rooms/${room.id}/messages`, {
    token: one.accessToken,
    body: { content: "by REST", clientMsgId: "rest-1" },
  });
  assert.equal(answer.status, 202, answer.text);
  assert.equal(answer.body.status, "QUEUED");
  assert.equal(answer.body.clientMsgId, "rest-1");
  assert.match(answer.body.jobId, UUID);
  const message = await receiver.delivered("by REST");
  assert.equal(message.clientMsgId, "rest-1");
});

test("a hundred messages of one sender keep their order and number without gaps", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const [sender, receiver] = await Promise.all([connect(one), connect(other)]);
  const acks = await Promise.all(Array.from({ length: 100 }, (_, index) => sender.send(room.id, `line ${index}`)));
  assert.ok(acks.every(({ status }) => status === "QUEUED"), JSON.stringify(acks.find(({ status }) => status !== "QUEUED")));
  for (const chat of [sender, receiver]) {
    await chat.delivered("line 99");
    const heard = chat.all("message.delivered");
    assert.deepEqual(heard.map(({ content }) => content), Array.from({ length: 100 }, (_, index) => `line ${index}`));
    assert.deepEqual(heard.map(({ seq }) => seq), Array.from({ length: 100 }, (_, index) => index + 1));
  }
});

test("rooms with several senders number without gaps and everybody hears the same order", async () => {
  const accounts = await people(4);
  const room = await group(accounts[0], accounts.slice(1));
  const chats = await Promise.all(accounts.map((account) => connect(account)));
  await Promise.all(chats.flatMap((chat, who) => Array.from({ length: 25 }, (_, index) => chat.send(room.id, `${who}:${index}`))));
  for (const chat of chats) {
    await eventually(() => chat.all("message.delivered").length >= 100, "100 messages");
    const heard = chat.all("message.delivered");
    assert.deepEqual(heard.map(({ seq }) => seq), Array.from({ length: 100 }, (_, index) => index + 1));
    for (let who = 0; who < 4; who++) {
      const own = heard.map(({ content }) => content).filter((content) => content.startsWith(`${who}:`));
      assert.deepEqual(own, Array.from({ length: 25 }, (_, index) => `${who}:${index}`));
    }
  }
  const stored = await history(accounts[0], room.id, "?after_seq=0&limit=200&fields=full");
  assert.deepEqual(stored.messages.map(({ id }) => id), chats[1].all("message.delivered").map(({ id }) => id));
});

test("refused and repeated sends use no number", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  await chat.send(room.id, "first", { clientMsgId: "a" });
  assertSocketError(await chat.send(room.id, "   "), "message.send", "empty_content");
  await chat.send(room.id, "first again", { clientMsgId: "a" });
  await chat.send(room.id, "second", { clientMsgId: "b" });
  assert.equal((await chat.delivered("second")).seq, 2);
});

test("a message may answer another one of its room only", async () => {
  const [one, other, third] = await people(3);
  const [room, elsewhere] = [await dm(one, other), await dm(one, third)];
  const chat = await connect(one);
  await chat.send(room.id, "question");
  const question = await chat.delivered("question");
  await chat.send(room.id, "answer", { replyTo: question.id });
  const answer = await chat.delivered("answer");
  assert.deepEqual(answer.replyTo, { id: question.id, seq: 1, senderId: one.id, preview: "question" });
  for (const replyTo of [randomUUID(), question.id]) {
    const ack = await chat.send(elsewhere.id, "lost", { replyTo });
    assertSocketError(ack, "message.send", "message_not_found");
  }
});

test("only members send, and only to rooms that exist", async () => {
  const [one, other, stranger] = await people(3);
  const room = await dm(one, other);
  const chat = await connect(stranger);
  const send = (roomId) => chat.send(roomId, "let me in", { clientMsgId: "x-1" });
  const refused = await send(room.id);
  assertSocketError(refused, "message.send", "not_member");
  assert.equal(refused.clientMsgId, "x-1");
  assertSocketError(await send(randomUUID()), "message.send", "room_not_found");
  const options = { token: stranger.accessToken, body: { content: "let me in" } };
  assertProblem(await rest("POST", `/api/v1/rooms/${room.id}/messages`, options), 403, "not_member");
  assertProblem(await rest("POST", `/api/v1/rooms/${randomUUID()}/messages`, options), 404, "room_not_found");
  assert.equal((await history(one, room.id)).lastSeq, 0);
});

test("a refused send over REST stores nothing and says why", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const send = (body) => rest("POST", `/api/v1/rooms/${room.id}/messages`, { token: one.accessToken, body });
  assertProblem(await send({}), 400, "empty_content");
  assertProblem(await send({ content: 7 }), 400, "validation_failed");
  assertProblem(await send({ content: "x", clientMsgId: "has space" }), 400, "validation_failed");
  assertProblem(await send({ content: "x".repeat(100_001) }), 413, "content_too_large");
  assertProblem(await send({ content: "x".repeat(1_200_000) }), 413, "payload_too_large");
  assert.equal((await history(one, room.id)).lastSeq, 0);
});

test("a message is fetched by its id, by members only", async () => {
  const [one, other, stranger] = await people(3);
  const room = await dm(one, other);
  const chat = await connect(one);
  await chat.send(room.id, "find me");
  const { id } = await chat.delivered("find me");
  const answer = await rest("GET", `/api/v1/messages/${id}`, { token: other.accessToken });
  assert.equal(answer.status, 200, answer.text);
  assertMessage(answer.body, { roomId: room.id, seq: 1, senderId: one.id, content: "find me" });
  assertProblem(await rest("GET", `/api/v1/messages/${id}`, { token: stranger.accessToken }), 403, "not_member");
  assertProblem(await rest("GET", `/api/v1/messages/${randomUUID()}`, { token: one.accessToken }), 404, "message_not_found");
});
