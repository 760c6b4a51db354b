// Below Socket.IO: broken Engine.IO and Socket.IO frames on raw connections. The server may end such a connection; it must
// neither hang nor harm anybody else.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { BASE_URL, connect, dm, eventually, people, PATIENCE_MS, rest } from "./client.mjs";

const WS_URL = `${BASE_URL.replace(/^http/, "ws")}/socket.io/?EIO=4&transport=websocket`;
const raw = new Set();
after(() => {
  for (const socket of raw) socket.terminate();
});

/** A raw connection that remembers its frames. */
async function open(url = WS_URL) {
  const socket = new WebSocket(url);
  const connection = { socket, frames: /** @type {string[]} */ ([]), closed: false };
  raw.add(socket);
  socket.on("message", (data) => connection.frames.push(data.toString()));
  socket.on("close", () => (connection.closed = true));
  socket.on("error", () => (connection.closed = true));
  await eventually(() => connection.frames.length > 0 || connection.closed, "the open frame");
  return connection;
}

describe("broken frames", () => {
  let one;
  let room;
  let sender;
  let receiver;
  let count = 0;
  before(async () => {
    const accounts = await people(2);
    one = accounts[0];
    room = await dm(accounts[0], accounts[1]);
    [sender, receiver] = await Promise.all(accounts.map((account) => connect(account)));
  });

  /** The server lives, and two others still chat. */
  async function assertUnharmed() {
    assert.equal((await rest("GET", "/health/liveness")).status, 200);
    const content = `still here ${count++}`;
    assert.equal((await sender.send(room.id, content)).status, "QUEUED");
    await receiver.delivered(content);
  }

  /** Connected to /chat as a raw client. */
  async function inChat() {
    const connection = await open();
    connection.socket.send(`40/chat,${JSON.stringify({ token: one.accessToken })}`);
    await eventually(() => connection.frames.some((frame) => frame.startsWith("40/chat,")), "the connect packet");
    return connection;
  }

  /** Either it was closed or it still answers a ping: no hanging in between. */
  async function assertClosedOrAlive(connection) {
    if (!connection.closed) connection.socket.send('42/chat,77["ping"]');
    await eventually(
      () => connection.closed || connection.frames.some((frame) => frame.startsWith("43/chat,77")),
      "a closed connection or a living one",
    );
    connection.socket.terminate();
  }

  const frames = [
    ["no packet type", "garbage"],
    ["an unknown engine packet", "9"],
    ["an empty frame", ""],
    ["an unknown socket packet", "49"],
    ["a number without an event", "42"],
    ["half an event", '42/chat,["message.send"'],
    ["half an object", '42/chat,["message.send",{"roomId":"x"'],
    ["an event that is no array", '42/chat,{"message.send":1}'],
    ["an empty array", "42/chat,[]"],
    ["an event name that is a number", "42/chat,[7,{}]"],
    ["an event name that is null", "42/chat,[null]"],
    ["an ack id beyond all numbers", '42/chat,99999999999999999999999999["ping"]'],
    ["a negative ack id", '42/chat,-1["ping"]'],
    ["an ack that nobody asked for", "43/chat,12345[]"],
    ["a namespace that isn't joined", '42/other,["ping"]'],
    ["a second connect", "40/chat,{}"],
    ["a binary event without its bytes", '451-/chat,["message.send",{"_placeholder":true,"num":0}]'],
    ["a binary event with far too many bytes announced", '4599999999-/chat,["x",{"_placeholder":true,"num":0}]'],
    ["a placeholder outside its bytes", '450-/chat,["message.send",{"_placeholder":true,"num":5}]'],
    ["bytes that nobody announced", Buffer.from([1, 2, 3])],
    ["text that is not UTF-8", { bytes: Buffer.from([0x34, 0x32, 0xff, 0xfe]) }],
    ["nesting beyond every stack", `42/chat,["message.send",${"[".repeat(100_000)}${"]".repeat(100_000)}]`],
    ["a namespace of 100 KB", `42/${"x".repeat(100_000)},["ping"]`],
    ["a pong that nobody asked for", "3"],
    ["an upgrade on an upgraded connection", "5"],
    ["a probe on an upgraded connection", "2probe"],
  ];
  for (const [name, frame] of frames) {
    test(`${name} harms nobody`, async () => {
      const connection = await inChat();
      if (frame.bytes) connection.socket.send(frame.bytes, { binary: false });
      else connection.socket.send(frame);
      await assertClosedOrAlive(connection);
      await assertUnharmed();
    });
  }

  test("a connect payload that is no object is no token", async () => {
    for (const payload of ['"text"', "[1]", "null", "7", "{}"]) {
      const connection = await open();
      connection.socket.send(`40/chat,${payload}`);
      const refusal = await eventually(
        () => connection.closed || connection.frames.find((frame) => frame.startsWith("44/chat,")),
        `an answer to ${payload}`,
      );
      if (refusal !== true) assert.deepEqual(JSON.parse(refusal.slice("44/chat,".length)), { message: "No token provided" });
      connection.socket.terminate();
    }
    await assertUnharmed();
  });

  test("events before the connect packet do nothing", async () => {
    const connection = await open();
    connection.socket.send(`42/chat,1["message.send",${JSON.stringify({ roomId: room.id, content: "too early" })}]`);
    await assertUnharmed();
    assert.ok(!connection.frames.some((frame) => frame.startsWith("43")), connection.frames.join());
    assert.equal(receiver.all("message.delivered", ({ content }) => content === "too early").length, 0);
    connection.socket.terminate();
  });

  test("a connection torn down in the middle of a frame harms nobody", async () => {
    const connection = await inChat();
    connection.socket._socket.write(Buffer.from([0x81, 0xfe, 0xff, 0xff, 1, 2, 3, 4, 5]));
    connection.socket._socket.destroy();
    await assertUnharmed();
  });

  test("bad handshakes are answered with 400", async () => {
    const queries = ["EIO=3&transport=polling", "EIO=4", "transport=polling", "EIO=4&transport=pigeon", "EIO=4&transport=polling&sid=unknown", ""];
    for (const query of queries) {
      const response = await fetch(`${BASE_URL}/socket.io/?${query}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
      assert.equal(response.status, 400, query);
      await response.arrayBuffer();
    }
    await assertUnharmed();
  });

  test("bad polling posts are refused", async () => {
    const handshake = await fetch(`${BASE_URL}/socket.io/?EIO=4&transport=polling`);
    const { sid } = JSON.parse((await handshake.text()).slice(1));
    const cookie = handshake.headers.get("set-cookie")?.split(";")[0];
    for (const body of ["garbage", "x".repeat(1_100_000)]) {
      const response = await fetch(`${BASE_URL}/socket.io/?EIO=4&transport=polling&sid=${sid}`, {
        method: "POST",
        body,
        headers: { "content-type": "text/plain;charset=UTF-8", ...(cookie ? { cookie } : {}) },
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      assert.ok(response.status >= 400 && response.status < 500, `${response.status}`);
      await response.arrayBuffer();
    }
    await assertUnharmed();
  });
});
