// What the API server itself refuses, and how it says so.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { chatCluster, ensureNamespace, kubectl, kubectlFails, NAMESPACE } from "./kubectl.mjs";

before(ensureNamespace);

const DRY_RUN = ["apply", "--dry-run=server", "--filename", "-"];
const REFUSED = [
  ["more processors than partitions", { processors: { replicas: 9 } }, /spec\.processors\.replicas: must not exceed spec\.rabbitmq\.partitions.*(lower|raise)/],
  ["an even number of brokers", { rabbitmq: { managed: { replicas: 2 } } }, /spec\.rabbitmq\.managed\.replicas: must be odd.*(add|remove)/],
  ["a broker that is both managed and external", { rabbitmq: { managed: {}, external: { secretRef: { name: "x" } } } }, /spec\.rabbitmq: set either managed or external.*remove/],
  ["a Redis that is both managed and external", { redis: { managed: {}, external: { secretRef: { name: "x" } } } }, /spec\.redis.*either.*remove/],
  ["a database that is both managed and external", { postgres: { managed: {}, external: { secretRef: { name: "x" } } } }, /spec\.postgres/],
  ["fixed and automatic gateways at once", { gateway: { replicas: 2, autoscaling: {} } }, /spec\.gateway\.replicas.*remove/],
  ["shedding that ends before it begins", { gateway: { shedding: { highWatermark: 100, lowWatermark: 200 } } }, /spec\.gateway\.shedding\.lowWatermark: must be below.*(lower|raise)/],
  ["no gateway", { gateway: { replicas: 0 } }, /spec\.gateway\.replicas/],
  ["a negative number", { processors: { replicas: -1 } }, /spec\.processors\.replicas/],
  ["a number that is text", { gateway: { replicas: "two" } }, /spec\.gateway\.replicas/],
  ["no partitions", { rabbitmq: { partitions: 0 } }, /spec\.rabbitmq\.partitions/],
  ["too many partitions", { rabbitmq: { partitions: 65 } }, /spec\.rabbitmq\.partitions/],
  ["an unknown deletion policy", { deletionPolicy: "Maybe" }, /spec\.deletionPolicy/],
  ["a volume size that is no quantity", { postgres: { managed: { storage: { size: "big" } } } }, /spec\.postgres\.managed\.storage\.size/],
  ["an environment variable that the operator sets", { gateway: { env: [{ name: "JWT_SECRET", value: "x" }] } }, /env\.name.*spec's own field/],
  ["a request above its limit", { gateway: { resources: { requests: { memory: "2Gi" }, limits: { memory: "1Gi" } } } }, /resources\.requests\.memory: must not exceed/],
];

for (const [name, spec, words] of REFUSED) {
  test(`${name}: refused with field and remedy`, async () => {
    assert.match(await kubectlFails(DRY_RUN, { input: chatCluster(spec, "refused") }), words);
  });
}

// The table of the operator's own unit tests, so that both give the same verdict.
const RULES = JSON.parse(readFileSync(new URL("../../operator/tests/rules.json", import.meta.url), "utf8"));
const says = (text, message) => assert.ok(text.includes(message), `${message} is not in: ${text}`);

describe("each rule passes and fails as in the operator's unit tests", () => {
  for (const { what, good, bad, message } of RULES.creation) {
    test(what, async () => {
      await kubectl(DRY_RUN, { input: chatCluster(good, "rule") });
      says(await kubectlFails(DRY_RUN, { input: chatCluster(bad, "rule") }), message);
    });
  }
  for (const [index, { what, before, good, bad, message }] of RULES.update.entries()) {
    test(what, async () => {
      // Paused, so that nothing is built for it.
      const name = `rule-${index}`;
      const paused = (spec) => ({ ...spec, paused: true });
      const replace = (spec) => [
        "--namespace", NAMESPACE, "patch", "chatcluster", name, "--dry-run=server", "--type", "json",
        "--patch", JSON.stringify([{ op: "replace", path: "/spec", value: paused(spec) }]),
      ];
      await kubectl(["create", "--filename", "-"], { input: chatCluster(paused(before), name) });
      try {
        await kubectl(replace(good));
        says(await kubectlFails(replace(bad)), message);
      } finally {
        await kubectl(["--namespace", NAMESPACE, "delete", "chatcluster", name, "--wait=false"]);
      }
    });
  }
});

test("an unknown field is refused by name", async () => {
  const strict = ["create", "--validate=strict", "--dry-run=server", "--filename", "-"];
  assert.match(await kubectlFails(strict, { input: chatCluster({ gatway: {} }, "typo") }), /gatway/);
});

test("a name from which no child's name can be made is refused", async () => {
  const words = await kubectlFails(DRY_RUN, { input: chatCluster({}, "x".repeat(41)) });
  assert.match(words, /metadata\.name: at most 40 characters.*shorter/);
});

test("an empty spec and no spec at all are accepted", async () => {
  for (const object of [chatCluster({}, "empty"), { ...chatCluster({}, "none"), spec: undefined }]) {
    const answer = await kubectl([...DRY_RUN, "--output", "json"], { input: object }).catch((error) => {
      if (object.spec === undefined) return null; // the spec itself may be required
      throw error;
    });
    if (answer) assert.equal(JSON.parse(answer).metadata.namespace, NAMESPACE);
  }
});

test("the samples are accepted", async () => {
  const samples = new URL("../../manifests/samples/", import.meta.url).pathname;
  const answer = await kubectl(["apply", "--dry-run=client", "--validate=false", "--filename", samples, "--output", "json"]);
  const objects = JSON.parse(answer).items ?? [JSON.parse(answer)];
  const clusters = objects.filter(({ kind }) => kind === "ChatCluster");
  assert.ok(clusters.length >= 2, "samples");
  for (const { metadata, spec } of clusters) await kubectl(DRY_RUN, { input: chatCluster(spec, metadata.name) });
});
