//! Messages: numbered without gaps within their room, found by (room, seq), shown as one member sees them.

mod append;
mod change;
mod page;
mod pins;
mod row;
mod search;
mod thread;

use chat_core::ids::{JobId, MessageId, RoomId, UserId};
use chat_core::limits;
use chat_core::protocol::objects::Message;
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

pub use append::{Appended, NewMessage, Unappendable, append_batch};
pub use change::{delete_for_all, edit, hide};
pub use page::{Page, Paging, page, rooms_written_in, written_by};
pub use pins::{Pinned, pin, pins, unpin};
pub use search::{Hit, Search, index_rooms, search};
pub use thread::thread;

use super::receipts::Positions;
use row::MessageRow;

/// The messages at these places as `viewer` sees them, in the order of `places`; places without a message are left out.
///
/// Every way of reading messages ends here, so that there is one statement that knows what a message consists of.
/// Without a viewer nothing is hidden; without `full` the content is left out.
///
/// # Errors
/// If the database fails.
pub async fn load(
    conn: &mut PgConnection,
    viewer: Option<UserId>,
    places: &[(RoomId, i64)],
    full: bool,
) -> Result<Vec<Message>, sqlx::Error> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut rooms: Vec<RoomId> = places.iter().map(|(room, _)| *room).collect();
    let (room_ids, seqs): (Vec<_>, Vec<_>) =
        places.iter().map(|(room, seq)| (room.uuid(), *seq)).unzip();
    rooms.sort_unstable();
    rooms.dedup();
    // Positions first: a message that is stored between the two statements is then shown as sent, not the other way.
    let positions = Positions::of(&mut *conn, &rooms).await?;
    // LIMIT 1 keeps the planner on one index probe a place, even on statistics from when the table was empty.
    let rows = sqlx::query_as!(
        MessageRow,
        r#"
        SELECT m.room_id, m.seq, m.message_id, m.sender_id, m.client_msg_id, m.kind,
               COALESCE(m.preview, m.content) AS "preview!", m.preview IS NOT NULL AS "has_more!",
               CASE WHEN $4 THEN m.content END AS content,
               answered.message_id AS "reply_id?", answered.seq AS "reply_seq?",
               answered.sender_id AS "reply_sender_id?", COALESCE(answered.preview, answered.content) AS reply_preview,
               m.thread_id, m.reply_count, m.mentions, m.forwarded_from, m.attachments, m.reactions, m.call,
               m.pinned_at, m.pinned_by, m.edited_at, m.edit_version, m.deleted_at, m.deleted_by, m.created_at,
               hidden.hidden_at AS "hidden_at?"
        FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS wanted (room_id, seq, place)
        CROSS JOIN LATERAL (
            SELECT * FROM messages WHERE room_id = wanted.room_id AND seq = wanted.seq LIMIT 1) AS m
        LEFT JOIN LATERAL (
            SELECT message_id, seq, sender_id, preview, content FROM messages
            WHERE room_id = wanted.room_id AND seq = m.reply_seq LIMIT 1) AS answered ON true
        LEFT JOIN LATERAL (
            SELECT hidden_at FROM message_hides
            WHERE room_id = wanted.room_id AND user_id = $3 AND seq = wanted.seq LIMIT 1) AS hidden ON true
        ORDER BY wanted.place
        "#,
        &room_ids,
        &seqs,
        viewer.map(UserId::uuid),
        full,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| row.into_message(viewer, full, &positions))
        .collect()
}

/// Where the message with this id stands; `None` if there is none, or its room was deleted.
///
/// # Errors
/// If the database fails.
pub async fn locate(
    db: impl PgExecutor<'_>,
    message: MessageId,
) -> Result<Option<(RoomId, i64)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT m.room_id, m.seq FROM messages m JOIN rooms r ON r.room_id = m.room_id
        WHERE m.message_id = $1 AND r.deleted_at IS NULL LIMIT 1
        "#,
        message.uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.room_id.into(), row.seq)))
}

/// The message with this id as `viewer` sees it. Whether the viewer may see it is the caller's to check.
///
/// # Errors
/// If the database fails.
pub async fn by_id(
    conn: &mut PgConnection,
    viewer: Option<UserId>,
    message: MessageId,
    full: bool,
) -> Result<Option<Message>, sqlx::Error> {
    let Some(place) = locate(&mut *conn, message).await? else {
        return Ok(None);
    };
    Ok(load(conn, viewer, &[place], full).await?.pop())
}

/// What an earlier send with this client message id stored, and the job that stored it; `None` if there was none, or
/// if it lies too far back for an id that is not a UUID.
///
/// # Errors
/// If the database fails.
pub async fn by_client_msg_id(
    conn: &mut PgConnection,
    room: RoomId,
    sender: UserId,
    client_msg_id: &str,
    now: Timestamp,
) -> Result<Option<(Message, JobId)>, sqlx::Error> {
    let found = if lasts(client_msg_id) {
        sqlx::query!(
            r#"
            SELECT seq, job_id FROM messages
            WHERE room_id = $1 AND sender_id = $2 AND client_msg_id = $3 AND client_id_lasts
            "#,
            room.uuid(),
            sender.uuid(),
            client_msg_id,
        )
        .fetch_optional(&mut *conn)
        .await?
        .map(|row| (row.seq, row.job_id))
    } else {
        sqlx::query!(
            r#"
            SELECT seq, job_id FROM messages
            WHERE room_id = $1 AND sender_id = $2 AND client_msg_id = $3 AND NOT client_id_lasts
              AND created_at > $4
            ORDER BY seq DESC LIMIT 1
            "#,
            room.uuid(),
            sender.uuid(),
            client_msg_id,
            forgotten_before(now).utc(),
        )
        .fetch_optional(&mut *conn)
        .await?
        .map(|row| (row.seq, row.job_id))
    };
    let Some((seq, job)) = found else {
        return Ok(None);
    };
    let message = load(conn, Some(sender), &[(room, seq)], true).await?.pop();
    Ok(message.map(|message| (message, job.into())))
}

/// Whether a client message id is remembered for good: every UUID is; device counters come round again.
fn lasts(client_msg_id: &str) -> bool {
    client_msg_id.parse::<MessageId>().is_ok()
}

/// Sends before this do not make a repeat of a client message id that is not a UUID.
fn forgotten_before(now: Timestamp) -> Timestamp {
    let memory = i64::try_from(limits::CLIENT_MSG_ID_MEMORY.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_millis(now.unix_millis().saturating_sub(memory)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_remembered_for_good_and_a_counter_is_not() {
        assert!(lasts("11111111-1111-1111-1111-111111111111"));
        assert!(!lasts("tmp-123"));
        assert!(!lasts("11111111111111111111111111111111"));
    }

    #[test]
    fn a_counter_is_forgotten_after_a_day() {
        let now = Timestamp::now();
        assert_eq!(
            forgotten_before(now).age_at(now),
            limits::CLIENT_MSG_ID_MEMORY
        );
    }
}
