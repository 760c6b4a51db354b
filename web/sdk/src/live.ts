/** What each server event does to this client: one entry an event, nothing else. */
import { isObject } from './errors.js';
import type { Mentions } from './mentions.js';
import type { Outbox } from './outbox.js';
import type { People } from './people.js';
import type { Rooms } from './rooms.js';
import type { Sync } from './sync.js';
import type {
  DeliveryStatus,
  Invite,
  JoinRequest,
  Member,
  MentionEvent,
  Message,
  Presence,
  Reaction,
  Room,
  SessionReady,
  Story,
  StoryNews,
} from './types.js';
import type { TypingWatch } from './typing.js';

export interface LiveContext {
  selfId(): string | null;
  mentions: Mentions;
  outbox: Outbox;
  people: People;
  rooms: Rooms;
  sync: Sync;
  typing: TypingWatch;
  onMention(mention: MentionEvent): void;
  onInvite(invite: Invite, room: Room): void;
  onJoinRequest(request: JoinRequest): void;
  /** What is pinned in the room changed. */
  onPins(roomId: string): void;
  /** A friend request came, was answered, or a friendship ended. */
  onFriends(): void;
  onBlocks(): void;
  onStory(news: StoryNews): void;
  onRoom(room: Room): void;
  onChange(roomId: string): void;
  /** Work started by an event; its failure is reported, not thrown. */
  background(work: Promise<unknown>): void;
}

type Handler = (context: LiveContext, payload: never) => void;

interface OfMessage {
  roomId: string;
  messageId: string;
}

type OfStory = Omit<StoryNews, 'what'>;

const storyNews = (what: StoryNews['what'], { storyId, userId }: OfStory): StoryNews => ({
  what,
  storyId,
  userId,
});

const HANDLERS: Record<string, Handler> = {
  'session.ready': ({ sync, background }, ready: SessionReady) =>
    background(sync.heads(ready.rooms ?? [])),

  'message.delivered': ({ sync, typing, background }, message: Message) => {
    typing.set(message.roomId, message.senderId, false);
    background(sync.ingest(message));
  },

  'message.failed': (
    { outbox },
    failed: { roomId: string; clientMsgId: string; code: string; message: string },
  ) => outbox.fail(failed.roomId, failed.clientMsgId, failed),

  'message.edited': (
    { rooms },
    e: OfMessage & Pick<Message, 'content' | 'preview' | 'hasMore' | 'editedAt' | 'editVersion'>,
  ) =>
    rooms.updateMessage(e.roomId, e.messageId, (message) =>
      (e.editVersion ?? 0) < (message.editVersion ?? 0)
        ? message
        : {
            ...message,
            content: e.content ?? e.preview,
            preview: e.preview,
            hasMore: e.hasMore,
            editedAt: e.editedAt,
            editVersion: e.editVersion ?? 0,
          },
    ),

  'message.deleted': (
    { rooms, onPins },
    e: OfMessage & { deletedAt: string; deletedBy?: string },
  ) => {
    rooms.updateMessage(e.roomId, e.messageId, (message) => ({
      ...message,
      content: '',
      preview: '',
      reactions: [],
      attachments: [],
      pinned: false,
      deletedAt: e.deletedAt,
      deletedBy: e.deletedBy ?? null,
    }));
    onPins(e.roomId);
  },

  'message.pinned': ({ rooms, onPins }, e: OfMessage & { pinnedBy: string; pinnedAt: string }) => {
    rooms.updateMessage(e.roomId, e.messageId, (message) => ({
      ...message,
      pinned: true,
      pinnedBy: e.pinnedBy,
      pinnedAt: e.pinnedAt,
    }));
    onPins(e.roomId);
  },

  'message.unpinned': ({ rooms, onPins }, e: OfMessage) => {
    rooms.updateMessage(e.roomId, e.messageId, (message) => ({
      ...message,
      pinned: false,
      pinnedBy: null,
      pinnedAt: null,
    }));
    onPins(e.roomId);
  },

  'message.mention': ({ mentions, onMention }, e: MentionEvent) => {
    if (mentions.add(e)) onMention(e);
  },

  'message.reaction': ({ rooms }, e: OfMessage & { reactions: Reaction[] }) =>
    rooms.updateMessage(e.roomId, e.messageId, (m) => ({ ...m, reactions: e.reactions })),

  'message.read': (
    { rooms, mentions, selfId, onChange },
    e: { roomId: string; userId: string; seq: number },
  ) => {
    const self = selfId();
    if (e.userId === self) {
      rooms.read(e.roomId, e.seq);
      if (rooms.get(e.roomId)?.room.unread === 0) mentions.clear(e.roomId);
      return;
    }
    rooms.readBy(e.roomId, e.userId, e.seq);
    const raised = self && rooms.get(e.roomId)?.timeline.raiseStatus(self, e.seq, 'read');
    if (raised) onChange(e.roomId);
  },

  'message.status': (
    { rooms, selfId, onChange },
    e: OfMessage & { seq: number; status: DeliveryStatus },
  ) => {
    const self = selfId();
    if (!self) return;
    if (e.status === 'read') rooms.get(e.roomId)?.timeline.raiseStatus(self, e.seq, 'read');
    else {
      rooms.updateMessage(e.roomId, e.messageId, (message) =>
        message.status === 'sent' ? { ...message, status: e.status } : message,
      );
    }
    onChange(e.roomId);
  },

  'typing.update': (
    { typing, selfId },
    e: { roomId: string; userId: string; isTyping: boolean },
  ) => {
    if (e.userId !== selfId()) typing.set(e.roomId, e.userId, e.isTyping);
  },

  'presence.update': ({ people }, presence: Presence) => people.setPresence(presence),

  'room.created': (context, { room }: { room: Room }) => takeRoom(context, room),

  'room.updated': (context, { room }: { room: Room }) => takeRoom(context, room),

  'room.deleted': ({ rooms }, { roomId }: { roomId: string }) => rooms.remove(roomId),

  'room.member.joined': ({ rooms, sync, background }, { roomId }: { roomId: string }) => {
    // The event names only ids; the room brings the member's name, and the room itself to a newcomer.
    if (rooms.get(roomId))
      rooms.patch(roomId, (room) => ({ ...room, memberCount: room.memberCount + 1 }));
    background(sync.fetchRoom(roomId));
  },

  'room.member.left': (
    { rooms, selfId },
    { roomId, userId }: { roomId: string; userId: string },
  ) => {
    if (userId === selfId()) return rooms.remove(roomId);
    rooms.patch(roomId, (room) => ({
      ...room,
      memberCount: Math.max(1, room.memberCount - 1),
      ...(room.members ? { members: room.members.filter((m) => m.userId !== userId) } : {}),
    }));
  },

  'room.member.role': (
    { rooms, selfId },
    { roomId, userId, role }: { roomId: string; userId: string; role: Member['role'] },
  ) =>
    rooms.patch(roomId, (room) => ({
      ...room,
      ...(userId === selfId() ? { myRole: role } : {}),
      ...(room.members
        ? { members: room.members.map((m) => (m.userId === userId ? { ...m, role } : m)) }
        : {}),
    })),

  'room.invited': ({ onInvite }, e: { invite: Invite; room: Room }) => onInvite(e.invite, e.room),

  'room.join.requested': ({ onJoinRequest }, request: JoinRequest) => onJoinRequest(request),

  'friend.requested': ({ onFriends }) => onFriends(),
  'friend.accepted': ({ onFriends }) => onFriends(),
  'friend.refused': ({ onFriends }) => onFriends(),
  'friend.cancelled': ({ onFriends }) => onFriends(),
  'friend.removed': ({ onFriends }) => onFriends(),
  'block.changed': ({ onBlocks }) => onBlocks(),

  'story.created': ({ onStory }, { story }: { story: Story }) =>
    onStory({ what: 'created', storyId: story.id, userId: story.userId }),
  'story.deleted': ({ onStory }, e: OfStory) => onStory(storyNews('deleted', e)),
  'story.expired': ({ onStory }, e: OfStory) => onStory(storyNews('expired', e)),
  'story.viewed': ({ onStory }, e: OfStory) => onStory(storyNews('viewed', e)),
  'story.liked': ({ onStory }, e: OfStory) => onStory(storyNews('liked', e)),
  'story.commented': ({ onStory }, e: OfStory) => onStory(storyNews('commented', e)),

  resync: ({ sync, background }, { roomId }: { roomId?: string }) =>
    background(sync.resume(roomId)),
};

/** All members get the same words, so what is the reader's own in them (unread, role) is not to be believed. */
function takeRoom({ rooms, onRoom }: LiveContext, room: Room): void {
  const known = rooms.get(room.id)?.room;
  if (known) {
    const { unread, lastReadSeq, lastSeq, lastMessage, myRole } = known;
    const members = room.members ?? known.members;
    const own = { unread, lastReadSeq, lastSeq, lastMessage, ...(myRole ? { myRole } : {}) };
    rooms.patch(room.id, () => ({ ...known, ...room, ...own, ...(members ? { members } : {}) }));
  } else rooms.put(room);
  onRoom(rooms.get(room.id)?.room ?? room);
}

/** Applies one server event; unknown names and payloads that are no objects are ignored. */
export function applyEvent(context: LiveContext, name: string, payload: unknown): void {
  const handler = Object.hasOwn(HANDLERS, name) ? HANDLERS[name] : undefined;
  if (handler && isObject(payload)) handler(context, payload as never);
}
