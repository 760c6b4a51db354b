// The same send twice, and fifty times: stored once, answered alike.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { connect, dm, eventually, history, people, rest } from "./client.mjs";

for (const [kind, clientMsgId] of [
  ["a UUID", randomUUID()],
  ["a device counter", "tmp-7"],
]) {
  test(`fifty sends with ${kind} store one message`, async () => {
    const [one, other] = await people(2);
    const room = await dm(one, other);
    const [sender, receiver] = await Promise.all([connect(one), connect(other)]);
    const acks = await Promise.all(
      Array.from({ length: 50 }, (_, index) => sender.send(room.id, `try ${index}`, { clientMsgId })),
    );
    for (const ack of acks) assert.deepEqual(ack, { status: "QUEUED", clientMsgId });
    await sender.send(room.id, "the end");
    await Promise.all([sender.delivered("the end"), receiver.delivered("the end")]);
    const page = await history(one, room.id, "?after_seq=0&fields=full");
    assert.deepEqual(page.messages.map(({ content }) => content), ["try 0", "the end"]);
    const ids = new Set(receiver.all("message.delivered").map(({ id }) => id));
    assert.equal(ids.size, 2);
  });
}

test("a repeat is answered with the first message, to the repeating socket only", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const [sender, second, receiver] = await Promise.all([connect(one), connect(one), connect(other)]);
  await sender.send(room.id, "original", { clientMsgId: "c-1" });
  const first = await sender.delivered("original");
  await Promise.all([second.delivered("original"), receiver.delivered("original")]);
  assert.deepEqual(await second.send(room.id, "changed", { clientMsgId: "c-1" }), { status: "QUEUED", clientMsgId: "c-1" });
  await eventually(() => second.all("message.delivered", ({ id }) => id === first.id).length === 2, "the answer to the repeat");
  await sender.send(room.id, "after");
  await receiver.delivered("after");
  assert.equal(receiver.all("message.delivered", ({ id }) => id === first.id).length, 1);
  assert.equal(receiver.all("message.delivered", ({ content }) => content === "changed").length, 0);
});

test("the same id in another room or of another sender is another message", async () => {
  const [one, other, third] = await people(3);
  const [room, elsewhere] = [await dm(one, other), await dm(one, third)];
  const [sender, receiver] = await Promise.all([connect(one), connect(other)]);
  await sender.send(room.id, "one", { clientMsgId: "same" });
  await sender.send(elsewhere.id, "two", { clientMsgId: "same" });
  await receiver.send(room.id, "three", { clientMsgId: "same" });
  await Promise.all(["one", "two", "three"].map((content) => sender.delivered(content)));
});

test("a repeat over REST gets the first one's job", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const send = (content) =>
    rest("POST", `/api/v1/rooms/${room.id}/messages`, { token: one.accessToken, body: { content, clientMsgId: "r-1" } });
  const [first, repeat] = [await send("one"), await send("two")];
  assert.equal(first.status, 202, first.text);
  assert.deepEqual(repeat.body, first.body);
  assert.equal(repeat.status, 202);
  await eventually(async () => (await history(one, room.id)).lastSeq === 1, "the message");
});

test("a repeat after a reconnect, over another transport, is still a repeat", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const clientMsgId = randomUUID();
  const before = await connect(one, { transports: ["websocket"] });
  await before.send(room.id, "once", { clientMsgId });
  const first = await before.delivered("once");
  before.close();
  const later = await connect(one, { transports: ["polling"] });
  await later.send(room.id, "once", { clientMsgId });
  assert.equal((await later.delivered("once")).id, first.id);
  assert.equal((await history(one, room.id)).lastSeq, 1);
});
