// What every test of the wire contract needs: accounts, REST calls and sockets that remember what they heard.
//
// Nothing here knows how the server works; the stock client is used as any application would use it. Sockets that a test
// file opened are closed when the file is done.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { io } from "socket.io-client";

export const BASE_URL = (process.env.BASE_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");

/** How long anything may take that the contract gives no time for; generous, because tests share the machine. */
export const PATIENCE_MS = 15_000;

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/**
 * @typedef {{id: string, email: string, username: string, password: string, accessToken: string, refreshToken: string}} Account
 * @typedef {{status: number, headers: Headers, body: any, text: string}} Answer
 */

/** A name that no other test run uses. */
export function unique(prefix = "u") {
  return `${prefix}${randomUUID().replaceAll("-", "").slice(0, 16)}`;
}

/**
 * One REST call. An object as `body` is sent as JSON, a string as it is.
 * @param {string} method
 * @param {string} path
 * @param {{token?: string, body?: any, headers?: Record<string, string>}} [options]
 * @returns {Promise<Answer>}
 */
export async function rest(method, path, { token, body, headers = {} } = {}) {
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(BASE_URL + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: body === undefined || raw ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await response.text();
  const isJson = /^application\/(problem\+)?json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, body: isJson && text ? JSON.parse(text) : null };
}

/** Asserts a problem+json answer with every member of the contract, and returns its body. */
export function assertProblem(/** @type {Answer} */ answer, status, code) {
  assert.equal(answer.status, status, answer.text);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
  const { body } = answer;
  assert.equal(body.code, code, answer.text);
  assert.equal(body.status, status);
  assert.equal(body.statusCode, status);
  assert.equal(body.message, body.detail);
  for (const member of ["type", "title", "detail", "instance"]) assert.equal(typeof body[member], "string", member);
  assert.doesNotMatch(answer.text, /panicked|\.rs:\d+|stack/i);
  if (status === 401) assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
  if (code === "validation_failed" && body.errors) {
    for (const error of body.errors) {
      for (const member of ["path", "code", "message"]) assert.equal(typeof error[member], "string", member);
    }
  }
  return body;
}

/**
 * A new account. One address may register 300 times a minute; whoever comes later waits as long as the answer says.
 *
 * @param {Record<string, unknown>} [members]
 * @returns {Promise<Account>}
 */
export async function register(members = {}) {
  const username = unique();
  const password = "correct horse";
  const request = { email: `${username}@example.org`, username, password, name: `Name ${username}`, ...members };
  let answer = await rest("POST", "/auth/register", { body: request });
  while (answer.status === 429) {
    await delay(1_000 * answer.body.retryAfter);
    answer = await rest("POST", "/auth/register", { body: request });
  }
  assert.equal(answer.status, 201, answer.text);
  const { accessToken, refreshToken, user } = answer.body;
  return { id: user.id, email: request.email, username: user.username, password: request.password, accessToken, refreshToken };
}

/** @returns {Promise<Account[]>} */
export function people(count) {
  return Promise.all(Array.from({ length: count }, () => register()));
}

/** The dm of two people, made by the first. */
export async function dm(/** @type {Account} */ one, /** @type {Account} */ other) {
  const answer = await rest("POST", "/api/v1/rooms", {
    token: one.accessToken,
    body: { type: "dm", memberIds: [other.id] },
  });
  assert.ok(answer.status === 201 || answer.status === 200, answer.text);
  return answer.body;
}

export async function group(/** @type {Account} */ owner, /** @type {Account[]} */ others, members = {}) {
  const answer = await rest("POST", "/api/v1/rooms", {
    token: owner.accessToken,
    body: { type: "group", title: "Group", memberIds: others.map(({ id }) => id), ...members },
  });
  assert.equal(answer.status, 201, answer.text);
  return answer.body;
}

/** One page of a room's history. */
export async function history(/** @type {Account} */ account, roomId, query = "") {
  const answer = await rest("GET", `/api/v1/rooms/${roomId}/messages${query}`, { token: account.accessToken });
  assert.equal(answer.status, 200, answer.text);
  return answer.body;
}

/** Waits until `probe` gives something truthy, and returns that. */
export async function eventually(probe, what, patience = PATIENCE_MS) {
  const deadline = Date.now() + patience;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > deadline) assert.fail(`not within ${patience} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @type {Set<Chat>} */
const open = new Set();
after(() => {
  for (const chat of open) chat.close();
});

/** A socket that remembers what it heard, so that no event is missed between two waits. */
export class Chat {
  /** @param {import("socket.io-client").Socket} socket */
  constructor(socket) {
    this.socket = socket;
    /** @type {{event: string, data: any}[]} */
    this.log = [];
    this.waiting = new Set();
    socket.onAny((event, data) => {
      this.log.push({ event, data });
      for (const check of this.waiting) check();
    });
    socket.on("disconnect", (reason) => {
      this.disconnectReason = reason;
    });
    open.add(this);
  }

  /** Emits with an acknowledgement and returns it. */
  ask(event, ...payload) {
    return this.socket.timeout(PATIENCE_MS).emitWithAck(event, ...payload);
  }

  send(roomId, content, members = {}) {
    return this.ask("message.send", { roomId, content, ...members });
  }

  /** Everything heard so far under this name. */
  all(event, matches = () => true) {
    return this.log.filter((entry) => entry.event === event && matches(entry.data)).map(({ data }) => data);
  }

  /** The first event of this name that matches, heard already or within the patience. */
  heard(event, matches = () => true, patience = PATIENCE_MS) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.log.find((entry) => entry.event === event && matches(entry.data));
        if (!found) return;
        clearTimeout(timer);
        this.waiting.delete(check);
        resolve(found.data);
      };
      const timer = setTimeout(() => {
        this.waiting.delete(check);
        const names = this.log.map((entry) => entry.event).join(", ");
        reject(new Error(`no '${event}' within ${patience} ms; heard: ${names || "nothing"}`));
      }, patience);
      this.waiting.add(check);
      check();
    });
  }

  delivered(content) {
    return this.heard("message.delivered", (message) => message.content === content);
  }

  disconnected(patience = PATIENCE_MS) {
    return eventually(() => this.disconnectReason, "a disconnect", patience);
  }

  close() {
    open.delete(this);
    this.socket.disconnect();
  }
}

function socketTo(namespace, token, options) {
  return io(BASE_URL + namespace, {
    auth: token === undefined ? undefined : { token },
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    timeout: PATIENCE_MS,
    ...options,
  });
}

/**
 * Connects to `/chat` and waits for `session.ready`.
 * @param {Account | string | undefined} who an account, a token, or nothing
 * @returns {Promise<Chat>}
 */
export async function connect(who, options = {}) {
  const chat = new Chat(socketTo("/chat", typeof who === "object" ? who.accessToken : who, options));
  const refused = new Promise((_, reject) => chat.socket.once("connect_error", reject));
  try {
    await Promise.race([chat.heard("session.ready"), refused]);
  } catch (error) {
    chat.close();
    throw error;
  }
  return chat;
}

/** Tries to connect and returns the `connect_error`. */
export async function refusal(who, options = {}, namespace = "/chat") {
  const socket = socketTo(namespace, typeof who === "object" ? who?.accessToken : who, options);
  try {
    return await new Promise((resolve, reject) => {
      socket.once("connect", () => reject(new Error("the handshake was accepted")));
      socket.once("connect_error", resolve);
      setTimeout(() => reject(new Error("neither accepted nor refused")), PATIENCE_MS).unref();
    });
  } finally {
    socket.disconnect();
  }
}

/** Asserts the SocketError of an acknowledgement. */
export function assertSocketError(ack, event, code, status = "ERROR") {
  assert.equal(ack?.code, code, JSON.stringify(ack));
  assert.equal(ack.status, status);
  assert.equal(ack.event, event);
  assert.equal(typeof ack.message, "string");
  assert.deepEqual(ack.error, { code, message: ack.message });
  assert.match(ack.timestamp, TIMESTAMP);
}

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** The claims of a token, unverified. */
export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
}

/** A token of one's own making; `secret: null` leaves the signature empty. */
export function mint(payload, { secret, header = { alg: "HS256", typ: "JWT" }, hash = "sha256" }) {
  const body = `${base64url(header)}.${base64url(payload)}`;
  const signature = secret === null ? "" : createHmac(hash, secret).update(body).digest("base64url");
  return `${body}.${signature}`;
}

/** The installation's own signing secret: some promises can only be tested with it. */
export function signingSecret() {
  const secret = process.env.CHAT_JWT_SECRET;
  assert.ok(secret, "set CHAT_JWT_SECRET to the installation's JWT_ACCESS_TOKEN (tests/run does)");
  return secret;
}

/** Claims for a token of this account that the server did not make: no session. */
export function foreignClaims(/** @type {Account} */ account, lifetimeSeconds = 600) {
  const now = Math.floor(Date.now() / 1000);
  return { sub: account.id, id: account.id, email: account.email, iat: now, exp: now + lifetimeSeconds };
}
