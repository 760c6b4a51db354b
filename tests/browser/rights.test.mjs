// A person's own data: an export that is prepared and downloaded, and the end of an account.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { assertNoComplaints, Person } from "./page.mjs";

test("a copy of one's data is asked for, prepared, and downloaded as a zip", async () => {
  const ada = await Person.registered("ada", { viewport: { width: 360, height: 740 } });
  await ada.by("settings").click();
  await ada.by("settings-data").click();
  await ada.by("request-export").click();
  await ada.page.locator('[data-testid="export"][data-state="ready"]').waitFor();
  await ada.screenshot("export-narrow");
  // It is still there when one comes back.
  await ada.page.reload();
  await ada.by("settings").click();
  await ada.by("settings-data").click();
  const coming = ada.page.waitForEvent("download");
  await ada.by("download-export").click();
  const download = await coming;
  assert.equal(download.suggestedFilename(), "chat-export.zip");
  const bytes = await readFile(await download.path());
  assert.equal(bytes.subarray(0, 2).toString(), "PK");
  assert.ok(bytes.includes("profile"), "the archive lists a profile");
  assertNoComplaints();
});

test("an account ends by its password only, and its name goes", async () => {
  const [ada, ben] = await Promise.all([Person.registered("ada"), Person.registered("ben")]);
  await ada.openDmWith(ben);
  await ada.send("I was here");
  await ben.openRoom(ada.username);
  await ben.sees("I was here");
  await ada.by("settings").click();
  await ada.by("settings-data").click();
  await ada.by("delete-account").click();
  await ada.by("delete-password").fill("not my password");
  await ada.by("confirm-delete-account").click();
  await ada.by("error").filter({ hasText: "not your password" }).waitFor();
  await ada.screenshot("delete-account");
  await ada.by("delete-password").fill(ada.password);
  await ada.by("confirm-delete-account").click();
  await ada.by("login-form").waitFor();
  await ada.login();
  await ada.by("error").waitFor();
  await ben.page.reload();
  await ben.sees("I was here");
  assert.equal(await ben.page.getByText(ada.username).count(), 0);
  assertNoComplaints();
});
