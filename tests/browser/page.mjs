// The chat page as a person uses it: one browser, a context of its own for each person, elements by their test ids.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { after } from "node:test";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

export const BASE_URL = (process.env.BASE_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const ARTIFACTS = process.env.TEST_ARTIFACTS ?? new URL("../artifacts", import.meta.url).pathname;
const PATIENCE_MS = 20_000;

/** @type {Promise<import("playwright-core").Browser> | undefined} */
let browser;
/** @type {Person[]} */
const everybody = [];

function launch() {
  const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
  assert.ok(executablePath, "no Chromium: apt-get install chromium");
  return chromium.launch({
    executablePath,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
      // Calls: a made-up microphone and camera, allowed without a question, and a way between the windows on any machine.
      ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection"],
    ],
  });
}

after(async () => {
  await (await browser)?.close();
});

/** A person with a browser window; what went wrong in its console is kept. */
export class Person {
  /**
   * @param {import("playwright-core").BrowserContext} context
   * @param {import("playwright-core").Page} page
   */
  constructor(context, page, username) {
    this.context = context;
    this.page = page;
    this.username = username;
    this.password = "correct horse";
    /** @type {string[]} */
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(`${error}`));
    page.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" && /Content Security Policy|Uncaught/.test(text)) this.complaints.push(text);
    });
    everybody.push(this);
  }

  /** A new person in a new window, not yet registered. */
  static async arrive(prefix, options = {}) {
    browser ??= launch();
    const context = await (await browser).newContext({ viewport: { width: 1180, height: 760 }, locale: "en-GB", ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    return new Person(context, page, `${prefix}-${randomUUID().slice(0, 8)}`);
  }

  /** A new person who has registered through the page. */
  static async registered(prefix, options) {
    const person = await Person.arrive(prefix, options);
    await person.page.goto(BASE_URL);
    await person.register();
    return person;
  }

  by(testId) {
    return this.page.getByTestId(testId);
  }

  async register() {
    await this.openRegistration();
    await this.by("username").fill(this.username);
    await this.by("email").fill(`${this.username}@example.org`);
    await this.by("password").fill(this.password);
    await this.by("submit").click();
    await this.by("new-chat").waitFor();
    await this.online();
  }

  /** The page may greet with either form. */
  async openRegistration() {
    await this.by("register-form").or(this.by("login-form")).waitFor();
    if ((await this.by("login-form").count()) > 0) await this.by("switch-to-register").click();
    await this.by("register-form").waitFor();
  }

  async login(password = this.password) {
    if ((await this.by("register-form").count()) > 0) await this.by("switch-to-login").click();
    await this.by("login-form").waitFor();
    await this.by("username").fill(this.username);
    await this.by("password").fill(password);
    await this.by("submit").click();
  }

  online() {
    return this.page.locator('[data-testid="connection-status"][data-state="online"]').waitFor({ state: "attached" });
  }

  async openDmWith(/** @type {Person} */ other) {
    await this.by("new-chat").click();
    await this.by("user-search").fill(other.username);
    await this.by("user-result").filter({ hasText: other.username }).click();
    await this.by("composer").waitFor();
  }

  /** Asks through the page to be friends, and is accepted. */
  async befriend(/** @type {Person} */ other) {
    await this.openDmWith(other);
    await this.by("room-details").click();
    await this.by("add-friend").click();
    await other.by("people").click();
    await other.by("accept-friend").click();
    await other.by("friend").filter({ hasText: this.username }).waitFor();
    await other.page.keyboard.press("Escape");
    await this.by("remove-friend").waitFor();
    await this.page.keyboard.press("Escape");
    const back = this.page.getByRole("link", { name: "Back to conversations" });
    if (await back.isVisible()) await back.click();
  }

  /** Makes the person an admin, which no page can do for the first one; they sign in anew. */
  async becomeAdmin() {
    const psql = process.env.CHAT_PSQL;
    assert.ok(psql, "CHAT_PSQL is not set: the command that runs the SQL given to it in the installation's database");
    const sql = `UPDATE users SET role = 'ADMIN' WHERE username = '${this.username}'`;
    const done = await promisify(execFile)("bash", ["-c", `${psql} "$1"`, "psql", sql]);
    assert.match(done.stdout, /UPDATE 1/);
    await this.by("logout").click();
    await this.login();
    await this.by("moderation").waitFor();
  }

  /** Opens the first room whose item shows this text. */
  async openRoom(text) {
    await this.by("room-item").filter({ hasText: text }).first().click();
    await this.by("composer").waitFor();
  }

  async send(text) {
    await this.by("composer").fill(text);
    await this.by("send").click();
  }

  /** Creates a group with these people and stays in it. */
  async createGroup(title, /** @type {Person[]} */ ...members) {
    await this.by("new-group").click();
    await this.by("group-title").fill(title);
    for (const { username } of members) {
      await this.by("user-search").fill(username);
      await this.by("user-result").filter({ hasText: username }).click();
    }
    await this.by("create-group").click();
    await this.by("composer").waitFor();
  }

  /** Sends one after another by the keyboard; returns when the last is stored. */
  async sendMany(lines) {
    for (const line of lines) {
      await this.by("composer").fill(line);
      await this.by("composer").press("Enter");
    }
    await this.status(lines.at(-1), "sent", "delivered", "read");
  }

  /** Presses one of the buttons beside a message. */
  async act(text, testId) {
    const message = this.message(text).first();
    await message.hover();
    await message.getByTestId(testId).click();
  }

  /** Chooses from a message's menu. */
  async menu(text, testId) {
    await this.act(text, "message-more");
    await this.by(testId).click();
  }

  /** The call panel in this state: `dialling`, `connecting`, `connected`, `broken`. */
  inCall(state) {
    return this.page.locator(`[data-testid="call"][data-state="${state}"]`).waitFor();
  }

  /** A second window of the same person, signed in. */
  async secondDevice(options) {
    const device = await Person.arrive("device", options);
    device.username = this.username;
    await device.page.goto(BASE_URL);
    await device.login(this.password);
    await device.by("new-chat").waitFor();
    await device.online();
    return device;
  }

  /** Repeats what may fail at first, until it succeeds or patience ends. */
  async until(work) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (Date.now() > end) throw error;
      }
    }
  }

  message(text) {
    return this.by("message").filter({ hasText: text });
  }

  sees(text) {
    return this.message(text).first().waitFor();
  }

  /** Waits until the person's own message shows one of these states. */
  status(text, ...states) {
    const selector = states.map((state) => `[data-testid="message-status"][data-status="${state}"]`).join(", ");
    return this.message(text).locator(selector).first().waitFor({ state: "attached" });
  }

  async screenshot(name) {
    mkdirSync(ARTIFACTS, { recursive: true });
    await this.page.screenshot({ path: `${ARTIFACTS}/${name}.png` });
  }

  /** Cuts this window off from the server's sockets; returns how to join again. */
  async cutOff() {
    this.isCutOff = true;
    for (const socket of this.sockets ?? []) await socket.close();
    return () => {
      this.isCutOff = false;
    };
  }

  /** Has to be called before the page is opened, for `cutOff` to work. */
  async prepareCutOff() {
    this.sockets = new Set();
    await this.context.routeWebSocket(/\/socket\.io\//, (socket) => {
      if (this.isCutOff) return socket.close();
      this.sockets.add(socket);
      socket.connectToServer();
    });
    await this.context.route(/\/socket\.io\//, (route) => (this.isCutOff ? route.abort() : route.continue()));
  }
}

/** No page of this file threw anything or broke its policy. */
export function assertNoComplaints() {
  for (const { username, complaints } of everybody) assert.deepEqual(complaints, [], username);
}
