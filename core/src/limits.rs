//! The bounds of every input (the wire contract, §1.5 and §1.6), in one place for the checks and for the documents.

use std::time::Duration;

/// Default for the longest content, in Unicode scalar values, counted before sanitising (`CHAT_MAX_CONTENT`).
pub const CONTENT_CHARS: usize = 100_000;
/// Length of a preview in Unicode scalar values.
pub const PREVIEW_CHARS: usize = 200;
/// Longest client message id.
pub const CLIENT_MSG_ID_CHARS: usize = 64;
/// Default length of a history page.
pub const HISTORY_DEFAULT: u32 = 50;
/// Longest history page; larger requests get this many.
pub const HISTORY_MAX: u32 = 200;
/// Most members of a group, the creator included.
pub const GROUP_MEMBERS: usize = 100;
/// Longest title, name, first name or last name.
pub const NAME_CHARS: usize = 100;
/// Longest username.
pub const USERNAME_CHARS: usize = 50;
/// Longest description or bio.
pub const DESCRIPTION_CHARS: usize = 500;
/// Longest reason of a ban, a mute, a report.
pub const REASON_CHARS: usize = 500;
/// Longest presence activity.
pub const ACTIVITY_CHARS: usize = 140;
/// Longest emoji of a reaction, in scalar values.
pub const EMOJI_CHARS: usize = 16;
/// Most attachments of a message.
pub const ATTACHMENTS: usize = 10;
/// Most mentions of a message.
pub const MENTIONS: usize = 50;
/// Most pinned messages of a room.
pub const PINS: i64 = 50;
/// Most messages forwarded at once.
pub const FORWARD_MESSAGES: usize = 50;
/// Most rooms forwarded to at once.
pub const FORWARD_ROOMS: usize = 10;
/// Most users invited at once.
pub const INVITES: usize = 50;
/// Most user ids of a presence subscription or query.
pub const PRESENCE_IDS: usize = 200;
/// Largest REST body in bytes.
pub const REST_BODY_BYTES: usize = 1024 * 1024;
/// Largest Engine.IO packet in bytes; a larger one closes the connection.
pub const SOCKET_PAYLOAD_BYTES: u64 = 1_000_000;
/// Largest signalling payload in bytes.
pub const SIGNAL_BYTES: usize = 64 * 1024;
/// Default for the largest upload in bytes (`MAX_FILE_SIZE`).
pub const FILE_BYTES: u64 = 10 * 1024 * 1024;
/// Largest `MAX_FILE_SIZE` that can be set: what an S3 store takes in one request.
pub const FILE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Longest name of an uploaded file.
pub const FILE_NAME_CHARS: usize = 255;
/// How long an upload may stay without a message or story that holds it.
pub const LOOSE_FILE_LASTS: Duration = Duration::from_secs(24 * 3600);
/// How long an export of a user's data can be fetched.
pub const EXPORT_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// Most sockets of one user; the oldest is dropped.
pub const SOCKETS_PER_USER: usize = 20;
/// Most contacts who hear of one change of a user's presence; a user with more is followed by subscription.
pub const CONTACTS: usize = 1000;
/// Shortest and longest password, in scalar values.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 6..=128;
/// Most rooms that `session.ready` lists.
pub const READY_ROOMS: usize = 5000;
/// Most rooms of one `session.resume`.
pub const RESUME_ROOMS: usize = 500;
/// Most messages of one room in the answer to `session.resume`.
pub const RESUME_ROOM_MESSAGES: usize = 200;
/// Most messages in the answer to `session.resume`.
pub const RESUME_MESSAGES: usize = 1000;
/// Links in one message from which it counts as spam.
pub const SPAM_LINKS: usize = 20;
/// Repeats of the same content by one sender in one room within [`SPAM_WINDOW`] from which it counts as spam.
pub const SPAM_REPEATS: u32 = 6;
/// The window in which repeats are counted.
pub const SPAM_WINDOW: Duration = Duration::from_secs(10);
/// How long a client message id that is not a UUID is remembered.
pub const CLIENT_MSG_ID_MEMORY: Duration = Duration::from_secs(24 * 3600);
/// After this long without a new `typing.start` typing ends by itself.
pub const TYPING_LASTS: Duration = Duration::from_secs(6);
/// How long a user whose last socket closed still counts as online.
pub const OFFLINE_GRACE: Duration = Duration::from_secs(5);
/// How long an invite can be accepted.
pub const INVITE_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);
/// Engine.IO ping interval.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Engine.IO ping timeout.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a call rings before it counts as missed.
pub const CALL_RINGS: Duration = Duration::from_secs(45);
/// How long a story can be seen.
pub const STORY_LASTS: Duration = Duration::from_secs(24 * 3600);
/// Longest wait of a room's slow mode, in seconds.
pub const SLOW_MODE_SECONDS: u32 = 6 * 3600;
/// Longest name of a report's reason.
pub const REPORT_REASON_CHARS: usize = 100;
/// Longest URL of an avatar, in bytes.
pub const URL_BYTES: usize = 2048;
/// Longest search page.
pub const SEARCH_MAX: u32 = 50;
/// Most different emojis among the reactions to one message.
pub const REACTION_EMOJIS: usize = 50;
