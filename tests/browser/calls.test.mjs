// Calls between two windows, with a made-up camera: they ring, connect, stop ringing elsewhere, end, and leave a note.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertNoComplaints, BASE_URL, Person } from "./page.mjs";

describe("two who call each other", () => {
  /** @type {Person} */
  let ada;
  /** @type {Person} */
  let ben;

  before(async () => {
    [ada, ben] = await Promise.all(["ada", "ben"].map((name) => Person.registered(name)));
    await ada.openDmWith(ben);
    await ada.send("May I call you?");
    await ben.openRoom(ada.username);
  });
  after(assertNoComplaints);

  const note = (person, words) => person.by("call-note").filter({ hasText: words }).last();

  test("a video call rings, connects, shows the other's picture, and ends for both", async () => {
    await ada.by("call-video").click();
    await ada.inCall("dialling");
    await ben.by("incoming-call").filter({ hasText: ada.username }).waitFor();
    await ben.screenshot("call-ringing");
    await ben.by("call-answer").click();
    await Promise.all([ada.inCall("connected"), ben.inCall("connected")]);
    assert.equal(await ben.by("incoming-call").count(), 0);
    for (const person of [ada, ben]) {
      await person.page.waitForFunction(() => {
        const video = document.querySelector('[data-testid="remote-video"]');
        return video.videoWidth > 0 && video.currentTime > 0 && video.srcObject.getAudioTracks().length === 1;
      });
    }
    await ada.screenshot("call-video");

    await ada.by("call-mute").click();
    await ada.by("call-camera").click();
    assert.equal(await ada.by("call-mute").getAttribute("aria-pressed"), "true");
    assert.equal(await ada.by("call-camera").getAttribute("aria-pressed"), "true");
    assert.match(await ada.by("call-status").innerText(), /^\d+:\d\d$/);

    // The conversation goes on below.
    await ben.send("I see you");
    await ada.sees("I see you");

    await ben.by("call-hang-up").click();
    await Promise.all([ada, ben].map((person) => person.by("call").waitFor({ state: "detached" })));
    await note(ada, "Video call ·").waitFor();
    await note(ben, "Video call ·").waitFor();
  });

  test("a ring stops on the second device when the first one answers", async () => {
    const tablet = await ben.secondDevice({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
    await ada.by("call-voice").click();
    await Promise.all([ben, tablet].map((device) => device.by("incoming-call").waitFor()));
    await tablet.screenshot("call-ringing-narrow-dark");
    await tablet.by("call-answer").click();
    await ben.by("incoming-call").waitFor({ state: "detached" });
    await Promise.all([ada.inCall("connected"), tablet.inCall("connected")]);
    assert.equal(await ben.by("call").count(), 0);
    await tablet.openRoom(ada.username);
    await tablet.screenshot("call-voice-narrow-dark");
    await ada.screenshot("call-voice");
    await ada.by("call-hang-up").click();
    await tablet.by("call").waitFor({ state: "detached" });
    await tablet.context.close();
  });

  test("a call rings in an open dialog too; declined, it ends for who called", async () => {
    await ben.by("settings").click();
    await ada.by("call-voice").click();
    await ben.by("call-refuse").click();
    await ben.page.keyboard.press("Escape");
    await ada.by("call").waitFor({ state: "detached" });
    await note(ada, "declined").waitFor();
    assert.equal(await ben.by("incoming-call").count(), 0);
  });

  test("a call that is taken back was missed, and is called back from the note", async () => {
    await ada.by("call-voice").click();
    await ben.by("incoming-call").waitFor();
    await ada.by("call-hang-up").click();
    await ben.by("incoming-call").waitFor({ state: "detached" });
    await note(ben, "Missed voice call").waitFor();
    await note(ada, "Cancelled voice call").waitFor();
    await ben.screenshot("call-missed");
    await note(ben, "Missed voice call").getByTestId("call-back").click();
    await ada.by("call-answer").click();
    await Promise.all([ada.inCall("connected"), ben.inCall("connected")]);
    // Who closes the window hangs up.
    await ben.page.reload();
    await ada.by("call").waitFor({ state: "detached" });
  });

  test("a call that a crashed window left open is ended from the next one", async () => {
    await ada.by("call-voice").click();
    await ben.by("call-answer").click();
    await ada.inCall("connected");
    // Neither window says goodbye.
    for (const person of [ada, ben]) {
      await person.page.evaluate(() => addEventListener("pagehide", (event) => event.stopImmediatePropagation(), { capture: true }));
      await person.context.setOffline(true);
    }
    for (const person of [ada, ben]) {
      const { page } = person;
      person.page = await person.context.newPage();
      await page.close({ runBeforeUnload: false });
      await person.context.setOffline(false);
      await person.page.goto(BASE_URL);
      await person.online();
    }
    await ada.openRoom(ben.username);
    await ada.by("call-voice").click();
    await ada.by("toast-retry").filter({ hasText: "End it and call" }).click();
    await ben.by("call-answer").click();
    await Promise.all([ada.inCall("connected"), ben.inCall("connected")]);
    await ada.by("call-hang-up").click();
    await ben.by("call").waitFor({ state: "detached" });
    await ben.openRoom(ada.username);
  });

  test("somebody who is away can't be reached", async () => {
    const cleo = await Person.registered("cleo");
    await ada.openDmWith(cleo);
    await cleo.by("room-item").filter({ hasText: ada.username }).waitFor();
    await cleo.context.close();
    await ada.page.locator('[data-testid="presence"][data-status="offline"]').waitFor();
    await ada.by("call-voice").click();
    await note(ada, "no answer").waitFor();
    assert.equal(await ada.by("call").count(), 0);
  });
});
