// What operators and browsers look at: health, metrics, CORS, the page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE_URL, connect, dm, people, rest, TIMESTAMP } from "./client.mjs";

test("health and readiness name each backend and are up", async () => {
  for (const path of ["/health", "/health/readiness"]) {
    const answer = await rest("GET", path);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.body.status, "ok");
    for (const part of ["database", "redis", "rabbitmq"]) {
      assert.equal(answer.body.info[part].status, "up", part);
      assert.equal(answer.body.details[part].status, "up", part);
    }
    assert.deepEqual(answer.body.error, {});
  }
});

test("liveness has its time and nothing else to say", async () => {
  const answer = await rest("GET", "/health/liveness");
  assert.equal(answer.status, 200);
  assert.equal(answer.body.status, "ok");
  assert.match(answer.body.timestamp, TIMESTAMP);
});

test("metrics are Prometheus text with every promised name", async () => {
  const [one, other] = await people(2);
  const room = await dm(one, other);
  const chat = await connect(one);
  await chat.send(room.id, "counted");
  await chat.delivered("counted");
  const answer = await rest("GET", "/metrics");
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type"), /^(text\/plain|application\/openmetrics-text)/);
  const described = (name) => answer.text.includes(`# HELP ${name}`) && answer.text.includes(`# TYPE ${name}`);
  const names = [
    "chat_connections",
    "chat_events_received",
    "chat_jobs_published",
    "chat_deliver_latency_seconds",
    "chat_queue_messages_ready",
    "chat_shed",
    "chat_rate_limited",
    "chat_http_requests",
  ];
  for (const name of names) assert.ok(described(name), name);
  assert.doesNotMatch(answer.text, new RegExp(`${one.id}|${room.id}|${one.username}`), "no ids in labels");
  for (const line of answer.text.split("\n")) {
    assert.match(line, /^($|# |[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? \S+( \S+)*$)/, line);
  }
});

test("a browser of another origin may call, and read the contract's headers", async () => {
  const origin = "https://app.example";
  const preflight = await fetch(`${BASE_URL}/api/v1/me`, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "GET", "access-control-request-headers": "authorization,content-type" },
  });
  assert.ok(preflight.status === 200 || preflight.status === 204, `${preflight.status}`);
  assert.ok(["*", origin].includes(preflight.headers.get("access-control-allow-origin")));
  const allowed = preflight.headers.get("access-control-allow-headers").toLowerCase();
  assert.ok(allowed === "*" || (allowed.includes("authorization") && allowed.includes("content-type")), allowed);
  const answer = await rest("GET", "/health", { headers: { origin } });
  assert.ok(["*", origin].includes(answer.headers.get("access-control-allow-origin")));
  const exposed = (answer.headers.get("access-control-expose-headers") ?? "").toLowerCase();
  for (const name of ["retry-after", "x-has-more", "x-next-seq"]) assert.ok(exposed.includes(name), `${name} in '${exposed}'`);
});

test("the engine answers browsers of another origin too", async () => {
  const origin = "https://app.example";
  const response = await fetch(`${BASE_URL}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
  assert.equal(response.status, 200);
  assert.ok(["*", origin].includes(response.headers.get("access-control-allow-origin")));
  await response.text();
});

test("the chat page is served with its policy", async () => {
  const page = await fetch(`${BASE_URL}/`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type"), /^text\/html/);
  assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'self'/);
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  const html = await page.text();
  const assets = [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map(([, path]) => path);
  assert.ok(assets.length >= 1, html);
  for (const path of assets) {
    const asset = await fetch(new URL(path, BASE_URL));
    assert.equal(asset.status, 200, path);
    assert.match(asset.headers.get("cache-control") ?? "", /max-age/, path);
    await asset.arrayBuffer();
  }
});

test("nothing outside the page's folder is served", async () => {
  for (const path of ["/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/..%2f..%2f..%2fetc%2fpasswd", "/.env"]) {
    const response = await fetch(BASE_URL + path);
    assert.ok(response.status >= 400 || !(await response.text()).includes("root:"), path);
  }
});
