// Threads: opened from a message, answered beside the conversation, counted, heard by the others.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoComplaints, Person } from "./page.mjs";

describe("a thread", () => {
  /** @type {Person} */
  let ada;
  /** @type {Person} */
  let ben;

  before(async () => {
    [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben", { viewport: { width: 360, height: 740 }, colorScheme: "dark" })]);
    await ada.createGroup("Harbour", ben);
    await ben.openRoom("Harbour");
    await ada.send("Who repaints the boat?");
    await ben.sees("Who repaints");
  });
  after(assertNoComplaints);

  const inThread = (person, text) => person.by("thread").getByTestId("message").filter({ hasText: text }).first();
  async function answer(person, text) {
    const composer = person.by("thread").getByTestId("composer");
    await composer.fill(text);
    await composer.press("Enter");
  }

  test("is opened from a message's menu and answered", async () => {
    await ada.menu("Who repaints", "menu-thread");
    await inThread(ada, "Who repaints").waitFor();
    await answer(ada, "I have the paint");
    await inThread(ada, "I have the paint").locator('[data-status="delivered"], [data-status="read"], [data-status="sent"]').first().waitFor({ state: "attached" });
  });

  test("is counted below its first message, for everybody, and opened from there", async () => {
    const count = ben.message("Who repaints").getByTestId("thread-count");
    await count.filter({ hasText: "1 answer" }).waitFor();
    await count.click();
    await inThread(ben, "I have the paint").waitFor();
    await answer(ben, "And I the brushes");
    await inThread(ada, "And I the brushes").waitFor();
    await ada.message("Who repaints").getByTestId("thread-count").filter({ hasText: "2 answers" }).waitFor();
    await ada.screenshot("thread");
    await ben.screenshot("thread-narrow-dark");
  });

  test("follows edits made elsewhere, and answers lead back to it from the conversation", async () => {
    await ben.by("close-thread").click();
    await ben.by("thread").waitFor({ state: "detached" });
    await ben.menu("And I the brushes", "menu-edit");
    await ben.by("composer").fill("And I two brushes");
    await ben.by("send").click();
    await inThread(ada, "And I two brushes").waitFor();
    await ada.page.keyboard.press("Escape");
    await ada.by("thread").waitFor({ state: "detached" });
    await ada.message("And I two brushes").getByTestId("in-thread").click();
    await inThread(ada, "Who repaints").waitFor();
  });

  test("keeps its count after a reload", async () => {
    await ada.page.reload();
    await ada.online();
    await ada.message("Who repaints").getByTestId("thread-count").filter({ hasText: "2 answers" }).waitFor();
    assert.equal(await ada.by("thread").count(), 0);
  });
});
