// Ending it: what stays, what goes, and that nothing gets stuck.

import assert from "node:assert/strict";
import { test } from "node:test";
import { apply, chatCluster, ensureCluster, eventually, gatewayUrl, get, kubectl, list, NAME, NAMESPACE, patch, SPEC, speak } from "./kubectl.mjs";

await ensureCluster();
const { register } = await speak();
const selector = `app.kubernetes.io/instance=${NAME}`;
const remove = () => kubectl(["--namespace", NAMESPACE, "delete", "chatcluster", NAME, "--cascade=foreground", "--timeout=180s"]);
const running = () => list("pods,deployments,statefulsets,services", selector);

test("deleting it keeps volumes and credentials by default, and the next one takes them up", async () => {
  const account = await register();
  const volumes = (await list("persistentvolumeclaims")).map(({ metadata }) => metadata.name).sort();
  assert.ok(volumes.length >= 1);
  const { data } = await get("secret", `${NAME}-credentials`);
  await remove();
  await eventually(async () => (await running()).length === 0, "everything else to end", 120_000);
  assert.deepEqual((await list("persistentvolumeclaims")).map(({ metadata }) => metadata.name).sort(), volumes);
  assert.deepEqual((await get("secret", `${NAME}-credentials`)).data, data);
  await ensureCluster();
  const login = await fetch(`${await gatewayUrl()}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: account.email, password: account.password }),
  });
  assert.equal(login.status, 200, await login.text());
  const me = await fetch(`${await gatewayUrl()}/auth/me`, { headers: { authorization: `Bearer ${account.accessToken}` } });
  assert.equal(me.status, 200, "tokens of before still work");
});

test("with deletionPolicy Delete nothing stays", async () => {
  await patch({ deletionPolicy: "Delete" });
  await eventually(async () => {
    const cluster = await get("chatcluster", NAME);
    return cluster.status.observedGeneration === cluster.metadata.generation;
  }, "the policy to be seen");
  await remove();
  await eventually(async () => {
    const left = await list("pods,deployments,statefulsets,services,secrets,configmaps,jobs,persistentvolumeclaims,poddisruptionbudgets", selector);
    const volumes = await list("persistentvolumeclaims");
    return left.length === 0 && volumes.length === 0;
  }, "everything to go", 120_000);
});

test("the discovery of the metrics API is current: a stale one keeps every namespace of the cluster from ending", async () => {
  // kubectl refuses to list what has no resources, and discovery of a stale API has none.
  const resources = await kubectl(["api-resources", "--cached=false", "--api-group=external.metrics.k8s.io", "--output=name"]);
  assert.match(resources, /chat_queue_drain_seconds/);
  const empty = `${NAMESPACE}-empty`;
  await kubectl(["create", "namespace", empty]);
  await kubectl(["delete", "namespace", empty, "--timeout=60s"]);
});

test("a namespace that is deleted with a ChatCluster in it ends, even one that never got ready", async () => {
  await apply(chatCluster({ ...SPEC, deletionPolicy: "Delete" }));
  await eventually(async () => (await list("statefulsets", selector)).length > 0, "the first children");
  await kubectl(["delete", "namespace", NAMESPACE, "--timeout=180s"]);
});
