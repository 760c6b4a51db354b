// What autoscaling does, second by second, as kubectl and the pods' own metrics show it.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { get, list, NAME, NAMESPACE, ofComponent, kubectl } from "../cluster/kubectl.mjs";

/** The value of a metric on a page, over all its labels; `null` where there is none. */
export function metric(page, name, labels = "") {
  const values = page
    .split("\n")
    .filter((line) => (line.startsWith(`${name}{`) || line.startsWith(`${name} `)) && line.includes(labels))
    .map((line) => Number(line.slice(line.lastIndexOf(" ") + 1)));
  return values.length ? values.reduce((sum, value) => sum + value, 0) : null;
}

export async function page(pod, port) {
  const answer = await fetch(`http://${pod.status.podIP}:${port}/metrics`, { signal: AbortSignal.timeout(5000) });
  assert.equal(answer.status, 200);
  return answer.text();
}

/** A metric of the external metrics API, by queue. */
export async function external(name) {
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${NAMESPACE}/${name}?labelSelector=cluster%3D${NAME}`;
  return JSON.parse(await kubectl(["get", "--raw", path])).items;
}

export const number = (quantity) => (quantity.endsWith("m") ? Number(quantity.slice(0, -1)) / 1000 : Number(quantity));

/** The sum of a metric of the external metrics API; `null` where it is not served. */
export async function externalSum(name, queues = /high|medium/) {
  const items = await external(name);
  const counted = items.filter(({ metricLabels }) => !metricLabels.queue || queues.test(metricLabels.queue));
  return counted.length ? counted.reduce((sum, { value }) => sum + number(value), 0) : null;
}

/** One look at everything; `jobs` reads the backlog where somebody else than the operator serves the metrics API. */
export async function look(jobs = () => externalSum("chat_queue_backlog")) {
  const [deployment, autoscaler, cluster, backlog] = await Promise.all([
    get("deployment", `${NAME}-processor`),
    get("horizontalpodautoscaler", `${NAME}-processor`),
    get("chatcluster", NAME),
    jobs().catch(() => null),
  ]);
  return {
    at: Date.now(),
    backlog,
    wanted: deployment?.spec.replicas ?? null,
    ready: deployment?.status.readyReplicas ?? 0,
    desired: autoscaler?.status?.desiredReplicas ?? null,
    drain: cluster?.status?.queues?.drain ?? "",
    shedding: cluster?.status?.queues?.shedding ?? false,
  };
}

const HEAD = "    time  backlog  processors ready/wanted  drain    shedding";
const row = (one, start) =>
  [
    `${((one.at - start) / 1000).toFixed(0)} s`.padStart(8),
    `${one.backlog ?? "-"}`.padStart(7),
    `${one.ready}/${one.wanted}`.padStart(12).padEnd(24),
    `${one.drain}`.padEnd(8),
    one.shedding ? "yes" : "no",
  ].join("  ");

/** Looks every second and keeps what it saw; `print` shows each look as a line of a table. */
export class Watch {
  constructor({ print, jobs } = {}) {
    this.looks = [];
    this.jobs = jobs;
    this.start = Date.now();
    this.print = print;
    if (print) print(HEAD);
    this.done = this.#run();
  }

  async #run() {
    while (!this.stopped) {
      const one = await look(this.jobs).catch(() => null);
      if (one) {
        this.looks.push(one);
        if (this.print) this.print(row(one, this.start));
      }
      await sleep(1000);
    }
  }

  async stop() {
    this.stopped = true;
    await this.done;
    return this.looks;
  }

  /** The first look for which this holds, now or later. */
  async first(holds, what, patience) {
    const deadline = Date.now() + patience;
    for (;;) {
      const found = this.looks.find(holds);
      if (found) return found;
      if (Date.now() > deadline) assert.fail(`not within ${patience} ms: ${what}; saw ${JSON.stringify(this.looks.slice(-3))}`);
      await sleep(250);
    }
  }
}

/** How often the wanted count turned from rising to sinking or back. */
export function turns(looks) {
  let direction = 0;
  let count = 0;
  looks.reduce((before, { wanted }) => {
    const step = Math.sign(wanted - before);
    if (step && direction && step !== direction) count++;
    if (step) direction = step;
    return wanted;
  }, looks[0].wanted);
  return count;
}

/** Partitions that each ready processor works on. */
export async function shares() {
  const running = (await list("pods", ofComponent("processor"))).filter(
    ({ metadata, status }) => !metadata.deletionTimestamp && status.conditions?.some(({ type, status: now }) => type === "Ready" && now === "True"),
  );
  return Promise.all(running.map(async (pod) => metric(await page(pod, 9090), "chat_processor_partitions")));
}
