// Getting in and out of the chat page.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoComplaints, BASE_URL, Person } from "./page.mjs";

test("a visitor sees a form and no chat", async () => {
  const visitor = await Person.arrive("visitor");
  await visitor.page.goto(BASE_URL);
  await visitor.by("login-form").or(visitor.by("register-form")).first().waitFor();
  assert.equal(await visitor.by("room-list").count(), 0);
  await visitor.screenshot("visitor");
});

test("logging out ends the session, and logging in brings the rooms back", async () => {
  const [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben")]);
  await ada.openDmWith(ben);
  await ada.send("see you later");
  await ada.status("see you later", "sent", "delivered", "read");
  await ada.by("logout").click();
  await ada.by("login-form").waitFor();
  await ada.page.reload();
  await ada.by("login-form").waitFor();
  await ada.login();
  await ada.openRoom(ben.username);
  await ada.sees("see you later");
  assertNoComplaints();
});

test("a wrong password is told in words", async () => {
  const ada = await Person.registered("ada");
  await ada.by("logout").click();
  await ada.login("not the password");
  const error = ada.by("error");
  await error.waitFor();
  const text = await error.innerText();
  assert.ok(text.length > 10 && !/[{}]|undefined|invalid_credentials|\[object/.test(text), text);
  await ada.login();
  await ada.by("new-chat").waitFor();
});

test("a taken username is told in words", async () => {
  const first = await Person.registered("taken");
  const second = await Person.arrive("second");
  second.username = first.username;
  await second.page.goto(BASE_URL);
  await second.openRegistration();
  await second.by("username").fill(first.username);
  await second.by("email").fill(`other-${first.username}@example.org`);
  await second.by("password").fill("correct horse");
  await second.by("submit").click();
  await second.by("error").waitFor();
});

for (const [name, options] of [
  ["phone", { viewport: { width: 375, height: 720 }, isMobile: true, hasTouch: true }],
  ["dark", { colorScheme: "dark" }],
]) {
  test(`the page works in ${name} mode`, async () => {
    const [ada, ben] = await Promise.all([Person.registered("ada", options), Person.registered("ben")]);
    await ada.openDmWith(ben);
    await ada.send(`hello from ${name}`);
    await ada.status("hello from", "sent", "delivered", "read");
    await ben.openRoom(ada.username);
    await ben.sees(`hello from ${name}`);
    const overflow = await ada.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px too wide`);
    await ada.screenshot(name);
    assertNoComplaints();
  });
}
