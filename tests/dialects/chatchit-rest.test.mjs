// The legacy REST of `chatchit` and `realtime-server`: merged envelopes, pages by number, the same acts.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { UUID, assertProblem, connect, dm, eventually, group, people, register, rest } from "../chat/client.mjs";
import { guid, join } from "./clients.mjs";

let ann, bob, cat;
before(async () => {
  [ann, bob, cat] = await Promise.all(
    ["Ann", "Bob", "Cat"].map((firstName) => register({ firstName, lastName: "Lee" })),
  );
});

const call = (method, path, account, body) => rest(method, path, { token: account?.accessToken, body });

/** Asserts a merged envelope and gives what is in it. */
function opened(answer, status = 200) {
  assert.equal(answer.status, status, answer.text);
  const { statusCode, message, data } = answer.body;
  assert.equal(statusCode, status);
  assert.equal(typeof message, "string");
  if (!Array.isArray(data)) {
    for (const [name, value] of Object.entries(data)) assert.deepEqual(answer.body[name], value, name);
  }
  return data;
}

describe("messages", () => {
  test("a message is posted, shown, edited, paged and deleted; sockets hear all of it", async () => {
    const room = await group(ann, [bob]);
    const listening = await join(bob, "/");
    const here = { conversationId: room.id, conversationType: "GROUP" };
    const sent = opened(await call("POST", "/chat/messages", ann, { ...here, guid: guid(), messageType: "TEXT", content: "one" }), 201);
    assert.match(sent.id, UUID);
    assert.equal(sent.content, "one");
    assert.deepEqual(sent.sender, { id: ann.id, firstName: "Ann", lastName: "Lee" });
    assert.equal((await listening.heard("messageComing")).id, sent.id);
    assert.equal(opened(await call("GET", `/chat/messages/${sent.id}`, bob)).seq, 1);
    const edited = opened(await call("PUT", `/chat/messages/${sent.id}`, ann, { content: "uno" }));
    assert.equal(edited.content, "uno");
    assert.equal((await listening.heard("messageUpdated")).content, "uno");
    for (const content of ["two", "three"]) {
      opened(await call("POST", "/chat/messages", bob, { ...here, messageType: "TEXT", content }), 201);
    }
    const page = await call("GET", `/chat/conversations/${room.id}/messages?page=1&limit=2`, ann);
    assert.deepEqual(opened(page).map(({ content }) => content), ["three", "two"]);
    assert.deepEqual(page.body.meta, { total: 3, page: 1, limit: 2, totalPages: 2 });
    const last = await call("GET", `/chat/conversations/${room.id}/messages?page=2&limit=2`, ann);
    assert.deepEqual(opened(last).map(({ content }) => content), ["uno"]);
    const result = opened(await call("GET", `/conversations/${room.id}/message?page=1&size=2`, ann));
    assert.deepEqual(result.result.map(({ content }) => content), ["two", "three"]);
    assert.equal(result.totalElement, 3);
    assert.equal(result.totalPage, 2);
    assert.deepEqual(opened(await call("GET", `/conversations/${room.id}/message?page=9&size=2`, ann)).result, []);
    const deleted = await call("DELETE", `/chat/messages/${sent.id}`, ann);
    assert.equal(deleted.status, 204, deleted.text);
    assert.equal((await listening.heard("messageDeleted")).messageId, sent.id);
  });

  test("refusals are problems", async () => {
    const room = await group(ann, [bob]);
    const here = { conversationId: room.id, conversationType: "GROUP", messageType: "TEXT" };
    assertProblem(await call("POST", "/chat/messages", undefined, { ...here, content: "x" }), 401, "unauthenticated");
    assertProblem(await call("POST", "/chat/messages", cat, { ...here, content: "x" }), 403, "not_member");
    assertProblem(await call("POST", "/chat/messages", ann, { ...here, content: "" }), 400, "empty_content");
    assertProblem(await call("POST", "/chat/messages", ann, "{"), 400, "malformed_json");
    assertProblem(await call("POST", "/chat/messages", ann, {}), 400, "validation_failed");
    assertProblem(await call("GET", `/chat/messages/${guid()}`, ann), 404, "message_not_found");
    assertProblem(await call("GET", `/chat/conversations/${room.id}/messages?page=0`, ann), 400, "validation_failed");
    assertProblem(await call("GET", `/chat/users/${bob.id}/rooms`, ann), 403, "forbidden");
  });

  test("who is online, and one's own rooms", async () => {
    const [one, other] = await people(2);
    const room = await dm(one, other);
    await connect(other);
    await eventually(async () => {
      const { users } = opened(await call("GET", "/chat/online-users", one));
      return users.includes(other.id);
    }, "the other one online");
    const [shown] = opened(await call("GET", `/chat/users/${one.id}/rooms`, one));
    assert.equal(shown.id, room.id);
    assert.equal(shown.conversationType, "FRIEND");
  });
});

describe("conversations", () => {
  test("a conversation is made, found, changed and ended", async () => {
    const participants = [
      { userId: bob.id, type: "MEMBER" },
      { userId: cat.id, type: "LEAD" },
    ];
    const title = `Team ${guid()}`;
    const made = opened(await call("POST", "/conversations/create", ann, { title, participants }), 201);
    assert.equal(made.title, title);
    assert.equal(made.creatorId, ann.id);
    assert.equal(made.channelId, null);
    assert.equal(made.conversationType, "GROUP");
    const types = (shown) => Object.fromEntries(shown.participants.map(({ userId, type }) => [userId, type]));
    const shown = opened(await call("GET", `/conversations/${made.id}`, bob));
    assert.deepEqual(types(shown), { [ann.id]: "LEAD", [bob.id]: "MEMBER", [cat.id]: "LEAD" });
    assert.equal(shown.participants.find(({ userId }) => userId === bob.id).user.firstName, "Bob");
    const list = opened(await call("GET", `/conversations?page=1&size=5&search=${encodeURIComponent(title)}`, bob));
    assert.deepEqual(list.result.map(({ id }) => id), [made.id]);
    const act = (name, account, targetUserId) =>
      call("POST", `/conversations/${name}`, account, { conversationId: made.id, targetUserId });
    assertProblem(await act("kick", bob, cat.id), 403, "forbidden");
    assert.equal(opened(await act("kick", ann, bob.id), 201).success, true);
    assertProblem(await call("GET", `/conversations/${made.id}`, bob), 403, "not_member");
    assertProblem(await act("join", bob), 403, "forbidden");
    opened(await act("add", ann, bob.id), 201);
    opened(await act("leave", bob), 201);
    assertProblem(await act("delete", cat), 403, "forbidden");
    opened(await act("delete", ann), 201);
    assertProblem(await call("GET", `/conversations/${made.id}`, ann), 404, "room_not_found");
  });

  test("more than 100 with the caller, and nobody, are refused", async () => {
    const many = Array.from({ length: 100 }, () => ({ userId: guid(), type: "MEMBER" }));
    assertProblem(await call("POST", "/conversations/create", ann, { title: "Crowd", participants: many }), 400, "group_full");
    assertProblem(await call("POST", "/conversations/create", ann, { title: "None", participants: [] }), 400, "validation_failed");
  });
});

describe("users and friends", () => {
  test("an account is shown, changed and deleted", async () => {
    const one = await register();
    assert.equal(opened(await call("GET", "/users/me", one)).email, one.email);
    const other = opened(await call("GET", `/users/${ann.id}`, one));
    assert.equal(other.firstName, "Ann");
    assert.equal(other.email, undefined);
    assert.equal(opened(await call("PATCH", "/users", one, { firstName: "New" })).firstName, "New");
    const change = { currentPassword: one.password, newPassword: "another one", confirmNewPassword: "another two" };
    assertProblem(await call("POST", "/users/change-password", one, change), 400, "validation_failed");
    const right = { ...change, confirmNewPassword: "another one" };
    const answer = await call("POST", "/users/change-password", one, right);
    opened(answer, 201);
    assert.equal((await rest("POST", "/auth/login", { body: { email: one.email, password: "another one" } })).status, 200);
    opened(await call("DELETE", "/users", one));
    assertProblem(await rest("POST", "/auth/login", { body: { email: one.email, password: "another one" } }), 401, "invalid_credentials");
  });

  test("friends ask, accept, part and block", async () => {
    const [one, other] = await people(2);
    const asked = opened(await call("POST", "/friends", one, { email: other.email }), 201);
    assert.equal(asked.status, "PENDING");
    assert.equal(asked.requesterId, one.id);
    assert.equal(asked.receiverId, other.id);
    assert.deepEqual(opened(await call("GET", "/friends/requested", other)).map(({ id }) => id), [asked.id]);
    assertProblem(await call("GET", `/friends/${asked.id}`, ann), 404, "not_found");
    assertProblem(await call("POST", `/friends/${asked.id}/accept`, one), 403, "forbidden");
    assert.equal(opened(await call("POST", `/friends/${asked.id}/accept`, other), 201).status, "ACCEPTED");
    assert.deepEqual(opened(await call("GET", "/friends/accepted", one)).map(({ id }) => id), [asked.id]);
    opened(await call("POST", `/friends/${asked.id}/unfriend`, one), 201);
    assert.deepEqual(opened(await call("GET", "/friends/accepted", one)), []);
    opened(await call("POST", `/friends/${asked.id}/block`, one), 201);
    assertProblem(await call("POST", "/friends", other, { receiverId: one.id }), 403, "blocked");
    opened(await call("POST", `/friends/${asked.id}/unblock`, one), 201);
    assertProblem(await call("POST", `/friends/${asked.id}/nonsense`, one), 404, "not_found");
  });
});

test("stories in snake_case", async () => {
  const [one, other] = await people(2);
  const { id } = opened(await call("POST", "/friends", one, { receiverId: other.id }), 201);
  opened(await call("PATCH", `/friends/${id}`, other, { status: "ACCEPTED" }));
  const story = opened(await call("POST", "/story", one, { content: "a day" }), 201);
  assert.equal(story.user_id, one.id);
  assert.ok(Date.parse(story.expires_at) > Date.now());
  const soon = new Date(Date.now() + 3600_000).toISOString();
  const brief = opened(await call("POST", "/story", one, { content: "an hour", expires_at: soon }), 201);
  assert.equal(brief.expires_at, soon);
  const late = new Date(Date.now() + 25 * 3600_000).toISOString();
  assertProblem(await call("POST", "/story", one, { content: "x", expires_at: late }), 400, "validation_failed");
  const told = opened(await call("GET", `/story/friend/${one.id}`, other)).map(({ id }) => id);
  assert.deepEqual(told.sort(), [story.id, brief.id].sort());
  opened(await call("POST", `/story/${story.id}/like`, other), 201);
  const comment = opened(await call("POST", `/story/${story.id}/comment`, other, { content: "nice" }), 201);
  assert.equal(opened(await call("GET", `/story/${story.id}/comments`, one))[0].id, comment.id);
  const seen = opened(await call("GET", `/story/${story.id}`, one));
  assert.equal(seen.like_count, 1);
  assert.equal(seen.comment_count, 1);
  assertProblem(await call("PATCH", `/story/${story.id}`, other, { content: "mine" }), 403, "forbidden");
  assert.equal(opened(await call("PATCH", `/story/${story.id}`, one, { content: "two days" })).content, "two days");
  assert.equal((await call("DELETE", `/story/comment/${comment.id}`, other)).status, 204);
  assert.equal((await call("DELETE", `/story/${story.id}/like`, other)).status, 204);
  assertProblem(await call("GET", `/story/${story.id}`, cat), 404, "story_not_found");
  assert.equal((await call("DELETE", `/story/${story.id}`, one)).status, 204);
});

describe("administration", () => {
  test("is for administrators", async () => {
    for (const [method, path] of [
      ["GET", "/admin/accounts"],
      ["PATCH", "/admin/accounts"],
      ["GET", "/admin/reports"],
      ["PATCH", "/admin/reports"],
      ["GET", "/admin/conversations"],
      ["DELETE", "/admin/conversations"],
    ]) {
      const body = method === "GET" ? undefined : { id: ann.id, role: "ADMIN", status: "resolved" };
      assertProblem(await call(method, path, undefined, body), 401, "unauthenticated");
      assertProblem(await call(method, path, ann, body), 403, "forbidden");
    }
  });
});
