// Sockets of the dialects: the same stock client, on the namespace and transport that a test names.

import { randomUUID } from "node:crypto";
import { io } from "socket.io-client";
import { BASE_URL, Chat, PATIENCE_MS } from "../chat/client.mjs";

export const TRANSPORTS = ["websocket", "polling"];

/** Connects to a namespace and waits for that; what it hears is remembered from the start. */
export async function join(account, namespace, options = {}) {
  const socket = io(BASE_URL + namespace, {
    auth: { token: account.accessToken },
    transports: ["websocket"],
    forceNew: true,
    reconnection: false,
    timeout: PATIENCE_MS,
    ...options,
  });
  const chat = new Chat(socket);
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  await subscribed(chat);
  return chat;
}

/** Rooms are joined right after the handshake; an answered event shows that the lane works. */
async function subscribed(chat) {
  await chat.ask("ping", {});
}

export const guid = () => randomUUID();
