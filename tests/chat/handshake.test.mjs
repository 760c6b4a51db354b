// Who gets onto `/chat`, by which way, and what the others are told.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  assertProblem,
  BASE_URL,
  claims,
  connect,
  eventually,
  foreignClaims,
  mint,
  register,
  refusal,
  rest,
  signingSecret,
  TIMESTAMP,
} from "./client.mjs";

const now = () => Math.floor(Date.now() / 1000);

for (const transports of [["websocket"], ["polling"]]) {
  describe(`handshake over ${transports[0]}`, () => {
    test("the token comes in the auth payload, a header or the query, with Bearer or without", async () => {
      const account = await register();
      const token = account.accessToken;
      const ways = [
        { auth: { token } },
        { auth: { token: `Bearer ${token}` } },
        { auth: undefined, extraHeaders: { Authorization: `Bearer ${token}` } },
        { auth: undefined, extraHeaders: { Authorization: token } },
        { auth: undefined, query: { token } },
        { auth: undefined, query: { token: `Bearer ${token}` } },
      ];
      for (const way of ways) {
        const chat = await connect(undefined, { transports, ...way });
        assert.equal((await chat.heard("session.ready")).userId, account.id);
        chat.close();
      }
    });

    test("each refusal has exactly its message and no data", async () => {
      const account = await register();
      const gone = await register();
      await rest("POST", "/auth/logout", { token: gone.accessToken });
      const secret = signingSecret();
      const stranger = "00000000-0000-4000-8000-000000000000";
      const cases = [
        [undefined, "No token provided"],
        ["", "No token provided"],
        ["nonsense", "Invalid token"],
        [mint(claims(account.accessToken), { secret: null, header: { alg: "none" } }), "Invalid token"],
        [mint(foreignClaims(account), { secret: "wrong" }), "Invalid token"],
        [mint({ ...foreignClaims(account), exp: now() - 60 }, { secret }), "Token expired"],
        [gone.accessToken, "Session revoked"],
        [mint({ ...foreignClaims(account), sub: stranger, id: stranger }, { secret }), "User not found"],
      ];
      for (const [token, message] of cases) {
        const error = await refusal(token, { transports });
        assert.equal(error.message, message);
        assert.equal(error.data, undefined);
      }
    });

    test("another namespace is invalid", async () => {
      const account = await register();
      for (const namespace of ["/nope", "/chat2", "/CHAT", "/chat/room", "/admin"]) {
        const error = await refusal(account, { transports }, namespace);
        assert.equal(error.message, "Invalid namespace");
      }
    });

    test("the engine answers under both paths, with and without a trailing slash", async () => {
      const account = await register();
      for (const [path, addTrailingSlash] of [
        ["/socket.io", true],
        ["/socket.io", false],
        ["/ws/socket.io", true],
        ["/ws/socket.io", false],
      ]) {
        const chat = await connect(account, { transports, path, addTrailingSlash });
        chat.close();
      }
    });
  });
}

test("the auth payload counts before the header, and the header before the query", async () => {
  const { accessToken: good } = await register();
  const bearer = { Authorization: `Bearer ${good}` };
  assert.equal((await refusal(undefined, { auth: { token: "bad" }, extraHeaders: bearer })).message, "Invalid token");
  const header = { auth: undefined, extraHeaders: { Authorization: "Bearer bad" }, query: { token: good } };
  assert.equal((await refusal(undefined, header)).message, "Invalid token");
});

test("a token that is no text never gets in", async () => {
  for (const token of [7, true, null, {}, [], { $ne: null }, ["x"], "x".repeat(100_000)]) {
    const error = await refusal(undefined, { auth: { token } });
    assert.ok(["No token provided", "Invalid token"].includes(error.message), `${token}: ${error.message}`);
  }
});

test("polling upgrades to websocket and keeps the session", async () => {
  const account = await register();
  const chat = await connect(account, { transports: ["polling", "websocket"] });
  const { id } = chat.socket;
  await eventually(() => chat.socket.io.engine.transport.name === "websocket", "the upgrade");
  assert.equal(chat.socket.id, id);
  assert.equal((await chat.ask("ping")).status, "OK");
});

test("session.ready tells who, where and what is allowed", async () => {
  const account = await register();
  const chat = await connect(account);
  const ready = await chat.heard("session.ready");
  assert.equal(ready.userId, account.id);
  assert.equal(ready.sessionId, claims(account.accessToken).sid);
  assert.equal(ready.socketId, chat.socket.id);
  assert.match(ready.serverTime, TIMESTAMP);
  assert.deepEqual(ready.rooms, []);
  assert.deepEqual(ready.limits, { maxContent: 100_000, maxGroup: 100, historyLimit: 200 });
});

test("logging out ends the session's sockets and nobody else's", async () => {
  const account = await register();
  const other = await rest("POST", "/auth/login", { body: { email: account.email, password: account.password } });
  const chat = await connect(account);
  const survivor = await connect(other.body.accessToken);
  assert.equal((await rest("POST", "/auth/logout", { token: account.accessToken })).status, 200);
  assert.deepEqual(await chat.heard("session.revoked"), { sessionId: claims(account.accessToken).sid });
  assert.equal(await chat.disconnected(), "io server disconnect");
  assert.equal((await survivor.ask("ping")).status, "OK");
});

test("a socket ends when its token expires", async () => {
  const account = await register();
  const chat = await connect(mint(foreignClaims(account, 3), { secret: signingSecret() }));
  assert.deepEqual(await chat.heard("session.expired"), {});
  assert.equal(await chat.disconnected(), "io server disconnect");
});

test("session.refresh keeps a socket beyond its first token", async () => {
  const account = await register();
  const brief = foreignClaims(account, 4);
  const chat = await connect(mint(brief, { secret: signingSecret() }));
  const bad = await chat.ask("session.refresh", { token: "nonsense" });
  assert.equal(bad.code, "invalid_token");
  assert.equal((await chat.ask("session.refresh", { token: account.accessToken })).status, "OK");
  await eventually(() => Date.now() > (brief.exp + 2) * 1000, "the first token's end");
  assert.equal((await chat.ask("ping")).status, "OK");
  assert.equal(chat.all("session.expired").length, 0);
});

test("a socket can't be refreshed with another user's token", async () => {
  const [account, other] = [await register(), await register()];
  const chat = await connect(account);
  assert.equal((await chat.ask("session.refresh", { token: other.accessToken })).code, "invalid_token");
});

test("the 21st socket of a user drops the oldest", async () => {
  const account = await register();
  const chats = [];
  for (let count = 0; count < 21; count++) chats.push(await connect(account));
  await chats[0].disconnected();
  for (const chat of chats.slice(1)) assert.equal((await chat.ask("ping")).status, "OK");
});

test("the engine announces the contract's heartbeat and size", async () => {
  const response = await fetch(`${BASE_URL}/socket.io/?EIO=4&transport=polling`);
  assert.equal(response.status, 200);
  const text = await response.text();
  assert.equal(text[0], "0");
  const open = JSON.parse(text.slice(1));
  assert.equal(typeof open.sid, "string");
  assert.deepEqual(open.upgrades, ["websocket"]);
  assert.equal(open.pingInterval, 25_000);
  assert.equal(open.pingTimeout, 20_000);
  assert.equal(open.maxPayload, 1_000_000);
});

test("a revoked session is refused over REST too", async () => {
  const account = await register();
  await rest("POST", "/auth/logout", { token: account.accessToken });
  assertProblem(await rest("GET", "/api/v1/rooms", { token: account.accessToken }), 401, "session_revoked");
});
