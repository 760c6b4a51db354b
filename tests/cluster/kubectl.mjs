// Talking to the cluster as a person would, with kubectl, and what the tests of one ChatCluster share.
//
// All files use one ChatCluster in one namespace, so that its backends start once. Each file puts it into the state that it
// needs and may leave it in another.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

export const NAMESPACE = process.env.E2E_NAMESPACE ?? "chatcluster-e2e";
export const NAME = "e2e";
export const OPERATOR_NAMESPACE = "chatcluster-system";

/** How long a rollout may take on a machine of two cores that does other things too. */
export const ROLLOUT_MS = 240_000;

/** Small and fixed, so that the tests say how many pods there are. */
export const SPEC = { gateway: { replicas: 2, drainTimeoutSeconds: 5 }, processors: { replicas: 2 } };

/**
 * Runs kubectl and returns its output; a failure carries what kubectl said.
 * @param {string[]} args
 * @param {{input?: unknown}} [options]
 */
export async function kubectl(args, { input } = {}) {
  const child = run("kubectl", args, { maxBuffer: 64 * 1024 * 1024 });
  child.child.stdin.end(input === undefined ? "" : JSON.stringify(input));
  const { stdout, stderr } = await child;
  return stdout || stderr;
}

/** What kubectl says when it fails. */
export async function kubectlFails(args, options) {
  try {
    await kubectl(args, options);
  } catch (error) {
    return `${error.stderr}`;
  }
  assert.fail(`kubectl ${args.join(" ")} was accepted`);
}

const inNamespace = (args) => ["--namespace", NAMESPACE, ...args];

/** One object, or null. */
export async function get(kind, name, namespace = NAMESPACE) {
  const text = await kubectl(["--namespace", namespace, "get", kind, name, "--ignore-not-found", "--output", "json"]);
  return text.trim() ? JSON.parse(text) : null;
}

/** All objects of the kinds (a comma list), by label where one is given. */
export async function list(kinds, selector = "", namespace = NAMESPACE) {
  const filter = selector ? ["--selector", selector] : [];
  return JSON.parse(await kubectl(["--namespace", namespace, "get", kinds, "--output", "json", ...filter])).items;
}

export const ofComponent = (component) => `app.kubernetes.io/instance=${NAME},app.kubernetes.io/component=${component}`;

/** Running pods of a component that are not going away. */
export async function pods(component) {
  return (await list("pods", ofComponent(component))).filter(({ metadata }) => !metadata.deletionTimestamp);
}

export const isReady = (pod) => pod.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True");

/** Waits until `probe` gives something truthy, and returns that. */
export async function eventually(probe, what, patience = 60_000) {
  const deadline = Date.now() + patience;
  let problem = "";
  for (;;) {
    try {
      const found = await probe();
      if (found) return found;
    } catch (error) {
      problem = `: ${error.stderr ?? error}`;
    }
    if (Date.now() > deadline) assert.fail(`not within ${patience} ms: ${what}${problem}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

export function chatCluster(spec, name = NAME) {
  return { apiVersion: "chatcluster.dev/v1alpha1", kind: "ChatCluster", metadata: { name, namespace: NAMESPACE }, spec };
}

export function apply(object) {
  return kubectl(["apply", "--server-side", "--force-conflicts", "--field-manager=e2e", "--filename", "-"], { input: object });
}

export const patch = (spec) =>
  kubectl(inNamespace(["patch", "chatcluster", NAME, "--type", "merge", "--patch", JSON.stringify({ spec })]));

/** A namespace that admits only what keeps the restricted Pod Security Standard. */
export function ensureNamespace() {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  return apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE, labels } });
}

export const condition = (cluster, type) => cluster?.status?.conditions?.find((one) => one.type === type);

/** Waits until the operator has seen the present spec and calls it Ready. */
export async function ready(patience = ROLLOUT_MS) {
  return eventually(
    async () => {
      const cluster = await get("chatcluster", NAME);
      const isUp = condition(cluster, "Ready")?.status === "True" && condition(cluster, "Reconciling")?.status !== "True";
      return isUp && cluster.status.observedGeneration === cluster.metadata.generation && cluster;
    },
    "a Ready ChatCluster",
    patience,
  );
}

/** The ChatCluster of these tests with this spec, Ready. */
export async function ensureCluster(spec = SPEC) {
  await ensureNamespace();
  // Replaced as a whole: what an earlier test added must go.
  const replacement = JSON.stringify([{ op: "replace", path: "/spec", value: spec }]);
  if (await get("chatcluster", NAME)) await kubectl(inNamespace(["patch", "chatcluster", NAME, "--type", "json", "--patch", replacement]));
  else await apply(chatCluster(spec));
  return ready();
}

/** Where its gateway answers; the lab's cluster addresses are reachable from the machine. */
export async function gatewayUrl() {
  const service = await get("service", `${NAME}-gateway`);
  return `http://${service.spec.clusterIP}:${service.spec.ports[0].port}`;
}

/** The client of the contract's tests, talking to this ChatCluster. Call it while the file loads. */
export async function speak() {
  process.env.BASE_URL = await gatewayUrl();
  return import("../chat/client.mjs");
}

/** The processes of a pod's containers on this machine, without the sandbox's. */
export function processesOf(pod) {
  const uid = pod.metadata.uid;
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`pod${uid}`) && !readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("/pause");
      } catch {
        return false; // gone meanwhile
      }
    })
    .map(Number);
}

/** SIGKILL, as the kernel or a power cut would do it: no warning, no clean-up. */
export function killHard(pod) {
  const pids = processesOf(pod);
  assert.ok(pids.length > 0, `no process of ${pod.metadata.name} on this machine`);
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (error.code !== "ESRCH") throw error;
    }
  }
}

export const uids = (objects) => objects.map(({ metadata }) => metadata.uid).sort();
