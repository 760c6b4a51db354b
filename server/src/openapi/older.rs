//! The routes of the older dialects.

use super::operation::{Operation, delete, get, patch, post, put};

pub(super) fn operations() -> Vec<Operation> {
    [
        monitoring(),
        chatchit(),
        webchat(),
        queued_rest(),
        conversations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `chatchit`; answers in the merged envelope.
fn chatchit() -> Vec<Operation> {
    let page = ["page", "size"];
    vec![
        get("/conversations", "The caller's conversations.").query(&page),
        post(
            "/conversations/create",
            "Makes a group {title, participants}.",
        )
        .some(201),
        post("/conversations/add", "Adds {conversationId, targetUserId}.").some(201),
        post("/conversations/approve", "Lets somebody in who asked.").some(201),
        post("/conversations/kick", "Takes a member out.").some(201),
        post("/conversations/leave", "Leaves.").some(201),
        post("/conversations/join", "Joins.").some(201),
        post("/conversations/delete", "Deletes.").some(201),
        get("/conversations/{id}", "A conversation."),
        get("/conversations/{id}/message", "A page of messages.").query(&page),
        post("/chat/messages", "Sends a message.").some(201),
        get("/chat/messages/{id}", "A message."),
        put("/chat/messages/{id}", "Changes a message."),
        delete("/chat/messages/{id}", "Deletes a message."),
        get(
            "/chat/conversations/{id}/messages",
            "A page of messages, newest first.",
        )
        .query(&["page", "limit"]),
        get("/chat/users/{id}/rooms", "The caller's rooms."),
        get(
            "/chat/online-users",
            "Who of the caller's contacts is online.",
        ),
        patch("/users", "Changes the profile."),
        delete("/users", "Ends the account.").some(200),
        get("/users/me", "The caller's account."),
        post("/users/change-password", "Changes the password.").some(201),
        get("/users/{id}", "An account."),
        get("/admin/accounts", "All accounts, by number of the page.").query(&page),
        patch(
            "/admin/accounts",
            "Changes {id, role?, isActive?, reason?, until?} of an account.",
        ),
        get("/admin/reports", "All reports, by number of the page.")
            .query(&["page", "size", "status"]),
        patch("/admin/reports", "Decides a report {id, status, note?}."),
        get(
            "/admin/conversations",
            "All conversations, by number of the page.",
        )
        .query(&page),
        delete("/admin/conversations", "Deletes the conversation {id}.").some(200),
        get("/story", "Stories that the caller may see."),
        post("/story", "Publishes a story.").some(201),
        get("/story/friend/{friendId}", "A friend's stories."),
        delete("/story/comment/{id}", "Deletes a comment.").some(200),
        get("/story/{id}", "A story."),
        patch("/story/{id}", "Changes a story."),
        delete("/story/{id}", "Deletes a story.").some(200),
        post("/story/{id}/like", "Likes a story.").some(201),
        delete("/story/{id}/like", "Takes the like back.").some(200),
        post("/story/{id}/comment", "Comments.").some(201),
        get("/story/{id}/comments", "The comments."),
        get("/friends", "Friendships and requests."),
        post("/friends", "Asks {email or receiverId} to be friends.").some(201),
        get("/friends/requested", "Requests that wait."),
        get("/friends/accepted", "Friendships."),
        get("/friends/{id}", "A request or friendship."),
        patch("/friends/{id}", "Answers a request."),
        delete(
            "/friends/{id}",
            "Takes a request back, or ends a friendship.",
        )
        .some(200),
        post(
            "/friends/{id}/{act}",
            "Accepts, rejects, cancels, blocks, unblocks or unfriends.",
        )
        .some(201),
    ]
}

/// `webchat`.
fn webchat() -> Vec<Operation> {
    vec![
        post(
            "/api/chats",
            "Makes a chat {participantIds, title?} or finds the dm.",
        )
        .some(201),
        get("/api/chats", "The caller's chats."),
        get("/api/chats/{id}", "A chat."),
        get("/api/chats/{id}/messages", "A page of messages, ascending.").query(&[
            "after_seq",
            "before_seq",
            "limit",
        ]),
        get("/api/users", "People, with masked email addresses."),
    ]
}

/// `queued-rest`.
fn queued_rest() -> Vec<Operation> {
    vec![
        post(
            "/chats",
            "Makes a chat {participantIds, name?, isGroup?} or finds the dm.",
        )
        .some(201),
        get("/chats", "The caller's chats.").query(&["limit", "cursor"]),
        get("/chats/{id}", "A chat."),
        post(
            "/chats/{id}/messages",
            "Queues a message {content, clientMessageId?}: {brokerMessageId, clientMessageId}.",
        )
        .some(202),
        get("/chats/{id}/messages", "A page of messages, ascending.").query(&[
            "after_seq",
            "before_seq",
            "limit",
        ]),
    ]
}

/// `conversations`.
fn conversations() -> Vec<Operation> {
    let rooms = |path| format!("/api/chats/conversations{path}");
    let messages = |path| format!("/api/messages/conversations{path}");
    vec![
        post(
            "/api/users/auth/register",
            "Makes an account {email, password, username}.",
        )
        .some(201)
        .public(),
        post(
            "/api/users/auth/login",
            "Logs in by {email or username, password}.",
        )
        .public(),
        post(
            "/api/users/auth/refresh",
            "Trades {refresh_token} for a new pair.",
        )
        .public(),
        post("/api/users/auth/logout", "Ends this session."),
        get("/api/users/me", "The caller's account."),
        get("/api/users/search", "Accounts whose name begins so.").query(&["q", "limit"]),
        get(
            &rooms(""),
            "The caller's conversations, newest activity first.",
        ),
        post(&rooms("/dm"), "Finds or makes the dm with {other_user_id}.").some(201),
        post(&rooms("/group"), "Makes a group {title, member_ids}.").some(201),
        get(&rooms("/{id}"), "A conversation."),
        get(&rooms("/{id}/members"), "The members."),
        post(&rooms("/{id}/invite"), "Invites {user_id}.").some(201),
        post(&rooms("/{id}/join"), "Joins by {invite_id}."),
        get(&rooms("/invites/my"), "The caller's open invites."),
        post(&rooms("/invites/{id}/accept"), "Accepts an invite."),
        post(&rooms("/invites/{id}/decline"), "Declines an invite."),
        get(&rooms("/{id}/read"), "How far the caller has read."),
        post(&rooms("/{id}/read"), "Reads up to {last_read_seq}.").some(201),
        get(
            &messages("/{id}/messages"),
            "A page of messages, ascending.",
        )
        .query(&["after_seq", "before_seq", "limit", "fields"]),
        post(
            &messages("/{id}/messages"),
            "Sends {body, client_msg_id?} and waits for the commit.",
        )
        .some(201),
        get(&messages("/{id}/messages/{message_id}"), "A message.").query(&["fields"]),
        get(&messages("/{id}/read"), "How far the caller has read."),
        post(&messages("/{id}/read"), "Reads up to {last_read_seq}.").some(201),
    ]
}

/// `realtime-server` and `chatchit`: how the chat is doing.
fn monitoring() -> Vec<Operation> {
    vec![
        get(
            "/chat/performance/dashboard",
            "How the chat is doing: score, queues, cache, alerts; in the merged envelope.",
        ),
        get(
            "/chat/performance/metrics",
            "The latest figures; in the merged envelope.",
        ),
        get(
            "/chat/queue/stats",
            "What waits in the logical queues; in the merged envelope.",
        ),
        get(
            "/chat/cache/stats",
            "How Redis is doing; in the merged envelope.",
        ),
        get("/chat/health", "Whether database and Redis answer.").public(),
        get("/chat/performance/health", "The score alone.").public(),
    ]
}
