// `queued-rest`: sends over REST that answer once they are queued, and a socket on `/chat` that only listens.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, describe, test } from "node:test";
import { assertProblem, assertSocketError, eventually, people, register, rest, TIMESTAMP, UUID, unique } from "../chat/client.mjs";
import { heardNone, MARKUP, onChat, open, strangers, TOO_LONG, TRANSPORTS } from "./sockets.mjs";

const post = (path, account, body) => rest("POST", path, { token: account?.accessToken, body });
const get = (path, account) => rest("GET", path, { token: account?.accessToken });

async function chatOf(one, others, members = {}) {
  const answer = await post("/chats", one, { participantIds: others.map(({ id }) => id), ...members });
  assert.ok(answer.status === 201 || answer.status === 200, answer.text);
  return answer.body.id;
}

async function send(account, chat, content) {
  const answer = await post(`/chats/${chat}/messages`, account, { content, clientMessageId: randomUUID() });
  assert.equal(answer.status, 202, answer.text);
  return answer.body;
}

describe("chats over REST", () => {
  test("login gives an accessToken that is a text", async () => {
    const account = await register();
    const answer = await post("/auth/login", undefined, { email: account.email, password: account.password });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(typeof answer.body.accessToken, "string");
  });

  test("two make a dm, once, and more a group", async () => {
    const [one, other, third] = await people(3);
    const made = await post("/chats", one, { participantIds: [other.id] });
    assert.equal(made.status, 201, made.text);
    const { id, createdAt, updatedAt } = made.body;
    assert.match(id, UUID);
    assert.match(createdAt, TIMESTAMP);
    assert.match(updatedAt, TIMESTAMP);
    const participants = made.body.participants.map(({ id: participant, userId }) => (assert.equal(participant, userId), userId));
    assert.deepEqual(participants.sort(), [one.id, other.id].sort());
    assert.deepEqual(Object.keys(made.body).sort(), ["createdAt", "id", "isGroup", "name", "participants", "updatedAt"]);
    assert.equal(made.body.isGroup, false);
    const again = await post("/chats", other, { participantIds: [one.id, other.id] });
    assert.equal(again.status, 200, again.text);
    assert.equal(again.body.id, id);
    const group = await post("/chats", one, { participantIds: [other.id, third.id], name: "Crew" });
    assert.equal(group.status, 201, group.text);
    assert.equal(group.body.isGroup, true);
    assert.equal(group.body.name, "Crew");
    assert.equal(group.body.participants.length, 3);
    const pair = await post("/chats", one, { participantIds: [other.id], isGroup: true });
    assert.equal(pair.status, 201, pair.text);
    assert.notEqual(pair.body.id, id);
  });

  test("chats are listed page by page and shown one by one", async () => {
    const [one, other, third] = await people(3);
    const ids = [await chatOf(one, [other]), await chatOf(one, [third]), await chatOf(one, [other, third])].reverse();
    const first = await get("/chats?limit=2", one);
    assert.equal(first.status, 200, first.text);
    assert.deepEqual(first.body.data.map(({ id }) => id), ids.slice(0, 2));
    assert.equal(first.body.meta.limit, 2);
    const second = await get(`/chats?limit=2&cursor=${encodeURIComponent(first.body.meta.nextCursor)}`, one);
    assert.deepEqual(second.body.data.map(({ id }) => id), ids.slice(2));
    assert.equal(second.body.meta.nextCursor, null);
    const shown = await get(`/chats/${ids[0]}`, third);
    assert.equal(shown.body.id, ids[0]);
    assert.equal(shown.body.participants.length, 3);
    assertProblem(await get(`/chats/${ids[2]}`, third), 403, "not_member");
    assertProblem(await get(`/chats/${randomUUID()}`, one), 404, "room_not_found");
    assertProblem(await get("/chats?cursor=nonsense", one), 400, "validation_failed");
  });

  test("bad chats are refused by the names of this dialect", async () => {
    const one = await register();
    const path = async (body) => assertProblem(await post("/chats", one, body), 400, "validation_failed").errors[0].path;
    assert.match(await path({}), /^participantIds/);
    assert.match(await path({ participantIds: [one.id] }), /^participantIds/);
    assert.match(await path({ participantIds: [] }), /^participantIds/);
    assert.match(await path({ participantIds: ["user-1"] }), /^participantIds\[0\]/);
    assert.match(await path({ participantIds: strangers(3), name: "x".repeat(101) }), /^name/);
    assertProblem(await post("/chats", one, { participantIds: strangers(100) }), 400, "group_full");
    assertProblem(await post("/chats", one, { participantIds: strangers(1) }), 404, "user_not_found");
    assertProblem(await post("/chats", one, "{not json"), 400, "malformed_json");
    assertProblem(await post("/chats", undefined, { participantIds: strangers(1) }), 401, "unauthenticated");
    assertProblem(await rest("GET", "/chats", { token: "nonsense" }), 401, "invalid_token");
  });
});

describe("messages over REST", () => {
  let one;
  let other;
  let chat;
  before(async () => {
    [one, other] = await people(2);
    chat = await chatOf(one, [other]);
  });

  test("a send answers 202 with the broker's id, and a repeat with the first one's", async () => {
    const clientMessageId = randomUUID();
    const body = { content: "Hello from sender", clientMessageId };
    const first = await post(`/chats/${chat}/messages`, one, body);
    assert.equal(first.status, 202, first.text);
    assert.match(first.body.brokerMessageId, UUID);
    assert.deepEqual(first.body, { brokerMessageId: first.body.brokerMessageId, clientMessageId });
    const again = await post(`/chats/${chat}/messages`, one, body);
    assert.equal(again.status, 202, again.text);
    assert.deepEqual(again.body, first.body);
    const others = await post(`/chats/${chat}/messages`, other, body);
    assert.notEqual(others.body.brokerMessageId, first.body.brokerMessageId);
    const generated = await post(`/chats/${chat}/messages`, one, { content: "without an id" });
    assert.match(generated.body.clientMessageId, UUID);
  });

  test("history pages by sequence", async () => {
    const [owner, second] = await people(2);
    const id = await chatOf(owner, [second]);
    for (const content of ["one", "two", "three"]) await send(owner, id, content);
    const page = async (query) => (await get(`/chats/${id}/messages${query}`, second)).body;
    const all = await eventually(async () => {
      const body = await page("");
      return body.data.length === 3 && body;
    }, "three stored messages");
    assert.deepEqual(all.meta, { limit: 50, hasMore: false, nextAfterSequence: 3, lastSequence: 3 });
    const [first] = all.data;
    assert.match(first.id, UUID);
    assert.match(first.sentAt, TIMESTAMP);
    assert.deepEqual(first, {
      id: first.id, chatId: id, senderId: owner.id, content: "one", messageType: "text", status: first.status, sequence: 1, sentAt: first.sentAt,
    });
    const after = await page("?after_seq=1&limit=1");
    assert.deepEqual([after.data.map(({ sequence }) => sequence), after.meta.hasMore, after.meta.nextAfterSequence], [[2], true, 2]);
    const earlier = await page("?before_seq=3&limit=1");
    assert.deepEqual([earlier.data.map(({ sequence }) => sequence), earlier.meta.hasMore], [[2], true]);
    for (const query of ["?limit=0", "?after_seq=1&before_seq=2", "?after_seq=x"]) {
      assertProblem(await get(`/chats/${id}/messages${query}`, second), 400, "validation_failed");
    }
    assertProblem(await get(`/chats/${id}/messages`, one), 403, "not_member");
  });

  test("bad sends are refused", async () => {
    const outsider = await register();
    const path = `/chats/${chat}/messages`;
    assertProblem(await post(path, one, {}), 400, "validation_failed");
    assertProblem(await post(path, one, { content: 7 }), 400, "validation_failed");
    assertProblem(await post(path, one, { content: " " }), 400, "empty_content");
    assertProblem(await post(path, one, { content: "<script>x</script>" }), 400, "empty_content");
    const badId = assertProblem(await post(path, one, { content: "x", clientMessageId: "tmp-1" }), 400, "validation_failed");
    assert.equal(badId.errors[0].path, "clientMessageId");
    assertProblem(await post(path, one, { content: TOO_LONG }), 413, "content_too_large");
    assertProblem(await post(path, one, "{"), 400, "malformed_json");
    assertProblem(await post(path, outsider, { content: "x" }), 403, "not_member");
    assertProblem(await post(path, undefined, { content: "x" }), 401, "unauthenticated");
    assertProblem(await post(`/chats/${randomUUID()}/messages`, one, { content: "x" }), 404, "room_not_found");
    assertProblem(await post("/chats/chat-1/messages", one, { content: "x" }), 400, "validation_failed");
  });
});

for (const transports of TRANSPORTS) {
  describe(`the socket over ${transports[0]}`, () => {
    test("the other member hears the documented chat.message.new, and no socket of the sender does", async () => {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      const dialect = "queued-rest";
      const [receiver, union, own, second] = await Promise.all([
        onChat(other, dialect, { transports }), onChat(other, undefined, { transports }),
        onChat(one, dialect, { transports }), onChat(one, undefined, { transports }),
      ]);
      await send(one, chat, "Hello");
      const event = await receiver.heard("chat.message.new");
      const { message } = event;
      assert.match(message.id, UUID);
      assert.match(message.sentAt, TIMESTAMP);
      assert.deepEqual(event, {
        chatId: chat,
        message: { id: message.id, chatId: chat, senderId: one.id, content: "Hello", messageType: "text", status: "sent", sequence: 1, sentAt: message.sentAt },
      });
      assert.deepEqual(await union.heard("chat.message.new"), event);
      // An answer comes later over the same way: what was to be heard before has been heard.
      await send(other, chat, "answer");
      for (const socket of [own, second]) {
        const answer = await socket.heard("chat.message.new");
        assert.equal(answer.message.content, "answer");
        assert.equal(socket.all("chat.message.new").length, 1);
      }
      assert.ok(receiver.log.every(({ event: name }) => name.startsWith("chat.message.")), JSON.stringify(receiver.log));
    });

    test("edits and deletions are heard by the others", async () => {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      const [receiver, own] = await Promise.all([onChat(other, "queued-rest", { transports }), onChat(one, "queued-rest", { transports })]);
      await send(one, chat, "first");
      const { message } = await receiver.heard("chat.message.new");
      const edited = await rest("PATCH", `/api/v1/messages/${message.id}`, { token: one.accessToken, body: { content: "second" } });
      assert.equal(edited.status, 200, edited.text);
      const updated = await receiver.heard("chat.message.updated");
      assert.equal(updated.chatId, chat);
      assert.deepEqual(updated.message, { ...message, content: "second", status: updated.message.status });
      const gone = await rest("DELETE", `/api/v1/messages/${message.id}`, { token: one.accessToken });
      assert.equal(gone.status, 204, gone.text);
      assert.deepEqual(await receiver.heard("chat.message.deleted"), { chatId: chat, messageId: message.id });
      await send(other, chat, "afterwards");
      await own.heard("chat.message.new");
      assert.ok(heardNone(own, "chat.message.updated") && heardNone(own, "chat.message.deleted"));
    });

    test("markup never comes out live, and arithmetic stays", async () => {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      const receiver = await onChat(other, "queued-rest", { transports });
      for (const [text, safe] of MARKUP) {
        await send(one, chat, text);
        await receiver.heard("chat.message.new", ({ message }) => message.content === safe);
      }
    });

    test("what happened offline is fetched over REST", async () => {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      await send(one, chat, "while you were away");
      await eventually(async () => (await get(`/chats/${chat}/messages?after_seq=0`, other)).body.data.length === 1, "the message");
      const receiver = await onChat(other, "queued-rest", { transports });
      await send(one, chat, "now you are here");
      const { message } = await receiver.heard("chat.message.new");
      assert.equal(message.sequence, 2);
    });

    test("a token is needed, in whichever of the documented places", async () => {
      const account = await register();
      const ways = [{ auth: { token: account.accessToken } }, { auth: { token: `Bearer ${account.accessToken}` } }];
      if (transports[0] === "polling") ways.push({ extraHeaders: { Authorization: `Bearer ${account.accessToken}` } });
      for (const way of ways) {
        const chat = open("/chat", undefined, { transports, ...way });
        await chat.heard("session.ready");
        chat.close();
      }
      for (const [token, message] of [[undefined, "No token provided"], [unique(), "Invalid token"]]) {
        const chat = open("/chat", token, { transports });
        const error = await new Promise((resolve) => chat.socket.once("connect_error", resolve));
        assert.equal(error.message, message);
        chat.close();
      }
    });

    test("there is nothing that this dialect's clients could emit", async () => {
      const chat = await onChat(await register(), "queued-rest", { transports });
      assertSocketError(await chat.ask("chat.message.new", {}), "chat.message.new", "unknown_event");
    });
  });
}
