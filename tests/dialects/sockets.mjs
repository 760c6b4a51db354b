// Sockets as the clients of the older systems open them: the stock client, their namespaces, nothing of ours.

import { randomUUID } from "node:crypto";
import { io } from "socket.io-client";
import { BASE_URL, Chat, PATIENCE_MS } from "../chat/client.mjs";

/** Everything is tested over both. */
export const TRANSPORTS = [["websocket"], ["polling"]];

/**
 * Opens a socket, without waiting for anything.
 * @param {string} namespace
 * @param {{accessToken: string} | string | undefined} who an account, a token, or nothing
 * @returns {Chat}
 */
export function open(namespace, who, options = {}) {
  const token = typeof who === "object" ? who.accessToken : who;
  const socket = io(BASE_URL + namespace, {
    path: "/socket.io",
    auth: token === undefined ? undefined : { token },
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    timeout: PATIENCE_MS,
    ...options,
  });
  return new Chat(socket);
}

/** Opens a socket and waits for an event that says that it is ready. */
export async function connect(namespace, who, greeting, options = {}) {
  const chat = open(namespace, who, options);
  const refused = new Promise((_, reject) => chat.socket.once("connect_error", reject));
  try {
    await Promise.race([greeting ? chat.heard(greeting) : connected(chat), refused]);
  } catch (error) {
    chat.close();
    throw error;
  }
  return chat;
}

function connected(chat) {
  return new Promise((resolve) => chat.socket.once("connect", resolve));
}

/** A webchat client: `/`, greeted by `connection:established`. */
export const webchat = (who, options = {}) => connect("/", who, "connection:established", options);

/** A conversations client, authenticated by its handshake. */
export const conversations = (who, options = {}) => connect("/ws", who, "authenticated", options);

/** A client of `/chat` that hears one dialect only, or all of them. */
export function onChat(who, dialect, options = {}) {
  const auth = { token: who.accessToken, ...(dialect === undefined ? {} : { dialect }) };
  const greeting = dialect === undefined || dialect === "native" || dialect === "realtime-server" ? "session.ready" : undefined;
  return connect("/chat", undefined, greeting, { auth, ...options });
}

/**
 * Asserts that nothing matching was heard: after a sign that came later over the same way, never after a mere pause.
 */
export function heardNone(chat, event, matches = () => true) {
  return chat.all(event, matches).length === 0;
}

/** Texts that must come out without live markup, and how they come out. */
export const MARKUP = [
  ["x<script>alert(1)</script>y", "xy"],
  ["<img src=x onerror=alert(1)>picture", "picture"],
  ["<svg/onload=alert(1)", "< svg/onload=alert(1)"],
  ["1 < 2 && Vec<String>", "1 < 2 && Vec<String>"],
];

export const TOO_LONG = "x".repeat(100_001);

/** Ids that nobody has. */
export const strangers = (count) => Array.from({ length: count }, () => randomUUID());

/** Values that are no object. */
export const NO_OBJECTS = [null, "text", 7, true, [], [{ chatId: "x" }], Buffer.from([0, 1, 255])];
