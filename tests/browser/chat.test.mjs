// Two people chat through the page served by the gateway.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoComplaints, BASE_URL, Person } from "./page.mjs";

describe("two people in two browsers", () => {
  /** @type {Person} */
  let ada;
  /** @type {Person} */
  let ben;
  before(async () => {
    [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben")]);
  });
  after(assertNoComplaints);

  test("a message of one appears in the other's window, and becomes sent", async () => {
    await ada.openDmWith(ben);
    await ada.send("Hello Ben, can you read me?");
    await ada.status("Hello Ben", "sent", "delivered", "read");
    await ben.openRoom(ada.username);
    await ben.sees("Hello Ben, can you read me?");
    assert.equal(await ada.message("Hello Ben").count(), 1);
    assert.equal(await ben.message("Hello Ben").count(), 1);
    assert.equal(await ben.message("Hello Ben").getAttribute("data-own"), "false");
  });

  test("the answer comes back, and reading is shown", async () => {
    await ben.send("Loud and clear 👋");
    await ada.sees("Loud and clear 👋");
    await ada.status("Hello Ben", "read");
    await ada.screenshot("two-people-ada");
    await ben.screenshot("two-people-ben");
  });

  test("typing is shown while it lasts", async () => {
    await ben.by("composer").pressSequentially("I am thinking about it", { delay: 30 });
    await ada.by("typing-indicator").waitFor();
    await ada.screenshot("typing");
    await ben.by("send").click();
    await ada.sees("I am thinking about it");
    await ada.by("typing-indicator").waitFor({ state: "detached" });
  });

  test("presence is shown", async () => {
    await ada.page.locator('[data-testid="presence"][data-status="online"]').waitFor();
  });

  test("markup stays text", async () => {
    await ada.send("a<b and c>d, Vec<String>, **bold** & <3");
    await ben.sees("a< b and c>d, Vec<String>, **bold** & <3");
    await ada.send('<img src=x onerror="document.title=1"> picture');
    await ben.sees("picture");
    assert.equal(await ben.message("picture").locator("img[src='x']").count(), 0);
    assert.notEqual(await ben.page.title(), "1");
  });

  test("many quick messages arrive once each and in order", async () => {
    const lines = Array.from({ length: 15 }, (_, index) => `quick ${String(index).padStart(2, "0")}`);
    for (const line of lines) {
      await ada.by("composer").fill(line);
      await ada.by("composer").press("Enter");
    }
    await ben.sees(lines.at(-1));
    const heard = (await ben.message("quick").allInnerTexts()).map((text) => text.match(/quick \d\d/)[0]);
    assert.deepEqual(heard, lines);
  });

  test("a reload keeps the history and the session", async () => {
    await ada.page.reload();
    await ada.online();
    if ((await ada.by("composer").count()) === 0) await ada.openRoom(ben.username);
    await ada.sees("Loud and clear 👋");
    await ada.sees("quick 14");
    await ben.send("still with me?");
    await ada.sees("still with me?");
  });
});

test("a message written while cut off is pending, and sent once the connection is back", async () => {
  const [cut, friend] = await Promise.all([Person.arrive("cut"), Person.registered("friend")]);
  await cut.prepareCutOff();
  await cut.page.goto(BASE_URL);
  await cut.register();
  await cut.openDmWith(friend);
  await cut.send("before the tunnel");
  await cut.status("before the tunnel", "sent", "delivered", "read");
  await friend.openRoom(cut.username);
  const rejoin = await cut.cutOff();
  await cut.page.locator('[data-testid="connection-status"]:not([data-state="online"])').waitFor({ state: "attached" });
  await cut.send("in the tunnel");
  await cut.status("in the tunnel", "pending", "queued");
  await friend.send("are you there?");
  await cut.screenshot("cut-off");
  rejoin();
  await cut.status("in the tunnel", "sent", "delivered", "read");
  await cut.sees("are you there?");
  await friend.sees("in the tunnel");
  assert.equal(await friend.message("in the tunnel").count(), 1);
  assertNoComplaints();
});

test("three people share a group", async () => {
  const [owner, second, third] = await Promise.all(["owner", "second", "third"].map((name) => Person.registered(name)));
  await owner.by("new-group").click();
  await owner.by("group-title").fill("Weekend plans");
  for (const member of [second, third]) {
    await owner.by("user-search").fill(member.username);
    await owner.by("user-result").filter({ hasText: member.username }).click();
  }
  await owner.by("create-group").click();
  await owner.by("composer").waitFor();
  await owner.send("Who is in?");
  for (const member of [second, third]) {
    await member.openRoom("Weekend plans");
    await member.sees("Who is in?");
  }
  await third.send("Me!");
  for (const member of [owner, second]) await member.sees("Me!");
  await second.screenshot("group");
  assertNoComplaints();
});
