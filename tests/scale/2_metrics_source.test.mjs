// What autoscaling reads from goes away, or is taken by somebody else, and comes back.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { condition, eventually, get, kubectl, NAME, patch, pods, processesOf, ready } from "../cluster/kubectl.mjs";
import { AUTOSCALING, events, MAX, start } from "./cluster.mjs";
import { assertNothingLost, senders } from "./load.mjs";
import { externalSum, Watch } from "./watch.mjs";

const METRICS_PORT = 15692;
const API = "v1beta1.external.metrics.k8s.io";
const autoscaling = async () => condition(await get("chatcluster", NAME), "AutoscalingActive");
const reason = (wanted, patience) => eventually(async () => (await autoscaling())?.reason === wanted, `AutoscalingActive: ${wanted}`, patience);

const { client } = await start();

/** Drops or lets through what reaches a port of a pod, in the pod's own network. */
function filter(pod, port, action) {
  const [pid] = processesOf(pod);
  const rule = ["INPUT", "--protocol", "tcp", "--dport", `${port}`, "--jump", "DROP"];
  execFileSync("nsenter", ["--net", "--target", `${pid}`, "iptables", action === "cut" ? "--insert" : "--delete", ...rule]);
}

describe("the broker's metrics endpoint is cut under load, and healed", () => {
  let all;
  let broker;
  let sending;
  let watch;
  let stop = false;

  before(async () => {
    all = await senders(client, 8);
    watch = new Watch();
    sending = Promise.all(all.map((sender) => sender.send(() => stop)));
    await watch.first(({ wanted }) => wanted === MAX, `${MAX} processors`, 120_000);
    await watch.first(({ at, backlog }) => backlog > MAX * AUTOSCALING.targetBacklogPerReplica && at, "a backlog that keeps them busy", 120_000);
    [broker] = await pods("rabbitmq");
    filter(broker, METRICS_PORT, "cut");
  });
  after(async () => {
    try {
      filter(broker, METRICS_PORT, "heal");
    } catch {
      // Healed already.
    }
    stop = true;
    await sending;
    await watch?.stop();
  });

  test("first the last good values are held, and it is said", async () => {
    await reason("HoldingLastValues", 20_000);
    assert.ok((await externalSum("chat_queue_backlog")) > 0);
    await eventually(async () => (await events("MetricsHeld")).length > 0, "the event");
    // The backlog that there is keeps them busy for longer than the rest of this takes.
    stop = true;
    await sending;
  });

  test("then there is no value, which is never 0, and the present number of processors stays", async () => {
    await reason("MetricsUnavailable", 60_000);
    assert.equal(await externalSum("chat_queue_backlog"), null);
    const until = Date.now() + 15_000;
    while (Date.now() < until) {
      assert.equal((await get("deployment", `${NAME}-processor`)).spec.replicas, MAX);
      await sleep(1000);
    }
    await eventually(async () => (await events("AutoscalingInactive")).length > 0, "the event");
  });

  test("a fallback that is set is followed", async () => {
    await patch({ processors: { autoscaling: { fallback: { replicas: 2 } } } });
    await eventually(async () => (await get("deployment", `${NAME}-processor`)).spec.replicas === 2, "the fallback", 90_000);
  });

  test("healed, it is back within 30 s", async () => {
    const healed = Date.now();
    filter(broker, METRICS_PORT, "heal");
    await reason("Active", 30_000);
    console.log(`# back after ${((Date.now() - healed) / 1000).toFixed(1)} s`);
    assert.ok((await externalSum("chat_queue_backlog")) !== null);
    const { looks } = watch;
    assert.ok(looks.every(({ backlog, at }) => backlog !== 0 || at < looks[0].at + 5000 || at > healed), "a reading of 0 while it was cut");
    await eventually(async () => (await externalSum("chat_queue_backlog")) === 0, "the end of the backlog", 600_000);
    await assertNothingLost(all);
  });
});

describe("the metrics API is taken by another provider, and given back", () => {
  before(() => start());
  after(async () => {
    await kubectl(["delete", "apiservice", API, "--ignore-not-found"]);
    await eventually(async () => (await get("apiservice", API))?.spec.service.name === "chatcluster-operator", "the operator's own registration");
  });

  test("another owner is left alone, and said", async () => {
    await patch({ processors: { autoscaling: { provider: "BuiltIn" } } });
    await reason("Active", 60_000);
    await kubectl(["patch", "apiservice", API, "--type=merge", "--patch", JSON.stringify({ spec: { service: { name: "somebody-else", namespace: "default" } } })]);
    await reason("ApiOwnedByAnother", 30_000);
    await sleep(12_000);
    assert.equal((await get("apiservice", API)).spec.service.name, "somebody-else");
    assert.match((await autoscaling()).message, /belongs to another server/);
  });

  test("given back, it is served again within 30 s", async () => {
    await kubectl(["delete", "apiservice", API]);
    await reason("Active", 30_000);
    await eventually(async () => (await externalSum("chat_queue_backlog")) === 0, "a value", 30_000);
    await ready();
  });
});
