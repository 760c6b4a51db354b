// How REST fails: the same shape everywhere, and never anything internal.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { assertProblem, BASE_URL, PATIENCE_MS, register, rest } from "./client.mjs";

let token;
before(async () => {
  token = (await register()).accessToken;
});

const login = (body, headers) => rest("POST", "/auth/login", { body, headers });

test("an unknown route is not found", async () => {
  for (const path of ["/api/v1/nothing-here", "/api/v2/me", "/api/v1/rooms/x/y/z"]) {
    assertProblem(await rest("GET", path, { token }), 404, "not_found");
  }
});

test("a known route with another method says so", async () => {
  assertProblem(await rest("DELETE", "/auth/login"), 405, "method_not_allowed");
  assertProblem(await rest("PUT", "/health"), 405, "method_not_allowed");
});

test("what is not JSON is malformed", async () => {
  for (const body of ["{", "", "{'a':1}", '{"a":1', "\u0000", '{"a":1}}', "[".repeat(10_000)]) {
    assertProblem(await login(body), 400, "malformed_json");
  }
});

test("what is not UTF-8 is refused", async () => {
  const answer = await login(new Uint8Array([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]));
  assert.equal(answer.status, 400, answer.text);
});

test("JSON of another shape fails validation", async () => {
  for (const body of ["null", "[]", '"text"', "7", "true"]) {
    assertProblem(await login(body), 400, "validation_failed");
  }
});

test("deeply nested JSON is refused and harms nobody", async () => {
  const answer = await login(`{"email":${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
  assert.equal(answer.status, 400, answer.text);
  assert.equal((await rest("GET", "/health/liveness")).status, 200);
});

test("another media type is unsupported", async () => {
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/xml"]) {
    assertProblem(await login('{"email":"a@b.example","password":"secret6"}', { "content-type": type }), 415, "unsupported_media_type");
  }
});

test("a charset beside the media type is fine", async () => {
  const answer = await login('{"email":"nobody@b.example","password":"secret6"}', {
    "content-type": "application/json; charset=utf-8",
  });
  assertProblem(answer, 401, "invalid_credentials");
});

test("a body over 1 MiB is too large, announced or chunked", async () => {
  const body = JSON.stringify({ email: "x".repeat(1024 * 1024 + 1), password: "secret6" });
  assertProblem(await login(body), 413, "payload_too_large");
  const chunks = new ReadableStream({
    start(controller) {
      for (let at = 0; at < body.length; at += 65_536) {
        controller.enqueue(new TextEncoder().encode(body.slice(at, at + 65_536)));
      }
      controller.close();
    },
  });
  const response = await fetch(`${BASE_URL}/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: chunks,
    duplex: "half",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  assert.equal(response.status, 413);
});

test("a malformed id in a path is invalid, whatever it holds", async () => {
  for (const id of ["x", "1", "%00", "..%2f..%2fetc", "' OR 1=1 --", "00000000-0000-4000-8000-00000000000g", "x".repeat(3000)]) {
    const answer = await rest("GET", `/api/v1/rooms/${encodeURIComponent(id)}`, { token });
    assertProblem(answer, 400, "validation_failed");
  }
});

test("an id in upper case names the same thing", async () => {
  const { body } = await rest("GET", "/api/v1/me", { token });
  const answer = await rest("GET", `/api/v1/users/${body.id.toUpperCase()}`, { token });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body.id, body.id);
});

test("every protected route asks for a token before anything else", async () => {
  const routes = [
    ["GET", "/auth/me"],
    ["POST", "/auth/logout"],
    ["GET", "/api/v1/me"],
    ["GET", "/api/v1/rooms"],
    ["POST", "/api/v1/rooms"],
    ["GET", "/api/v1/rooms/x"],
    ["GET", "/api/v1/rooms/x/messages"],
    ["POST", "/api/v1/rooms/x/messages"],
    ["GET", "/api/v1/search/users?q=a"],
    ["GET", "/api/v1/presence?userIds="],
    ["GET", "/api/v1/unread"],
  ];
  for (const [method, path] of routes) {
    const body = method === "POST" ? "not json" : undefined;
    assertProblem(await rest(method, path, { body }), 401, "unauthenticated");
  }
});
