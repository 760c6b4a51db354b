// Scaling for a person to watch: a load on slowed processors, a table of what happens, and what it proves.

import { kubectl, NAME, NAMESPACE } from "../cluster/kubectl.mjs";
import { BACKLOG, events, MAX, MIN, SHEDDING, start } from "./cluster.mjs";
import { assertNothingLost, senders } from "./load.mjs";
import { shares, turns, Watch } from "./watch.mjs";

console.log(`A ChatCluster ${NAMESPACE}/${NAME} whose processors are slowed, ${MIN} to ${MAX} of them. This takes some minutes.\n`);
const { client } = await start();
const all = await senders(client, 16);
console.log(`16 clients send until ${BACKLOG} jobs wait; shedding begins above ${SHEDDING.highWatermark} and ends below ${SHEDDING.lowWatermark}.\n`);
const watch = new Watch({ print: console.log });
let enough = false;
const sending = Promise.all(all.map((sender) => sender.send(() => enough)));
const peak = await watch.first(({ backlog }) => backlog >= BACKLOG, "the backlog", 600_000);
enough = true;
await sending;
console.log("           the load ends");
const step = watch.looks.find(({ backlog }) => backlog > 500 * MIN);
const reached = await watch.first(({ wanted }) => wanted === MAX, `${MAX} processors`, 120_000);
const shared = await shares();
await watch.first(({ at, wanted, backlog }) => at > peak.at && wanted === MIN && backlog === 0, "everything to come back", 900_000);
const looks = await watch.stop();
await assertNothingLost(all);
const sent = all.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);
console.log("\nWhat was told (kubectl describe chatcluster):");
for (const { reason, message } of await events()) if (/Scaled|Shedding/.test(reason)) console.log(`  ${reason}: ${message}`);
console.log(`
  ${sent} messages confirmed, all of them stored once and without a gap
  ${((reached.at - step.at) / 1000).toFixed(0)} s from the step to ${MAX} processors; partitions of each: ${shared.join(", ")}
  ${turns(looks)} change of direction

The ChatCluster stays: kubectl delete namespace ${NAMESPACE} ends it.`);
await kubectl(["--namespace", NAMESPACE, "get", "chatcluster", NAME]).then(console.log);
process.exit(0);
