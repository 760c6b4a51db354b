// One room, five kinds of clients: each hears every act in its own spelling, and only in that.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { eventually, people, rest } from "../chat/client.mjs";
import { conversations, onChat, TRANSPORTS, webchat } from "./sockets.mjs";

for (const transports of TRANSPORTS) {
  describe(`five dialects in one room over ${transports[0]}`, () => {
    const options = { transports };
    let accounts;
    let room;
    /** One client a dialect, each of a person of their own. */
    let clients;

    before(async () => {
      accounts = await people(5);
      const [owner, ...others] = accounts;
      const made = await rest("POST", "/chats", { token: owner.accessToken, body: { participantIds: others.map(({ id }) => id), name: "Babel" } });
      assert.equal(made.status, 201, made.text);
      room = made.body.id;
      const [native, chatchit, web, queued, snake] = accounts;
      clients = {
        native: await onChat(native, "native", options),
        chatchit: await onChat(chatchit, "chatchit", options),
        webchat: await webchat(web, { ...options, auth: { token: web.accessToken, dialect: "webchat" } }),
        queued: await onChat(queued, "queued-rest", options),
        conversations: await conversations(snake, options),
      };
      assert.equal((await clients.webchat.ask("chat:join", { chatId: room })).status, "ok");
    });

    /** How each dialect says that a message was stored, and where it says so what. */
    const stored = {
      native: ["message.delivered", (event) => ({ id: event.id, room: event.roomId, sender: event.senderId, seq: event.seq, text: event.content })],
      chatchit: ["messageComing", (event) => ({ id: event.id, room: event.conversationId, sender: event.senderId, seq: event.seq, text: event.content })],
      webchat: ["message", (event) => ({ id: event.id, room: event.chatId, sender: event.senderId, seq: event.seq, text: event.content })],
      queued: [
        "chat.message.new",
        ({ chatId, message }) => ({ id: message.id, room: chatId, sender: message.senderId, seq: message.sequence, text: message.content }),
      ],
      conversations: [
        "message:new",
        (event) => ({ id: event.message_id, room: event.conversation_id, sender: event.sender_id, seq: event.seq, text: event.preview }),
      ],
    };

    const names = Object.keys(stored);

    /** Waits until everybody has heard a text, but those who are not to, and returns the message that they agree on. */
    async function heardByAll(text, but = []) {
      const heard = await Promise.all(
        names
          .filter((name) => !but.includes(name))
          .map(async (name) => {
            const [event, read] = stored[name];
            return read(await clients[name].heard(event, (data) => read(data).text === text));
          }),
      );
      for (const message of heard) assert.deepEqual(message, heard[0]);
      assert.equal(heard[0].room, room);
      return heard[0];
    }

    let count = 0;
    const sends = {
      native: (text) => clients.native.ask("message.send", { roomId: room, content: text, clientMsgId: `tmp-${++count}` }),
      chatchit: (text) => clients.chatchit.ask("sendMessage", { conversationId: room, conversationType: "GROUP", messageType: "TEXT", content: text }),
      webchat: (text) => clients.webchat.ask("message", { chatId: room, content: text }),
      queued: (text) => rest("POST", `/chats/${room}/messages`, { token: accounts[3].accessToken, body: { content: text } }),
      conversations: (text) =>
        rest("POST", `/api/messages/conversations/${room}/messages`, { token: accounts[4].accessToken, body: { body: text } }),
    };

    for (const [index, name] of names.entries()) {
      test(`what ${name} says is heard by all in their own words`, async () => {
        const text = `hello from ${name}`;
        await sends[name](text);
        // A client of queued-rest never hears its own person.
        const message = await heardByAll(text, name === "queued" ? ["queued"] : []);
        assert.equal(message.sender, accounts[index].id);
      });
    }

    test("an edit, a pin and a deletion are heard where they have a word", async () => {
      const ack = await clients.webchat.ask("message", { chatId: room, content: "to be changed" });
      const { id } = await heardByAll("to be changed");
      assert.equal(id, ack.id);
      await clients.webchat.ask("message:update", { messageId: id, content: "changed" });
      assert.equal((await clients.native.heard("message.edited", ({ messageId }) => messageId === id)).content, "changed");
      assert.equal((await clients.chatchit.heard("messageUpdated", (message) => message.id === id)).content, "changed");
      assert.equal((await clients.webchat.heard("message:updated", (message) => message.id === id)).content, "changed");
      assert.equal((await clients.queued.heard("chat.message.updated", ({ message }) => message.id === id)).message.content, "changed");
      await clients.native.ask("message.pin", { messageId: id });
      await clients.native.heard("message.pinned", ({ messageId }) => messageId === id);
      await clients.webchat.heard("message:pinned", (message) => message.id === id);
      await clients.webchat.ask("message:delete", { messageId: id });
      await clients.native.heard("message.deleted", ({ messageId }) => messageId === id);
      await clients.chatchit.heard("messageDeleted", ({ messageId }) => messageId === id);
      await clients.webchat.heard("message:deleted", ({ messageId }) => messageId === id);
      await clients.queued.heard("chat.message.deleted", ({ messageId }) => messageId === id);
    });

    test("reading and typing are heard where they have a word", async () => {
      await clients.webchat.ask("message", { chatId: room, content: "read me" });
      const { id } = await heardByAll("read me");
      await clients.native.ask("message.read", { messageId: id });
      await clients.chatchit.heard("messageRead", ({ messageId }) => messageId === id);
      await clients.webchat.heard("message:status", ({ messageId, status }) => messageId === id && status === "READ");
      await clients.native.ask("typing.start", { roomId: room });
      await clients.chatchit.heard("typing", ({ user }) => user.id === accounts[0].id);
      await clients.webchat.heard("user:typing", ({ userId, chatId }) => userId === accounts[0].id && chatId === room);
      await clients.webchat.ask("user:typing", { chatId: room });
      await clients.native.heard("typing.update", ({ userId, isTyping }) => userId === accounts[2].id && isTyping);
    });

    test("nobody heard another dialect's words", () => {
      const spelling = {
        native: /^[a-z]+(\.[a-z]+)+$|^(pong|error|exception|resync)$/,
        chatchit: /^[a-z]+([A-Z][a-z]+)*$/,
        webchat: /^(message|[a-z]+:[a-z-]+)$/,
        queued: /^chat\.message\.[a-z]+$/,
        conversations: /^(authenticated|message:new)$/,
      };
      for (const name of names) {
        const foreign = clients[name].log.map(({ event }) => event).filter((event) => !spelling[name].test(event));
        assert.deepEqual(foreign, [], name);
      }
      assert.equal(clients.native.all("message").length + clients.native.all("messageComing").length, 0);
    });

    test("each message came once and in order to everybody", async () => {
      const texts = Array.from({ length: 10 }, (_, index) => `in order ${index}`);
      for (const text of texts) await sends.native(text);
      await heardByAll(texts.at(-1));
      for (const name of names) {
        const [event, read] = stored[name];
        const seqs = clients[name].all(event).map((data) => read(data).seq);
        assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b), name);
      }
    });

    test("everybody finds the same history under their own routes", async () => {
      const list = async (path, read) => {
        const answer = await rest("GET", path, { token: accounts[0].accessToken });
        assert.equal(answer.status, 200, answer.text);
        return read(answer.body);
      };
      const canonical = await list(`/api/v1/rooms/${room}/messages?limit=200`, ({ messages }) => messages.map(({ id }) => id));
      assert.ok(canonical.length > 10);
      assert.deepEqual(await list(`/chats/${room}/messages?limit=200`, ({ data }) => data.map(({ id }) => id)), canonical);
      assert.deepEqual(await list(`/api/chats/${room}/messages`, (messages) => messages.map(({ id }) => id)), canonical);
      assert.deepEqual(await list(`/api/messages/conversations/${room}/messages`, (messages) => messages.map(({ message_id: id }) => id)), canonical);
    });

    test("all five are online for each other", async () => {
      const ids = accounts.map(({ id }) => id).sort();
      await eventually(async () => {
        const { users } = await clients.webchat.ask("user:get-online", {});
        return JSON.stringify([...users].sort()) === JSON.stringify(ids);
      }, "five users online");
    });
  });
}
