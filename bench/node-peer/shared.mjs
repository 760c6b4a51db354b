// What the gateway and the worker of the peer have in common. Written as a Node team would that knows its tools: TCP_NODELAY
// on the broker's connection, confirms multiplexed, prepared statements, no layer that is not needed.
import amqp from "amqplib";
import pg from "pg";

export const QUEUES = 4;
const { DATABASE_URL, RABBITMQ_URL } = process.env;

export const pool = (max) => new pg.Pool({ connectionString: DATABASE_URL, max });

const RETRIES = 10;

/** A channel with the queues; a broker that just came up may refuse what two declare at once. */
export async function broker() {
  for (let tries = 0; ; tries++) {
    try {
      return await connect();
    } catch (error) {
      if (tries === RETRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

async function connect() {
  const url = new URL(RABBITMQ_URL);
  const options = { protocol: "amqp", hostname: url.hostname, port: Number(url.port), username: url.username, password: url.password, vhost: "/" };
  const connection = await amqp.connect(options, { noDelay: true });
  const refused = new Promise((_, reject) => connection.once("error", reject));
  const declared = (async () => {
    const channel = await connection.createConfirmChannel();
    for (let queue = 0; queue < QUEUES; queue++) {
      await channel.assertQueue(`peer.${queue}`, { durable: true, arguments: { "x-queue-type": "quorum" } });
    }
    return channel;
  })();
  const channel = await Promise.race([declared, refused]);
  // From here on a lost connection ends the program, as it would without a listener.
  connection.removeAllListeners("error");
  return channel;
}

export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS peer_rooms (room_id uuid PRIMARY KEY, last_seq bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS peer_messages (
    room_id uuid NOT NULL, seq bigint NOT NULL, id uuid NOT NULL, sender_id uuid NOT NULL, client_msg_id text NOT NULL,
    content text NOT NULL, created_at timestamptz NOT NULL, PRIMARY KEY (room_id, seq), UNIQUE (room_id, sender_id, client_msg_id))`;

/** A room's queue: one worker works it, in order. */
export function queueOf(room) {
  let hash = 0;
  for (let at = 0; at < room.length; at++) hash = (hash * 31 + room.charCodeAt(at)) | 0;
  return Math.abs(hash) % QUEUES;
}
