// Killing things while people chat: what was acknowledged is there afterwards, once and in order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ensureCluster, eventually, isReady, killHard, kubectl, NAME, NAMESPACE, pods, ready, speak } from "./kubectl.mjs";

await ensureCluster();
const { connect, dm, history, people, register, rest } = await speak();

/** A client that goes on sending until told to stop, connecting again and sending again as a real one does. */
class Sender {
  constructor(account, roomId) {
    this.account = account;
    this.roomId = roomId;
    /** @type {string[]} */
    this.acknowledged = [];
    this.retries = 0;
    this.stopped = false;
    this.done = this.#run();
  }

  async #run() {
    for (let count = 0; !this.stopped; count++) {
      const content = `n${count}`;
      while (!(await this.#try(content))) this.retries++;
      this.acknowledged.push(content);
    }
    this.chat?.close();
  }

  async #try(content) {
    try {
      if (!this.chat?.socket.connected) {
        this.chat?.close();
        this.chat = await connect(this.account);
      }
      // One client message id a message: a retry of what was stored already must not store it again.
      const ack = await this.chat.socket.timeout(3000).emitWithAck("message.send", { roomId: this.roomId, content, clientMsgId: content });
      if (ack.status === "QUEUED") return true;
      assert.ok(["busy", "unavailable", "draining", "rate_limited", "internal"].includes(ack.code), JSON.stringify(ack));
      await new Promise((resolve) => setTimeout(resolve, ack.retryAfterMs ?? 200));
    } catch (error) {
      if (error.code === "ERR_ASSERTION") throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return false;
  }

  async stop() {
    this.stopped = true;
    await this.done;
  }
}

async function everything(account, roomId) {
  const messages = [];
  for (let after = 0, more = true; more; ) {
    const page = await history(account, roomId, `?after_seq=${after}&limit=200&fields=full`);
    messages.push(...page.messages);
    after = page.nextAfterSeq;
    more = page.hasMore;
  }
  return messages;
}

/** Sends while `fault` happens, and for a while after it; then compares what was acknowledged with what is stored. */
async function assertNothingLost(fault) {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const sender = new Sender(one, room.id);
  await eventually(() => sender.acknowledged.length >= 20, "the first sends");
  await fault();
  const soFar = sender.acknowledged.length;
  await eventually(() => sender.acknowledged.length >= soFar + 100, "sends after the fault", 120_000);
  await sender.stop();
  const stored = await eventually(async () => {
    const messages = await everything(other, room.id);
    return messages.length >= sender.acknowledged.length && messages;
  }, "everything that was acknowledged", 120_000);
  assert.deepEqual(stored.map(({ content }) => content), sender.acknowledged);
  assert.deepEqual(stored.map(({ seq }) => seq), stored.map((_, index) => index + 1));
}

const allReady = (component, count) =>
  eventually(async () => (await pods(component)).filter(isReady).length >= count, `${count} ready ${component} pods`, 180_000);

const restarts = (some) => some.reduce((sum, pod) => sum + pod.status.containerStatuses[0].restartCount, 0);

for (const component of ["processor", "gateway"]) {
  test(`${component} pods killed with SIGKILL lose nothing`, async () => {
    await allReady(component, 2);
    const before = restarts(await pods(component));
    await assertNothingLost(async () => {
      for (const pod of await pods(component)) killHard(pod);
    });
    await allReady(component, 2);
    assert.ok(restarts(await pods(component)) >= before + 2, "both were killed");
  });
}

for (const component of ["rabbitmq", "redis", "postgres"]) {
  test(`${component} killed with SIGKILL loses nothing and comes back`, async () => {
    await allReady(component, 1);
    await assertNothingLost(async () => {
      const [pod] = await pods(component);
      killHard(pod);
      await eventually(async () => {
        const [again] = await pods(component);
        return again && isReady(again) && again.status.containerStatuses[0].restartCount > pod.status.containerStatuses[0].restartCount;
      }, `${component} to come back`, 180_000);
    });
  });
}

test("deleted pods come back", async () => {
  for (const component of ["gateway", "processor", "rabbitmq", "redis", "postgres"]) {
    const before = (await pods(component)).map(({ metadata }) => metadata.uid);
    await kubectl(["--namespace", NAMESPACE, "delete", "pods", "--wait=false", "--selector", `app.kubernetes.io/instance=${NAME},app.kubernetes.io/component=${component}`]);
    await eventually(async () => {
      const now = await pods(component);
      return now.length === before.length && now.every((pod) => isReady(pod) && !before.includes(pod.metadata.uid));
    }, `new ${component} pods`, 180_000);
  }
  await ready();
  const account = await register();
  assert.equal((await rest("GET", "/api/v1/me", { token: account.accessToken })).status, 200);
});

test("rolling restarts of gateways and processors lose nothing, and clients are told to move", async () => {
  const [watcher] = await people(1);
  const chats = await Promise.all(Array.from({ length: 4 }, () => connect(watcher)));
  await assertNothingLost(async () => {
    for (const name of [`${NAME}-gateway`, `${NAME}-processor`]) {
      await kubectl(["--namespace", NAMESPACE, "rollout", "restart", "deployment", name]);
      await kubectl(["--namespace", NAMESPACE, "rollout", "status", "deployment", name, "--timeout=180s"]);
    }
  });
  for (const chat of chats) {
    const notice = await chat.heard("server.draining");
    assert.ok(["shutdown", "rebalance"].includes(notice.reason));
    assert.ok(Number.isInteger(notice.reconnectInMs) && notice.reconnectInMs >= 0);
    assert.ok(!Number.isNaN(Date.parse(notice.deadline)));
    await chat.disconnected();
  }
  await ready();
});
