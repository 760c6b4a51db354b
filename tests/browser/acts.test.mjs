// What people do with messages: answer, change, delete, react, pin, forward, find.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoComplaints, Person } from "./page.mjs";

describe("a group of three", () => {
  /** @type {Person} */
  let ada;
  /** @type {Person} */
  let ben;
  /** @type {Person} */
  let cleo;

  before(async () => {
    [ada, ben, cleo] = await Promise.all(["ada", "ben", "cleo"].map((name) => Person.registered(name)));
    await ada.createGroup("Lighthouse", ben, cleo);
    await ben.openRoom("Lighthouse");
    await cleo.openRoom("Lighthouse");
  });
  after(assertNoComplaints);

  test("an answer quotes what it answers, and the quote leads there", async () => {
    await ada.send("Shall we meet at the lighthouse on Saturday?");
    await ben.sees("Shall we meet");
    await ben.act("Shall we meet", "message-reply");
    await ben.by("replying").waitFor();
    await ben.send("Yes, at ten");
    const quote = ada.message("Yes, at ten").getByTestId("reply-quote");
    await quote.filter({ hasText: "Shall we meet" }).waitFor();
    await quote.click();
    await ada.message("Shall we meet at the lighthouse").and(ada.page.locator(".found")).first().waitFor();
    assert.equal(await ben.by("replying").count(), 0);
  });

  test("an edit reaches everybody and is marked", async () => {
    await ada.send("Bring warm cloths");
    await ben.sees("Bring warm cloths");
    await ada.by("composer").press("ArrowUp");
    await ada.by("editing").waitFor();
    assert.equal(await ada.by("composer").inputValue(), "Bring warm cloths");
    await ada.by("composer").fill("Bring warm clothes");
    await ada.by("composer").press("Enter");
    await ben.message("Bring warm clothes").getByTestId("edited").waitFor();
    assert.equal(await ben.message("warm cloths").count(), 0);
    assert.equal(await ada.by("composer").inputValue(), "");
  });

  test("Escape gives up an edit and gives back what was being written", async () => {
    await ada.menu("Bring warm clothes", "menu-edit");
    await ada.by("editing").waitFor();
    await ada.by("composer").press("Escape");
    await ada.by("editing").waitFor({ state: "detached" });
    assert.equal(await ada.by("composer").inputValue(), "");
  });

  test("reactions are counted, and a second tap takes one's own back", async () => {
    await ben.act("Shall we meet at the lighthouse", "message-react");
    await ben.page.locator('[data-testid="quick-reaction"][data-emoji="🎉"]').click();
    const seen = (person) => person.message("Shall we meet at the lighthouse").first().locator('[data-testid="reaction"][data-emoji="🎉"]');
    await seen(ada).waitFor();
    await seen(ada).click();
    await seen(cleo).filter({ hasText: "2" }).waitFor();
    await seen(ben).click();
    await seen(cleo).filter({ hasText: "1" }).waitFor();
  });

  test("the whole grid of emoji can be searched", async () => {
    await cleo.act("Shall we meet at the lighthouse", "message-react");
    await cleo.by("more-emoji").click();
    await cleo.page.getByRole("searchbox", { name: "Find an emoji" }).fill("rocket");
    await cleo.page.keyboard.press("Enter");
    await ada.page.locator('[data-testid="reaction"][data-emoji="🚀"]').waitFor();
  });

  test("a pinned message stands above the conversation until it is unpinned", async () => {
    await ada.menu("Bring warm clothes", "menu-pin");
    await ben.by("pinned-bar").filter({ hasText: "Bring warm clothes" }).waitFor();
    await ada.screenshot("group-acts");
    await ben.by("show-pins").click();
    await ben.by("pinned-message").filter({ hasText: "Bring warm clothes" }).waitFor();
    await ben.screenshot("pins");
    await ben.by("unpin").click();
    await ada.by("pinned-bar").waitFor({ state: "detached" });
    await ben.page.keyboard.press("Escape");
  });

  test("a name typed with @ completes, and who is named sees a mark in the list", async () => {
    await cleo.openDmWith(ben);
    await ada.by("composer").pressSequentially("Who brings tea? @cleo", { delay: 20 });
    await ada.by("mention-option").filter({ hasText: cleo.username }).waitFor();
    await ada.screenshot("mention-list");
    await ada.by("composer").press("Enter");
    assert.equal(await ada.by("composer").inputValue(), `Who brings tea? @${cleo.username} `);
    await ada.by("composer").press("Enter");
    await cleo.by("room-item").filter({ hasText: "Lighthouse" }).getByTestId("mentioned").waitFor();
    await cleo.screenshot("mentioned");
    await cleo.openRoom("Lighthouse");
    await cleo.message("Who brings tea?").getByTestId("mention").waitFor();
    await cleo.by("mentioned").waitFor({ state: "detached" });
  });

  test("a message deleted for everyone is gone for everyone, one deleted for me only for me", async () => {
    await ada.send("a secret slipped out");
    await ada.send("the other stays");
    await ben.sees("the other stays");
    await ada.menu("a secret slipped out", "menu-delete-all");
    await ada.screenshot("delete");
    await ada.by("confirm-delete").click();
    await ben.message("a secret").waitFor({ state: "detached" });
    await ben.message("Message deleted").waitFor();
    await ben.menu("the other stays", "menu-delete-me");
    await ben.by("confirm-delete").click();
    await ben.message("the other stays").waitFor({ state: "detached" });
    await ada.sees("the other stays");
  });

  test("a message is forwarded with a comment", async () => {
    await ben.menu("Shall we meet at the lighthouse", "menu-forward");
    await ben.by("forward-room").filter({ hasText: cleo.username }).click();
    await ben.by("forward-comment").fill("have you seen this?");
    await ben.screenshot("forward");
    await ben.by("forward-send").click();
    await cleo.openRoom(ben.username);
    await cleo.sees("have you seen this?");
    await cleo.message("Forwarded from").filter({ hasText: "Shall we meet" }).waitFor();
    await cleo.openRoom("Lighthouse");
  });

  test("the keyboard alone reaches a message's menu", async () => {
    await ada.page.locator('[role="log"]').focus();
    await ada.page.keyboard.press("ArrowUp");
    await ada.page.keyboard.press("ArrowUp");
    await ada.page.keyboard.press("ArrowDown");
    await ada.page.keyboard.press("Enter");
    await ada.by("message-menu").waitFor();
    await ada.page.keyboard.press("Escape");
    await ada.by("message-menu").waitFor({ state: "detached" });
    assert.equal(await ada.page.evaluate(() => document.activeElement?.tagName), "ARTICLE");
  });
});

test("what was written long ago is found, shown in its place, and one gets back", async () => {
  const [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben")]);
  await ada.openDmWith(ben);
  await ada.send("the password of the harbour gate is albatross");
  await ben.openRoom(ada.username);
  await ada.status("albatross", "read");
  await ada.sendMany(Array.from({ length: 140 }, (_, index) => `small talk ${index}`));
  await ada.status("small talk 139", "read");
  await ben.page.reload();
  await ben.online();
  await ben.sees("small talk 139");
  assert.equal(await ben.message("albatross").count(), 0);

  const hit = ben.by("search-hit").filter({ hasText: "albatross" });
  await ben.by("search").click();
  await ben.until(async () => {
    await ben.by("search-input").fill("");
    await ben.by("search-input").fill("albatross");
    await hit.first().waitFor({ timeout: 2_000 });
  });
  assert.equal(await hit.first().locator("mark").innerText(), "albatross");
  await ben.screenshot("search");
  await hit.first().click();
  await ben.message("albatross").and(ben.page.locator(".found")).waitFor();
  assert.equal(await ben.message("small talk 139").count(), 0);
  await ben.screenshot("found");

  // Scrolling down pages towards the newest without leaving any out.
  await ben.until(async () => {
    await ben.page.locator('[role="log"]').evaluate((list) => list.scrollBy(0, 1500));
    await ben.message(/small talk 60\D/).waitFor({ timeout: 400 });
  });
  await ben.by("jump-to-latest").click();
  await ben.sees("small talk 139");
  await ben.by("jump-to-latest").waitFor({ state: "detached" });
  assertNoComplaints();
});

test("what came while away waits below a line", async () => {
  const [ada, ben, cleo] = await Promise.all(["ada", "ben", "cleo"].map((name) => Person.registered(name)));
  await ada.openDmWith(ben);
  await ada.send("first");
  await ben.openRoom(ada.username);
  await ben.sees("first");
  await ada.status("first", "read");
  await ben.openDmWith(cleo);
  await ada.sendMany(["second", "third"]);
  const item = ben.by("room-item").filter({ hasText: ada.username });
  await item.getByTestId("unread").filter({ hasText: "2" }).waitFor();
  assert.match(await ben.page.title(), /^\(2\)/);
  await ada.status("third", "sent", "delivered");
  await item.click();
  await ben.by("new-messages").waitFor();
  await ben.screenshot("unread");
  await ada.status("third", "read");
  await item.getByTestId("unread").waitFor({ state: "detached" });
  assertNoComplaints();
});
