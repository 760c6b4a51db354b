/** The system's notifications for what comes in while nobody looks. */
import type { IncomingCall, Message, Room } from '@chatcluster/sdk';

import { chat } from './chat.svelte';
import { displayName, isMuted, roomTitle } from './people';
import { router } from './route.svelte';
import { settings } from './settings.svelte';

const BODY_MAX = 160;

class Notifications {
  permission = $state<NotificationPermission | 'unsupported'>(
    'Notification' in globalThis ? Notification.permission : 'unsupported',
  );

  constructor() {
    chat.client.on('message', (message) => this.#heard(message, false));
    chat.client.on('mention', ({ roomId, senderId, preview, messageId }) =>
      this.#heard({ roomId, senderId, preview, id: messageId } as Message, true),
    );
  }

  get on(): boolean {
    return settings.current.notifications && this.permission === 'granted';
  }

  /** Asks the browser when it has to; says whether they are on now. */
  async enable(): Promise<boolean> {
    if (this.permission === 'unsupported') return false;
    this.permission = await Notification.requestPermission();
    settings.set({ notifications: this.permission === 'granted', notificationsDeclined: true });
    return this.on;
  }

  /** Tells of a call while nobody looks; the returned function takes it away. */
  ring({ id, roomId, media, from }: IncomingCall): (() => void) | undefined {
    if (!this.on || (document.visibilityState === 'visible' && document.hasFocus())) return;
    try {
      const body = media === 'video' ? 'Video call …' : 'Voice call …';
      const options = { body, tag: `call-${id}`, requireInteraction: true };
      const notification = new Notification(displayName(from), options);
      notification.onclick = () => {
        window.focus();
        router.go({ view: 'room', roomId });
        notification.close();
      };
      return () => notification.close();
    } catch {
      // Some phones only let service workers notify.
      return;
    }
  }

  #heard(message: Message, named: boolean): void {
    const self = chat.self;
    const room = chat.client.room(message.roomId);
    if (!this.on || !self || !room || message.senderId === self.id) return;
    if (isMuted(room, Date.now()) && !named) return;
    if (document.visibilityState === 'visible' && document.hasFocus()) return;
    this.#show(room, message, self.id);
  }

  #show(room: Room, message: Message, selfId: string): void {
    const title = roomTitle(room, selfId);
    const sender = displayName(chat.client.user(message.senderId));
    const words = (message.preview || 'Sent something').slice(0, BODY_MAX);
    try {
      // One a room: a newer one takes the older one's place.
      const notification = new Notification(title, {
        body: room.type === 'group' ? `${sender}: ${words}` : words,
        tag: room.id,
      });
      notification.onclick = () => {
        window.focus();
        router.go({ view: 'room', roomId: room.id });
        notification.close();
      };
    } catch {
      // Some phones only let service workers notify.
    }
  }
}

export const notifications = new Notifications();
