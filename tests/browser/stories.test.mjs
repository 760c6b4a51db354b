// Stories: published for friends, shown one after another, seen, liked, commented, deleted.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoComplaints, Person } from "./page.mjs";

describe("stories of friends", () => {
  /** @type {Person} */
  let ada;
  /** @type {Person} */
  let ben;

  before(async () => {
    [ada, ben] = await Promise.all([Person.registered("ada", { viewport: { width: 360, height: 740 }, colorScheme: "dark" }), Person.registered("ben")]);
    await ada.befriend(ben);
  });
  after(assertNoComplaints);

  const ring = (person) => person.by("story-ring");

  test("of words and of pictures appear as a ring at the friend's", async () => {
    await ada.by("new-story").click();
    await ada.by("story-text").fill("The lighthouse is open again");
    await ada.screenshot("story-new");
    await ada.by("publish-story").click();
    await ben.page.locator('[data-testid="story-ring"][data-seen="false"][data-count="1"]').waitFor();
    const picture = await ada.page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 240 } });
    await ada.by("new-story").click();
    await ada.by("story-file").setInputFiles([{ name: "view.png", mimeType: "image/png", buffer: picture }]);
    await ada.by("story-text").fill("Seen from the pier");
    await ada.by("publish-story").click();
    await ben.page.locator('[data-testid="story-ring"][data-count="2"]').waitFor();
    await ben.screenshot("story-rings");
  });

  test("are shown in order, go on by themselves, and are seen by that", async () => {
    await ring(ben).click();
    await ben.by("story-content").filter({ hasText: "lighthouse is open" }).waitFor();
    await ben.screenshot("story-words");
    // Nobody presses anything.
    await ben.by("story-image").waitFor();
    await ben.by("story-content").filter({ hasText: "from the pier" }).waitFor();
    await ben.by("like-story").click();
    await ben.by("story-comment-input").fill("Lovely!");
    await ben.by("story-comment-input").press("Enter");
    await ben.by("story-comments").filter({ hasText: "1 comment" }).waitFor();
    await ben.screenshot("story-picture");
    await ben.by("close-story").click();
    await ben.page.locator('[data-testid="story-ring"][data-seen="true"]').waitFor();
  });

  test("tell their owner who saw, liked and commented them", async () => {
    await ada.by("own-story").click();
    await ada.by("story-counts").filter({ hasText: "1 view" }).waitFor();
    await ada.by("next-story").click();
    await ada.by("story-counts").filter({ hasText: "1 view · 1 like" }).waitFor();
    await ada.by("story-comments").click();
    await ada.by("story-comment").filter({ hasText: "Lovely!" }).waitFor();
    await ada.screenshot("story-own-narrow");
  });

  test("go when their owner deletes them", async () => {
    await ada.by("delete-story").click();
    await ada.by("story-content").filter({ hasText: "lighthouse is open" }).waitFor();
    await ada.by("delete-story").click();
    await ada.by("story-viewer").waitFor({ state: "detached" });
    await ring(ben).waitFor({ state: "detached" });
  });

  test("are nothing for strangers", async () => {
    const stranger = await Person.registered("stranger");
    await ada.by("new-story").click();
    await ada.by("story-text").fill("Only for friends");
    await ada.by("publish-story").click();
    await ring(ben).waitFor();
    assert.equal(await ring(stranger).count(), 0);
  });
});
