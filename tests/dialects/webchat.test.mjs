// `webchat`: colon events on `/`, REST under /api/chats and /api/users, as its documents show them.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { assertProblem, assertSocketError, people, register, rest, TIMESTAMP, unique, UUID } from "../chat/client.mjs";
import { connect, heardNone, MARKUP, NO_OBJECTS, open, strangers, TOO_LONG, TRANSPORTS, webchat } from "./sockets.mjs";

const post = (path, account, body) => rest("POST", path, { token: account?.accessToken, body });
const get = (path, account) => rest("GET", path, { token: account?.accessToken });

async function chatOf(one, others, members = {}) {
  const answer = await post("/api/chats", one, { participantIds: others.map(({ id }) => id), ...members });
  assert.ok(answer.status === 201 || answer.status === 200, answer.text);
  return answer.body.id;
}

const CHAT_MESSAGE = [
  "chatId", "content", "createdAt", "forwardedFromId", "id", "isEdited", "isForwarded", "isPinned", "originalSenderId", "pinnedAt", "pinnedBy",
  "senderId", "seq", "status", "updatedAt",
];

function assertChatMessage(message, members = {}) {
  assert.deepEqual(Object.keys(message).sort(), CHAT_MESSAGE);
  assert.match(message.id, UUID);
  assert.match(message.createdAt, TIMESTAMP);
  assert.match(message.updatedAt, TIMESTAMP);
  for (const [name, value] of Object.entries(members)) assert.deepEqual(message[name], value, name);
}

describe("REST", () => {
  test("the documented chat of two is a dm, made once", async () => {
    const [one, other] = await people(2);
    const made = await post("/api/chats", one, { participantIds: [one.id, other.id] });
    assert.equal(made.status, 201, made.text);
    const { id, createdAt, updatedAt } = made.body;
    assert.match(id, UUID);
    assert.match(createdAt, TIMESTAMP);
    assert.deepEqual({ ...made.body, participants: [...made.body.participants].sort() }, {
      id, type: "dm", title: null, participants: [one.id, other.id].sort(), messages: [], createdAt, updatedAt, lastSeq: 0, unread: 0,
    });
    for (const body of [{ participantIds: [one.id] }, { userId: one.id }]) {
      const again = await post("/api/chats", other, body);
      assert.equal(again.status, 200, again.text);
      assert.equal(again.body.id, id);
    }
  });

  test("three and more make a group", async () => {
    const [one, other, third] = await people(3);
    const made = await post("/api/chats", one, { participantIds: [other.id, third.id], title: "Crew" });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.body.type, "group");
    assert.equal(made.body.title, "Crew");
    assert.equal(made.body.participants.length, 3);
    const list = await get("/api/chats", third);
    assert.deepEqual(list.body, [made.body]);
    const shown = await get(`/api/chats/${made.body.id}`, other);
    assert.deepEqual(shown.body, made.body);
  });

  test("bad chats are refused", async () => {
    const [one, outsider] = await people(2);
    const path = async (body) => assertProblem(await post("/api/chats", one, body), 400, "validation_failed").errors[0].path;
    assert.match(await path({}), /^participantIds/);
    assert.match(await path({ participantIds: [one.id] }), /^participantIds/);
    assert.match(await path({ participantIds: ["user-1", "user-2"] }), /^participantIds\[/);
    assert.match(await path({ userId: one.id }), /^userId/);
    assertProblem(await post("/api/chats", one, { participantIds: strangers(100) }), 400, "group_full");
    assertProblem(await post("/api/chats", one, { participantIds: strangers(99) }), 404, "user_not_found");
    assertProblem(await post("/api/chats", one, "{"), 400, "malformed_json");
    const chat = await chatOf(one, [await register()]);
    for (const route of [`/api/chats/${chat}`, `/api/chats/${chat}/messages`]) {
      assertProblem(await get(route, outsider), 403, "not_member");
      assertProblem(await get(route), 401, "unauthenticated");
    }
    assertProblem(await get(`/api/chats/${randomUUID()}`, one), 404, "room_not_found");
    assertProblem(await get("/api/chats/chat-123", one), 400, "validation_failed");
    assertProblem(await post("/custom/action", one, {}), 404, "not_found");
  });

  test("everybody is listed, with the addresses of strangers masked", async () => {
    const [one, other] = await people(2);
    const list = await get("/api/users", one);
    assert.equal(list.status, 200, list.text);
    assert.ok(list.body.length <= 500);
    const find = (account) => list.body.find(({ id }) => id === account.id);
    const own = find(one);
    assert.deepEqual(Object.keys(own).sort(), ["createdAt", "email", "id", "isOnline", "name", "status", "username"]);
    assert.deepEqual(Object.keys(own.status).sort(), ["isOnline", "lastSeen"]);
    assert.equal(find(other).email, `${other.email[0]}***@example.org`);
    assert.equal(find(other).isOnline, false);
    assertProblem(await get("/api/users"), 401, "unauthenticated");
  });

  test("health is answered without a token", async () => {
    for (const path of ["/health", "/health/readiness", "/health/liveness"]) {
      const answer = await get(path);
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.body.status, "ok");
    }
  });
});

for (const transports of TRANSPORTS) {
  describe(`the socket over ${transports[0]}`, () => {
    const options = { transports };
    const login = (account) => webchat(account, options);

    /** Two people in one chat, both looking at it. */
    async function pair() {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      const [sender, receiver] = await Promise.all([login(one), login(other)]);
      for (const socket of [sender, receiver]) {
        assert.deepEqual(await socket.ask("chat:join", { chatId: chat }), { status: "ok", message: "Joined chat room successfully" });
      }
      return { one, other, chat, sender, receiver };
    }

    async function say(socket, chat, content) {
      const ack = await socket.ask("message", { chatId: chat, content });
      assertChatMessage(ack, { chatId: chat, status: "SENT" });
      return ack;
    }

    test("a socket is greeted, with or without Bearer before its token", async () => {
      const account = await register();
      for (const token of [account.accessToken, `Bearer ${account.accessToken}`]) {
        const chat = await login(token);
        assert.deepEqual(await chat.heard("connection:established"), { userId: account.id });
      }
      const byQuery = await connect("/", undefined, "connection:established", { ...options, query: { token: account.accessToken } });
      assert.equal((await byQuery.heard("connection:established")).userId, account.id);
    });

    test("a socket without a good token is refused", async () => {
      for (const [token, message] of [[undefined, "No token provided"], ["nonsense", "Invalid token"]]) {
        const chat = open("/", token, options);
        const error = await new Promise((resolve) => chat.socket.once("connect_error", resolve));
        assert.equal(error.message, message);
        chat.close();
      }
    });

    test("the documented message is acknowledged, confirmed and heard by both", async () => {
      const { one, chat, sender, receiver } = await pair();
      const ack = await say(sender, chat, "Hello, World!");
      assert.equal(ack.senderId, one.id);
      assert.equal(ack.content, "Hello, World!");
      assert.deepEqual(await sender.heard("message:ack"), { messageId: ack.id });
      for (const socket of [sender, receiver]) {
        const message = await socket.heard("message");
        assertChatMessage(message, {
          id: ack.id, chatId: chat, senderId: one.id, content: "Hello, World!", seq: 1, isEdited: false, isPinned: false, isForwarded: false,
        });
      }
      assert.ok(heardNone(receiver, "message:ack"));
    });

    test("only sockets that joined hear the chat, and sending joins", async () => {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      const [sender, idle, receiver] = await Promise.all([login(one), login(other), login(other)]);
      await receiver.ask("chat:join", { chatId: chat });
      const first = await say(sender, chat, "first");
      await sender.heard("message", ({ id }) => id === first.id);
      await receiver.heard("message", ({ id }) => id === first.id);
      const answer = await say(idle, chat, "sending joins me");
      await idle.heard("message", ({ id }) => id === answer.id);
      assert.equal(idle.all("message").length, 1);
    });

    test("chat:leave takes all of the user's sockets out of the view, and they may join again", async () => {
      const { other, chat, sender, receiver } = await pair();
      const second = await login(other);
      await second.ask("chat:join", { chatId: chat });
      assert.deepEqual(await receiver.ask("chat:leave", { chatId: chat }), { success: true });
      const missed = await say(sender, chat, "nobody looks");
      await sender.heard("message", ({ id }) => id === missed.id);
      await second.ask("chat:join", { chatId: chat });
      const heard = await say(sender, chat, "one looks again");
      await second.heard("message", ({ id }) => id === heard.id);
      assert.equal(second.all("message").length, 1);
      assert.equal(receiver.all("message").length, 0);
      const history = await get(`/api/chats/${chat}/messages`, other);
      assert.deepEqual(history.body.map(({ id }) => id), [missed.id, heard.id]);
    });

    test("chat:leave fails in its own way", async () => {
      const { sender } = await pair();
      for (const [payload, code] of [[{ chatId: randomUUID() }, "room_not_found"], [{ chatId: "chat-123" }, "validation_failed"], [{}, "validation_failed"]]) {
        const ack = await sender.ask("chat:leave", payload);
        assert.equal(ack.success, false, JSON.stringify(ack));
        assert.equal(ack.code, code);
        assert.equal(typeof ack.message, "string");
      }
    });

    test("messages are edited, pinned, unpinned and deleted in front of everybody who looks", async () => {
      const { one, chat, sender, receiver } = await pair();
      const { id } = await say(sender, chat, "first");
      await receiver.heard("message");
      const updated = await sender.ask("message:update", { messageId: id, content: "Updated content" });
      assert.equal(updated.status, "ok", JSON.stringify(updated));
      assertChatMessage(updated.message, { id, content: "Updated content", isEdited: true });
      const pinned = await sender.ask("message:pin", { messageId: id });
      assertChatMessage(pinned.message, { id, isPinned: true, pinnedBy: one.id });
      assert.match(pinned.message.pinnedAt, TIMESTAMP);
      const pins = await receiver.ask("chat:get-pinned", { chatId: chat });
      assert.deepEqual([pins.status, pins.messages.map((message) => message.id)], ["ok", [id]]);
      const unpinned = await sender.ask("message:unpin", { messageId: id });
      assertChatMessage(unpinned.message, { id, isPinned: false, pinnedBy: null });
      assert.deepEqual(await sender.ask("message:delete", { messageId: id }), { status: "ok" });
      for (const socket of [sender, receiver]) {
        assertChatMessage(await socket.heard("message:updated"), { id, content: "Updated content", isEdited: true });
        assertChatMessage(await socket.heard("message:pinned"), { id, isPinned: true });
        assertChatMessage(await socket.heard("message:unpinned"), { id, isPinned: false });
        const deleted = await socket.heard("message:deleted");
        assert.match(deleted.deletedAt, TIMESTAMP);
        assert.deepEqual(deleted, { messageId: id, chatId: chat, deletedBy: one.id, deletedAt: deleted.deletedAt });
      }
    });

    test("a message's sender hears that it was delivered and read", async () => {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      const sender = await login(one);
      const { id } = await say(sender, chat, "are you there?");
      await sender.heard("message:ack");
      const receiver = await login(other);
      await receiver.ask("chat:join", { chatId: chat });
      const delivered = await sender.heard("message:status", ({ status }) => status === "DELIVERED");
      assert.match(delivered.timestamp, TIMESTAMP);
      assert.deepEqual(delivered, { messageId: id, status: "DELIVERED", timestamp: delivered.timestamp });
      assert.deepEqual(await receiver.ask("message:read", { messageId: id }), { status: "ok" });
      assert.equal((await sender.heard("message:status", ({ status }) => status === "READ")).messageId, id);
      const [shown] = (await get(`/api/chats/${chat}/messages`, one)).body;
      assertChatMessage(shown, { id, status: "READ" });
    });

    test("message:status marks a message delivered", async () => {
      const [one, other] = await people(2);
      const chat = await chatOf(one, [other]);
      const [sender, receiver] = await Promise.all([login(one), login(other)]);
      const { id } = await say(sender, chat, "hello");
      await sender.heard("message:ack");
      assert.deepEqual(await receiver.ask("message:status", { messageId: id, status: "DELIVERED" }), { status: "ok" });
      await sender.heard("message:status", ({ messageId, status }) => messageId === id && status === "DELIVERED");
      assertSocketError(await receiver.ask("message:status", { messageId: id, status: "EATEN" }), "message:status", "validation_failed", "error");
    });

    test("messages are forwarded one by one and several at once", async () => {
      const { one, other, chat, sender } = await pair();
      const third = await register();
      const target = await chatOf(one, [third]);
      const receiver = await login(third);
      await receiver.ask("chat:join", { chatId: target });
      const first = await say(sender, chat, "first");
      const second = await say(sender, chat, "second");
      await sender.heard("message", ({ id }) => id === second.id);
      const ack = await sender.ask("message:forward", { messageId: first.id, toChatId: target, additionalContent: "Look:" });
      assert.equal(ack.status, "ok", JSON.stringify(ack));
      const members = { chatId: target, senderId: one.id, content: "Look:\nfirst", isForwarded: true, forwardedFromId: first.id, originalSenderId: one.id };
      assertChatMessage(ack.message, members);
      assertChatMessage(await receiver.heard("message", ({ id }) => id === ack.message.id), members);
      const several = await sender.ask("message:forward-multiple", { messageIds: [first.id, second.id], toChatId: target });
      assert.deepEqual(several.messages.map(({ content }) => content), ["first", "second"]);
      for (const { id } of several.messages) assertChatMessage(await receiver.heard("message", (message) => message.id === id), { isForwarded: true });
      const outsider = await login(other);
      assertSocketError(await outsider.ask("message:forward", { messageId: first.id, toChatId: target }), "message:forward", "not_member", "error");
    });

    test("chat:get opens the dm with its newest messages", async () => {
      const [one, other] = await people(2);
      const socket = await login(one);
      const made = await socket.ask("chat:get", { recipientId: other.id });
      assert.match(made.chatId, UUID);
      assert.deepEqual(made.messages, []);
      const { id } = await say(socket, made.chatId, "hello");
      await socket.heard("message", (message) => message.id === id);
      const again = await (await login(other)).ask("chat:get", { recipientId: one.id });
      assert.equal(again.chatId, made.chatId);
      assert.deepEqual(again.messages.map((message) => message.id), [id]);
      assertSocketError(await socket.ask("chat:get", { recipientId: one.id }), "chat:get", "validation_failed", "error");
      assertSocketError(await socket.ask("chat:get", { recipientId: randomUUID() }), "chat:get", "user_not_found", "error");
    });

    test("contacts see each other come and go", { timeout: 60_000 }, async () => {
      const [one, other, stranger] = await people(3);
      await chatOf(one, [other]);
      const watcher = await login(one);
      const coming = await login(other);
      const online = await watcher.heard("user:status", ({ userId }) => userId === other.id);
      assert.deepEqual([online.status, online.isOnline], ["online", true]);
      assert.ok("lastSeen" in online);
      assert.deepEqual(await watcher.heard("users:update", ({ userId }) => userId === other.id), { userId: other.id, isOnline: true });
      const list = await watcher.ask("user:get-online", {});
      assert.equal(list.status, "ok");
      assert.deepEqual([...list.users].sort(), [one.id, other.id].sort());
      assert.equal(list.count, 2);
      assert.deepEqual((await (await login(stranger)).ask("user:get-online", {})).users, [stranger.id]);
      const shown = await watcher.ask("user:get-presence", { userId: other.id });
      assert.equal(shown.status, "ok");
      assert.deepEqual([shown.presence.userId, shown.presence.status], [other.id, "online"]);
      assert.ok(shown.presence.lastSeen === null || Number.isInteger(shown.presence.lastSeen));
      coming.close();
      const offline = await watcher.heard("user:status", ({ userId, isOnline }) => userId === other.id && !isOnline);
      assert.equal(offline.status, "offline");
      await watcher.heard("users:update", ({ userId, isOnline }) => userId === other.id && !isOnline);
      const later = await watcher.ask("user:get-presence", { userId: other.id });
      assert.ok(Math.abs(Date.now() - later.presence.lastSeen) < 60_000);
    });

    test("users:list masks the addresses of strangers, not one's own", async () => {
      const [one, other] = await people(2);
      const socket = await login(one);
      for (const payload of [{}, null]) {
        const { users } = await socket.ask("users:list", payload);
        assert.ok(users.length <= 500);
        const find = (account) => users.find(({ id }) => id === account.id);
        assert.deepEqual(Object.keys(find(one)).sort(), ["email", "id", "isOnline", "name"]);
        assert.equal(find(one).email, one.email);
        assert.equal(find(one).isOnline, true);
        assert.equal(find(other).email, `${other.email[0]}***@example.org`);
      }
    });

    test("typing is seen by the others who look", async () => {
      const { one, chat, sender, receiver } = await pair();
      assert.deepEqual(await sender.ask("user:typing", { chatId: chat }), { status: "ok" });
      assert.deepEqual(await receiver.heard("user:typing"), { chatId: chat, userId: one.id, isTyping: true });
      await sender.ask("user:typing", { chatId: chat, isTyping: false });
      await receiver.heard("user:typing", ({ isTyping }) => !isTyping);
      assert.ok(heardNone(sender, "user:typing"));
    });

    test("markup never comes out live, and arithmetic stays", async () => {
      const { chat, sender, receiver } = await pair();
      for (const [text, safe] of MARKUP) {
        const { id, content } = await say(sender, chat, text);
        assert.equal(content, safe);
        assert.equal((await receiver.heard("message", (message) => message.id === id)).content, safe);
      }
    });

    test("strangers are refused whatever they try", async () => {
      const { chat, sender } = await pair();
      const { id } = await say(sender, chat, "private");
      await sender.heard("message");
      const outsider = await login(await register());
      const tries = [
        ["message", { chatId: chat, content: "x" }], ["message:update", { messageId: id, content: "x" }], ["message:delete", { messageId: id }],
        ["message:pin", { messageId: id }], ["message:unpin", { messageId: id }], ["message:read", { messageId: id }],
        ["message:status", { messageId: id, status: "DELIVERED" }], ["chat:join", { chatId: chat }], ["chat:leave", { chatId: chat }],
        ["chat:get-pinned", { chatId: chat }], ["user:typing", { chatId: chat }],
        ["message:forward", { messageId: id, toChatId: chat }], ["message:forward-multiple", { messageIds: [id], toChatId: chat }],
      ];
      for (const [event, payload] of tries) {
        const ack = await outsider.ask(event, payload);
        assert.equal(ack.code, "not_member", `${event}: ${JSON.stringify(ack)}`);
        assert.equal(ack.status, "error", event);
      }
      await say(sender, chat, "still here");
      assert.ok(heardNone(outsider, "message"));
    });

    test("bad messages are refused", async () => {
      const { chat, sender, receiver } = await pair();
      const refuse = async (payload, code) => assertSocketError(await sender.ask("message", payload), "message", code, "error");
      await refuse({ chatId: chat, content: "" }, "empty_content");
      await refuse({ chatId: chat, content: "<script>x</script>" }, "empty_content");
      await refuse({ chatId: chat, content: TOO_LONG }, "content_too_large");
      await refuse({ chatId: chat }, "validation_failed");
      await refuse({ chatId: chat, content: 7 }, "validation_failed");
      await refuse({ chatId: "chat-123", content: "x" }, "validation_failed");
      await refuse({ chatId: randomUUID(), content: "x" }, "room_not_found");
      const missing = randomUUID();
      for (const event of ["message:update", "message:delete", "message:pin", "message:unpin", "message:read"]) {
        assertSocketError(await sender.ask(event, { messageId: missing, content: "x" }), event, "message_not_found", "error");
      }
      const { id } = await say(receiver, chat, "mine");
      await sender.heard("message", (message) => message.id === id);
      assertSocketError(await sender.ask("message:update", { messageId: id, content: "x" }), "message:update", "forbidden", "error");
      assertSocketError(await sender.ask("message:delete", { messageId: id }), "message:delete", "forbidden", "error");
      assertSocketError(await sender.ask("message:unpin", { messageId: id }), "message:unpin", "not_pinned", "error");
    });

    test("nonsense is answered and the socket stays", async () => {
      const account = await register();
      const socket = await login(account);
      for (const payload of NO_OBJECTS) {
        for (const event of ["message", "message:update", "chat:join", "chat:get", "user:get-presence", "user:typing"]) {
          assertSocketError(await socket.ask(event, payload), event, "validation_failed", "error");
        }
      }
      for (const event of ["custom:event", unique(), "message.send", "authenticate"]) {
        assertSocketError(await socket.ask(event, {}), event, "unknown_event");
      }
      socket.socket.emit("message", { chatId: "chat-123" });
      for (const name of ["error", "exception"]) {
        const error = await socket.heard(name, ({ event }) => event === "message");
        assert.deepEqual([error.status, error.code], ["error", "validation_failed"]);
      }
      socket.socket.emit("ping");
      assert.equal((await socket.heard("pong")).userId, account.id);
      assert.equal(socket.disconnectReason, undefined);
    });
  });
}
