// Making rooms and looking at them, over sockets and over REST.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { assertProblem, assertSocketError, connect, dm, group, people, rest, TIMESTAMP, UUID } from "./client.mjs";

function assertRoom(room) {
  assert.match(room.id, UUID);
  assert.ok(["dm", "group"].includes(room.type));
  for (const member of ["title", "description", "avatarUrl", "lastMessage", "mutedUntil"]) assert.ok(member in room, member);
  assert.equal(room.joinPolicy, "invite");
  assert.match(room.createdBy, UUID);
  assert.match(room.createdAt, TIMESTAMP);
  assert.match(room.updatedAt, TIMESTAMP);
  for (const member of ["lastSeq", "memberCount", "unread", "lastReadSeq"]) assert.equal(typeof room[member], "number", member);
  assert.ok(["owner", "admin", "member"].includes(room.myRole));
}

function assertMember(member) {
  assert.match(member.userId, UUID);
  assert.equal(typeof member.username, "string");
  assert.equal(typeof member.name, "string");
  assert.ok("avatarUrl" in member);
  assert.match(member.joinedAt, TIMESTAMP);
  assert.equal(typeof member.lastReadSeq, "number");
}

test("a pair has one dm, from either side and over both ways", async () => {
  const [one, other] = await people(2);
  const first = await rest("POST", "/api/v1/rooms", { token: one.accessToken, body: { type: "dm", memberIds: [other.id] } });
  assert.equal(first.status, 201, first.text);
  assertRoom(first.body);
  assert.equal(first.body.type, "dm");
  assert.equal(first.body.memberCount, 2);
  assert.equal(first.body.lastSeq, 0);
  const again = await rest("POST", "/api/v1/rooms", { token: other.accessToken, body: { type: "dm", memberIds: [one.id] } });
  assert.equal(again.status, 200, again.text);
  assert.equal(again.body.id, first.body.id);
  const chat = await connect(other);
  const ack = await chat.ask("room.create", { type: "dm", memberIds: [other.id, one.id] });
  assert.equal(ack.status, "OK", JSON.stringify(ack));
  assert.equal(ack.created, false);
  assert.equal(ack.room.id, first.body.id);
});

test("ten requests at once for one pair make one dm", async () => {
  const [one, other] = await people(2);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, index) => {
      const [from, to] = index % 2 ? [one, other] : [other, one];
      return rest("POST", "/api/v1/rooms", { token: from.accessToken, body: { type: "dm", memberIds: [to.id] } });
    }),
  );
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
});

test("room.create acks the room and tells the members who are connected", async () => {
  const [owner, second, third] = await people(3);
  const [chat, listener] = await Promise.all([connect(owner), connect(second)]);
  const ack = await chat.ask("room.create", {
    type: "group",
    title: "  <i>Crew</i> ",
    description: "who we are",
    memberIds: [second.id, third.id],
  });
  assert.equal(ack.status, "OK", JSON.stringify(ack));
  assert.equal(ack.created, true);
  assertRoom(ack.room);
  assert.equal(ack.room.title, "Crew");
  assert.equal(ack.room.description, "who we are");
  assert.equal(ack.room.memberCount, 3);
  assert.equal(ack.room.createdBy, owner.id);
  assert.equal(ack.room.myRole, "owner");
  for (const socket of [chat, listener]) {
    const { room } = await socket.heard("room.created", (data) => data.room.id === ack.room.id);
    assert.equal(room.title, "Crew");
  }
});

test("a member of a new room hears it at once, without connecting again", async () => {
  const [owner, second] = await people(2);
  const [chat, listener] = await Promise.all([connect(owner), connect(second)]);
  const room = await group(owner, [second]);
  await listener.heard("room.created", (data) => data.room.id === room.id);
  assert.equal((await chat.send(room.id, "welcome")).status, "QUEUED");
  await listener.delivered("welcome");
});

test("a room shows its members to members only", async () => {
  const [owner, second, stranger] = await people(3);
  const { id } = await group(owner, [second]);
  const answer = await rest("GET", `/api/v1/rooms/${id}`, { token: second.accessToken });
  assert.equal(answer.status, 200, answer.text);
  assertRoom(answer.body);
  assert.equal(answer.body.myRole, "member");
  assert.equal(answer.body.members.length, 2);
  answer.body.members.forEach(assertMember);
  const members = await rest("GET", `/api/v1/rooms/${id}/members`, { token: second.accessToken });
  assert.equal(members.status, 200, members.text);
  const roles = Object.fromEntries(members.body.data.map(({ userId, role }) => [userId, role]));
  assert.deepEqual(roles, { [owner.id]: "owner", [second.id]: "member" });
  for (const path of [`/api/v1/rooms/${id}`, `/api/v1/rooms/${id}/members`, `/api/v1/rooms/${id}/messages`]) {
    assertProblem(await rest("GET", path, { token: stranger.accessToken }), 403, "not_member");
  }
  const unknown = `/api/v1/rooms/${randomUUID()}`;
  assertProblem(await rest("GET", unknown, { token: owner.accessToken }), 404, "room_not_found");
});

test("rooms are listed with the newest activity first, in pages", async () => {
  const [owner, ...others] = await people(4);
  const rooms = [];
  for (const other of others) rooms.push((await dm(owner, other)).id);
  const chat = await connect(owner);
  await chat.send(rooms[0], "wakes the oldest");
  await chat.delivered("wakes the oldest");
  const list = (query) => rest("GET", `/api/v1/rooms${query}`, { token: owner.accessToken });
  const all = await list("");
  assert.equal(all.status, 200, all.text);
  assert.deepEqual(all.body.data.map(({ id }) => id), [rooms[0], rooms[2], rooms[1]]);
  assert.equal(all.body.nextCursor, null);
  all.body.data.forEach(assertRoom);
  assert.equal(all.body.data[0].lastMessage.preview, "wakes the oldest");
  assert.equal(all.body.data[0].lastSeq, 1);
  const first = await list("?limit=2");
  assert.deepEqual(first.body.data.map(({ id }) => id), [rooms[0], rooms[2]]);
  assert.equal(typeof first.body.nextCursor, "string");
  const second = await list(`?limit=2&cursor=${encodeURIComponent(first.body.nextCursor)}`);
  assert.deepEqual(second.body.data.map(({ id }) => id), [rooms[1]]);
  assert.equal(second.body.nextCursor, null);
});

test("a bad cursor or limit is invalid", async () => {
  const [{ accessToken: token }] = await people(1);
  for (const query of ["?cursor=nonsense", "?limit=0", "?limit=x", "?limit=-1"]) {
    assertProblem(await rest("GET", `/api/v1/rooms${query}`, { token }), 400, "validation_failed");
  }
});

test("a dm needs exactly one other existing person", async () => {
  const [one, two, three] = await people(3);
  const chat = await connect(one);
  const create = (memberIds) => chat.ask("room.create", { type: "dm", memberIds });
  for (const memberIds of [[], [one.id], [one.id, one.id], [two.id, three.id]]) {
    assertSocketError(await create(memberIds), "room.create", "validation_failed");
  }
  assertSocketError(await create([randomUUID()]), "room.create", "user_not_found");
});

test("a group's size is checked before its ids are looked up", async () => {
  const [owner] = await people(1);
  const strangers = (count) => Array.from({ length: count }, () => randomUUID());
  const create = (memberIds) =>
    rest("POST", "/api/v1/rooms", { token: owner.accessToken, body: { type: "group", title: "Big", memberIds } });
  assertProblem(await create(strangers(100)), 400, "group_full");
  assertProblem(await create(strangers(20_000)), 400, "group_full");
  assertProblem(await create(strangers(99)), 404, "user_not_found");
});

test("a group's members are counted once, the creator included", async () => {
  const [owner, second] = await people(2);
  const room = await group(owner, [second, second, owner]);
  assert.equal(room.memberCount, 2);
});

test("room.create refuses bad members by name", async () => {
  const [owner, second] = await people(2);
  const token = owner.accessToken;
  const good = { type: "group", title: "Group", memberIds: [second.id] };
  const cases = [
    ["type", { type: "channel" }],
    ["type", { type: undefined }],
    ["memberIds", { memberIds: undefined }],
    ["memberIds", { memberIds: second.id }],
    ["memberIds", { memberIds: ["not-an-id"] }],
    ["memberIds", { memberIds: [7] }],
    ["title", { title: "x".repeat(101) }],
    ["title", { title: 7 }],
    ["description", { description: "x".repeat(501) }],
    ["joinPolicy", { joinPolicy: "everyone" }],
  ];
  for (const [path, members] of cases) {
    const body = assertProblem(await rest("POST", "/api/v1/rooms", { token, body: { ...good, ...members } }), 400, "validation_failed");
    assert.ok(body.errors.some((error) => error.path.startsWith(path)), `${path}: ${JSON.stringify(body)}`);
  }
});
