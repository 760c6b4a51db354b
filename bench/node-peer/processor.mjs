// The peer's worker: prefetch 200, one batched insert for what is there, then fan-out and one ack for the batch.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Emitter } from "@socket.io/redis-emitter";
import Redis from "ioredis";
import { broker, pool, QUEUES, SCHEMA } from "./shared.mjs";

const PREFETCH = 200;
const db = pool(QUEUES + 1);
await db.query(SCHEMA);
const emitter = new Emitter(new Redis(process.env.REDIS_URL), {}, "/chat");

async function store(jobs) {
  const client = await db.connect();
  try {
    await client.query("BEGIN");
    const counts = new Map();
    for (const job of jobs) counts.set(job.roomId, (counts.get(job.roomId) ?? 0) + 1);
    const rooms = [...counts.keys()].sort();
    const { rows } = await client.query({
      name: "number",
      text: `INSERT INTO peer_rooms SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS t (room_id, n)
             ON CONFLICT (room_id) DO UPDATE SET last_seq = peer_rooms.last_seq + excluded.last_seq RETURNING room_id, last_seq`,
      values: [rooms, rooms.map((room) => counts.get(room))],
    });
    const next = new Map(rows.map((row) => [row.room_id, Number(row.last_seq) - counts.get(row.room_id)]));
    for (const job of jobs) {
      job.id = randomUUID();
      job.seq = next.get(job.roomId) + 1;
      next.set(job.roomId, job.seq);
    }
    const column = (name) => jobs.map((job) => job[name]);
    await client.query({
      name: "insert",
      text: `INSERT INTO peer_messages (room_id, seq, id, sender_id, client_msg_id, content, created_at)
             SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[])
             ON CONFLICT DO NOTHING`,
      values: ["roomId", "seq", "id", "senderId", "clientMsgId", "content", "at"].map(column),
    });
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

async function work(queue) {
  const channel = await broker();
  await channel.prefetch(PREFETCH);
  let waiting = [];
  let busy = false;
  const drain = async () => {
    busy = true;
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      const jobs = batch.map((message) => JSON.parse(message.content));
      await store(jobs);
      for (const job of jobs) emitter.to(job.roomId).emit("message.delivered", job);
      channel.ack(batch.at(-1), true);
    }
    busy = false;
  };
  await channel.consume(`peer.${queue}`, (message) => {
    waiting.push(message);
    if (!busy) setImmediate(() => busy || drain());
  });
}

await Promise.all(Array.from({ length: QUEUES }, (_, queue) => work(queue)));
createServer((_, response) => response.writeHead(200).end()).listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
