// Drift is corrected, and where there is none, nothing is written.

import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { beforeEach, test } from "node:test";
import { ensureCluster, eventually, get, kubectl, list, NAME, NAMESPACE, pods, ready, uids } from "./kubectl.mjs";

const AUDIT_LOG = "/var/lib/chatcluster-lab/logs/audit.log";
const CHILDREN = "deployments,statefulsets,services,configmaps,secrets,jobs,poddisruptionbudgets,serviceaccounts,networkpolicies";
const selector = `app.kubernetes.io/instance=${NAME}`;

beforeEach(() => ensureCluster());

const inNamespace = (...args) => kubectl(["--namespace", NAMESPACE, ...args]);

test("a deleted child comes back", async () => {
  for (const [kind, name] of [
    ["service", `${NAME}-gateway`],
    ["poddisruptionbudget", `${NAME}-processor`],
    ["service", `${NAME}-redis`],
  ]) {
    const { metadata } = await get(kind, name);
    await inNamespace("delete", kind, name, "--wait=false");
    await eventually(async () => {
      const again = await get(kind, name);
      return again && again.metadata.uid !== metadata.uid;
    }, `a new ${kind} ${name}`);
  }
  await ready();
});

test("a changed child is changed back, without rolling what did not change", async () => {
  const processors = uids(await pods("processor"));
  await inNamespace("patch", "service", `${NAME}-gateway`, "--type", "json", "--patch", '[{"op":"replace","path":"/spec/ports/0/port","value":8099}]');
  await inNamespace("label", "deployment", `${NAME}-processor`, "app.kubernetes.io/managed-by=somebody-else", "--overwrite");
  await inNamespace("scale", "deployment", `${NAME}-processor`, "--replicas=1");
  await eventually(async () => {
    const service = await get("service", `${NAME}-gateway`);
    const deployment = await get("deployment", `${NAME}-processor`);
    return service.spec.ports[0].port === 80 && deployment.spec.replicas === 2 && deployment.metadata.labels["app.kubernetes.io/managed-by"] === "chatcluster-operator";
  }, "the wanted state");
  await ready();
  assert.ok(uids(await pods("processor")).some((uid) => processors.includes(uid)));
});

test("a foreign annotation on a child is left alone", async () => {
  await inNamespace("annotate", "service", `${NAME}-gateway`, "example.org/mine=yes", "--overwrite");
  await inNamespace("patch", "service", `${NAME}-gateway`, "--type", "json", "--patch", '[{"op":"replace","path":"/spec/ports/0/port","value":8099}]');
  await eventually(async () => (await get("service", `${NAME}-gateway`)).spec.ports[0].port === 80, "the wanted port");
  assert.equal((await get("service", `${NAME}-gateway`)).metadata.annotations["example.org/mine"], "yes");
});

test("for a minute without change nothing is written", async () => {
  await ready();
  const versions = async () => {
    const objects = [await get("chatcluster", NAME), ...(await list(CHILDREN, selector))];
    return Object.fromEntries(objects.map(({ kind, metadata }) => [`${kind}/${metadata.name}`, metadata.resourceVersion]));
  };
  // The status may still follow the last pods.
  let before = await versions();
  await eventually(async () => {
    const now = await versions();
    const same = JSON.stringify(now) === JSON.stringify(before);
    before = now;
    return same;
  }, "a quiet cluster");
  const auditedUntil = existsSync(AUDIT_LOG) ? statSync(AUDIT_LOG).size : 0;
  const until = Date.now() + 60_000;
  while (Date.now() < until) {
    assert.deepEqual(await versions(), before);
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }
  if (!existsSync(AUDIT_LOG)) return;
  const writes = readFileSync(AUDIT_LOG)
    .subarray(auditedUntil)
    .toString()
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line))
    .filter(({ user, verb }) => user?.username?.includes("chatcluster-operator") && !["get", "list", "watch"].includes(verb))
    .filter(({ objectRef }) => !["leases", "tokenreviews", "subjectaccessreviews"].includes(objectRef?.resource))
    .map(({ verb, objectRef }) => `${verb} ${objectRef?.resource}/${objectRef?.name}`);
  assert.deepEqual(writes, []);
});
