/** The objects of the canonical protocol as the gateway sends them. Members this client does not use are left out. */

export type MessageType = 'text' | 'image' | 'file' | 'video' | 'audio' | 'call';
export type DeliveryStatus = 'sent' | 'delivered' | 'read';
export type PresenceStatus = 'online' | 'away' | 'busy' | 'offline';
export type RoomType = 'dm' | 'group';
export type MemberRole = 'owner' | 'admin' | 'member';

export interface User {
  id: string;
  username: string;
  name: string;
  /** Only present on the signed-in user's own record. */
  email?: string;
  avatarUrl?: string | null;
  bio?: string | null;
}

/** How other people are named in lists: less than a `User`. */
export interface UserRef {
  id: string;
  username: string;
  name: string;
  avatarUrl?: string | null;
}

export interface ReplyRef {
  id: string;
  seq: number;
  senderId: string;
  preview: string;
}

export interface Reaction {
  emoji: string;
  count: number;
  userIds: string[];
}

export interface Message {
  id: string;
  roomId: string;
  /** Position in the room: 1, 2, 3 … without gaps. */
  seq: number;
  senderId: string;
  clientMsgId: string | null;
  type: MessageType;
  /** Absent in preview mode. Always plain text, never markup. */
  content?: string;
  preview: string;
  hasMore: boolean;
  replyTo: ReplyRef | null;
  reactions?: Reaction[];
  pinned?: boolean;
  editedAt: string | null;
  editVersion?: number;
  /** Set on a tombstone: the message keeps its place, its content is gone. */
  deletedAt: string | null;
  status: DeliveryStatus;
  createdAt: string;
}

export interface Member {
  userId: string;
  username: string;
  name: string;
  avatarUrl?: string | null;
  role: MemberRole;
  lastReadSeq?: number;
}

export interface Room {
  id: string;
  type: RoomType;
  title: string | null;
  description?: string | null;
  avatarUrl?: string | null;
  createdAt: string;
  updatedAt?: string;
  lastSeq: number;
  lastMessage: Message | null;
  memberCount: number;
  members?: Member[];
  myRole?: MemberRole;
  unread: number;
  lastReadSeq: number;
}

export interface Presence {
  userId: string;
  status: PresenceStatus;
  activity?: string | null;
  lastSeen: string | null;
}

export interface AuthResult {
  accessToken: string;
  refreshToken: string;
  /** Lifetime of the access token in seconds. */
  expiresIn: number;
  user: User;
}

export interface HistoryPage {
  /** Ascending by `seq`. */
  messages: Message[];
  hasMore: boolean;
  nextAfterSeq: number;
  lastSeq: number;
}

export interface RoomHead {
  roomId: string;
  lastSeq: number;
  lastReadSeq: number;
  unread: number;
}

export interface SessionReady {
  userId: string;
  sessionId: string;
  socketId: string;
  serverTime: string;
  rooms: RoomHead[];
  limits?: { maxContent?: number; maxGroup?: number; historyLimit?: number };
}

export interface ResumedRoom {
  roomId: string;
  lastSeq: number;
  action: 'ok' | 'gap' | 'resync' | 'left';
  messages?: Message[];
}

export interface RegisterInput {
  email: string;
  password: string;
  username?: string;
  name?: string;
}

export interface CreateRoomInput {
  type: RoomType;
  memberIds: string[];
  title?: string;
  description?: string;
}
