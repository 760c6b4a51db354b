// Registering, logging in, refreshing and logging out, under each of the prefixes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertProblem, claims, people, register, rest, TIMESTAMP, unique, UUID } from "./client.mjs";

const PREFIXES = ["/auth", "/api/v1/auth"];
const fresh = (members = {}) => ({ email: `${unique()}@example.org`, password: "secret6", ...members });

function assertUser(user) {
  assert.match(user.id, UUID);
  assert.equal(user.user_id, user.id);
  for (const member of ["username", "name", "firstName", "lastName", "bio", "role"]) {
    assert.equal(typeof user[member], "string", member);
  }
  assert.ok("avatarUrl" in user);
  assert.equal(user.isActive, true);
  assert.match(user.createdAt, TIMESTAMP);
  assert.match(user.updatedAt, TIMESTAMP);
  assert.equal(user.password, undefined);
}

function assertAuthResult(body, status) {
  assert.equal(typeof body.accessToken, "string");
  assert.equal(typeof body.refreshToken, "string");
  assert.equal(body.tokenType, "Bearer");
  assert.equal(body.expiresIn, 7 * 24 * 3600);
  assert.equal(body.access_token, body.accessToken);
  assert.equal(body.refresh_token, body.refreshToken);
  assert.equal(body.statusCode, status);
  assert.equal(typeof body.message, "string");
  assertUser(body.user);
  const { data } = body;
  assert.equal(data.id, body.user.id);
  assert.equal(data.accessToken, body.accessToken);
  assert.equal(data.refreshToken, body.refreshToken);
  assert.equal(data.tokenType, "Bearer");
  assert.equal(data.expiresIn, body.expiresIn);
  assert.deepEqual(data.user, body.user);
}

for (const prefix of PREFIXES) {
  describe(`accounts under ${prefix}`, () => {
    test("register answers 201 with the whole AuthResult", async () => {
      const request = fresh({ firstName: "Ada", lastName: "Lovelace", unknownMember: { is: "ignored" } });
      const answer = await rest("POST", `${prefix}/register`, { body: request });
      assert.equal(answer.status, 201, answer.text);
      assertAuthResult(answer.body, 201);
      assert.equal(answer.body.user.email, request.email);
      assert.equal(answer.body.user.firstName, "Ada");
      assert.equal(answer.body.user.lastName, "Lovelace");
      assert.equal(answer.body.user.role, "USER");
    });

    test("login works by email in any case and by username", async () => {
      const account = await register();
      for (const login of [{ email: account.email.toUpperCase() }, { username: account.username }]) {
        const answer = await rest("POST", `${prefix}/login`, { body: { ...login, password: account.password } });
        assert.equal(answer.status, 200, answer.text);
        assertAuthResult(answer.body, 200);
        assert.equal(answer.body.user.id, account.id);
      }
    });

    test("refresh gives a new pair under both spellings of its member", async () => {
      const account = await register();
      const first = await rest("POST", `${prefix}/refresh`, { body: { refreshToken: account.refreshToken } });
      assert.equal(first.status, 200, first.text);
      assertAuthResult(first.body, 200);
      assert.notEqual(first.body.refreshToken, account.refreshToken);
      const second = await rest("POST", `${prefix}/refresh`, { body: { refresh_token: first.body.refreshToken } });
      assert.equal(second.status, 200, second.text);
      assert.equal(claims(second.body.accessToken).sid, claims(account.accessToken).sid);
    });

    test("logout revokes this session and no other", async () => {
      const account = await register();
      const other = await rest("POST", `${prefix}/login`, { body: { email: account.email, password: account.password } });
      const answer = await rest("POST", `${prefix}/logout`, { token: account.accessToken });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(typeof answer.body.message, "string");
      assertProblem(await rest("GET", "/auth/me", { token: account.accessToken }), 401, "session_revoked");
      const refresh = await rest("POST", `${prefix}/refresh`, { body: { refreshToken: account.refreshToken } });
      assert.equal(refresh.status, 401, refresh.text);
      assert.equal((await rest("GET", "/auth/me", { token: other.body.accessToken })).status, 200);
    });
  });
}

test("me shows the account with its email under both routes", async () => {
  const account = await register();
  for (const path of ["/auth/me", "/api/v1/me"]) {
    const answer = await rest("GET", path, { token: account.accessToken });
    assert.equal(answer.status, 200, answer.text);
    assertUser(answer.body);
    assert.equal(answer.body.email, account.email);
  }
});

test("an access token carries the claims of the contract", async () => {
  const account = await register({ firstName: "Ada", lastName: "Lovelace" });
  const header = JSON.parse(Buffer.from(account.accessToken.split(".")[0], "base64url").toString());
  assert.equal(header.alg, "HS256");
  const token = claims(account.accessToken);
  assert.equal(token.sub, account.id);
  assert.equal(token.id, account.id);
  assert.equal(token.email, account.email);
  assert.equal(token.username, account.username);
  assert.equal(token.firstName, "Ada");
  assert.equal(token.lastName, "Lovelace");
  assert.equal(token.type, "USER");
  assert.equal(token.role, "USER");
  for (const member of ["name", "sid", "jti"]) assert.equal(typeof token[member], "string", member);
  assert.equal(token.exp - token.iat, 7 * 24 * 3600);
});

test("a refresh token used twice revokes its whole session", async () => {
  const account = await register();
  const renewed = await rest("POST", "/auth/refresh", { body: { refreshToken: account.refreshToken } });
  assert.equal(renewed.status, 200, renewed.text);
  assertProblem(
    await rest("POST", "/auth/refresh", { body: { refreshToken: account.refreshToken } }),
    401,
    "refresh_reused",
  );
  assertProblem(await rest("GET", "/auth/me", { token: renewed.body.accessToken }), 401, "session_revoked");
  const later = await rest("POST", "/auth/refresh", { body: { refreshToken: renewed.body.refreshToken } });
  assert.equal(later.status, 401, later.text);
});

test("two refreshes at once with one token: one wins at most", async () => {
  const account = await register();
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => rest("POST", "/auth/refresh", { body: { refreshToken: account.refreshToken } })),
  );
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  assert.ok(answers.every(({ status }) => status === 200 || status === 401));
});

test("a refresh token that never was is refused", async () => {
  for (const refreshToken of ["nonsense", "x".repeat(5000), ""]) {
    const answer = await rest("POST", "/auth/refresh", { body: { refreshToken } });
    assert.ok(answer.status === 401 || (refreshToken === "" && answer.status === 400), answer.text);
  }
  assertProblem(await rest("POST", "/auth/refresh", { body: {} }), 400, "validation_failed");
});

test("an email is taken in every case", async () => {
  const account = await register();
  const answer = await rest("POST", "/auth/register", { body: fresh({ email: account.email.toUpperCase() }) });
  assertProblem(answer, 409, "email_taken");
});

test("an explicit username is taken once", async () => {
  const account = await register();
  const answer = await rest("POST", "/auth/register", { body: fresh({ username: account.username }) });
  assertProblem(answer, 409, "username_taken");
});

test("usernames that are derived never clash", async () => {
  const local = unique();
  const answers = [];
  for (const host of ["a.example", "b.example", "c.example"]) {
    answers.push(await rest("POST", "/auth/register", { body: fresh({ email: `${local}@${host}` }) }));
  }
  assert.deepEqual(answers.map(({ status }) => status), [201, 201, 201]);
  assert.equal(new Set(answers.map(({ body }) => body.user.username)).size, 3);
});

test("ten registrations of one email at once make one account", async () => {
  const body = fresh();
  const answers = await Promise.all(Array.from({ length: 10 }, () => rest("POST", "/auth/register", { body })));
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [201, ...Array(9).fill(409)]);
});

test("registration refuses what is out of bounds and names the member", async () => {
  const cases = [
    ["password", { password: "short" }],
    ["password", { password: "x".repeat(129) }],
    ["password", { password: undefined }],
    ["password", { password: 123456 }],
    ["email", { email: undefined }],
    ["email", { email: "no-at-sign" }],
    ["email", { email: "a@b c.example" }],
    ["email", { email: ["a@b.example"] }],
    ["email", { email: `${"x".repeat(400)}@example.org` }],
    ["username", { username: "x".repeat(51) }],
    ["name", { name: "x".repeat(101) }],
    ["name", { name: 7 }],
  ];
  for (const [path, members] of cases) {
    const answer = await rest("POST", "/auth/register", { body: fresh(members) });
    const body = assertProblem(answer, 400, "validation_failed");
    assert.ok(body.errors?.some((error) => error.path === path), `${JSON.stringify(members)}: ${answer.text}`);
  }
});

test("passwords of 6 and of 128 characters work, counted as characters", async () => {
  for (const password of ["ü".repeat(6), "👋".repeat(128)]) {
    const account = await register({ password });
    const answer = await rest("POST", "/auth/login", { body: { email: account.email, password } });
    assert.equal(answer.status, 200, answer.text);
  }
});

test("an unknown account and a wrong password get the same answer", async () => {
  const account = await register();
  const wrong = await rest("POST", "/auth/login", { body: { email: account.email, password: "wrong password" } });
  const unknown = await rest("POST", "/auth/login", { body: { email: `${unique()}@example.org`, password: "wrong password" } });
  assertProblem(wrong, 401, "invalid_credentials");
  assert.deepEqual({ ...unknown.body, instance: "" }, { ...wrong.body, instance: "" });
});

test("login without a name or a password is a validation failure", async () => {
  for (const body of [{}, { email: "a@b.example" }, { password: "secret6" }, { email: 1, password: 2 }]) {
    assertProblem(await rest("POST", "/auth/login", { body }), 400, "validation_failed");
  }
});

test("ten failed logins shut the door for that name only", async () => {
  const [victim, bystander] = await people(2);
  const attempt = (account, password) => rest("POST", "/auth/login", { body: { email: account.email, password } });
  for (let count = 0; count < 10; count++) assert.equal((await attempt(victim, "wrong password")).status, 401);
  const refused = await attempt(victim, victim.password);
  assertProblem(refused, 429, "rate_limited");
  const seconds = Number(refused.headers.get("retry-after"));
  assert.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, String(seconds));
  assert.equal((await attempt(bystander, bystander.password)).status, 200);
});

test("names are sanitised", async () => {
  const answer = await rest("POST", "/auth/register", { body: fresh({ name: "<b>Ann</b> <img src=x onerror=alert(1)>" }) });
  assert.equal(answer.status, 201, answer.text);
  assert.equal(answer.body.user.name, "Ann");
});

test("others see no email and no phone", async () => {
  const [viewer, other] = [await register(), await register({ phone: "+49 30 1234567" })];
  const answer = await rest("GET", `/api/v1/users/${other.id}`, { token: viewer.accessToken });
  assert.equal(answer.status, 200, answer.text);
  assertUser(answer.body);
  assert.equal(answer.body.email, undefined);
  assert.equal(answer.body.phone, undefined);
  assert.doesNotMatch(answer.text, /@example\.org/);
});

test("an unknown user is not found and a malformed id is invalid", async () => {
  const { accessToken: token } = await register();
  assertProblem(await rest("GET", "/api/v1/users/00000000-0000-4000-8000-000000000000", { token }), 404, "user_not_found");
  assertProblem(await rest("GET", "/api/v1/users/not-an-id", { token }), 400, "validation_failed");
});

test("users are found by the beginning of their username", async () => {
  const [seeker, wanted] = await people(2);
  const query = `?q=${wanted.username.slice(0, 12)}&limit=5`;
  const answer = await rest("GET", `/api/v1/search/users${query}`, { token: seeker.accessToken });
  assert.equal(answer.status, 200, answer.text);
  const found = answer.body.data.find(({ id }) => id === wanted.id);
  assert.deepEqual(Object.keys(found).sort(), ["avatarUrl", "id", "name", "username"]);
  assert.ok("nextCursor" in answer.body);
  assert.ok(answer.body.data.length <= 5);
});
