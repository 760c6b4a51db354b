// A real Prometheus with the shipped scrape configuration and alerts: what it sees is what the operator serves.
//
// It runs on this machine, from which pods can be reached. Debian builds it without the discovery of Kubernetes, so this
// file writes down the targets as that discovery would find them, and the shipped relabelling does the rest. The adapter between Prometheus and the metrics API can't be had as a package; in its place the queries of
// its rules are asked as it would ask them, and their answers compared with the operator's own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually, get, kubectl, list, NAME, NAMESPACE, ofComponent, OPERATOR_NAMESPACE } from "../cluster/kubectl.mjs";
import { start } from "./cluster.mjs";
import { senders } from "./load.mjs";
import { external } from "./watch.mjs";

const SHIPPED = new URL("../../manifests/monitoring/", import.meta.url).pathname;
const PORT = 19090;
const CLUSTER = `namespace="${NAMESPACE}",cluster="${NAME}"`;
const folder = mkdtempSync(join(tmpdir(), "chat-prometheus-"));
const { client } = await start();
let prometheus;
let discovery;

/** Each port of each container of each pod, with the labels that Prometheus' own discovery gives it. */
async function discover() {
  const labelled = (kind, members = {}) =>
    Object.fromEntries(Object.entries(members).map(([name, value]) => [`__meta_kubernetes_pod_${kind}_${name.replaceAll(/[^A-Za-z0-9_]/g, "_")}`, value]));
  const pods = [...(await list("pods")), ...(await list("pods", "", OPERATOR_NAMESPACE))].filter(({ status }) => status.podIP && status.phase === "Running");
  const targets = pods.flatMap(({ metadata, spec, status }) =>
    spec.containers.flatMap(({ ports = [] }) =>
      ports.map(({ name, containerPort }) => ({
        targets: [`${status.podIP}:${containerPort}`],
        labels: {
          __meta_kubernetes_namespace: metadata.namespace,
          __meta_kubernetes_pod_name: metadata.name,
          __meta_kubernetes_pod_container_port_name: name ?? "",
          ...labelled("label", metadata.labels),
          ...labelled("annotation", metadata.annotations),
        },
      })),
    ),
  );
  writeFileSync(join(folder, "next.json"), JSON.stringify(targets));
  renameSync(join(folder, "next.json"), join(folder, "pods.json"));
}

async function query(text) {
  const answer = await fetch(`http://127.0.0.1:${PORT}/api/v1/query`, { method: "POST", body: new URLSearchParams({ query: text }) });
  const { status, data, error } = await answer.json();
  assert.equal(status, "success", `${text}: ${error}`);
  return data.result;
}

const answered = (text, patience = 60_000) => eventually(async () => { const found = await query(text); return found.length > 0 && found; }, `data for ${text}`, patience);

before(async () => {
  const config = readFileSync(`${SHIPPED}prometheus.yaml`, "utf8");
  const here = config.replaceAll("kubernetes_sd_configs: [{role: pod}]", `file_sd_configs: [{files: ["${folder}/pods.json"], refresh_interval: 2s}]`);
  assert.ok(!here.includes("kubernetes_sd_configs"), here);
  writeFileSync(join(folder, "prometheus.yaml"), here);
  await discover();
  discovery = setInterval(() => discover().catch(() => {}), 3000);
  writeFileSync(join(folder, "alerts.yaml"), readFileSync(`${SHIPPED}alerts.yaml`));
  const options = [`--config.file=${folder}/prometheus.yaml`, `--storage.tsdb.path=${folder}/data`, `--web.listen-address=127.0.0.1:${PORT}`];
  prometheus = spawn("prometheus", options, { stdio: "ignore" });
  // Some of everything: messages that are delivered, an act of the medium queue, an event that is shed.
  const [{ chat, roomId, acknowledged }] = await senders(client, 1);
  assert.equal((await chat.send(roomId, "hello")).status, "QUEUED");
  acknowledged.push("hello");
  await eventually(() => query("up").then((found) => found.length > 0), "Prometheus to scrape", 90_000);
  // Rates need two scrapes with a change between them.
  for (let round = 0; round < 6; round++) {
    await chat.send(roomId, `hello ${round}`);
    await new Promise((resolve) => setTimeout(resolve, 4000));
  }
});
after(() => {
  clearInterval(discovery);
  prometheus?.kill("SIGTERM");
  rmSync(folder, { recursive: true, force: true });
});

test("every pod is scraped, and labelled with its ChatCluster", async () => {
  const components = ["gateway", "processor", "rabbitmq"];
  const wanted = (await Promise.all(components.map((one) => list("pods", ofComponent(one))))).flat().length;
  const up = await eventually(async () => { const found = await query(`up{${CLUSTER}} == 1`); return found.length >= wanted && found; }, `${wanted} targets`);
  for (const component of components) assert.ok(up.some(({ metric }) => metric.component === component), component);
  assert.deepEqual((await query("up == 0")).map(({ metric }) => metric.instance), []);
});

describe("each query of the dashboard returns data", () => {
  const dashboard = JSON.parse(readFileSync(`${SHIPPED}dashboard.json`, "utf8"));
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr } of targets) {
      test(`${title}: ${expr}`, async () => {
        const here = expr.replaceAll("$namespace", NAMESPACE).replaceAll("$cluster", NAME).replaceAll(/\[\d+m\]/g, "[5m]");
        await answered(here);
      });
    }
  }
});

describe("each expression of the alerts returns data", () => {
  for (const { alert, expr } of shippedAlerts()) {
    test(alert, async () => {
      // The comparison is made to answer 0 or 1, where it would drop what does not fire; `and` and `or` would drop it again.
      for (const part of expr.split(/\bor\b|\band on \([^)]*\)/)) {
        if (part.includes("absent(")) continue;
        const compared = part.replaceAll(/(>=|<=|>|<)\s/g, "$1 bool ");
        assert.notEqual(compared, part);
        // A queue that nobody has used has no durations yet.
        if (/chat\.events\.(medium|low)"/.test(part) && part.includes("job_duration")) await query(compared);
        else await answered(compared);
      }
    });
  }
});

/** Name and expression of each alert of the file. */
function shippedAlerts() {
  const text = readFileSync(join(SHIPPED, "alerts.yaml"), "utf8");
  return [...text.matchAll(/- alert: (\w+)\n\s+expr: (?:\|\n((?:\s{10,}.*\n)+)|(.*)\n)/g)].map(([, alert, block, line]) => ({ alert, expr: block ?? line }));
}

test("Prometheus has loaded every alert", async () => {
  const answer = await fetch(`http://127.0.0.1:${PORT}/api/v1/rules`);
  const { data } = await answer.json();
  const loaded = data.groups.flatMap(({ rules }) => rules);
  assert.deepEqual(loaded.map(({ name }) => name).sort(), shippedAlerts().map(({ alert }) => alert).sort());
  for (const { name, health } of loaded) assert.equal(health, "ok", name);
});

describe("the adapter's rules give what the operator serves", () => {
  const rules = readFileSync(join(SHIPPED, "adapter-rules.yaml"), "utf8");
  const queries = [...rules.matchAll(/seriesQuery: '([^']*)'[^]*?metricsQuery: (.*)\n/g)].map(([, series, metrics]) => ({ series, metrics }));
  const autoscalers = async () => (await Promise.all(["gateway", "processor"].map((one) => get("horizontalpodautoscaler", `${NAME}-${one}`)))).filter(Boolean);

  test("each metric that an autoscaler asks for is among them", async () => {
    const found = (await Promise.all(queries.map(({ series }) => query(series)))).flat().map(({ metric }) => metric.__name__);
    for (const { spec } of await autoscalers()) {
      for (const { external: source } of spec.metrics) assert.ok(found.includes(source.metric.name), source.metric.name);
    }
  });

  for (const [index, name] of [[0, "chat_queue_backlog"], [0, "rabbitmq_queue_messages_ready"], [0, "rabbitmq_queue_messages_unacked"], [0, "chat_queue_drain_seconds"], [1, "chat_gateway_connections"]]) {
    test(name, async () => {
      const matchers = name.startsWith("chat_gateway") ? `${CLUSTER}` : `${CLUSTER},queue=~"chat.events.high|chat.events.medium"`;
      const asked = queries[index].metrics.replaceAll("<<.Series>>", name).replaceAll("<<.LabelMatchers>>", matchers);
      await eventually(async () => {
        const [found, ...more] = await query(asked);
        assert.deepEqual(more, []);
        const own = (await external(name)).filter(({ metricLabels: { queue } }) => !queue || /high|medium/.test(queue));
        const sum = own.reduce((total, { value }) => total + (value.endsWith("m") ? Number(value.slice(0, -1)) / 1000 : Number(value)), 0);
        return found && Math.abs(Number(found.value[1]) - sum) < 0.01;
      }, `the same ${name} from both`, 30_000);
    });
  }
});

test("an alert is raised in the real Prometheus", async () => {
  // A broken operator is the easiest to bring about: nobody leads while there is none.
  const operator = ["--namespace", OPERATOR_NAMESPACE];
  const [{ metadata, spec }] = JSON.parse(await kubectl([...operator, "get", "deployments", "--output", "json"])).items;
  await kubectl([...operator, "scale", "deployment", metadata.name, "--replicas=0"]);
  try {
    await eventually(async () => (await query('ALERTS{alertname="ChatOperatorNotLeading"}')).length > 0, "the alert, pending", 60_000);
  } finally {
    await kubectl([...operator, "scale", "deployment", metadata.name, `--replicas=${spec.replicas}`]);
    await kubectl([...operator, "rollout", "status", "deployment", metadata.name, "--timeout=120s"]);
  }
});
