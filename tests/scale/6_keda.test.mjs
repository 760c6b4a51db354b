// KEDA as the autoscaler: it takes the metrics API, scales a real backlog by what the operator tells it, and gives the API back.
// `tests/scale/run keda` builds it and runs this file; a run of everything does not.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { condition, eventually, get, kubectl, NAME, NAMESPACE, patch, ready } from "../cluster/kubectl.mjs";
import { AUTOSCALING, BACKLOG, events, MAX, MIN, spec, start, TARGET } from "./cluster.mjs";
import { assertNothingLost, senders } from "./load.mjs";
import { externalSum, number, turns, Watch } from "./watch.mjs";

const API = "v1beta1.external.metrics.k8s.io";
const MANIFEST = process.env.KEDA_MANIFEST;
const PROCESSOR = `${NAME}-processor`;
const AUTOSCALER = `keda-hpa-${PROCESSOR}`;
const DRAIN_MS = 900_000;

assert.ok(MANIFEST, "KEDA_MANIFEST is not set; run this file by tests/scale/run keda");
const { client } = await start(spec({ autoscaling: { ...AUTOSCALING, provider: "Auto" } }));

const autoscaling = async () => condition(await get("chatcluster", NAME), "AutoscalingActive");
const owner = async () => (await get("apiservice", API))?.spec.service.name;
const processor = async () => (await get("deployment", PROCESSOR)).spec.replicas;
const scaledObject = () => get("scaledobjects.keda.sh", PROCESSOR);
/** Without KEDA this kind is unknown, and so is the object. */
const noScaledObject = async () => !(await scaledObject().catch(() => null));

function active(wanted, message, patience = 90_000) {
  return eventually(
    async () => {
      const now = await autoscaling();
      return now?.reason === wanted && message.test(now.message);
    },
    `AutoscalingActive: ${wanted} ${message}`,
    patience,
  );
}

/** Jobs, as KEDA tells them to its autoscaler: the first trigger's value. */
async function jobs() {
  const [{ external }] = (await get("horizontalpodautoscaler", AUTOSCALER)).spec.metrics;
  const selector = encodeURIComponent(`scaledobject.keda.sh/name=${PROCESSOR}`);
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${NAMESPACE}/${external.metric.name}?labelSelector=${selector}`;
  const { items } = JSON.parse(await kubectl(["get", "--raw", path]));
  return items.length ? number(items[0].value) : null;
}

/** Its programs first: one that still runs would go on writing its certificate into whatever is registered. */
async function removeKeda() {
  await kubectl(["--namespace", "keda", "delete", "deployments", "--all", "--ignore-not-found", "--cascade=foreground", "--timeout=60s"]);
  await kubectl(["delete", "--ignore-not-found", "--wait=false", "--filename", MANIFEST]);
}

before(async () => {
  await active("Active", /^Replicas follow their metrics$/);
  assert.equal(await owner(), "chatcluster-operator");
  await kubectl(["apply", "--server-side", "--force-conflicts", "--filename", MANIFEST]);
  await kubectl(["--namespace", "keda", "wait", "deployments", "--all", "--for=condition=Available", "--timeout=240s"]);
});
after(async () => {
  // Only KEDA can let its objects go, so they go before it does.
  if (!(await noScaledObject())) await kubectl(["--namespace", NAMESPACE, "delete", "chatcluster", NAME, "--ignore-not-found", "--timeout=180s"]);
  if (await get("namespace", "keda")) await removeKeda();
});

describe("KEDA takes the external metrics API", () => {
  test("Auto follows the new owner, and the condition says so", async () => {
    await active("Active", /by KEDA, which owns the external metrics API/, 120_000);
    const object = await scaledObject();
    assert.deepEqual(object.metadata.ownerReferences.map(({ kind, name }) => `${kind}/${name}`), [`ChatCluster/${NAME}`]);
    await eventually(async () => condition(await scaledObject(), "Ready")?.status === "True", "KEDA to accept the ScaledObject");
    assert.equal(await get("horizontalpodautoscaler", PROCESSOR), null, "the autoscaler of before");
  });

  test("the API is left to KEDA", async () => {
    const until = Date.now() + 15_000;
    while (Date.now() < until) {
      assert.equal(await owner(), "keda-metrics-apiserver");
      await sleep(1000);
    }
  });

  test("naming KEDA as the provider changes nothing then", async () => {
    const { uid, generation } = (await scaledObject()).metadata;
    await patch({ processors: { autoscaling: { provider: "KEDA" } } });
    await ready();
    const { metadata } = await scaledObject();
    assert.deepEqual([metadata.uid, metadata.generation], [uid, generation]);
  });
});

describe(`a backlog of ${BACKLOG} jobs, scaled by KEDA`, () => {
  let all;
  let watch;
  let sending;
  let enough = false;
  let peak;

  before(async () => {
    await eventually(async () => (await processor()) === MIN, "the fewest processors", 180_000);
    await eventually(async () => (await jobs()) === 0, "KEDA to tell an empty queue", 60_000);
    all = await senders(client, 16);
    watch = new Watch({ jobs, print: process.env.SCALE_PRINT ? console.error : undefined });
    sending = Promise.all(all.map((sender) => sender.send(() => enough)));
    peak = await watch.first(({ backlog }) => backlog >= BACKLOG, `${BACKLOG} jobs`, 240_000);
    enough = true;
    await sending;
  });
  after(() => {
    enough = true;
    return watch?.stop();
  });

  test("the right number of processors is wanted 30 s after the step at the latest", async () => {
    const right = Math.min(MAX, Math.ceil(BACKLOG / TARGET));
    const step = await watch.first(({ backlog }) => backlog > TARGET * MIN, "a backlog", 1000);
    const reached = await watch.first(({ wanted }) => wanted === right, `${right} processors`, 60_000);
    const took = (reached.at - step.at) / 1000;
    console.log(`# ${took.toFixed(1)} s from the step to ${right} processors; peak ${peak.backlog} jobs`);
    assert.ok(took <= 30, `${took} s`);
  });

  test("replicas come back with one change of direction at most", async () => {
    await watch.first(({ at, backlog }) => at > peak.at && backlog === 0, "an empty queue", DRAIN_MS);
    await eventually(async () => (await processor()) === MIN, "the fewest processors", 120_000);
    const looks = await watch.stop();
    assert.ok(turns(looks) <= 1, JSON.stringify(looks.map(({ wanted }) => wanted)));
  });

  test("nothing is lost", () => assertNothingLost(all));

  test("each decision is told with its reason", async () => {
    const scaled = (await events("ScaledProcessors")).map(({ message }) => message);
    assert.ok(scaled.some((message) => /From \d+ to \d+ processors: \d+ jobs waiting or in work/.test(message)), scaled.join("\n"));
  });

  test("the number of replicas belongs to the autoscaler", async () => {
    const text = await kubectl(["--namespace", NAMESPACE, "get", "deployment", PROCESSOR, "--show-managed-fields", "--output", "json"]);
    const owners = JSON.parse(text)
      .metadata.managedFields.filter(({ fieldsV1 }) => fieldsV1?.["f:spec"]?.["f:replicas"])
      .map(({ manager }) => manager);
    assert.ok(!owners.includes("chatcluster-operator"), owners.join());
  });
});

describe("KEDA is removed, and the metrics API given back", () => {
  test("with another provider its objects go, and the owner of the API is said", async () => {
    await patch({ processors: { autoscaling: { provider: "BuiltIn" } } });
    await active("ApiOwnedByAnother", /belongs to another server/);
    await eventually(noScaledObject, "the end of the ScaledObject");
    await eventually(async () => !(await get("horizontalpodautoscaler", AUTOSCALER)), "the end of KEDA's autoscaler");
    assert.equal((await get("horizontalpodautoscaler", PROCESSOR)).spec.maxReplicas, MAX);
  });

  test("the operator serves the API again within 30 s", async () => {
    await removeKeda();
    const removed = Date.now();
    await eventually(async () => (await owner()) === "chatcluster-operator", "the operator's registration", 30_000);
    await active("Active", /^Replicas follow their metrics$/, 30_000);
    await eventually(async () => (await externalSum("chat_queue_backlog")) === 0, "a value", 30_000);
    console.log(`# back ${((Date.now() - removed) / 1000).toFixed(1)} s after KEDA was removed`);
  });

  test("Auto is the built-in provider again", async () => {
    await eventually(async () => !(await get("customresourcedefinition", "scaledobjects.keda.sh")), "the end of KEDA's kinds");
    await patch({ processors: { autoscaling: { provider: "Auto" } } });
    await ready();
    await active("Active", /^Replicas follow their metrics$/);
    assert.equal((await get("horizontalpodautoscaler", PROCESSOR)).spec.maxReplicas, MAX);
  });

  test("without KEDA, its name as the provider is refused by the condition", async () => {
    await patch({ processors: { autoscaling: { provider: "KEDA" } } });
    await active("KedaMissing", /install KEDA or set provider/);
    await patch({ processors: { autoscaling: { provider: "Auto" } } });
    await active("Active", /^Replicas follow their metrics$/);
  });
});
