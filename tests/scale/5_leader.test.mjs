// Two operators: both serve the metrics API, one reconciles, and one that was away does not write when it comes back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, get, isReady, kubectl, list, NAME, NAMESPACE, OPERATOR_NAMESPACE, patch, processesOf } from "../cluster/kubectl.mjs";
import { start } from "./cluster.mjs";
import { metric, page } from "./watch.mjs";

const OPERATOR = "app.kubernetes.io/name=chatcluster-operator";
const inOperators = (...args) => kubectl(["--namespace", OPERATOR_NAMESPACE, ...args]);
const operators = async () => (await list("pods", OPERATOR, OPERATOR_NAMESPACE)).filter(({ metadata }) => !metadata.deletionTimestamp);
const leads = async (pod) => metric(await page(pod, 8081), "chat_operator_leader") === 1;
const writes = async (pod) => metric(await page(pod, 8081), "chat_operator_writes_total") ?? 0;
let deployment;
let replicasBefore;
let stopped = [];

async function scaleTo(replicas) {
  await inOperators("scale", "deployment", deployment, `--replicas=${replicas}`);
  await eventually(async () => {
    const now = await operators();
    return now.length === replicas && now.every(isReady);
  }, `${replicas} operators`, 120_000);
}

/** One metric from one operator itself, past the Service. */
function ask(pod, token) {
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${NAMESPACE}/chat_queue_backlog?labelSelector=cluster%3D${NAME}`;
  return new Promise((resolve, reject) => {
    const options = { host: pod.status.podIP, port: 8443, path, rejectUnauthorized: false, headers: token ? { authorization: `Bearer ${token}` } : {} };
    request(options, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    })
      .on("error", reject)
      .end();
  });
}

before(async () => {
  await start();
  const [{ metadata, spec }] = JSON.parse(await inOperators("get", "deployments", "--output", "json")).items;
  deployment = metadata.name;
  replicasBefore = spec.replicas;
  await scaleTo(2);
});
after(async () => {
  for (const pid of stopped) process.kill(pid, "SIGCONT");
  await scaleTo(replicasBefore);
});

test("one of two operators leads", async () => {
  await eventually(async () => (await Promise.all((await operators()).map(leads))).filter(Boolean).length === 1, "one leader");
});

test("both serve the metrics API, to those who may read it", async () => {
  const account = "metrics-reader";
  await kubectl(["--namespace", NAMESPACE, "create", "serviceaccount", account]).catch(() => {});
  const token = (await kubectl(["--namespace", NAMESPACE, "create", "token", account])).trim();
  const [any] = await operators();
  assert.equal((await ask(any)).status, 401);
  assert.equal((await ask(any, token)).status, 403);
  const name = `${NAMESPACE}-metrics-reader`;
  await kubectl(["create", "clusterrole", name, "--verb=get,list", "--resource=*.external.metrics.k8s.io"]).catch(() => {});
  await kubectl(["create", "clusterrolebinding", name, `--clusterrole=${name}`, `--serviceaccount=${NAMESPACE}:${account}`]).catch(() => {});
  try {
    for (const pod of await operators()) {
      const answer = await eventually(async () => {
        const one = await ask(pod, token);
        return one.status === 200 && one;
      }, `${pod.metadata.name} to answer`, 30_000);
      assert.equal(JSON.parse(answer.text).kind, "ExternalMetricValueList");
      await eventually(async () => JSON.parse((await ask(pod, token)).text).items.length > 0, `a value from ${pod.metadata.name}`, 30_000);
    }
  } finally {
    await kubectl(["delete", "clusterrolebinding,clusterrole", name]);
  }
});

test("a leader that is frozen is replaced, and writes nothing when it wakes up", async () => {
  const pods = await operators();
  const leading = await Promise.all(pods.map(leads));
  const leader = pods[leading.indexOf(true)];
  const other = pods[leading.indexOf(false)];
  stopped = processesOf(leader);
  // What it is about to do when it is frozen it would do when it wakes up.
  const written = await writes(leader);
  for (const pid of stopped) process.kill(pid, "SIGSTOP");
  try {
    await eventually(() => leads(other), "the other to lead", 60_000);
    await patch({ gateway: { replicas: 3 } });
    await eventually(async () => (await get("deployment", `${NAME}-gateway`)).spec.replicas === 3, "the new leader at work", 60_000);
    await patch({ gateway: { replicas: 2 } });
    await eventually(async () => (await get("deployment", `${NAME}-gateway`)).spec.replicas === 2, "the new leader at work", 60_000);
  } finally {
    for (const pid of stopped) process.kill(pid, "SIGCONT");
    stopped = [];
  }
  await sleep(5000);
  // The liveness probe may have restarted it meanwhile; either way it does not lead and has not written.
  const again = (await operators()).find(({ metadata }) => metadata.uid === leader.metadata.uid);
  await eventually(() => leads(again).then((one) => !one), "the old leader to know");
  assert.ok((await writes(again)) <= written, "it wrote after it was replaced");
  assert.equal((await get("deployment", `${NAME}-gateway`)).spec.replicas, 2);
});
