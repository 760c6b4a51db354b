//! The canonical routes (the wire contract, §1.2, §1.8 and §2.5).

use chat_core::protocol::client::{
    MessageSend, PasswordChange, ProfileUpdate, Report, RoomChange, RoomCreate, StoryComment,
    StoryCreate,
};
use chat_core::protocol::objects::{
    self, Attachment, Call, FriendRequest, Invite, Member, Message, Presence, Room, Story, User,
    UserRef,
};

use super::operation::{Operation, delete, get, patch, post, put};

pub(super) fn operations() -> Vec<Operation> {
    let mut all = beside();
    for prefix in ["/auth", "/api/v1/auth"] {
        all.extend(auth(prefix));
    }
    let groups = [account(), rooms(), messages(), people(), media(), admin()];
    all.extend(groups.into_iter().flatten().map(|mut operation| {
        operation.path.insert_str(0, "/api/v1");
        operation
    }));
    all
}

fn beside() -> Vec<Operation> {
    vec![
        get(
            "/health",
            "Whether everything that is needed is up; 503 if not.",
        )
        .public(),
        get(
            "/health/readiness",
            "Whether requests should come here; 503 if not.",
        )
        .public(),
        get("/health/liveness", "Whether the process answers.").public(),
        get("/metrics", "Metrics for Prometheus.")
            .other("text/plain")
            .public(),
        get(
            "/api-docs",
            "These documents, for people; not in production.",
        )
        .other("text/html")
        .public(),
        get(
            "/api-docs/openapi.json",
            "This document; not in production.",
        )
        .public(),
        get(
            "/api-docs/asyncapi.json",
            "The same for the sockets; not in production.",
        )
        .public(),
    ]
}

fn auth(prefix: &str) -> Vec<Operation> {
    let at = |path| format!("{prefix}{path}");
    vec![
        post(
            &at("/register"),
            "Makes an account {email, password, username?, name?, …} and logs it in.",
        )
        .some(201)
        .public(),
        post(&at("/login"), "Logs in by {email or username, password}.").public(),
        post(
            &at("/refresh"),
            "Trades {refreshToken} for a new pair; a used one ends its session.",
        )
        .public(),
        post(&at("/logout"), "Ends this session."),
        get(&at("/me"), "The caller's account.").answers::<User>(200),
    ]
}

fn account() -> Vec<Operation> {
    vec![
        get("/me", "The caller's account.").answers::<User>(200),
        patch("/me", "Changes the profile.")
            .takes::<ProfileUpdate>()
            .answers::<User>(200),
        delete(
            "/me",
            "Ends the account {password}: profile erased, messages kept under nobody's name.",
        )
        .nothing(202),
        post(
            "/me/password",
            "Changes the password and ends the other sessions.",
        )
        .takes::<PasswordChange>()
        .nothing(204),
        post(
            "/me/export",
            "Asks for an export of one's own data: {exportId}.",
        )
        .some(202),
        get("/me/export/{id}", "How far the export is: {status, url?}."),
        get("/me/export/{id}/file", "The export.")
            .query(&["token"])
            .other("application/zip"),
        get("/sessions", "The caller's logins."),
        delete("/sessions", "Ends all other sessions."),
        delete("/sessions/{id}", "Ends a session; its sockets close."),
        get(
            "/push/vapid-key",
            "The key that browsers subscribe with: {publicKey}.",
        ),
        post(
            "/push/subscriptions",
            "Keeps a browser's subscription (W3C): {id}.",
        )
        .some(201),
        delete(
            "/push/subscriptions/{id}",
            "Forgets a browser's subscription.",
        ),
        get("/drafts", "The caller's drafts, the latest first."),
    ]
}

fn rooms() -> Vec<Operation> {
    vec![
        post("/rooms", "Makes a group, or finds or makes the dm of two.")
            .takes::<RoomCreate>()
            .answers::<Room>(201),
        get("/rooms", "The caller's rooms, newest activity first.")
            .query(&["limit", "cursor"])
            .lists::<Room>(),
        get("/rooms/{id}", "A room with its members.").answers::<Room>(200),
        patch("/rooms/{id}", "Changes a group.")
            .takes::<RoomChange>()
            .answers::<Room>(200),
        delete("/rooms/{id}", "Deletes a group."),
        get("/rooms/{id}/members", "The members.").lists::<Member>(),
        patch("/rooms/{id}/members/{userId}", "Gives a member a {role}.").answers::<Member>(200),
        delete("/rooms/{id}/members/{userId}", "Takes a member out."),
        get("/rooms/{id}/bans", "Who may not come back."),
        put(
            "/rooms/{id}/bans/{userId}",
            "Bans {reason?, until?} somebody and takes them out.",
        )
        .nothing(204),
        delete("/rooms/{id}/bans/{userId}", "Ends a ban."),
        post("/rooms/{id}/invites", "Invites {userIds, direct?}.").some(201),
        get("/invites", "The caller's open invites.").lists::<Invite>(),
        post("/invites/{id}/accept", "Accepts an invite.").answers::<Room>(200),
        post("/invites/{id}/decline", "Declines an invite.").nothing(204),
        post(
            "/rooms/{id}/join",
            "Joins an open group, or by {inviteId}; 202 where somebody must let the caller in.",
        )
        .answers::<Room>(200),
        post("/rooms/{id}/leave", "Leaves a group.").nothing(204),
        get("/rooms/{id}/draft", "The caller's draft in the room."),
        put("/rooms/{id}/draft", "Keeps the draft {content}."),
        delete("/rooms/{id}/draft", "Forgets the draft."),
        get("/rooms/{id}/pins", "The pinned messages.").lists::<Message>(),
        get("/rooms/{id}/calls", "The calls, the latest first.")
            .query(&["limit", "cursor"])
            .lists::<Call>(),
        post(
            "/rooms/{id}/read",
            "Reads up to {seq}: {lastReadSeq, unread}.",
        ),
        get("/unread", "What is unread: {total, rooms}."),
    ]
}

fn messages() -> Vec<Operation> {
    vec![
        post(
            "/rooms/{id}/messages",
            "Sends a message; the room comes from the path.",
        )
        .takes::<MessageSend>()
        .some(202),
        get(
            "/rooms/{id}/messages",
            "A page of history, ascending: {messages, hasMore, nextAfterSeq, lastSeq}.",
        )
        .query(&["after_seq", "before_seq", "limit", "fields"]),
        get("/messages/{id}", "A message in full.").answers::<Message>(200),
        patch("/messages/{id}", "Changes the {content}.").answers::<Message>(200),
        delete(
            "/messages/{id}",
            "Deletes a message for all, or for the caller.",
        )
        .query(&["scope"]),
        put("/messages/{id}/pin", "Pins a message.").answers::<Message>(200),
        delete("/messages/{id}/pin", "Takes a pin away.").answers::<Message>(200),
        put("/messages/{id}/reactions/{emoji}", "Reacts.").answers::<Message>(200),
        delete("/messages/{id}/reactions/{emoji}", "Takes a reaction back.")
            .answers::<Message>(200),
        post("/messages/{id}/forward", "Forwards to {roomIds, comment?}.").some(202),
        get("/messages/{id}/thread", "The answers in a thread.")
            .query(&["limit", "cursor"])
            .lists::<Message>(),
        get(
            "/search/messages",
            "Full text in the caller's rooms; each message with its `highlight`.",
        )
        .query(&["q", "roomId", "senderId", "from", "to", "limit", "cursor"])
        .lists::<Message>(),
    ]
}

fn people() -> Vec<Operation> {
    vec![
        get("/users/{id}", "An account, without what is private.").answers::<User>(200),
        get("/search/users", "Accounts whose name begins so.")
            .query(&["q", "limit"])
            .lists::<UserRef>(),
        get("/presence", "Who is there: {presence}.")
            .query(&["userIds"])
            .answers::<Vec<Presence>>(200),
        get("/friends", "The caller's friends.").lists::<UserRef>(),
        delete("/friends/{userId}", "Ends a friendship."),
        get("/friends/requests", "Open requests, both ways.").lists::<FriendRequest>(),
        post(
            "/friends/requests",
            "Asks {userId, email or username} to be friends.",
        )
        .answers::<FriendRequest>(201),
        delete("/friends/requests/{id}", "Takes a request back."),
        post("/friends/requests/{id}/accept", "Accepts.").answers::<FriendRequest>(200),
        post("/friends/requests/{id}/refuse", "Refuses.").answers::<FriendRequest>(200),
        get("/blocks", "Whom the caller blocked.").lists::<UserRef>(),
        put("/blocks/{userId}", "Blocks somebody.").nothing(204),
        delete("/blocks/{userId}", "Ends a block."),
        post("/reports", "Tells the moderators.")
            .takes::<Report>()
            .some(201),
    ]
}

fn media() -> Vec<Operation> {
    vec![
        post("/attachments", "Uploads a file.")
            .uploads()
            .answers::<Attachment>(201),
        get("/attachments/{id}", "A file, or a part of it.")
            .query(&["token"])
            .other("application/octet-stream"),
        get(
            "/calls/turn-credentials",
            "Relays and expiring credentials for them: {iceServers, ttl}.",
        ),
        get("/calls/{id}", "A call.").answers::<Call>(200),
        post("/stories", "Publishes a story to friends.")
            .takes::<StoryCreate>()
            .answers::<Story>(201),
        get("/stories", "Stories that the caller may see.").lists::<Story>(),
        get("/stories/{id}", "A story.").answers::<Story>(200),
        delete("/stories/{id}", "Deletes a story."),
        post("/stories/{id}/view", "Counts a view, once a user.").nothing(204),
        put("/stories/{id}/like", "Likes a story.").nothing(204),
        delete("/stories/{id}/like", "Takes the like back."),
        get("/stories/{id}/comments", "The comments.").lists::<objects::StoryComment>(),
        post("/stories/{id}/comments", "Comments.")
            .takes::<StoryComment>()
            .answers::<objects::StoryComment>(201),
    ]
}

fn admin() -> Vec<Operation> {
    vec![
        get("/admin/users", "All accounts.")
            .query(&["limit", "cursor"])
            .lists::<User>(),
        patch("/admin/users/{id}", "Gives an account a {role}.").answers::<User>(200),
        put(
            "/admin/users/{id}/ban",
            "Bans {reason, until?} an account and ends its sessions.",
        )
        .nothing(204),
        delete("/admin/users/{id}/ban", "Ends a ban."),
        put(
            "/admin/users/{id}/mute",
            "Keeps an account from sending {reason, until, roomId?}.",
        )
        .nothing(204),
        delete("/admin/users/{id}/mute", "Lets it speak again.").query(&["roomId"]),
        get("/admin/reports", "Reports.").query(&["status", "limit", "cursor"]),
        patch("/admin/reports/{id}", "Decides {status, note?} a report.").nothing(204),
        get("/admin/audit", "The audit log.")
            .query(&["actor", "action", "from", "to", "limit", "cursor"]),
        delete("/admin/rooms/{id}", "Deletes a room."),
        delete("/admin/messages/{id}", "Deletes a message for all."),
        post(
            "/admin/replay",
            "Lets a consumer group {group, from} read the event log again.",
        )
        .some(202),
    ]
}
