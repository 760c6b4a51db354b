/** What went wrong, in words for the person who reads it. */
import { ChatError } from '@chatcluster/sdk';

const WORDS: Record<string, string> = {
  account_banned: 'This account has been suspended.',
  already_member: 'That person is already in the group.',
  blocked: 'You can’t send messages in this conversation.',
  already_pinned: 'This message is pinned already.',
  busy: 'The server is busy. Please try again in a moment.',
  call_busy: 'There is a call in this conversation already.',
  call_ended: 'This call is over.',
  call_not_found: 'This call is over.',
  content_too_large: 'This message is too long.',
  delivery_failed: 'The message could not be delivered.',
  disconnected: 'You’re not connected right now.',
  draining: 'The server is restarting. Please try again in a moment.',
  edit_window_closed: 'This message is too old to be changed.',
  email_taken: 'There already is an account with this e-mail address.',
  empty_content: 'There is nothing left to send in this message.',
  forbidden: 'You’re not allowed to do that.',
  friend_exists: 'You’re friends already.',
  group_full: 'A group can have at most 100 members.',
  internal: 'Something went wrong on the server. Please try again.',
  invalid_credentials: 'That name and password don’t match.',
  invalid_token: 'Please sign in again.',
  message_not_found: 'This message is not there any more.',
  muted: 'You have been muted in this conversation.',
  network: 'The server can’t be reached. Check your connection.',
  not_member: 'You’re not in this conversation any more.',
  not_pinned: 'This message is not pinned any more.',
  outbox_full: 'Too many messages are waiting to be sent.',
  payload_too_large: 'This file is too large.',
  pin_limit: 'This conversation has 50 pinned messages. Unpin one first.',
  rate_limited: 'That was a bit fast. Please wait a moment and try again.',
  refresh_reused: 'Your session ended. Please sign in again.',
  request_pending: 'There is a request already. It waits for an answer.',
  room_not_found: 'This conversation no longer exists.',
  session_revoked: 'You were signed out on this device.',
  story_not_found: 'This story is over.',
  spam_detected: 'This message looks like spam and was not sent.',
  timeout: 'The server took too long to answer. Please try again.',
  token_expired: 'Your session ended. Please sign in again.',
  unsupported_media_type: 'Files of this kind are not accepted here.',
  unavailable: 'The service is not available right now. Please try again in a moment.',
  user_not_found: 'That person has no account here.',
  username_taken: 'This username is taken.',
};

export function wordsForCode(code: string, fallback: string): string {
  return WORDS[code] ?? fallback;
}

export function wordsFor(error: unknown): string {
  if (!(error instanceof ChatError)) return 'Something went wrong. Please try again.';
  const field = error.code === 'validation_failed' ? error.fields[0] : undefined;
  if (field) return `${capitalised(field.path.replace(/^\//, ''))}: ${field.message}`;
  return wordsForCode(error.code, error.message);
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
