/** What a room shows: its messages, and below them what is still on its way. */
import type { OutboxEntry } from './outbox.js';
import type { Attachment, Message } from './types.js';

/** `received` is somebody else's message; the rest is the way of our own. */
export type EntryState =
  'pending' | 'queued' | 'failed' | 'sent' | 'delivered' | 'read' | 'received';

export interface ConversationEntry {
  /** The same before and after the message got its id, so that a list keeps its element. */
  key: string;
  state: EntryState;
  senderId: string;
  content: string;
  /** Unix milliseconds. */
  at: number;
  /** Absent while on its way. */
  message?: Message;
  /** Set on what is on its way: what `retry` and `discard` take. */
  clientMsgId?: string;
  replyToId?: string;
  threadId?: string;
  mentions: string[];
  attachments: Attachment[];
  error?: { code: string; message: string };
}

export function conversation(
  messages: readonly Message[],
  outbox: readonly OutboxEntry[],
  selfId: string,
): ConversationEntry[] {
  const shown = messages.map((message): ConversationEntry => {
    const own = message.senderId === selfId;
    return {
      key: own && message.clientMsgId ? message.clientMsgId : message.id,
      state: own ? message.status : 'received',
      senderId: message.senderId,
      content: message.content ?? message.preview,
      at: Date.parse(message.createdAt),
      mentions: message.mentions ?? [],
      attachments: message.attachments ?? [],
      message,
      ...(message.threadId ? { threadId: message.threadId } : {}),
    };
  });
  const known = new Set(shown.map((entry) => entry.key));
  const waiting = outbox
    .filter((entry) => !known.has(entry.clientMsgId))
    .map((entry): ConversationEntry => {
      return {
        key: entry.clientMsgId,
        state: entry.state === 'sending' ? 'pending' : entry.state,
        senderId: selfId,
        content: entry.content,
        at: entry.createdAt,
        clientMsgId: entry.clientMsgId,
        mentions: entry.mentions ?? [],
        attachments: entry.attachments ?? [],
        ...(entry.replyTo ? { replyToId: entry.replyTo } : {}),
        ...(entry.threadId ? { threadId: entry.threadId } : {}),
        ...(entry.error ? { error: entry.error } : {}),
      };
    });
  return [...shown, ...waiting];
}
