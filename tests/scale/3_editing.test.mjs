// The spec's scaling is edited while there is a load.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually, get, NAME, patch } from "../cluster/kubectl.mjs";
import { AUTOSCALING, MAX, start, TARGET } from "./cluster.mjs";
import { assertNothingLost, senders } from "./load.mjs";
import { externalSum, Watch } from "./watch.mjs";

const { client } = await start();
let all;
let watch;
let sending;
let stop = false;
const wanted = async () => (await get("deployment", `${NAME}-processor`)).spec.replicas;

before(async () => {
  all = await senders(client, 8);
  watch = new Watch();
  sending = Promise.all(all.map((sender) => sender.send(() => stop)));
  await watch.first(({ wanted: now, backlog }) => now === MAX && backlog > 7 * TARGET, `${MAX} processors with more than enough to do`, 180_000);
});
after(async () => {
  stop = true;
  await sending;
  await watch?.stop();
});

const since = (start) => watch.looks.filter(({ at }) => at > start);

test("autoscaling that is turned off and on again never goes below what runs", async () => {
  const began = Date.now();
  await patch({ processors: { autoscaling: null, replicas: MAX } });
  await eventually(async () => (await get("horizontalpodautoscaler", `${NAME}-processor`)) === null, "the autoscaler to go");
  assert.equal(await wanted(), MAX);
  await patch({ processors: { autoscaling: AUTOSCALING, replicas: null } });
  const back = await eventually(() => get("horizontalpodautoscaler", `${NAME}-processor`), "the autoscaler to come back");
  assert.equal(back.spec.maxReplicas, MAX);
  await eventually(async () => (await get("horizontalpodautoscaler", `${NAME}-processor`)).status?.desiredReplicas === MAX, "its decision");
  for (const look of since(began)) assert.ok(look.wanted >= MAX, JSON.stringify(look));
});

test("bounds that are edited are kept at once", async () => {
  await patch({ processors: { autoscaling: { maxReplicas: 6 } } });
  await eventually(async () => (await wanted()) === 6, "the new most", 60_000);
  await patch({ processors: { autoscaling: { maxReplicas: 3 } } });
  await eventually(async () => (await wanted()) === 3, "the new most, which is fewer", 60_000);
  stop = true;
  await sending;
  await patch({ processors: { autoscaling: { minReplicas: 2 } } });
  await eventually(async () => (await externalSum("chat_queue_backlog")) === 0, "the end of the backlog", 600_000);
  await eventually(async () => (await wanted()) === 2, "the fewest", 120_000);
});

test("nothing is lost", () => assertNothingLost(all));
