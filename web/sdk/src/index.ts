/** The public surface of the SDK. */
export type { AdminApi } from './admin.js';
export type { CallEnd, Calls, CurrentCall, IncomingCall } from './calls.js';
export { ChatClient } from './client.js';
export type { ConnectionState } from './connection.js';
export type { ChatClientOptions, ChatEvents } from './engine.js';
export type { ConversationEntry, EntryState } from './conversation.js';
export { ChatError } from './errors.js';
export type { Draft } from './outbox.js';
export type { Lock } from './session.js';
export { MemoryStore, WebStore, type KeyValueStore } from './storage.js';
export type { Transport, TransportHandlers } from './transport.js';
export type { Thread } from './threads.js';
export type * from './types.js';
