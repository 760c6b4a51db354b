// `chatchit`: every event that the dialect documents, on both of its namespaces and on both transports.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  TIMESTAMP,
  UUID,
  assertSocketError,
  connect,
  dm,
  eventually,
  group,
  history,
  people,
  refusal,
  register,
  rest,
} from "../chat/client.mjs";
import { TRANSPORTS, guid, join } from "./clients.mjs";

let ann, bob, cat;
before(async () => {
  [ann, bob, cat] = await Promise.all(
    ["Ann", "Bob", "Cat"].map((firstName) => register({ firstName, lastName: "Lee" })),
  );
});

const person = (account, firstName) => ({ id: account.id, firstName, lastName: "Lee" });
const inGroup = (room) => ({ conversationId: room.id, conversationType: "GROUP" });
const withFriend = (account) => ({ conversationId: account.id, conversationType: 1 });
const chatchit = (account, namespace = "/", options = {}) =>
  join(account, namespace, { auth: { token: account.accessToken, dialect: "chatchit" }, ...options });

describe("messages", () => {
  for (const namespace of ["/", "/chat"]) {
    for (const transport of TRANSPORTS) {
      test(`a message is queued, processed and heard on ${namespace} by ${transport}`, async () => {
        const room = await group(ann, [bob]);
        const options = { transports: [transport] };
        const [sender, receiver] = await Promise.all([
          chatchit(ann, namespace, options),
          chatchit(bob, namespace, options),
        ]);
        const id = guid();
        const ack = await sender.ask("sendMessage", {
          ...inGroup(room),
          guid: id,
          messageType: "TEXT",
          content: "Hello 👋",
        });
        assert.equal(ack.tempId, id);
        assert.equal(ack.status, "queued");
        assert.match(ack.timestamp, TIMESTAMP);
        assert.deepEqual(await sender.heard("messageQueued"), ack);
        const coming = await receiver.heard("messageComing");
        const { id: messageId, createdAt, ...rest } = coming;
        assert.match(messageId, UUID);
        assert.match(createdAt, TIMESTAMP);
        assert.deepEqual(rest, {
          guid: id,
          conversationId: room.id,
          conversationType: "GROUP",
          senderId: ann.id,
          messageType: "TEXT",
          content: "Hello 👋",
          deletedAt: null,
          callType: null,
          callStatus: null,
          status: "SENT",
          attachments: [],
          sender: person(ann, "Ann"),
          seq: 1,
        });
        assert.deepEqual(await receiver.heard("loadLastMessage"), { conversationId: room.id });
        assert.equal((await sender.heard("messageComing")).id, messageId);
        assert.deepEqual(await sender.heard("messageProcessed"), { tempId: id, messageId, status: "success" });
        assert.equal(receiver.all("messageProcessed").length, 0);
        assert.equal(receiver.all("messageQueued").length, 0);
      });
    }
  }

  test("without a guid the server makes a temporary id", async () => {
    const room = await group(ann, [bob]);
    const sender = await chatchit(ann);
    sender.socket.emit("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "no guid" });
    const queued = await sender.heard("messageQueued");
    assert.match(queued.tempId, /^temp_/);
    const processed = await sender.heard("messageProcessed");
    assert.equal(processed.tempId, queued.tempId);
  });

  test("a friend's id names the dm, which is made on first use; each side sees the other as its peer", async () => {
    const [one, other] = await people(2);
    const [sender, receiver] = await Promise.all([chatchit(one), chatchit(other)]);
    await sender.ask("sendMessage", { ...withFriend(other), messageType: "TEXT", content: "first" });
    const coming = await receiver.heard("messageComing");
    assert.equal(coming.conversationType, "FRIEND");
    assert.equal(coming.peerId, one.id);
    assert.notEqual(coming.conversationId, other.id);
    const own = await sender.heard("messageComing");
    assert.equal(own.peerId, other.id);
    const room = await dm(one, other);
    assert.equal(room.id, coming.conversationId);
    await receiver.ask("sendMessage", { conversationId: room.id, conversationType: "FRIEND", content: "back" });
    assert.equal((await sender.heard("messageComing", ({ content }) => content === "back")).peerId, other.id);
  });

  test("a repeated guid is stored once and answered again", async () => {
    const room = await group(ann, [bob]);
    const sender = await chatchit(ann);
    const message = { ...inGroup(room), guid: guid(), messageType: "TEXT", content: "once" };
    await sender.ask("sendMessage", message);
    await sender.ask("sendMessage", message);
    await eventually(() => sender.all("messageProcessed").length === 2, "two answers");
    const [first, second] = sender.all("messageProcessed");
    assert.equal(first.messageId, second.messageId);
    assert.equal((await history(ann, room.id)).lastSeq, 1);
  });

  test("a link is kept as an attachment and never fetched", async () => {
    const room = await group(ann, [bob]);
    const [sender, receiver] = await Promise.all([chatchit(ann), chatchit(bob)]);
    const attachments = [{ fileUrl: "https://cdn.example.test/cat.png", thumbUrl: "https://cdn.example.test/t.png" }];
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "IMAGE", attachments });
    const coming = await receiver.heard("messageComing");
    assert.equal(coming.messageType, "IMAGE");
    const { id, ...file } = coming.attachments[0];
    assert.match(id, UUID);
    assert.deepEqual(file, attachments[0]);
  });

  test("a message deleted for everyone is told to all with the name of whoever did it", async () => {
    const room = await group(ann, [bob]);
    const [sender, receiver] = await Promise.all([chatchit(ann), chatchit(bob)]);
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "gone soon" });
    const { id: messageId } = await receiver.heard("messageComing");
    const ack = await sender.ask("deleteMessage", { messageId, ...inGroup(room) });
    assert.equal(ack.status, "queued");
    assert.equal(ack.messageId, messageId);
    assert.deepEqual(await sender.heard("deleteMessageQueued"), ack);
    const deleted = await receiver.heard("messageDeleted");
    assert.match(deleted.deletedAt, TIMESTAMP);
    assert.deepEqual(deleted, {
      messageId,
      deletedBy: person(ann, "Ann"),
      deletedAt: deleted.deletedAt,
      conversationId: room.id,
    });
    await sender.heard("messageDeleted");
  });

  test("a message deleted for oneself is told to nobody else", async () => {
    const room = await group(ann, [bob]);
    const [sender, receiver] = await Promise.all([chatchit(ann), chatchit(bob)]);
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "mine" });
    const { id: messageId } = await receiver.heard("messageComing");
    await sender.ask("deleteMessage", { messageId, ...inGroup(room), deleteForEveryone: false });
    await sender.heard("messageDeleted");
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "after" });
    await receiver.heard("messageComing", ({ content }) => content === "after");
    assert.equal(receiver.all("messageDeleted").length, 0);
  });

  test("an edit over REST is heard as messageUpdated", async () => {
    const room = await group(ann, [bob]);
    const [sender, receiver] = await Promise.all([chatchit(ann), chatchit(bob)]);
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "tpyo" });
    const { id } = await receiver.heard("messageComing");
    await rest("PATCH", `/api/v1/messages/${id}`, { token: ann.accessToken, body: { content: "typo" } });
    const updated = await receiver.heard("messageUpdated");
    assert.equal(updated.id, id);
    assert.equal(updated.content, "typo");
    await sender.heard("messageUpdated");
  });

  test("reading is told to the others, by message and by having seen", async () => {
    const room = await group(ann, [bob]);
    const [sender, reader] = await Promise.all([chatchit(ann), chatchit(bob)]);
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "read me" });
    const { id: messageId } = await reader.heard("messageComing");
    assert.deepEqual(await reader.ask("messageRead", { messageId, ...inGroup(room) }), { status: "ok" });
    const read = await sender.heard("messageRead");
    assert.match(read.readAt, TIMESTAMP);
    assert.deepEqual(read, {
      messageId,
      readBy: person(bob, "Bob"),
      readAt: read.readAt,
      conversationId: room.id,
    });
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "and me" });
    const next = await reader.heard("messageComing", ({ content }) => content === "and me");
    assert.deepEqual(await reader.ask("seenStatus", { ...inGroup(room), lastSeenMessageId: next.id }), {
      status: "ok",
    });
    const seen = await sender.heard("userSeenUpdate", ({ lastSeenMessageId }) => lastSeenMessageId === next.id);
    assert.equal(seen.userId, bob.id);
    assert.equal(seen.conversationId, room.id);
    assert.match(seen.seenAt, TIMESTAMP);
    assert.equal(reader.all("messageRead").length, 0);
  });

  test("many messages arrive in the order of their seq, whatever names had to be looked up first", async () => {
    const [one, other] = await people(2);
    const room = await group(one, [other]);
    const [sender, receiver] = await Promise.all([chatchit(one), chatchit(other)]);
    const contents = Array.from({ length: 40 }, (_, index) => `m${index}`);
    for (const content of contents) sender.socket.emit("sendMessage", { ...inGroup(room), content, messageType: "TEXT" });
    await eventually(() => receiver.all("messageComing").length >= 40, "all messages");
    assert.deepEqual(
      receiver.all("messageComing").map(({ content }) => content),
      contents,
    );
    assert.deepEqual(
      receiver.all("messageComing").map(({ seq }) => seq),
      contents.map((_, index) => index + 1),
    );
  });
});

describe("typing, presence, groups", () => {
  test("typing is heard by the other members only", async () => {
    const room = await group(ann, [bob]);
    const [one, other] = await Promise.all([chatchit(ann), chatchit(bob)]);
    one.socket.emit("typing", inGroup(room));
    const typing = await other.heard("typing");
    assert.match(typing.timestamp, TIMESTAMP);
    assert.deepEqual(typing, {
      user: person(ann, "Ann"),
      conversationId: room.id,
      conversationType: "GROUP",
      isTyping: true,
      timestamp: typing.timestamp,
    });
    one.socket.emit("typing", { ...inGroup(room), isTyping: false });
    await other.heard("typing", ({ isTyping }) => !isTyping);
    assert.equal(one.all("typing").length, 0);
  });

  test("contacts hear who comes, what they do, and who goes", async () => {
    const [one, other] = await people(2);
    await dm(one, other);
    const watching = await chatchit(other);
    const coming = await chatchit(one, "/chat");
    const online = await watching.heard("userOnline", ({ userId }) => userId === one.id);
    assert.ok(online.onlineUsers.includes(one.id));
    assert.deepEqual(await coming.ask("updatePresence", { status: "busy", activity: "at work" }), { status: "queued" });
    for (const name of ["userPresenceUpdate", "presenceUpdate"]) {
      const update = await watching.heard(name, ({ status }) => status === "busy");
      assert.match(update.timestamp, TIMESTAMP);
      assert.deepEqual(update, {
        userId: one.id,
        status: "busy",
        activity: "at work",
        timestamp: update.timestamp,
      });
    }
    const users = (await watching.ask("getOnlineUsers")).users;
    assert.deepEqual([...users].sort(), [one.id, other.id].sort());
    assert.deepEqual((await watching.heard("onlineUsers")).users, users);
    await coming.ask("presence", { status: "online" });
    coming.close();
    const offline = await watching.heard("userOffline", ({ userId }) => userId === one.id);
    assert.ok(!offline.onlineUsers.includes(one.id));
  });

  test("an open group is joined, a closed one is not", async () => {
    const open = await group(ann, [], { joinPolicy: "open" });
    const closed = await group(ann, []);
    const [owner, guest] = await Promise.all([chatchit(ann), chatchit(cat)]);
    const ack = await guest.ask("joinGroup", { groupId: open.id });
    assert.deepEqual(ack, { groupId: open.id, roomName: `group:${open.id}` });
    assert.deepEqual(await guest.heard("joinedGroup"), ack);
    const joined = await owner.heard("userJoinedGroup");
    assert.match(joined.timestamp, TIMESTAMP);
    assert.deepEqual(joined, { userId: cat.id, groupId: open.id, timestamp: joined.timestamp });
    // Whoever is in it already enters again.
    assert.deepEqual(await guest.ask("joinGroup", { groupId: open.id }), ack);
    await eventually(() => owner.all("userJoinedGroup").length === 2, "the second entry");
    const refused = await guest.ask("joinGroup", { groupId: closed.id });
    assertSocketError(refused, "joinGroup", "forbidden", "error");
    assert.equal((await guest.heard("joinGroupError")).code, "forbidden");
  });

  test("events of the clients' own reach the members under their own name", async () => {
    const room = await group(ann, [bob]);
    const [one, other] = await Promise.all([chatchit(ann), chatchit(bob)]);
    const event = { event: "drawing \"1\"", payload: { x: 1, sender: "forged" }, ...inGroup(room) };
    assert.deepEqual(await one.ask("broadcastEvent", event), { status: "ok" });
    const heard = await other.heard("drawing \"1\"");
    assert.deepEqual(heard, { x: 1, sender: person(ann, "Ann"), timestamp: heard.timestamp });
    await one.heard("drawing \"1\"");
    await one.ask("broadcastEvent", { ...event, event: "quiet", excludeSelf: true });
    await other.heard("quiet");
    assert.equal(one.all("quiet").length, 0);
    for (const name of ["messageComing", "sendMessage", "session.revoked", "message:ack", "disconnect"]) {
      const refused = await one.ask("broadcastEvent", { ...event, event: name });
      assertSocketError(refused, "broadcastEvent", "invalid_event", "error");
    }
  });

  test("ping, heartbeat and getStats are answered by their events", async () => {
    const one = await chatchit(ann);
    one.socket.emit("ping");
    assert.equal((await one.heard("pong")).userId, ann.id);
    one.socket.emit("heartbeat");
    const beat = await one.heard("heartbeat");
    assert.equal(beat.userId, ann.id);
    assert.match(beat.timestamp, TIMESTAMP);
    one.socket.emit("getStats");
    const stats = await one.heard("serverStats");
    assert.equal(stats.queue.connected, true);
    assert.equal(stats.cache.connected, true);
    assert.match(stats.timestamp, TIMESTAMP);
  });
});

describe("calls", () => {
  test("a call rings, is answered and closed", async () => {
    const [one, other] = await Promise.all([
      register({ firstName: "Ann", lastName: "Lee" }),
      register({ firstName: "Bob", lastName: "Lee" }),
    ]);
    const room = await dm(one, other);
    const [caller, called] = await Promise.all([chatchit(one), chatchit(other)]);
    await eventually(async () => (await caller.ask("getOnlineUsers")).users.includes(other.id), "both online");
    const ack = await caller.ask("callUser", { ...withFriend(other), callType: "VIDEO", signalData: "offer" });
    assert.equal(ack.status, "queued");
    assert.match(ack.callId, UUID);
    for (const name of ["callUser", "openCall"]) {
      const ringing = await called.heard(name);
      assert.deepEqual(ringing, {
        conversationId: room.id,
        conversationType: "FRIEND",
        peerId: one.id,
        callType: "VIDEO",
        signalData: "offer",
        callId: ack.callId,
        callerInfo: person(one, "Ann"),
        timestamp: ringing.timestamp,
      });
    }
    assert.equal(caller.all("openCall").length, 0);
    const answered = await called.ask("answerCall", { ...withFriend(one), callType: "VIDEO", signalData: "answer" });
    assert.deepEqual(answered, { status: "ok", callId: ack.callId });
    const accepted = await caller.heard("callAccepted");
    assert.equal(accepted.signalData, "answer");
    assert.equal(accepted.callId, ack.callId);
    assert.deepEqual(accepted.answeredBy, person(other, "Bob"));
    assert.equal(called.all("callAccepted").length, 0);
    assert.deepEqual(await caller.ask("closeCall", withFriend(other)), { status: "ok", callId: ack.callId });
    for (const chat of [caller, called]) {
      const closed = await chat.heard("closeCall");
      assert.match(closed.closedAt, TIMESTAMP);
      assert.deepEqual(closed, {
        closedBy: one.id,
        closedAt: closed.closedAt,
        conversationId: room.id,
        callId: ack.callId,
      });
    }
    const written = await called.heard("messageComing", ({ messageType }) => messageType === "CALL");
    assert.equal(written.callType, "VIDEO");
    assert.equal(written.callStatus, "ENDED");
    const over = await called.ask("answerCall", { ...withFriend(one), callId: ack.callId });
    assertSocketError(over, "answerCall", "call_ended", "error");
    const none = await called.ask("answerCall", withFriend(one));
    assertSocketError(none, "answerCall", "call_not_found", "error");
  });

  test("a call is refused, and given up while it rings", async () => {
    const [one, other] = await people(2);
    await dm(one, other);
    const [caller, called] = await Promise.all([chatchit(one), chatchit(other)]);
    await eventually(async () => (await caller.ask("getOnlineUsers")).users.includes(other.id), "both online");
    const first = await caller.ask("callUser", withFriend(other));
    await called.heard("callUser", ({ callId }) => callId === first.callId);
    assert.deepEqual(await called.ask("refuseCall", { ...withFriend(one), callId: first.callId }), {
      status: "ok",
      callId: first.callId,
    });
    for (const chat of [caller, called]) {
      const refused = await chat.heard("refuseCall");
      assert.equal(refused.refusedBy.id, other.id);
      assert.equal(refused.callType, "VOICE");
    }
    const second = await caller.ask("callUser", withFriend(other));
    await called.heard("callUser", ({ callId }) => callId === second.callId);
    await caller.ask("giveUpCall", withFriend(other));
    await called.heard("closeCall", ({ callId }) => callId === second.callId);
  });

  test("the caller of somebody who is away is told so", async () => {
    const [one, other] = await people(2);
    await dm(one, other);
    const caller = await chatchit(one);
    const { callId } = await caller.ask("callUser", withFriend(other));
    const away = await caller.heard("userNotOnline");
    assert.equal(away.callId, callId);
    assert.equal(typeof away.message, "string");
  });
});

describe("refusals", () => {
  test("a bad token is refused on both namespaces", async () => {
    for (const namespace of ["/", "/chat"]) {
      assert.equal((await refusal("nonsense", {}, namespace)).message, "Invalid token");
      assert.equal((await refusal(undefined, {}, namespace)).message, "No token provided");
    }
  });

  test("whoever is not in a conversation can do nothing there", async () => {
    const room = await group(ann, [bob]);
    const stranger = await chatchit(cat);
    const tried = {
      sendMessage: { messageType: "TEXT", content: "x" },
      typing: {},
      seenStatus: {},
      callUser: {},
      answerCall: {},
      broadcastEvent: { event: "x", payload: {} },
    };
    for (const [event, payload] of Object.entries(tried)) {
      const ack = await stranger.ask(event, { ...inGroup(room), ...payload });
      assertSocketError(ack, event, "not_member", "error");
      assert.equal((await stranger.heard(`${event}Error`)).code, "not_member");
    }
    const nowhere = { conversationId: guid(), conversationType: "GROUP", messageType: "TEXT", content: "x" };
    assertSocketError(await stranger.ask("sendMessage", nowhere), "sendMessage", "room_not_found", "error");
    const nobody = { ...nowhere, conversationType: "FRIEND" };
    assertSocketError(await stranger.ask("sendMessage", nobody), "sendMessage", "user_not_found", "error");
  });

  test("an error names what failed, with and without an acknowledgement", async () => {
    const room = await group(ann, [bob]);
    const sender = await chatchit(ann);
    const id = guid();
    sender.socket.emit("sendMessage", { ...inGroup(room), guid: id, messageType: "TEXT", content: " <b></b> " });
    const failed = await sender.heard("sendMessageError");
    assert.equal(failed.code, "empty_content");
    assert.equal(failed.tempId, id);
    assert.equal(typeof failed.message, "string");
    assertSocketError(await sender.heard("error"), "sendMessage", "empty_content", "error");
    assertSocketError(await sender.heard("exception"), "sendMessage", "empty_content", "error");
    const missing = guid();
    const ack = await sender.ask("deleteMessage", { ...inGroup(room), messageId: missing });
    assertSocketError(ack, "deleteMessage", "message_not_found", "error");
    assert.equal((await sender.heard("deleteMessageError")).messageId, missing);
    const long = { ...inGroup(room), messageType: "TEXT", content: "x".repeat(100_001) };
    assertSocketError(await sender.ask("sendMessage", long), "sendMessage", "content_too_large", "error");
  });

  test("markup comes out dead", async () => {
    const room = await group(ann, [bob]);
    const [sender, receiver] = await Promise.all([chatchit(ann), chatchit(bob)]);
    const content = "hi <script>alert(1)</script><img src=x onerror=alert(1)>there";
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content });
    assert.equal((await receiver.heard("messageComing")).content, "hi there");
  });

  test("payloads of any shape are answered and close nothing", async () => {
    const one = await chatchit(ann);
    const events = [
      "sendMessage",
      "deleteMessage",
      "callUser",
      "answerCall",
      "typing",
      "messageRead",
      "updatePresence",
      "seenStatus",
      "joinGroup",
      "broadcastEvent",
    ];
    for (const event of events) {
      for (const payload of [null, 7, "x", [], true, {}, { conversationId: 7 }, Buffer.from("x")]) {
        assertSocketError(await one.ask(event, payload), event, "validation_failed", "error");
      }
    }
    const room = await group(ann, [bob]);
    for (const wrong of [
      { conversationType: 2 },
      { conversationId: "x" },
      { guid: "not allowed!" },
      { messageType: "NONSENSE" },
      { attachments: [{ fileUrl: "javascript:alert(1)" }] },
      { attachments: Array.from({ length: 11 }, () => ({ fileUrl: "https://a.test/b" })) },
    ]) {
      const ack = await one.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "x", ...wrong });
      assertSocketError(ack, "sendMessage", "validation_failed", "error");
    }
    const unknown = await one.ask("noSuchEvent", {});
    assertSocketError(unknown, "noSuchEvent", "unknown_event", "ERROR");
    assert.equal(one.disconnectReason, undefined);
  });
});

describe("the same room in several dialects", () => {
  test("what one dialect sends the others hear, and a socket that names none hears its namespace's union", async () => {
    const room = await group(ann, [bob, cat]);
    const [sender, canonical, root] = await Promise.all([chatchit(ann), connect(bob), join(cat, "/")]);
    const id = guid();
    await sender.ask("sendMessage", { ...inGroup(room), guid: id, messageType: "TEXT", content: "to all" });
    const delivered = await canonical.delivered("to all");
    assert.equal(delivered.clientMsgId, id);
    const union = await canonical.heard("messageComing");
    assert.equal(union.id, delivered.id);
    assert.equal((await root.heard("messageComing")).id, delivered.id);
    assert.equal(root.all("message.delivered").length, 0);
    assert.equal(sender.all("message.delivered").length, 0);
    await canonical.send(room.id, "from the canonical side");
    const coming = await sender.heard("messageComing", ({ content }) => content === "from the canonical side");
    assert.equal(coming.senderId, bob.id);
    assert.equal(coming.seq, 2);
    await rest("POST", `/api/v1/rooms/${room.id}/messages`, { token: cat.accessToken, body: { content: "by REST" } });
    assert.equal((await sender.heard("messageComing", ({ content }) => content === "by REST")).seq, 3);
  });

  test("a socket that names the canonical dialect hears nothing of this one", async () => {
    const room = await group(ann, [bob]);
    const native = await connect(bob, { auth: { token: bob.accessToken, dialect: "native" } });
    const sender = await chatchit(ann, "/chat");
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "native only" });
    await native.delivered("native only");
    await sender.ask("sendMessage", { ...inGroup(room), messageType: "TEXT", content: "and again" });
    await native.delivered("and again");
    assert.deepEqual(
      native.log.map(({ event }) => event).filter((event) => !event.includes(".") && event !== "pong"),
      [],
    );
  });
});
