// The peer's gateway: socket.io with its Redis adapter, publishes with confirms, acknowledges after the confirm.
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import Redis from "ioredis";
import { Server } from "socket.io";
import { broker, pool, queueOf } from "./shared.mjs";

const { PORT, REDIS_URL, JWT_ACCESS_TOKEN } = process.env;
const db = pool(10);
const channel = await broker();
const http = createServer((request, response) => response.writeHead(request.url === "/health" ? 200 : 404).end());
const publisher = new Redis(REDIS_URL);
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, adapter: createAdapter(publisher, publisher.duplicate()) });

function user(token) {
  const [head, body, signature] = String(token).split(".");
  if (createHmac("sha256", JWT_ACCESS_TOKEN).update(`${head}.${body}`).digest("base64url") !== signature) throw new Error("Invalid token");
  return JSON.parse(Buffer.from(body, "base64url")).sub;
}

const chat = io.of("/chat");
chat.use((socket, next) => {
  try {
    socket.data.user = user(socket.handshake.auth.token);
    next();
  } catch (error) {
    next(error);
  }
});
chat.on("connection", async (socket) => {
  socket.on("message.send", (message, ack) => {
    if (!socket.rooms.has(message.roomId) || typeof message.content !== "string") return ack({ status: "ERROR", code: "not_member" });
    const job = { ...message, senderId: socket.data.user, at: new Date().toISOString() };
    channel.publish("", `peer.${queueOf(message.roomId)}`, Buffer.from(JSON.stringify(job)), { persistent: true }, (error) =>
      ack(error ? { status: "ERROR", code: "busy" } : { status: "QUEUED", clientMsgId: message.clientMsgId }),
    );
  });
  const { rows } = await db.query({ name: "rooms", text: "SELECT room_id FROM members WHERE user_id = $1", values: [socket.data.user] });
  await socket.join(rows.map((row) => row.room_id));
  socket.emit("session.ready", { rooms: rows.map((row) => ({ roomId: row.room_id, lastSeq: 0 })) });
});
http.listen(Number(PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
