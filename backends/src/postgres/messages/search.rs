//! Full-text search over messages, and the index behind it.
//!
//! Words are indexed after the fact, by [`index_rooms`] now and then and by each search for its own rooms, so that a
//! search finds what was said before it began and no send pays for it.

use chat_core::ids::{MessageId, RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

/// Most rooms of the searcher that are searched, those that were active last.
const ROOMS: i64 = 1000;
/// Most messages of one room that are indexed in one go.
const STEP: i64 = 500;
/// Most rooms that a search brings up to date before it begins.
const CATCH_UP_ROOMS: i64 = 50;

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// Words; quotes, `or` and `-` as in web searches.
    pub text: &'a str,
    /// Only in this room.
    pub room: Option<RoomId>,
    /// Only by this sender.
    pub sender: Option<UserId>,
    /// Only from then on.
    pub from: Option<Timestamp>,
    /// Only before then.
    pub to: Option<Timestamp>,
    /// Only messages older than this one: where the page before ended.
    pub before: Option<MessageId>,
    /// Length of the page.
    pub limit: u32,
}

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The message.
    pub message_id: MessageId,
    /// Its place, for [`super::load`].
    pub place: (RoomId, i64),
    /// The part of its content that holds the words, each between `**`; plain text.
    pub highlight: String,
}

/// The messages that `viewer` may see and that hold the words, newest first.
///
/// # Errors
/// If the database fails.
pub async fn search(
    conn: &mut PgConnection,
    viewer: UserId,
    search: &Search<'_>,
) -> Result<Vec<Hit>, sqlx::Error> {
    for room in behind_for(&mut *conn, viewer, search.room).await? {
        while index_room(conn, room).await? {}
    }
    let Some(asked) = sqlx::query!(
        r#"
        WITH mine AS (
            SELECT m.room_id FROM members m JOIN rooms r ON r.room_id = m.room_id
            WHERE m.user_id = $1 AND r.deleted_at IS NULL AND ($3::uuid IS NULL OR m.room_id = $3)
            ORDER BY r.last_activity_at DESC LIMIT $5
        ), asked AS (
            SELECT websearch_to_tsquery('simple', $2) AS words,
                   (SELECT string_agg(quote_literal('room:' || room_id), '|') FROM mine)::tsquery AS rooms,
                   quote_literal('from:' || $4::uuid)::tsquery AS sender,
                   ARRAY(SELECT room_id FROM mine) AS mine
        )
        SELECT words::text AS "words!", (words && rooms && COALESCE(sender, rooms))::text AS "all!", mine AS "mine!"
        FROM asked WHERE rooms IS NOT NULL AND numnode(words) > 0
        "#,
        viewer.uuid(),
        search.text,
        search.room.map(RoomId::uuid),
        search.sender.map(UserId::uuid),
        ROOMS,
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Vec::new());
    };
    // MATERIALIZED keeps the planner on the index of words. It restricts rooms and sender too; both are checked again
    // from their columns, which nothing that somebody wrote can bend.
    let rows = sqlx::query!(
        r#"
        WITH found AS MATERIALIZED (
            SELECT room_id, seq, message_id FROM message_words WHERE words @@ $2::text::tsquery
        )
        SELECT f.room_id, f.seq, f.message_id,
               ts_headline('simple', left(m.content, 20000), $3::text::tsquery,
                           'StartSel=**, StopSel=**, MaxFragments=1, MaxWords=20, MinWords=5') AS "highlight!"
        FROM found f JOIN messages m ON m.room_id = f.room_id AND m.seq = f.seq
        WHERE f.room_id = ANY($4) AND m.deleted_at IS NULL
          AND ($5::uuid IS NULL OR m.sender_id = $5)
          AND ($6::timestamptz IS NULL OR m.created_at >= $6) AND ($7::timestamptz IS NULL OR m.created_at < $7)
          AND ($8::uuid IS NULL OR f.message_id < $8)
          AND NOT EXISTS (SELECT FROM message_hides h
                          WHERE h.room_id = f.room_id AND h.user_id = $1 AND h.seq = f.seq)
        ORDER BY f.message_id DESC LIMIT $9
        "#,
        viewer.uuid(),
        asked.all,
        asked.words,
        &asked.mine,
        search.sender.map(UserId::uuid),
        search.from.map(Timestamp::utc),
        search.to.map(Timestamp::utc),
        search.before.map(MessageId::uuid),
        i64::from(search.limit),
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Hit {
            message_id: row.message_id.into(),
            place: (row.room_id.into(), row.seq),
            highlight: row.highlight,
        })
        .collect())
}

/// Indexes up to `limit` rooms that have messages whose words are not indexed yet; returns how many rooms there were.
/// Meant to be called now and then by one process.
///
/// # Errors
/// If the database fails.
pub async fn index_rooms(conn: &mut PgConnection, limit: u32) -> Result<usize, sqlx::Error> {
    let rooms = sqlx::query_scalar!(
        r#"
        SELECT r.room_id FROM rooms r LEFT JOIN search_progress p ON p.room_id = r.room_id
        WHERE r.last_seq > COALESCE(p.seq, 0) AND r.deleted_at IS NULL LIMIT $1
        "#,
        i64::from(limit),
    )
    .fetch_all(&mut *conn)
    .await?;
    for room in &rooms {
        index_room(conn, (*room).into()).await?;
    }
    Ok(rooms.len())
}

/// Indexes an edited message anew, whether its room got that far or not.
pub(super) async fn index_again(
    db: impl PgExecutor<'_>,
    room: RoomId,
    seq: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO message_words (room_id, seq, message_id, words)
        SELECT room_id, seq, message_id,
               to_tsvector('simple', left(content, 20000))
                   || array_to_tsvector(ARRAY['room:' || room_id, 'from:' || sender_id])
        FROM messages WHERE room_id = $1 AND seq = $2
        ON CONFLICT (room_id, seq) DO UPDATE SET words = excluded.words
        "#,
        room.uuid(),
        seq,
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Rooms of `viewer` that a search would miss something in.
async fn behind_for(
    db: impl PgExecutor<'_>,
    viewer: UserId,
    room: Option<RoomId>,
) -> Result<Vec<RoomId>, sqlx::Error> {
    let rooms = sqlx::query_scalar!(
        r#"
        SELECT r.room_id FROM members m JOIN rooms r ON r.room_id = m.room_id
        LEFT JOIN search_progress p ON p.room_id = r.room_id
        WHERE m.user_id = $1 AND r.last_seq > COALESCE(p.seq, 0) AND ($2::uuid IS NULL OR r.room_id = $2)
        ORDER BY r.last_activity_at DESC LIMIT $3
        "#,
        viewer.uuid(),
        room.map(RoomId::uuid),
        CATCH_UP_ROOMS,
    )
    .fetch_all(db)
    .await?;
    Ok(rooms.into_iter().map(RoomId::from).collect())
}

/// Indexes the next [`STEP`] messages of a room; whether there are more. Whoever else does the same waits, and an edit
/// meanwhile wins: its words are never overwritten by older ones.
async fn index_room(conn: &mut PgConnection, room: RoomId) -> Result<bool, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        WITH done AS (
            INSERT INTO search_progress (room_id, prior_seq, seq)
            SELECT room_id, 0, LEAST(last_seq, $2) FROM rooms WHERE room_id = $1
            ON CONFLICT (room_id) DO UPDATE
            SET prior_seq = search_progress.seq,
                seq = (SELECT GREATEST(search_progress.seq, LEAST(r.last_seq, search_progress.seq + $2))
                       FROM rooms r WHERE r.room_id = $1)
            RETURNING prior_seq, seq
        ), indexed AS (
            INSERT INTO message_words (room_id, seq, message_id, words)
            SELECT m.room_id, m.seq, m.message_id,
                   to_tsvector('simple', left(m.content, 20000))
                       || array_to_tsvector(ARRAY['room:' || m.room_id, 'from:' || m.sender_id])
            FROM done JOIN messages m ON m.room_id = $1 AND m.seq > done.prior_seq AND m.seq <= done.seq
            WHERE m.deleted_at IS NULL AND m.content <> ''
            ON CONFLICT (room_id, seq) DO NOTHING
        )
        SELECT done.seq < r.last_seq AS "more!" FROM done JOIN rooms r ON r.room_id = $1
        "#,
        room.uuid(),
        STEP,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some_and(|row| row.more))
}
