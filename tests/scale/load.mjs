// Load as clients make it: sockets that send as fast as the gateway confirms, and remember what it confirmed.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Messages that one socket has under way at once. */
const IN_FLIGHT = 32;

/**
 * Senders in rooms of their own, so that every partition gets its part.
 * @param {typeof import("../chat/client.mjs")} client
 */
export async function senders(client, count) {
  const watcher = await client.register();
  return Promise.all(
    Array.from({ length: count }, async () => {
      const account = await client.register();
      const room = await client.group(account, [watcher]);
      return new Sender(client, account, watcher, room.id, await client.connect(account));
    }),
  );
}

export class Sender {
  constructor(client, account, watcher, roomId, chat) {
    Object.assign(this, { client, account, watcher, roomId, chat });
    // What it hears is not looked at, and would fill the memory.
    chat.socket.offAny();
    /** Contents in the order in which they were confirmed. */
    this.acknowledged = [];
    this.next = 0;
  }

  /** Sends until `enough()`; each message is sent again under its id until it is confirmed. */
  async send(enough) {
    await Promise.all(
      Array.from({ length: IN_FLIGHT }, async () => {
        while (!enough()) {
          const content = `n${this.next++}`;
          while (!(await this.#confirmed(content)));
          this.acknowledged.push(content);
        }
      }),
    );
  }

  async #confirmed(content) {
    try {
      const message = { roomId: this.roomId, content, clientMsgId: content };
      const ack = await this.chat.socket.timeout(10_000).emitWithAck("message.send", message);
      if (ack.status === "QUEUED") return true;
      assert.ok(["busy", "unavailable", "draining", "rate_limited", "internal"].includes(ack.code), JSON.stringify(ack));
      await sleep(ack.retryAfterMs ?? 200);
    } catch (error) {
      if (error.code === "ERR_ASSERTION") throw error;
      await sleep(200);
      if (!this.chat.socket.connected) this.chat.socket.connect();
    }
    return false;
  }

  /** Everything that the room holds. */
  async stored() {
    const messages = [];
    for (let after = 0, more = true; more; ) {
      const page = await this.client.history(this.watcher, this.roomId, `?after_seq=${after}&limit=200&fields=full`);
      messages.push(...page.messages);
      after = page.nextAfterSeq;
      more = page.hasMore;
    }
    return messages;
  }
}

/** What was confirmed is stored once, and the numbers have no gap. */
export async function assertNothingLost(all) {
  for (const sender of all) {
    const messages = await sender.stored();
    assert.deepEqual(messages.map(({ content }) => content).sort(), [...sender.acknowledged].sort());
    assert.deepEqual(messages.map(({ seq }) => seq), messages.map((_, index) => index + 1));
  }
}
