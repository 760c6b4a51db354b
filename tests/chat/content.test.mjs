// What content may be: bounds, sanitising, spam.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { assertSocketError, connect, dm, eventually, group, history, people } from "./client.mjs";

describe("content", () => {
  let room;
  let sender;
  let receiver;
  before(async () => {
    const [one, other] = await people(2);
    room = await dm(one, other);
    [sender, receiver] = await Promise.all([connect(one), connect(other)]);
  });

  /** Sends and returns what the other one hears. */
  async function travel(content) {
    const ack = await sender.send(room.id, content);
    assert.equal(ack.status, "QUEUED", `${JSON.stringify(ack)} for ${content.slice(0, 80)}`);
    return receiver.heard("message.delivered", ({ clientMsgId }) => clientMsgId === ack.clientMsgId);
  }

  test("code, arithmetic and every script survive as typed", async () => {
    const texts = ["1 < 2", "a<3", "if x<y", "Vec<String>", "a & b &amp; c", "one\n\ttwo", "Grüße 👩‍👩‍👧‍👦 日本語 עברית", '{"a": "b"}', "\\u0000 %00"];
    for (const text of texts) assert.equal((await travel(text)).content, text);
  });

  test("markup never comes out live", async () => {
    const cases = [
      ["a<b and c>d", "a< b and c>d"],
      ["<b>bold</b> text", "bold text"],
      ["x<script>alert(1)</script>y", "xy"],
      ["<img src=x onerror=alert(1)>picture", "picture"],
      ["<scr<script>ipt>alert(1)", "< script>alert(1)"],
      ["<svg/onload=alert(1)", "< svg/onload=alert(1)"],
      ["<!-- comment -->", "< !-- comment -->"],
      ["  spaces around\u0007  ", "spaces around"],
    ];
    for (const [text, safe] of cases) {
      const message = await travel(text);
      assert.equal(message.content, safe);
      assert.equal(message.preview, safe);
    }
  });

  test("what is empty after sanitising is refused", async () => {
    for (const content of ["", "   ", "\n\t", "\u0000\u0007", "<b></b>", "<script>alert(1)</script>", "<img src=x>"]) {
      assertSocketError(await sender.send(room.id, content), "message.send", "empty_content");
    }
    assertSocketError(await sender.ask("message.send", { roomId: room.id }), "message.send", "empty_content");
  });

  test("100,000 characters fit and one more does not, counted as characters before sanitising", async () => {
    const longest = "ü".repeat(100_000);
    assert.equal((await travel(longest)).content, longest);
    const tooLong = ["x".repeat(100_001), `${" ".repeat(100_000)}x`];
    for (const content of tooLong) {
      assertSocketError(await sender.send(room.id, content), "message.send", "content_too_large");
    }
  });

  test("twenty links are fine and twenty-one are spam", async () => {
    const links = (count) => Array.from({ length: count }, (_, index) => `https://example.org/${index}`).join(" ");
    await travel(links(20));
    assertSocketError(await sender.send(room.id, links(21)), "message.send", "spam_detected");
  });

  test("client message ids are bounded", async () => {
    await Promise.all(["a", "x".repeat(64), "A-Za-z0.9_:-"].map((clientMsgId) => sender.send(room.id, `id ${clientMsgId}`, { clientMsgId })));
    for (const clientMsgId of ["", "x".repeat(65), "has space", "ümlaut", "a/b", 7, {}, []]) {
      assertSocketError(await sender.send(room.id, "bad id", { clientMsgId }), "message.send", "validation_failed");
    }
  });

  test("attachments and mentions are bounded", async () => {
    const ids = (count) => Array.from({ length: count }, () => crypto.randomUUID());
    for (const members of [{ mentions: ids(51) }, { attachments: ids(11) }, { mentions: "x" }, { attachments: [7] }]) {
      assertSocketError(await sender.send(room.id, "too many", members), "message.send", "validation_failed");
    }
  });

  test("a message can't claim to be a call or of an unknown type", async () => {
    for (const type of ["call", "system", 7, ""]) {
      assertSocketError(await sender.send(room.id, "typed", { type }), "message.send", "validation_failed");
    }
  });
});

test("the same content for the sixth time within ten seconds is spam, in that room only", async () => {
  const [one, other, third] = await people(3);
  const [room, elsewhere] = [await dm(one, other), await group(one, [third])];
  const chat = await connect(one);
  const again = (roomId = room.id) => chat.send(roomId, "buy now");
  for (let count = 0; count < 5; count++) assert.equal((await again()).status, "QUEUED");
  assertSocketError(await again(), "message.send", "spam_detected");
  assert.equal((await again(elsewhere.id)).status, "QUEUED");
  assert.equal((await chat.send(room.id, "something else")).status, "QUEUED");
  await chat.delivered("something else");
  assert.equal((await history(one, room.id)).lastSeq, 6);
});

test("repeats under one client message id are no spam", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  for (let count = 0; count < 12; count++) {
    assert.equal((await chat.send(room.id, "patience", { clientMsgId: "p-1" })).status, "QUEUED");
  }
  await eventually(async () => (await history(one, room.id)).lastSeq === 1, "one message");
});
