// Groups and their members, friends, blocks, devices, status and looks.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoComplaints, BASE_URL, Person } from "./page.mjs";

describe("the members of a group", () => {
  /** @type {Person} */
  let owner;
  /** @type {Person} */
  let second;
  /** @type {Person} */
  let third;

  before(async () => {
    [owner, second, third] = await Promise.all(["owner", "second", "third"].map((name) => Person.registered(name)));
    await owner.createGroup("Book club", second);
    await second.openRoom("Book club");
  });
  after(assertNoComplaints);

  const member = (viewer, who) => viewer.page.locator(`[data-testid="member"][data-username="${who.username}"]`);

  test("an owner changes title and description, and everybody sees it", async () => {
    await owner.by("room-details").click();
    await owner.by("edit-room").click();
    await owner.by("room-title").fill("Book club of the west");
    await owner.by("room-description").fill("One book a month.");
    await owner.by("save-room").click();
    await second.by("room-details").filter({ hasText: "Book club of the west" }).waitFor();
    await second.by("room-details").click();
    await second.page.getByText("One book a month.").waitFor();
    await second.page.keyboard.press("Escape");
  });

  test("an owner adds somebody and makes an admin", async () => {
    await owner.by("add-members").click();
    await owner.by("user-search").fill(third.username);
    await owner.by("user-result").filter({ hasText: third.username }).click();
    await member(owner, third).waitFor();
    await owner.by("add-members").click();
    await member(owner, second).getByTestId("role").selectOption("admin");
    await owner.page.locator(`[data-testid="member"][data-username="${second.username}"][data-role="admin"]`).waitFor();
    await owner.screenshot("members");
    await third.openRoom("Book club of the west");
  });

  test("an admin removes a member, who is told by losing the room", async () => {
    await second.by("room-details").click();
    await member(second, third).getByTestId("remove-member").click();
    await member(second, third).getByTestId("remove-member").click();
    await member(second, third).waitFor({ state: "detached" });
    await third.by("room-item").filter({ hasText: "Book club" }).waitFor({ state: "detached" });
    await second.page.keyboard.press("Escape");
  });

  test("a muted room says so", async () => {
    await owner.by("mute").selectOption("8");
    await owner.by("unmute").waitFor();
    await owner.page.keyboard.press("Escape");
  });

  test("a member invites, the invited one joins, and leaves again", async () => {
    // Only owners and admins add at once: a plain member asks.
    await owner.by("room-details").click();
    await member(owner, second).getByTestId("role").selectOption("member");
    await owner.page.locator(`[data-testid="member"][data-username="${second.username}"][data-role="member"]`).waitFor();
    await second.by("room-details").click();
    await second.by("add-members").filter({ hasText: "Invite" }).click();
    await second.by("user-search").fill(third.username);
    await second.by("user-result").filter({ hasText: third.username }).click();
    await third.by("waiting").waitFor();
    await third.by("people").click();
    await third.screenshot("invitation");
    await third.by("accept-invite").click();
    await third.by("composer").waitFor();
    await third.by("room-details").click();
    await third.by("leave-group").click();
    await third.by("leave-group").click();
    await third.by("room-item").filter({ hasText: "Book club" }).waitFor({ state: "detached" });
  });
});

describe("two people", () => {
  /** @type {Person} */
  let ada;
  /** @type {Person} */
  let ben;
  before(async () => {
    [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben")]);
    await ada.openDmWith(ben);
    await ada.send("hello");
    await ben.openRoom(ada.username);
  });
  after(assertNoComplaints);

  test("become friends by a request", async () => {
    await ada.by("room-details").click();
    await ada.by("add-friend").click();
    await ben.by("waiting").waitFor();
    await ben.by("people").click();
    await ben.by("accept-friend").click();
    await ben.by("friend").filter({ hasText: ada.username }).waitFor();
    await ben.screenshot("friends");
    await ben.page.keyboard.press("Escape");
    await ada.by("remove-friend").waitFor();
    await ada.screenshot("person");
    await ada.page.keyboard.press("Escape");
  });

  test("see each other's status and what they are up to", async () => {
    await ben.by("status").click();
    await ben.by("activity").fill("writing a report");
    await ben.screenshot("status-menu");
    await ben.by("status-busy").click();
    await ada.by("presence").filter({ hasText: "Busy · writing a report" }).waitFor();
    await ben.by("status").click();
    await ben.by("status-offline").click();
    await ada.page.locator('[data-testid="presence"][data-status="offline"]').waitFor();
    await ben.by("status").click();
    await ben.by("activity").fill("");
    await ben.by("status-online").click();
    await ada.page.locator('[data-testid="presence"][data-status="online"]').waitFor();
  });

  test("can't write to each other once one blocked the other, until that is taken back", async () => {
    await ada.by("room-details").click();
    await ada.by("block").click();
    await ada.by("unblock").waitFor();
    await ada.page.keyboard.press("Escape");
    await ada.by("blocked-note").waitFor();
    await ben.send("are you there?");
    await ben.message("are you there?").getByTestId("retry").waitFor();
    await ada.by("blocked-note").getByRole("button").click();
    await ada.by("composer").waitFor();
    await ben.message("are you there?").getByTestId("retry").click();
    await ada.sees("are you there?");
  });
});

test("a link to an open group lets one in", async () => {
  const [owner, guest, friend] = await Promise.all(["owner", "guest", "friend"].map((name) => Person.registered(name)));
  await owner.createGroup("Open house", friend);
  await owner.by("room-details").click();
  await owner.by("edit-room").click();
  await owner.page.getByLabel("Who may join").selectOption("open");
  await owner.by("save-room").click();
  await owner.by("edit-room").waitFor();
  await guest.page.goto(owner.page.url());
  await guest.by("join").click();
  await guest.by("composer").waitFor();
  await owner.page.locator(`[data-testid="member"][data-username="${guest.username}"]`).waitFor();
  assertNoComplaints();
});

test("what the server is too busy for can be tried again", async () => {
  const [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben")]);
  await ada.openDmWith(ben);
  await ada.page.route(
    "**/api/v1/friends/requests",
    (route) => {
      const problem = { status: 429, code: "rate_limited", detail: "Too many requests", retryAfter: 1 };
      return route.fulfill({ status: 429, contentType: "application/problem+json", headers: { "Retry-After": "1" }, json: problem });
    },
    { times: 1 },
  );
  await ada.by("room-details").click();
  await ada.by("add-friend").click();
  await ada.by("toast").filter({ hasText: "a bit fast" }).waitFor();
  await ada.screenshot("try-again");
  await ada.by("toast-retry").click();
  await ben.by("waiting").waitFor();
  assertNoComplaints();
});

test("Ctrl+K goes to a conversation by a few letters", async () => {
  const [ada, ben, cleo] = await Promise.all(["ada", "ben", "cleo"].map((name) => Person.registered(name)));
  await ada.openDmWith(ben);
  await ada.openDmWith(cleo);
  await ada.by("room-details").filter({ hasText: cleo.username }).waitFor();
  await ada.page.keyboard.press("Control+k");
  await ada.by("switcher").fill("ben-");
  await ada.by("switcher-option").filter({ hasText: ben.username }).waitFor();
  await ada.screenshot("switcher");
  await ada.page.keyboard.press("Enter");
  await ada.by("room-details").filter({ hasText: ben.username }).waitFor();
  assertNoComplaints();
});

test("a draft waits in its room, over a reload too", async () => {
  const [ada, ben, cleo] = await Promise.all(["ada", "ben", "cleo"].map((name) => Person.registered(name)));
  await ada.openDmWith(ben);
  await ada.by("composer").fill("not finished y");
  await ada.openDmWith(cleo);
  await ada.by("room-details").filter({ hasText: cleo.username }).waitFor();
  await ada.by("room-item").filter({ hasText: "Draft:" }).waitFor();
  await ada.page.reload();
  await ada.openRoom(ben.username);
  assert.equal(await ada.by("composer").inputValue(), "not finished y");
  assertNoComplaints();
});

test("another device is seen, and signed out from here", async () => {
  const ada = await Person.registered("ada");
  const phone = await Person.arrive("phone", { viewport: { width: 390, height: 780 } });
  phone.username = ada.username;
  await phone.page.goto(BASE_URL);
  await phone.login();
  await phone.by("new-chat").waitFor();
  await ada.by("settings").click();
  await ada.by("settings-devices").click();
  await ada.by("revoke-session").waitFor();
  await ada.screenshot("devices");
  await ada.by("revoke-session").click();
  await phone.by("login-form").waitFor();
  await ada.by("revoke-session").waitFor({ state: "detached" });
  assertNoComplaints();
});

test("a profile is changed, and the theme by a switch", async () => {
  const ada = await Person.registered("ada");
  await ada.by("settings").click();
  await ada.by("profile-name").fill("Ada of the Lighthouse");
  await ada.by("profile-bio").fill("Keeps the light on.");
  await ada.by("save-profile").click();
  await ada.by("status").filter({ hasText: "Ada of the Lighthouse" }).waitFor();
  await ada.by("settings-appearance").click();
  const background = () => ada.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await ada.page.getByText("Dark", { exact: true }).click();
  assert.notEqual(await background(), light);
  await ada.screenshot("settings-dark");
  await ada.page.reload();
  await ada.online();
  assert.notEqual(await background(), light);
  assertNoComplaints();
});

test("a file goes to the other side, where the server takes files", async (t) => {
  const [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben")]);
  await ada.openDmWith(ben);
  // The button comes once the page asked whether the server takes files.
  const offered = await ada.by("attach").waitFor({ timeout: 5_000 }).then(() => true, () => false);
  if (!offered) {
    const answer = await ada.page.evaluate(async () => (await fetch("/api/v1/attachments", { method: "POST" })).status);
    assert.equal(answer, 404, "the server takes files, and the page offers none");
    return t.skip("this server has no attachments");
  }
  const picture = await ada.page.screenshot({ clip: { x: 0, y: 0, width: 320, height: 200 } });
  await ada.by("file-input").setInputFiles([{ name: "view.png", mimeType: "image/png", buffer: picture }]);
  await ada.page.locator('[data-testid="pending-file"][data-state="done"]').waitFor();
  await ada.by("composer").fill("look at this");
  await ada.screenshot("attaching");
  await ada.by("send").click();
  await ben.openRoom(ada.username);
  await ben.message("look at this").getByTestId("attachment").locator("img").waitFor();
  await ben.screenshot("attachment");
  assertNoComplaints();
});
