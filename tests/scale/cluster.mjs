// The ChatCluster of these tests: processors so slow that a backlog can be made on a small machine, and limits so wide that
// a few accounts can make it.

import { ensureCluster, gatewayUrl, NAME, NAMESPACE, kubectl } from "../cluster/kubectl.mjs";

/** Jobs that wait when a load ends. The real thresholds are the default; a short run lowers all of it. */
export const BACKLOG = Number(process.env.SCALE_BACKLOG ?? 12_500);
export const SHEDDING = { highWatermark: Math.round(BACKLOG * 0.8), lowWatermark: Math.round(BACKLOG * 0.4) };
export const TARGET = 500;
export const MIN = 1;
export const MAX = 4;

/** Two hundredths of a core and four jobs a transaction, where it takes a hundred otherwise: some dozens of jobs a second. */
const SLOW_CPU = "20m";
const SLOW_PREFETCH = { name: "RABBITMQ_CHAT_CONSUMER_PREFETCH", value: "4" };

export const AUTOSCALING = {
  minReplicas: MIN,
  maxReplicas: MAX,
  targetBacklogPerReplica: TARGET,
  staleAfterSeconds: 20,
  behavior: { scaleDown: { stabilizationWindowSeconds: 20, replicasPerPeriod: 8, periodSeconds: 15 } },
};

export function spec(processors = { autoscaling: AUTOSCALING }) {
  const unlimited = ["RATE_LIMIT_MESSAGE_BURST", "RATE_LIMIT_MESSAGE_RATE"].map((name) => ({ name, value: "100000" }));
  return {
    gateway: { replicas: 2, drainTimeoutSeconds: 5, shedding: SHEDDING, env: unlimited },
    processors: {
      drainTimeoutSeconds: 10,
      resources: { requests: { cpu: "10m" }, limits: { cpu: SLOW_CPU } },
      env: [SLOW_PREFETCH],
      ...processors,
    },
  };
}

/** It, Ready, and the client of the contract's tests, talking to it. Call it while the file loads: the client closes its sockets
 * when the file it was loaded by is done. */
export async function start(wanted = spec()) {
  const cluster = await ensureCluster(wanted);
  process.env.BASE_URL = await gatewayUrl();
  const client = await import("../chat/client.mjs");
  return { cluster, client };
}

/** What has been told about it, newest last. */
export async function events(reason) {
  const fields = `involvedObject.kind=ChatCluster,involvedObject.name=${NAME}${reason ? `,reason=${reason}` : ""}`;
  const answer = JSON.parse(await kubectl(["--namespace", NAMESPACE, "get", "events", "--field-selector", fields, "--output", "json"]));
  return answer.items.map(({ message, note, ...rest }) => ({ ...rest, message: message ?? note }));
}
