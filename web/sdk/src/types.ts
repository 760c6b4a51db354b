/** The objects of the canonical protocol as the gateway sends them. Members this client does not use are left out. */

export type MessageType = 'text' | 'image' | 'file' | 'video' | 'audio' | 'call';
export type DeliveryStatus = 'sent' | 'delivered' | 'read';
export type PresenceStatus = 'online' | 'away' | 'busy' | 'offline';
export type RoomType = 'dm' | 'group';
export type MemberRole = 'owner' | 'admin' | 'member';
export type JoinPolicy = 'invite' | 'open' | 'approval';

export type UserRole = 'USER' | 'ADMIN';

export interface User {
  id: string;
  username: string;
  name: string;
  /** Only present on the signed-in user's own record. */
  email?: string;
  role?: UserRole;
  /** False for banned and deleted accounts. */
  isActive?: boolean;
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
  /** At most the first 100. */
  userIds: string[];
}

export interface ForwardedFrom {
  messageId: string;
  roomId: string;
  senderId: string;
}

/** An uploaded file; `url` and `thumbUrl` need the token, see `ChatClient.file`. */
export interface Attachment {
  id: string;
  fileName: string;
  mimeType: string;
  size: number;
  sha256?: string;
  url: string;
  thumbUrl: string | null;
  width?: number;
  height?: number;
  durationMs?: number;
  createdAt?: string;
}

export type CallMedia = 'audio' | 'video';
export type CallState =
  'ringing' | 'ongoing' | 'ended' | 'refused' | 'missed' | 'cancelled' | 'unavailable';
export type CallSignalKind = 'offer' | 'answer' | 'ice';

/** What a call leaves in its room. */
export interface CallSummary {
  callId: string;
  media: CallMedia;
  state: CallState;
  durationMs: number | null;
}

export interface CallParticipant {
  userId: string;
  state: string;
  joinedAt: string | null;
  leftAt: string | null;
}

export interface Call {
  id: string;
  roomId: string;
  media: CallMedia;
  state: CallState;
  callerId: string;
  participants: CallParticipant[];
  createdAt: string;
  answeredAt: string | null;
  endedAt: string | null;
  endReason: string | null;
  durationMs: number | null;
}

/** What the browsers of a call tell each other; the gateway does not look into `data`. */
export interface CallSignal {
  callId: string;
  fromUserId: string;
  kind: CallSignalKind;
  data: unknown;
}

/** Where the browsers of a call may meet; as `RTCPeerConnection` takes it. */
export interface IceServers {
  iceServers: { urls: string[]; username?: string; credential?: string }[];
  /** Seconds that the credentials are good for. */
  ttl: number;
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
  /** The first message of the thread that this one belongs to. */
  threadId?: string | null;
  /** How many answers the thread that begins here has. */
  replyCount?: number;
  forwardedFrom?: ForwardedFrom | null;
  /** Ids of the users that the text names. */
  mentions?: string[];
  attachments?: Attachment[];
  reactions?: Reaction[];
  pinned?: boolean;
  pinnedAt?: string | null;
  pinnedBy?: string | null;
  editedAt: string | null;
  editVersion?: number;
  /** Set on a tombstone: the message keeps its place, its content is gone. */
  deletedAt: string | null;
  deletedBy?: string | null;
  /** Set on messages of type `call`. */
  call?: CallSummary | null;
  status: DeliveryStatus;
  createdAt: string;
}

export interface Member {
  userId: string;
  username: string;
  name: string;
  avatarUrl?: string | null;
  role: MemberRole;
  joinedAt?: string;
  lastReadSeq?: number;
}

export interface Room {
  id: string;
  type: RoomType;
  title: string | null;
  description?: string | null;
  avatarUrl?: string | null;
  joinPolicy?: JoinPolicy;
  createdBy?: string;
  createdAt: string;
  updatedAt?: string;
  lastSeq: number;
  lastMessage: Message | null;
  memberCount: number;
  members?: Member[];
  myRole?: MemberRole;
  unread: number;
  lastReadSeq: number;
  /** Until when the user wants no notifications of it. */
  mutedUntil?: string | null;
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

export interface RoomChange {
  title?: string;
  description?: string;
  joinPolicy?: JoinPolicy;
}

export interface ProfileChange {
  name?: string;
  username?: string;
  bio?: string;
  dmPolicy?: 'everyone' | 'friends';
}

export interface Invite {
  id: string;
  roomId: string;
  userId: string;
  invitedBy: string;
  status: 'pending' | 'accepted' | 'declined' | 'expired';
  createdAt: string;
  expiresAt: string;
}

/** Somebody asks the owner and admins to be let in; `invite` with `direct` does. */
export interface JoinRequest {
  roomId: string;
  userId: string;
  requestId: string;
}

export interface FriendRequest {
  id: string;
  from: UserRef;
  to: UserRef;
  status: 'pending' | 'accepted' | 'refused';
  createdAt: string;
}

/** One device that is signed in. */
export interface DeviceSession {
  id: string;
  /** The one that asks. */
  current: boolean;
  userAgent: string | null;
  ip: string | null;
  createdAt: string;
  lastSeenAt: string;
}

/** A found message in preview mode; `highlight` has the hits between `**` and `**`. */
export type SearchHit = Message & { highlight: string };

export interface SearchQuery {
  q: string;
  roomId?: string;
  senderId?: string;
  limit?: number;
  cursor?: string;
}

export interface UnreadSummary {
  total: number;
  rooms: { roomId: string; unread: number; mentions: number }[];
}

/** `message.mention`: somebody named the user. */
export interface MentionEvent {
  roomId: string;
  messageId: string;
  seq: number;
  senderId: string;
  preview: string;
}

/** Seen by the owner's friends for a day. */
export interface Story {
  id: string;
  userId: string;
  /** May be empty where there is a picture. */
  content: string;
  attachmentId?: string | null;
  /** Where its picture is; needs the token, see `ChatClient.file`. */
  mediaUrl?: string | null;
  createdAt: string;
  expiresAt: string;
  viewCount: number;
  likeCount: number;
  commentCount: number;
  viewedByMe: boolean;
  likedByMe: boolean;
}

export interface StoryComment {
  id: string;
  storyId: string;
  user: UserRef;
  content: string;
  createdAt: string;
}

/** What happened to a story of the user's or of a friend's. */
export interface StoryNews {
  what: 'created' | 'deleted' | 'expired' | 'viewed' | 'liked' | 'commented';
  storyId: string;
  /** Whose story it is, or who viewed, liked or commented it. */
  userId: string;
}

export type ReportTarget = 'user' | 'message' | 'room' | 'story';
export type ReportStatus = 'pending' | 'resolved' | 'rejected';

export interface ReportInput {
  targetType: ReportTarget;
  targetId: string;
  /** At most 100 characters. */
  reason: string;
  /** At most 500 characters. */
  notes?: string;
}

/** What an admin reads of a report. */
export interface Report {
  id: string;
  reporterId: string;
  targetType: ReportTarget;
  targetId: string;
  reason: string;
  notes: string | null;
  status: ReportStatus;
  decidedBy: string | null;
  decidedAt: string | null;
  /** What the admin noted. */
  note: string | null;
}

/** One line of what admins did and of what was refused. */
export interface AuditEntry {
  id: number;
  at: string;
  actor: string | null;
  action: string;
  target: string | null;
  ip: string | null;
}

export interface DataExport {
  status: 'pending' | 'ready' | 'failed';
  /** Where the zip is, once it is ready; needs the token, see `ChatClient.file`. */
  url?: string;
}

export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}
