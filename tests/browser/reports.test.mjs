// Reports: made from a message and from a person, read and decided by an admin, who bans and lets in again.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoComplaints, BASE_URL, Person } from "./page.mjs";

describe("what is reported", () => {
  /** @type {Person} */
  let ada;
  /** @type {Person} */
  let mallory;
  /** @type {Person} */
  let admin;

  before(async () => {
    [ada, mallory, admin] = await Promise.all(["ada", "mallory", "admin"].map((name) => Person.registered(name)));
    await admin.becomeAdmin();
    await ada.openDmWith(mallory);
    await mallory.openRoom(ada.username);
    await mallory.send("Buy my miracle pills now");
    await ada.sees("miracle pills");
  });
  after(assertNoComplaints);

  const report = (words) => admin.by("report").filter({ hasText: words }).first();
  async function reload() {
    await admin.by("admin-people").click();
    await admin.by("admin-reports").click();
  }

  test("is told to the moderators from a message's menu, with its words", async () => {
    await ada.menu("miracle pills", "menu-report");
    await ada.page.getByLabel("Spam").check();
    await ada.by("report-notes").fill(`Third time today, says ${ada.username}`);
    await ada.screenshot("report");
    await ada.by("send-report").click();
    await ada.by("toast").filter({ hasText: "moderators" }).waitFor();
  });

  test("one's own message can't be", async () => {
    await mallory.act("miracle pills", "message-more");
    await mallory.by("menu-reply").waitFor();
    assert.equal(await mallory.by("menu-report").count(), 0);
    await mallory.page.keyboard.press("Escape");
  });

  test("is listed for an admin, who deletes the message by it", async () => {
    await admin.by("moderation").click();
    const found = report(ada.username).filter({ hasText: "miracle pills" });
    await found.filter({ hasText: `@${mallory.username}` }).waitFor();
    await admin.screenshot("moderation");
    await found.getByTestId("report-remedy").click();
    await found.getByTestId("report-remedy").filter({ hasText: "really?" }).click();
    await found.waitFor({ state: "detached" });
    await ada.message("Message deleted").waitFor();
    await admin.by("report-status").selectOption("resolved");
    await report(ada.username).waitFor();
    await admin.by("report-status").selectOption("pending");
  });

  test("may be a person, and is turned down with a word", async () => {
    await ada.by("room-details").click();
    await ada.by("report-user").click();
    await ada.page.getByLabel("Harassment").check();
    await ada.by("send-report").click();
    await ada.by("toast").filter({ hasText: "moderators" }).waitFor();
    await reload();
    const found = report(`About ${mallory.username}`);
    await found.getByLabel("Note").fill("Not enough to go on");
    await found.getByTestId("report-reject").click();
    await found.waitFor({ state: "detached" });
  });

  test("has consequences: who is banned is signed out, and comes back when let in again", async () => {
    await admin.by("admin-people").click();
    await admin.by("admin-search").fill(mallory.username);
    const account = admin.page.locator(`[data-testid="account"][data-username="${mallory.username}"]`);
    await account.getByTestId("ban").click();
    await account.getByTestId("ban-reason").fill("Sells pills");
    await admin.screenshot("moderation-ban");
    await account.getByTestId("confirm-ban").click();
    await mallory.by("login-form").waitFor();
    await account.getByTestId("unban").click();
    await account.getByTestId("ban").waitFor();
    await mallory.login();
    await mallory.by("new-chat").waitFor();
    await admin.by("admin-log").click();
    await admin.by("audit-entry").first().waitFor();
    await admin.page.setViewportSize({ width: 360, height: 740 });
    await admin.page.emulateMedia({ colorScheme: "dark" });
    await admin.by("admin-people").click();
    await admin.screenshot("moderation-narrow-dark");
  });

  test("is no concern of others: the page of the moderators stays empty for them", async () => {
    assert.equal(await ada.by("moderation").count(), 0);
    await ada.page.goto(`${BASE_URL}/#/admin`);
    await ada.by("admin").getByText("This page is for admins.").waitFor();
  });
});
