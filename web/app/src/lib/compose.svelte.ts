/** What the composer of one room is about: a new message, an answer, or a change of an old one. */
import type { Message } from '@chatcluster/sdk';

import { Uploads } from './files.svelte';

export class Compose {
  text = $state('');
  replyTo = $state.raw<Message | null>(null);
  editing = $state.raw<Message | null>(null);
  readonly uploads = new Uploads();
  /** Raised when the field should take the focus. */
  focusRequests = $state(0);
  /** What was being written before an edit began. */
  #before = '';

  constructor(text: string) {
    this.text = text;
  }

  reply(message: Message): void {
    this.stopEditing();
    this.replyTo = message;
    this.focusRequests++;
  }

  edit(message: Message): void {
    if (!this.editing) this.#before = this.text;
    this.editing = message;
    this.replyTo = null;
    this.text = message.content ?? message.preview;
    this.focusRequests++;
  }

  stopEditing(): void {
    if (!this.editing) return;
    this.editing = null;
    this.text = this.#before;
  }

  /** Escape: one step back; says whether there was one. */
  cancel(): boolean {
    const had = this.editing !== null || this.replyTo !== null;
    this.stopEditing();
    this.replyTo = null;
    return had;
  }

  /** Sent: the next message begins empty. */
  clear(): void {
    this.text = '';
    this.replyTo = null;
    this.uploads.clear();
  }
}
