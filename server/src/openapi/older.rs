//! The routes of the older dialects.

use super::operation::{Operation, get, post};

pub(super) fn operations() -> Vec<Operation> {
    [monitoring(), webchat(), queued_rest(), conversations()]
        .into_iter()
        .flatten()
        .collect()
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
