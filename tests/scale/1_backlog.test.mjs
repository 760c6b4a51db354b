// A real backlog: replicas follow it up and down, overload is shed, nothing is lost.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually, get, kubectl, list, NAME, NAMESPACE, ofComponent } from "../cluster/kubectl.mjs";
import { BACKLOG, events, MAX, MIN, SHEDDING, start, TARGET } from "./cluster.mjs";
import { assertNothingLost, senders } from "./load.mjs";
import { externalSum, metric, page, shares, turns, Watch } from "./watch.mjs";

const { client } = await start();

/** How long a small machine may need for the whole backlog. */
const DRAIN_MS = 900_000;

describe(`a backlog of ${BACKLOG} jobs`, () => {
  let all;
  let watch;
  let sending;
  let enough = false;
  let peak;
  const sharesSeen = [];

  before(async () => {
    await eventually(async () => (await get("deployment", `${NAME}-processor`)).spec.replicas === MIN, "the fewest processors", 180_000);
    all = await senders(client, 16);
    watch = new Watch({ print: process.env.SCALE_PRINT ? console.error : undefined });
    sending = Promise.all(all.map((sender) => sender.send(() => enough)));
    peak = await watch.first(({ backlog }) => backlog >= BACKLOG, `${BACKLOG} jobs`, 240_000);
    // What comes on top only takes longer to drain.
    enough = true;
  });
  after(() => {
    enough = true;
    return watch?.stop();
  });

  test("typing and presence are shed, and messages and calls go through", async () => {
    const [{ chat, roomId }, { account }] = all;
    await eventually(async () => {
      const [pod] = await list("pods", ofComponent("gateway"));
      return metric(await page(pod, 8080), "chat_shedding") === 1;
    }, "a gateway to shed", 15_000);
    assert.equal((await chat.ask("typing.start", { roomId })).status, "SHED");
    assert.equal((await chat.ask("presence.set", { status: "away" })).status, "SHED");
    assert.equal((await all[0].chat.send(roomId, "still", { clientMsgId: "still" })).status, "QUEUED");
    all[0].acknowledged.push("still");
    const friends = await client.dm(all[0].account, account);
    const call = await chat.ask("call.initiate", { roomId: friends.id, media: "audio" });
    assert.ok(!call.code && call.status !== "SHED", JSON.stringify(call));
    await eventually(async () => /SHEDDING[^]*true/.test(await kubectl(["--namespace", NAMESPACE, "get", "chatcluster", NAME])), "the column", 15_000);
    await sending;
  });

  test("the right number of processors is wanted 30 s after the step at the latest", async () => {
    const right = Math.min(MAX, Math.ceil(BACKLOG / TARGET));
    // The step is the first second in which the backlog asks for more than the fewest.
    const step = await watch.first(({ backlog }) => backlog > TARGET * MIN, "a backlog", 1000);
    const reached = await watch.first(({ wanted }) => wanted === right, `${right} processors`, 60_000);
    const took = (reached.at - step.at) / 1000;
    console.log(`# ${took.toFixed(1)} s from the step to ${right} processors; peak ${peak.backlog} jobs`);
    assert.ok(took <= 30, `${took} s`);
  });

  test("all processors have their share of the partitions", async () => {
    await eventually(async () => {
      const now = await shares();
      sharesSeen.push(now);
      return now.length === MAX && now.every((share) => share >= 1) && now.reduce((sum, share) => sum + share, 0) === 8;
    }, `8 partitions over ${MAX} processors`, 120_000).catch((error) => assert.fail(`${error.message}; saw ${JSON.stringify(sharesSeen.slice(-5))}`));
  });

  test("shedding ends below the lower threshold", async () => {
    await eventually(async () => {
      const pods = await list("pods", ofComponent("gateway"));
      const sheds = await Promise.all(pods.map(async (pod) => metric(await page(pod, 8080), "chat_shedding")));
      return sheds.every((value) => value === 0);
    }, "every gateway to take typing again", DRAIN_MS);
    // The metric may be some seconds older than what the gateways see themselves.
    await eventually(async () => (await externalSum("rabbitmq_queue_messages_ready", /high/)) <= SHEDDING.lowWatermark, "a queue below the threshold", 10_000);
    const [{ chat, roomId }] = all;
    assert.equal((await chat.ask("typing.start", { roomId })).status, "QUEUED");
  });

  test("replicas come back with one change of direction at most", async () => {
    await watch.first(({ at, backlog }) => at > peak.at && backlog === 0, "an empty queue", DRAIN_MS);
    await eventually(async () => (await get("deployment", `${NAME}-processor`)).spec.replicas === MIN, "the fewest processors", 120_000);
    const looks = await watch.stop();
    assert.ok(turns(looks) <= 1, JSON.stringify(looks.map(({ wanted }) => wanted)));
  });

  test("nothing is lost", () => assertNothingLost(all));

  test("each decision is told with its reason, and so is the overload", async () => {
    const scaled = (await events("ScaledProcessors")).map(({ message }) => message);
    assert.ok(scaled.some((message) => /From \d+ to \d+ processors: \d+ jobs waiting or in work \(target \d+ a processor\)/.test(message)), scaled.join("\n"));
    await eventually(async () => (await events("SheddingStarted")).length > 0 && (await events("SheddingEnded")).length > 0, "both events");
  });

  test("the number of replicas belongs to the autoscaler", async () => {
    const text = await kubectl(["--namespace", NAMESPACE, "get", "deployment", `${NAME}-processor`, "--show-managed-fields", "--output", "json"]);
    const owners = JSON.parse(text)
      .metadata.managedFields.filter(({ fieldsV1 }) => fieldsV1?.["f:spec"]?.["f:replicas"])
      .map(({ manager }) => manager);
    assert.ok(!owners.includes("chatcluster-operator"), owners.join());
  });
});
