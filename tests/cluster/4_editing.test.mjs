// Changing the spec, for better and for worse, and changing the operator.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import {
  condition,
  ensureCluster,
  eventually,
  gatewayUrl,
  get,
  isReady,
  kubectl,
  kubectlFails,
  NAME,
  NAMESPACE,
  OPERATOR_NAMESPACE,
  patch,
  pods,
  ready,
  ROLLOUT_MS,
  uids,
} from "./kubectl.mjs";

beforeEach(() => ensureCluster());

const everyPod = async () => uids((await Promise.all(["gateway", "processor", "postgres", "rabbitmq", "redis"].map(pods))).flat());

test("replicas follow the spec up and down", async () => {
  await patch({ gateway: { replicas: 3 }, processors: { replicas: 1 } });
  await ready();
  assert.equal((await pods("gateway")).length, 3);
  assert.equal((await pods("processor")).length, 1);
  await patch({ gateway: { replicas: 2 }, processors: { replicas: 2 } });
  await ready();
  assert.equal((await pods("gateway")).length, 2);
  assert.equal((await pods("processor")).length, 2);
});

test("a bad value is refused and changes nothing; a good one works afterwards", async () => {
  const before = await everyPod();
  const { metadata } = await get("chatcluster", NAME);
  const words = await kubectlFails(["--namespace", NAMESPACE, "patch", "chatcluster", NAME, "--type", "merge", "--patch", '{"spec":{"processors":{"replicas":99}}}']);
  assert.match(words, /spec\.processors\.replicas/);
  assert.equal((await get("chatcluster", NAME)).metadata.generation, metadata.generation);
  await patch({ gateway: { corsOrigin: "https://app.example" } });
  await ready();
  const after = await everyPod();
  assert.notDeepEqual(after, before, "the gateways were rolled");
  await patch({ gateway: { corsOrigin: "*" } });
  await ready();
});

test("an image that doesn't exist is told, keeps the old pods serving, and reverting it recovers", async () => {
  const url = await gatewayUrl();
  await patch({ images: { gateway: "docker.io/chatcluster/gateway:does-not-exist" } });
  await eventually(async () => condition(await get("chatcluster", NAME), "Ready")?.status === "False", "Ready to be False");
  await eventually(async () => (await pods("gateway")).some((pod) => !isReady(pod)), "a gateway that can't start");
  assert.equal((await fetch(`${url}/health/readiness`)).status, 200);
  assert.ok((await pods("gateway")).filter(isReady).length >= 2, "as many as wanted still serve");
  await kubectl(["--namespace", NAMESPACE, "patch", "chatcluster", NAME, "--type", "json", "--patch", '[{"op":"remove","path":"/spec/images"}]']);
  const cluster = await ready();
  assert.equal(condition(cluster, "GatewayReady").status, "True");
});

test("while it is paused the operator changes nothing, and catches up afterwards", async () => {
  await patch({ paused: true });
  await eventually(async () => {
    const cluster = await get("chatcluster", NAME);
    return cluster.status.observedGeneration === cluster.metadata.generation;
  }, "the pause to be seen");
  await patch({ gateway: { replicas: 1 } });
  await kubectl(["--namespace", NAMESPACE, "delete", "poddisruptionbudget", `${NAME}-gateway`]);
  const until = Date.now() + 10_000;
  while (Date.now() < until) {
    assert.equal((await get("deployment", `${NAME}-gateway`)).spec.replicas, 2);
    assert.equal(await get("poddisruptionbudget", `${NAME}-gateway`), null);
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  await patch({ paused: false, gateway: { replicas: 2 } });
  await ready();
  assert.ok(await get("poddisruptionbudget", `${NAME}-gateway`));
});

test("an operator that is restarted, killed or away rolls no pod", async () => {
  const before = await everyPod();
  const operator = ["--namespace", OPERATOR_NAMESPACE];
  const [{ metadata }] = JSON.parse(await kubectl([...operator, "get", "deployments", "--output", "json"])).items;
  await kubectl([...operator, "rollout", "restart", "deployment", metadata.name]);
  await kubectl([...operator, "rollout", "status", "deployment", metadata.name, "--timeout=120s"]);
  await kubectl([...operator, "delete", "pods", "--all", "--grace-period=0", "--force"]);
  await kubectl([...operator, "rollout", "status", "deployment", metadata.name, "--timeout=120s"]);
  // That it works again shows that it has looked at everything.
  await patch({ gateway: { replicas: 3 } });
  await eventually(async () => (await get("deployment", `${NAME}-gateway`)).spec.replicas === 3, "the new operator at work", ROLLOUT_MS);
  await patch({ gateway: { replicas: 2 } });
  await ready();
  const after = await everyPod();
  assert.deepEqual(before.filter((uid) => !after.includes(uid)), [], "every pod of before still runs");
});

test("a broken ChatCluster beside it stops nothing", async () => {
  const spec = { postgres: { external: { secretRef: { name: "no-such-secret", key: "url" } } }, gateway: { replicas: 1 }, processors: { replicas: 1 } };
  const broken = { apiVersion: "chatcluster.dev/v1alpha1", kind: "ChatCluster", metadata: { name: "broken", namespace: NAMESPACE }, spec };
  await kubectl(["apply", "--filename", "-"], { input: broken });
  try {
    const cluster = await eventually(async () => {
      const one = await get("chatcluster", "broken");
      return condition(one, "Ready")?.status === "False" && JSON.stringify(one.status.conditions).includes("no-such-secret") && one;
    }, "the missing Secret to be named");
    assert.notEqual(condition(cluster, "Ready").message, "");
    await patch({ processors: { replicas: 1 } });
    await ready();
    await patch({ processors: { replicas: 2 } });
    await ready();
  } finally {
    await kubectl(["--namespace", NAMESPACE, "delete", "chatcluster", "broken", "--timeout=60s"]);
  }
});
