// From an empty spec to a running chat, and what kubectl shows of it.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  apply,
  chatCluster,
  condition,
  ensureCluster,
  ensureNamespace,
  eventually,
  gatewayUrl,
  get,
  isReady,
  kubectl,
  list,
  NAME,
  NAMESPACE,
  pods,
  ready,
  SPEC,
} from "./kubectl.mjs";

const COMPONENTS = ["gateway", "processor", "postgres", "rabbitmq", "redis"];

test("an empty spec gets Ready", async () => {
  await ensureNamespace();
  await apply(chatCluster({}));
  const cluster = await ready(400_000);
  for (const component of COMPONENTS) {
    const [pod] = await pods(component);
    assert.ok(pod && isReady(pod), component);
  }
  assert.equal(cluster.status.observedGeneration, cluster.metadata.generation);
  const health = await fetch(`${await gatewayUrl()}/health`);
  assert.equal(health.status, 200);
});

describe("a Ready ChatCluster", () => {
  before(() => ensureCluster(SPEC));

  test("conditions have all of their members and speak of the present generation", async () => {
    const cluster = await get("chatcluster", NAME);
    for (const one of cluster.status.conditions) {
      for (const member of ["type", "status", "reason", "message", "lastTransitionTime"]) assert.equal(typeof one[member], "string", member);
      assert.match(one.reason, /^[A-Z][A-Za-z]+$/);
      assert.equal(one.observedGeneration, cluster.metadata.generation, one.type);
    }
    for (const type of ["PostgresReady", "RabbitMQReady", "RedisReady", "MigrationsComplete", "GatewayReady", "ProcessorsReady"]) {
      assert.equal(condition(cluster, type)?.status, "True", type);
    }
    assert.notEqual(condition(cluster, "Stalled")?.status, "True");
  });

  test("kubectl wait understands it", async () => {
    await kubectl(["--namespace", NAMESPACE, "wait", `chatcluster/${NAME}`, "--for=condition=Ready", "--timeout=10s"]);
  });

  test("the table tells readiness, replicas and the address", async () => {
    const [head, row] = (await kubectl(["--namespace", NAMESPACE, "get", "chat", NAME])).trim().split("\n");
    for (const column of ["NAME", "READY", "GATEWAY", "PROCESSORS", "URL", "AGE"]) assert.ok(head.includes(column), `${column} in ${head}`);
    assert.match(row, /True/);
    assert.match(row, /2\/2.*2\/2/);
    assert.match(row, /https?:\/\//);
    const [wide] = (await kubectl(["--namespace", NAMESPACE, "get", "chat", NAME, "--output", "wide"])).trim().split("\n");
    assert.ok(wide.length > head.length);
  });

  test("describe tells what happened", async () => {
    const text = await eventually(async () => {
      const description = await kubectl(["--namespace", NAMESPACE, "describe", "chatcluster", NAME]);
      return /^Events:\s*$/m.test(description) && description;
    }, "events in describe");
    assert.match(text.split(/^Events:/m)[1], /Normal/);
  });

  test("explain knows every field", async () => {
    for (const field of ["spec", "spec.gateway", "spec.processors", "spec.rabbitmq", "spec.postgres", "spec.redis", "status.conditions"]) {
      const text = await kubectl(["explain", `chatclusters.${field}`]);
      assert.match(text, /DESCRIPTION:\n\s+\S/, field);
    }
  });

  test("every pod keeps the restricted standard, has probes, requests and a memory limit", async () => {
    for (const component of COMPONENTS) {
      for (const pod of await pods(component)) {
        assert.equal(pod.spec.automountServiceAccountToken, false, pod.metadata.name);
        for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
          const where = `${pod.metadata.name}/${container.name}`;
          assert.equal(container.securityContext?.allowPrivilegeEscalation, false, where);
          assert.equal(container.securityContext?.readOnlyRootFilesystem, true, where);
          assert.deepEqual(container.securityContext?.capabilities?.drop, ["ALL"], where);
          assert.ok(container.resources?.requests?.cpu && container.resources.requests.memory, where);
          assert.ok(container.resources?.limits?.memory, where);
        }
        for (const container of pod.spec.containers) {
          assert.ok(container.readinessProbe, `${pod.metadata.name}/${container.name}`);
          assert.ok(container.livenessProbe, `${pod.metadata.name}/${container.name}`);
        }
      }
    }
  });

  test("children belong to it, and what runs replicated has a disruption budget", async () => {
    const { metadata } = await get("chatcluster", NAME);
    const selector = `app.kubernetes.io/instance=${NAME}`;
    for (const child of await list("deployments,statefulsets,services,jobs,poddisruptionbudgets,configmaps,serviceaccounts", selector)) {
      const [owner] = child.metadata.ownerReferences ?? [];
      assert.equal(owner?.uid, metadata.uid, `${child.kind}/${child.metadata.name}`);
    }
    const budgets = (await list("poddisruptionbudgets", selector)).map((budget) => budget.metadata.labels["app.kubernetes.io/component"]);
    for (const component of ["gateway", "processor"]) assert.ok(budgets.includes(component), component);
  });

  test("no secret is shown outside of Secrets", async () => {
    const { data } = await get("secret", `${NAME}-credentials`);
    const secrets = Object.values(data).map((value) => Buffer.from(value, "base64").toString());
    assert.ok(secrets.length >= 6);
    const shown = JSON.stringify([
      await get("chatcluster", NAME),
      await list("deployments,statefulsets,configmaps,jobs,pods,events"),
    ]);
    const logs = await Promise.all(
      COMPONENTS.map((component) => kubectl(["--namespace", NAMESPACE, "logs", "--tail=-1", "--prefix", "--selector", `app.kubernetes.io/component=${component}`])),
    );
    for (const secret of secrets) {
      assert.ok(!shown.includes(secret), "in an object");
      assert.ok(!logs.join("\n").includes(secret), "in a log");
    }
  });

  test("each binary finds its rendered environment right", async () => {
    const { data } = await get("secret", `${NAME}-credentials`);
    const secrets = Object.values(data).map((value) => Buffer.from(value, "base64").toString());
    for (const [component, binary] of [
      ["gateway", "chat-server"],
      ["processor", "chat-processor"],
    ]) {
      const [pod] = await pods(component);
      const output = await kubectl(["--namespace", NAMESPACE, "exec", pod.metadata.name, "--", binary, "check-config"]);
      for (const secret of secrets) assert.ok(!output.includes(secret), `${binary} check-config shows a secret`);
    }
  });
});
