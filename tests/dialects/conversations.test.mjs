// `conversations`: its REST under /api and its socket on /ws, as its documents show them.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, describe, test } from "node:test";
import {
  assertProblem, assertSocketError, eventually, foreignClaims, mint, people, register, rest, signingSecret, TIMESTAMP, unique, UUID,
} from "../chat/client.mjs";
import { conversations, MARKUP, NO_OBJECTS, open, strangers, TOO_LONG, TRANSPORTS } from "./sockets.mjs";

const call = (method, path) => (account, body) => rest(method, path, { token: account?.accessToken, body });
const post = (path, account, body) => call("POST", path)(account, body);
const get = (path, account) => call("GET", path)(account);

const CHATS = "/api/chats/conversations";
const MESSAGES = "/api/messages/conversations";

async function group(owner, others, title = "Group") {
  const answer = await post(`${CHATS}/group`, owner, { title, member_ids: others.map(({ id }) => id) });
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

async function send(account, conversation, body, members = {}) {
  const answer = await post(`${MESSAGES}/${conversation}/messages`, account, { body, ...members });
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

describe("accounts", () => {
  test("the documented registration gives tokens in snake case", async () => {
    const username = unique("testuser");
    const body = { email: `${username}@test.com`, password: "test123", username };
    const answer = await post("/api/users/auth/register", undefined, body);
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(Object.keys(answer.body).sort(), ["access_token", "expires_in", "refresh_token", "token_type", "user"]);
    assert.equal(answer.body.token_type, "Bearer");
    assert.equal(typeof answer.body.expires_in, "number");
    assert.match(answer.body.user.user_id, UUID);
    assert.deepEqual(answer.body.user, { user_id: answer.body.user.user_id, email: body.email, username });
    assertProblem(await post("/api/users/auth/register", undefined, body), 409, "email_taken");
    const sameName = { ...body, email: `${unique()}@test.com` };
    assertProblem(await post("/api/users/auth/register", undefined, sameName), 409, "username_taken");
    for (const login of [{ email: body.email }, { username }]) {
      const again = await post("/api/users/auth/login", undefined, { ...login, password: "test123" });
      assert.equal(again.status, 200, again.text);
      assert.equal(again.body.user.user_id, answer.body.user.user_id);
    }
  });

  test("a wrong password and an unknown account are answered alike", async () => {
    const account = await register();
    for (const email of [account.email, `${unique()}@test.com`]) {
      assertProblem(await post("/api/users/auth/login", undefined, { email, password: "wrong password" }), 401, "invalid_credentials");
    }
  });

  test("a refresh token works once, and its repeat ends the session", async () => {
    const account = await register();
    const refresh = (token) => post("/api/users/auth/refresh", undefined, { refresh_token: token });
    const first = await refresh(account.refreshToken);
    assert.equal(first.status, 200, first.text);
    assert.deepEqual(Object.keys(first.body).sort(), ["access_token", "expires_in", "refresh_token", "token_type"]);
    assertProblem(await refresh(account.refreshToken), 401, "refresh_reused");
    assert.equal((await refresh(first.body.refresh_token)).status, 401);
    assert.equal((await refresh("nonsense")).status, 401);
  });

  test("me, search and logout speak snake case", async () => {
    const account = await register();
    const me = await get("/api/users/me", account);
    assert.equal(me.status, 200, me.text);
    assert.match(me.body.created_at, TIMESTAMP);
    assert.deepEqual(me.body, { user_id: account.id, email: account.email, username: account.username, created_at: me.body.created_at });
    const found = await get(`/api/users/search?q=${account.username}&limit=5`, account);
    assert.equal(found.status, 200, found.text);
    assert.deepEqual(found.body, [{ user_id: account.id, username: account.username }]);
    const gone = await post("/api/users/auth/logout", account);
    assert.equal(gone.status, 200, gone.text);
    assert.equal(typeof gone.body.message, "string");
    assertProblem(await get("/api/users/me", account), 401, "session_revoked");
  });

  test("without a good token every route says how to get in", async () => {
    const routes = [
      ["GET", "/api/users/me"], ["GET", "/api/users/search?q=a"], ["GET", CHATS], ["POST", `${CHATS}/dm`],
      ["GET", `${CHATS}/invites/my`], ["GET", `${MESSAGES}/${randomUUID()}/messages`], ["POST", `${MESSAGES}/${randomUUID()}/messages`],
    ];
    for (const [method, path] of routes) {
      assertProblem(await rest(method, path), 401, "unauthenticated");
      assertProblem(await rest(method, path, { token: "nonsense" }), 401, "invalid_token");
    }
  });
});

describe("conversations over REST", () => {
  test("a dm is made once and found from either side", async () => {
    const [one, other] = await people(2);
    const first = await post(`${CHATS}/dm`, one, { other_user_id: other.id });
    assert.equal(first.status, 201, first.text);
    const { body } = first;
    assert.match(body.conversation_id, UUID);
    assert.equal(body.id, body.conversation_id);
    assert.equal(body.type, "DM");
    assert.equal(body.created_by, one.id);
    assert.match(body.created_at, TIMESTAMP);
    assert.equal(body.member_count, 2);
    assert.equal(body.last_seq, 0);
    assert.equal(body.unread_count, 0);
    for (const name of ["title", "last_message_id", "last_message_at", "last_preview"]) assert.equal(body[name], null, name);
    for (const [from, to] of [[one, other], [other, one]]) {
      const again = await post(`${CHATS}/dm`, from, { other_user_id: to.id });
      assert.equal(again.status, 200, again.text);
      assert.equal(again.body.conversation_id, body.conversation_id);
    }
  });

  test("a dm needs another person who exists", async () => {
    const one = await register();
    const own = assertProblem(await post(`${CHATS}/dm`, one, { other_user_id: one.id }), 400, "validation_failed");
    assert.equal(own.errors[0].path, "other_user_id");
    const malformed = assertProblem(await post(`${CHATS}/dm`, one, { other_user_id: "7" }), 400, "validation_failed");
    assert.equal(malformed.errors[0].path, "other_user_id");
    assertProblem(await post(`${CHATS}/dm`, one, {}), 400, "validation_failed");
    assertProblem(await post(`${CHATS}/dm`, one, { other_user_id: randomUUID() }), 404, "user_not_found");
    assertProblem(await post(`${CHATS}/dm`, one, "{not json"), 400, "malformed_json");
  });

  test("a group lists its members with their roles", async () => {
    const [owner, second, third] = await people(3);
    const made = await group(owner, [second, third], "Crew");
    assert.equal(made.type, "GROUP");
    assert.equal(made.title, "Crew");
    assert.equal(made.member_count, 3);
    const members = await get(`${CHATS}/${made.id}/members`, third);
    assert.equal(members.status, 200, members.text);
    assert.deepEqual(Object.keys(members.body[0]).sort(), ["joined_at", "role", "user_id", "username"]);
    const roles = Object.fromEntries(members.body.map(({ user_id: id, role }) => [id, role]));
    assert.deepEqual(roles, { [owner.id]: "ADMIN", [second.id]: "MEMBER", [third.id]: "MEMBER" });
    const shown = await get(`${CHATS}/${made.id}`, second);
    assert.equal(shown.body.conversation_id, made.id);
    const outsider = await register();
    assertProblem(await get(`${CHATS}/${made.id}`, outsider), 403, "not_member");
    assertProblem(await get(`${CHATS}/${made.id}/members`, outsider), 403, "not_member");
    assertProblem(await get(`${CHATS}/${randomUUID()}`, owner), 404, "room_not_found");
    assertProblem(await get(`${CHATS}/nonsense`, owner), 400, "validation_failed");
  });

  test("a group's size is checked before its ids are looked up", async () => {
    const owner = await register();
    const create = (count) => post(`${CHATS}/group`, owner, { title: "Big", member_ids: strangers(count) });
    assertProblem(await create(100), 400, "group_full");
    assertProblem(await create(99), 404, "user_not_found");
    const malformed = await post(`${CHATS}/group`, owner, { title: "Odd", member_ids: ["7"] });
    assert.equal(assertProblem(malformed, 400, "validation_failed").errors[0].path, "member_ids[0]");
    assertProblem(await post(`${CHATS}/group`, owner, { member_ids: [] }), 400, "validation_failed");
  });

  test("the list shows the newest activity first", async () => {
    const [owner, second] = await people(2);
    const first = await group(owner, [second], "first");
    const later = await group(owner, [second], "later");
    await send(second, first.id, "wakes the first");
    const list = await get(CHATS, owner);
    assert.equal(list.status, 200, list.text);
    assert.deepEqual(list.body.map(({ id }) => id), [first.id, later.id]);
    const [woken] = list.body;
    assert.equal(woken.last_preview, "wakes the first");
    assert.equal(woken.last_has_more, false);
    assert.equal(woken.last_seq, 1);
    assert.equal(woken.unread_count, 1);
    assert.match(woken.last_message_id, UUID);
    assert.match(woken.last_message_at, TIMESTAMP);
  });

  test("an invitation is asked, seen, and accepted or declined", async () => {
    const [owner, second, third] = await people(3);
    const room = await group(owner, []);
    const invite = async (who) => post(`${CHATS}/${room.id}/invite`, owner, { user_id: who.id });
    const asked = await invite(second);
    assert.equal(asked.status, 201, asked.text);
    assert.match(asked.body.invite_id, UUID);
    const { invite_id: id, created_at: createdAt, expires_at: expiresAt } = asked.body;
    assert.deepEqual(asked.body, {
      invite_id: id, conversation_id: room.id, invited_user_id: second.id, invited_by: owner.id, status: "PENDING",
      created_at: createdAt, expires_at: expiresAt,
    });
    assert.equal(Date.parse(expiresAt) - Date.parse(createdAt), 7 * 24 * 3600 * 1000);
    const mine = await get(`${CHATS}/invites/my`, second);
    assert.deepEqual(mine.body, [asked.body]);
    assertProblem(await post(`${CHATS}/invites/${id}/accept`, third), 404, "invite_not_found");
    const accepted = await post(`${CHATS}/invites/${id}/accept`, second);
    assert.equal(accepted.status, 200, accepted.text);
    assert.equal(accepted.body.conversation_id, room.id);
    assert.equal(accepted.body.member_count, 2);
    assertProblem(await invite(second), 409, "already_member");
    assertProblem(await post(`${CHATS}/invites/${id}/accept`, second), 404, "invite_not_found");

    const declinable = (await invite(third)).body.invite_id;
    const declined = await post(`${CHATS}/invites/${declinable}/decline`, third);
    assert.equal(declined.status, 200, declined.text);
    assert.deepEqual((await get(`${CHATS}/invites/my`, third)).body, []);

    const other = (await invite(third)).body.invite_id;
    const joined = await post(`${CHATS}/${room.id}/join`, third, { invite_id: other });
    assert.equal(joined.status, 200, joined.text);
    assert.equal(joined.body.conversation_id, room.id);
  });

  test("invitations are refused where they make no sense", async () => {
    const [one, other, outsider] = await people(3);
    const dm = (await post(`${CHATS}/dm`, one, { other_user_id: other.id })).body;
    assertProblem(await post(`${CHATS}/${dm.id}/invite`, one, { user_id: outsider.id }), 400, "not_a_group");
    const room = await group(one, [other]);
    assertProblem(await post(`${CHATS}/${room.id}/invite`, outsider, { user_id: outsider.id }), 403, "not_member");
    assertProblem(await post(`${CHATS}/${room.id}/invite`, one, { user_id: randomUUID() }), 404, "user_not_found");
    assertProblem(await post(`${CHATS}/${room.id}/invite`, one, { user_id: "7" }), 400, "validation_failed");
    assertProblem(await post(`${CHATS}/${room.id}/join`, outsider, {}), 403, "forbidden");
    assertProblem(await post(`${CHATS}/${room.id}/join`, outsider, { invite_id: randomUUID() }), 404, "invite_not_found");
  });

  test("the 101st member is refused", { timeout: 240_000 }, async () => {
    const everybody = [];
    while (everybody.length < 101) everybody.push(...(await people(Math.min(10, 101 - everybody.length))));
    const [owner, ...others] = everybody;
    const last = others.pop();
    const room = await group(owner, others, "Full");
    assert.equal(room.member_count, 100);
    assertProblem(await post(`${CHATS}/${room.id}/invite`, owner, { user_id: last.id }), 409, "group_full");
    const tooMany = [...others, last].map(({ id }) => id);
    assertProblem(await post(`${CHATS}/group`, owner, { title: "Fuller", member_ids: tooMany }), 400, "group_full");
  });
});

describe("messages over REST", () => {
  let one;
  let other;
  let outsider;
  let room;
  before(async () => {
    [one, other, outsider] = await people(3);
    room = (await post(`${CHATS}/dm`, one, { other_user_id: other.id })).body.id;
  });

  test("a send is answered once it is stored, and a repeat like the first", async () => {
    const long = "é".repeat(201);
    const sent = await send(one, room, long, { client_msg_id: "device-1" });
    assert.match(sent.message_id, UUID);
    assert.deepEqual(sent, {
      conversation_id: room, message_id: sent.message_id, seq: sent.seq, sender_id: one.id, created_at: sent.created_at,
      body: long, preview: "é".repeat(200), has_more: true,
    });
    const again = await send(one, room, "another text", { client_msg_id: "device-1" });
    assert.deepEqual(again, sent);
    const next = await send(one, room, "next");
    assert.equal(next.seq, sent.seq + 1);
  });

  test("history pages by seq, in previews unless asked for the whole", async () => {
    const [owner, second] = await people(2);
    const { id } = await group(owner, [second]);
    const bodies = ["one", "x".repeat(250), "three", "four", "five"];
    for (const body of bodies) await send(owner, id, body);
    const page = async (query) => {
      const answer = await get(`${MESSAGES}/${id}/messages${query}`, second);
      assert.equal(answer.status, 200, answer.text);
      const seqs = answer.body.map(({ seq }) => seq);
      return { ...answer, seqs, more: answer.headers.get("x-has-more"), next: answer.headers.get("x-next-seq") };
    };
    const all = await page("");
    assert.deepEqual(all.seqs, [1, 2, 3, 4, 5]);
    assert.equal(all.more, "false");
    assert.equal(all.next, "5");
    assert.deepEqual(Object.keys(all.body[1]).sort(), ["conversation_id", "created_at", "has_more", "message_id", "preview", "sender_id", "seq"]);
    assert.equal(all.body[1].preview, "x".repeat(200));
    assert.equal(all.body[1].has_more, true);
    const first = await page("?after_seq=0&limit=2");
    assert.deepEqual([first.seqs, first.more, first.next], [[1, 2], "true", "2"]);
    const rest = await page("?after_seq=2&limit=200");
    assert.deepEqual([rest.seqs, rest.more, rest.next], [[3, 4, 5], "false", "5"]);
    const none = await page("?after_seq=5");
    assert.deepEqual([none.seqs, none.more, none.next], [[], "false", "5"]);
    const back = await page("?before_seq=4&limit=2&fields=full");
    assert.deepEqual([back.seqs, back.more], [[2, 3], "true"]);
    assert.equal(back.body[0].body, bodies[1]);
    for (const query of ["?limit=0", "?limit=x", "?after_seq=1&before_seq=3", "?after_seq=-1"]) {
      assertProblem(await get(`${MESSAGES}/${id}/messages${query}`, second), 400, "validation_failed");
    }
    const single = `${MESSAGES}/${id}/messages/${all.body[1].message_id}`;
    const full = await get(`${single}?fields=full`, second);
    assert.equal(full.body.body, bodies[1]);
    const short = await get(single, second);
    assert.equal(short.status, 200);
    assert.equal("body" in short.body, false);
    assertProblem(await get(`${MESSAGES}/${id}/messages/${randomUUID()}`, second), 404, "message_not_found");
    assertProblem(await get(`${MESSAGES}/${room}/messages/${all.body[1].message_id}`, one), 404, "message_not_found");
    assertProblem(await get(single, outsider), 403, "not_member");
  });

  test("markup never comes out live, and arithmetic stays", async () => {
    for (const [text, safe] of MARKUP) assert.equal((await send(one, room, text)).body, safe);
  });

  test("bad sends are refused and nothing is stored", async () => {
    const path = `${MESSAGES}/${room}/messages`;
    const before = (await get(path, one)).body.length;
    assertProblem(await post(path, one, { body: "" }), 400, "empty_content");
    assertProblem(await post(path, one, { body: "<script>x</script>" }), 400, "empty_content");
    assertProblem(await post(path, one, {}), 400, "validation_failed");
    assertProblem(await post(path, one, { body: 7 }), 400, "validation_failed");
    const badId = assertProblem(await post(path, one, { body: "x", client_msg_id: "not allowed!" }), 400, "validation_failed");
    assert.equal(badId.errors[0].path, "client_msg_id");
    assertProblem(await post(path, one, { body: TOO_LONG }), 413, "content_too_large");
    assertProblem(await post(path, one, "{not json"), 400, "malformed_json");
    assertProblem(await post(path, one, `{"body":"${"x".repeat(1_100_000)}"}`), 413, "payload_too_large");
    assertProblem(await post(path, outsider, { body: "x" }), 403, "not_member");
    assertProblem(await post(`${MESSAGES}/${randomUUID()}/messages`, one, { body: "x" }), 404, "room_not_found");
    assertProblem(await post(`${MESSAGES}/nonsense/messages`, one, { body: "x" }), 400, "validation_failed");
    assert.equal((await get(path, one)).body.length, before);
  });

  test("the read position moves forward only", async () => {
    const [owner, second] = await people(2);
    const { id } = await group(owner, [second]);
    for (const body of ["one", "two", "three"]) await send(owner, id, body);
    for (const prefix of [CHATS, MESSAGES]) {
      const start = await get(`${prefix}/${id}/read`, second);
      assert.equal(start.status, 200, start.text);
    }
    const read = (body) => post(`${MESSAGES}/${id}/read`, second, body);
    const moved = await read({ last_read_seq: 2 });
    assert.equal(moved.status, 201, moved.text);
    assert.match(moved.body.created_at, TIMESTAMP);
    assert.match(moved.body.updated_at, TIMESTAMP);
    assert.deepEqual(moved.body, {
      user_id: second.id, conversation_id: id, last_read_seq: 2, created_at: moved.body.created_at, updated_at: moved.body.updated_at,
    });
    assert.equal((await read({ seq: 1 })).body.last_read_seq, 2);
    assert.equal((await post(`${CHATS}/${id}/read`, second, { seq: 3 })).body.last_read_seq, 3);
    assert.equal((await get(`${MESSAGES}/${id}/read`, second)).body.last_read_seq, 3);
    assert.equal((await get(`${CHATS}/${id}`, second)).body.unread_count, 0);
    assertProblem(await read({}), 400, "validation_failed");
    assertProblem(await read({ seq: -1 }), 400, "validation_failed");
    assertProblem(await post(`${MESSAGES}/${id}/read`, outsider, { seq: 1 }), 403, "not_member");
  });
});

for (const transports of TRANSPORTS) {
  describe(`the socket over ${transports[0]}`, () => {
    const options = { transports };

    /** As the documents connect: no token in the handshake, then `authenticate`. */
    async function late(account) {
      const chat = open("/ws", undefined, { transports });
      await new Promise((resolve, reject) => {
        chat.socket.once("connect", resolve);
        chat.socket.once("connect_error", reject);
      });
      chat.socket.emit("authenticate", { token: account.accessToken });
      assert.deepEqual(await chat.heard("authenticated"), { userId: account.id });
      return chat;
    }

    test("a socket that authenticates late hears the documented message:new, the sender's sockets too", async () => {
      const [one, other] = await people(2);
      const room = (await post(`${CHATS}/dm`, one, { other_user_id: other.id })).body.id;
      const [sender, receiver, early] = await Promise.all([late(one), late(other), conversations(other, options)]);
      const sent = await send(one, room, "é".repeat(300));
      for (const chat of [sender, receiver, early]) {
        assert.deepEqual(await chat.heard("message:new"), {
          conversation_id: room, message_id: sent.message_id, seq: sent.seq, sender_id: one.id, created_at: sent.created_at,
          preview: "é".repeat(200), has_more: true,
        });
      }
    });

    test("a conversation made later is heard without another word", async () => {
      const [one, other] = await people(2);
      const receiver = await late(other);
      const { id } = await group(one, [other]);
      const sent = await send(one, id, "hello");
      assert.equal((await receiver.heard("message:new")).message_id, sent.message_id);
    });

    test("messages come in the order of their numbers", async () => {
      const [one, other] = await people(2);
      const { id } = await group(one, [other]);
      const receiver = await late(other);
      await Promise.all(Array.from({ length: 20 }, (_, index) => send(one, id, `message ${index}`)));
      await eventually(() => receiver.all("message:new").length >= 20, "20 messages");
      assert.deepEqual(receiver.all("message:new").map(({ seq }) => seq), Array.from({ length: 20 }, (_, index) => index + 1));
    });

    test("a bad token is told and the socket is sent away", async () => {
      const expired = mint({ ...foreignClaims(await register()), exp: Math.floor(Date.now() / 1000) - 60 }, { secret: signingSecret() });
      for (const [payload, code] of [[{ token: "nonsense" }, "invalid_token"], [{ token: expired }, "token_expired"], [{}, "validation_failed"]]) {
        const chat = open("/ws", undefined, { transports });
        chat.socket.emit("authenticate", payload);
        const error = await chat.heard("error");
        assert.equal(error.code, code, JSON.stringify(error));
        assert.equal(error.event, "authenticate");
        assert.equal(typeof error.message, "string");
        assert.equal(await chat.disconnected(), "io server disconnect");
      }
    });

    test("a bad token in the handshake is refused", async () => {
      const chat = open("/ws", "nonsense", { transports });
      const error = await new Promise((resolve) => chat.socket.once("connect_error", resolve));
      assert.equal(error.message, "Invalid token");
      chat.close();
    });

    test("before it authenticated a socket may do nothing, afterwards unknown events are unknown", async () => {
      const account = await register();
      const chat = open("/ws", undefined, { transports });
      for (const event of ["message.send", "sendMessage", "message", "nonsense"]) {
        assertSocketError(await chat.ask(event, {}), event, "unauthenticated");
      }
      const ack = await chat.ask("authenticate", { token: `Bearer ${account.accessToken}` });
      assert.deepEqual(ack, { status: "ok", userId: account.id });
      await chat.heard("authenticated");
      for (const event of ["message.send", "sendMessage", "message", "nonsense"]) {
        for (const payload of NO_OBJECTS) assertSocketError(await chat.ask(event, payload), event, "unknown_event");
      }
      chat.socket.emit("ping");
      const pong = await chat.heard("pong");
      assert.equal(pong.userId, account.id);
      assert.match(pong.timestamp, TIMESTAMP);
      assert.equal(chat.disconnectReason, undefined);
    });

    test("authenticating again renews the same user and never changes hands", async () => {
      const [one, other] = await people(2);
      const chat = await late(one);
      assert.equal((await chat.ask("authenticate", { token: one.accessToken })).status, "ok");
      assertSocketError(await chat.ask("authenticate", { token: other.accessToken }), "authenticate", "invalid_token", "error");
      assert.equal(await chat.disconnected(), "io server disconnect");
    });

    test("the engine answers under /ws/socket.io too", async () => {
      const account = await register();
      const chat = open("/ws", undefined, { transports, path: "/ws/socket.io" });
      assert.equal((await chat.ask("authenticate", { token: account.accessToken })).userId, account.id);
    });
  });
}

test("a socket that never authenticates is told and sent away after 10 seconds", { timeout: 40_000 }, async () => {
  const started = Date.now();
  const chat = open("/ws", undefined);
  const error = await chat.heard("error", () => true, 20_000);
  assert.equal(error.code, "unauthenticated");
  assert.equal(await chat.disconnected(), "io server disconnect");
  assert.ok(Date.now() - started > 9_000, "not before 10 seconds");
});
