// `realtime-server`: each example of its documents, word for word, with the stock client on both transports.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  BASE_URL,
  UUID,
  assertProblem,
  assertSocketError,
  connect,
  eventually,
  group,
  history,
  people,
  refusal,
  register,
  rest,
  unique,
} from "../chat/client.mjs";
import { TRANSPORTS, guid, join } from "./clients.mjs";

let sender, recipient, stranger;
before(async () => {
  [sender, recipient, stranger] = await people(3);
});

describe("the end-to-end message flow", () => {
  for (const transport of TRANSPORTS) {
    const transports = [transport];
    const ways = {
      "the auth payload": ({ accessToken }) => ({ auth: { token: accessToken }, transports }),
      "the Authorization header": ({ accessToken }) => ({
        auth: undefined,
        extraHeaders: { Authorization: `Bearer ${accessToken}` },
        transports,
      }),
      "the query": ({ accessToken }) => ({ auth: undefined, query: { token: accessToken }, transports }),
    };
    for (const [way, options] of Object.entries(ways)) {
      test(`a message is queued and delivered, the token in ${way}, by ${transport}`, async () => {
        const room = await group(sender, [recipient]);
        const [from, to] = await Promise.all([
          connect(sender, options(sender)),
          connect(recipient, options(recipient)),
        ]);
        const ack = await from.ask("message.send", {
          roomId: room.id,
          content: "Hello 👋",
          clientMsgId: "tmp-123",
        });
        assert.deepEqual(ack, { status: "QUEUED", clientMsgId: "tmp-123" });
        const copies = await Promise.all([from.delivered("Hello 👋"), to.delivered("Hello 👋")]);
        for (const copy of copies) {
          assert.match(copy.id, UUID);
          assert.equal(copy.id, copies[0].id);
          assert.equal(copy.seq, 1);
          assert.equal(copy.roomId, room.id);
          assert.equal(copy.senderId, sender.id);
          assert.equal(copy.clientMsgId, "tmp-123");
        }
      });
    }
  }

  test("a socket that names the dialect hears the canonical events and no others", async () => {
    const room = await group(sender, [recipient]);
    const named = (account) => ({ auth: { token: account.accessToken, dialect: "realtime-server" } });
    const [from, to] = await Promise.all([connect(sender, named(sender)), connect(recipient, named(recipient))]);
    for (const content of ["one", "two"]) {
      await from.send(room.id, content);
      await to.delivered(content);
    }
    const names = new Set(to.log.map(({ event }) => event));
    for (const name of names) assert.match(name, /\./, [...names].join(", "));
  });

  test("calls and presence may be spelled as chatchit does, on the same socket", async () => {
    const [one, other] = await people(2);
    const room = await group(one, [other]);
    const [caller, called] = await Promise.all([connect(one), connect(other)]);
    const here = { conversationId: room.id, conversationType: 0 };
    const online = async () => (await caller.ask("getOnlineUsers")).users.includes(other.id);
    await eventually(online, "both online");
    const { callId } = await caller.ask("callUser", { ...here, callType: "VOICE" });
    const ringing = await called.heard("call.ringing");
    assert.equal(ringing.callId, callId);
    assert.equal((await called.heard("openCall")).callId, callId);
    assert.equal((await called.ask("call.refuse", { callId })).status, "OK");
    assert.equal((await caller.heard("refuseCall")).callId, callId);
    await caller.ask("updatePresence", { status: "away" });
    assert.equal((await called.heard("presence.update", ({ status }) => status === "away")).userId, one.id);
    assert.equal((await called.heard("userPresenceUpdate", ({ status }) => status === "away")).userId, one.id);
  });

  test("history, reading and stories answer over the same socket", async () => {
    const room = await group(sender, [recipient]);
    const [from, to] = await Promise.all([connect(sender), connect(recipient)]);
    await from.send(room.id, "read me");
    const { id } = await to.delivered("read me");
    const read = await to.ask("message.read", { messageId: id });
    assert.equal(read.status, "OK");
    assert.equal((await from.heard("message.read")).messageId, id);
    const page = await to.ask("message.history", { roomId: room.id });
    assert.equal(page.messages.length, 1);
  });
});

describe("security and resilience", () => {
  test("handshakes without a good token are refused by their exact message", async () => {
    assert.equal((await refusal(undefined)).message, "No token provided");
    assert.equal((await refusal("abc.def.ghi")).message, "Invalid token");
    assert.equal((await refusal(sender, {}, "/nowhere")).message, "Invalid namespace");
  });

  test("a sender who is not in the room, an oversize and an empty message are refused before the queue", async () => {
    const room = await group(sender, [recipient]);
    const [outside, inside] = await Promise.all([connect(stranger), connect(sender)]);
    assertSocketError(await outside.send(room.id, "x"), "message.send", "not_member");
    assertSocketError(await inside.send(guid(), "x"), "message.send", "room_not_found");
    assertSocketError(await inside.send(room.id, "x".repeat(100_001)), "message.send", "content_too_large");
    assertSocketError(await inside.send(room.id, "<script>alert(1)</script>"), "message.send", "empty_content");
    assert.equal((await history(sender, room.id)).lastSeq, 0);
  });

  test("markup comes out dead", async () => {
    const room = await group(sender, [recipient]);
    const [from, to] = await Promise.all([connect(sender), connect(recipient)]);
    await from.send(room.id, "safe<img src=x onerror=alert(1)> text");
    await to.delivered("safe text");
  });

  test("unknown events and payloads of any shape are answered and close nothing", async () => {
    const chat = await connect(sender);
    assertSocketError(await chat.ask("message.sent", {}), "message.sent", "unknown_event");
    for (const payload of [null, 7, "x", [], {}, { roomId: 7 }, Buffer.from("x")]) {
      assertSocketError(await chat.ask("message.send", payload), "message.send", "validation_failed");
    }
    assert.equal(chat.disconnectReason, undefined);
  });

  test("a group of 101 is refused before anybody is looked up", async () => {
    const memberIds = Array.from({ length: 100 }, guid);
    const answer = await rest("POST", "/api/v1/rooms", {
      token: sender.accessToken,
      body: { type: "group", title: "Crowd", memberIds },
    });
    assertProblem(answer, 400, "group_full");
  });

  test("the same client id is stored once", async () => {
    const room = await group(sender, [recipient]);
    const from = await connect(sender);
    for (const content of ["first", "second"]) {
      assert.equal((await from.send(room.id, content, { clientMsgId: "tmp-123" })).status, "QUEUED");
    }
    await from.delivered("first");
    const page = await history(sender, room.id, "?fields=full");
    assert.deepEqual(
      page.messages.map(({ content }) => content),
      ["first"],
    );
  });
});

describe("the routes around it", () => {
  test("/auth answers for all older clients at once", async () => {
    const username = unique();
    const body = { email: `${username}@example.org`, password: "test123", username };
    for (const [path, status] of [
      ["/auth/register", 201],
      ["/auth/login", 200],
    ]) {
      const answer = await rest("POST", path, { body });
      assert.equal(answer.status, status, answer.text);
      for (const result of [answer.body, answer.body.data]) assert.equal(typeof result.accessToken, "string");
      assert.equal(answer.body.statusCode, status);
      assert.equal(typeof answer.body.access_token, "string");
    }
    assertProblem(await rest("POST", "/auth/login", { body: { ...body, password: "wrong1" } }), 401, "invalid_credentials");
  });

  test("legacy routes and /api/v1 show the same account", async () => {
    const one = await register({ firstName: "Ann" });
    const [legacy, canonical] = await Promise.all(
      ["/users/me", "/api/v1/me"].map((path) => rest("GET", path, { token: one.accessToken })),
    );
    assert.deepEqual(legacy.body.data, canonical.body);
    assert.equal(legacy.body.id, one.id);
    assert.equal(legacy.body.statusCode, 200);
  });

  test("health is public", async () => {
    const answer = await fetch(`${BASE_URL}/health`);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).status, "ok");
  });

  test("the root namespace speaks no canonical events", async () => {
    const root = await join(sender, "/");
    assertSocketError(await root.ask("message.send", {}), "message.send", "unknown_event");
  });
});
