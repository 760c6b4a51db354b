//! Calls: who rang whom, and what became of it. The rules of who may do what when are the commands'.

use std::collections::HashMap;

use chat_core::ids::{CallId, RoomId, UserId};
use chat_core::protocol::objects::{Call, CallMedia, CallParticipant, CallState, ParticipantState};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::names::{self, Stored as _};

/// A call to begin.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the members are those of the call")]
pub struct NewCall {
    pub id: CallId,
    pub room_id: RoomId,
    pub media: CallMedia,
    pub caller_id: UserId,
    /// Who is called; the caller takes part at once.
    pub called: Vec<UserId>,
    pub created_at: Timestamp,
    pub rings_until: Timestamp,
}

/// Begins a call; `false` if the room is in another one. Of two who call at once one gets through. A call that was
/// begun before under the same id counts as begun. The transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn begin(conn: &mut PgConnection, call: &NewCall) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        INSERT INTO calls (room_id, call_id, media, caller_id, created_at, rings_until) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        "#,
        call.room_id.uuid(),
        call.id.uuid(),
        call.media.name(),
        call.caller_id.uuid(),
        call.created_at.utc(),
        call.rings_until.utc(),
    )
    .execute(&mut *conn)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(live(conn, call.room_id).await? == Some(call.id));
    }
    sqlx::query!(
        r#"
        INSERT INTO call_participants (room_id, call_id, user_id, state, joined_at)
        VALUES ($1, $2, $3, 'joined', $4)
        "#,
        call.room_id.uuid(),
        call.id.uuid(),
        call.caller_id.uuid(),
        call.created_at.utc(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO call_participants (room_id, call_id, user_id, state)
        SELECT $1, $2, called, 'ringing' FROM unnest($3::uuid[]) AS called
        ON CONFLICT (room_id, call_id, user_id) DO NOTHING
        "#,
        call.room_id.uuid(),
        call.id.uuid(),
        &super::uuids(&call.called),
    )
    .execute(conn)
    .await?;
    Ok(true)
}

/// The call that a room is in.
///
/// # Errors
/// If the database fails.
pub async fn live(db: impl PgExecutor<'_>, room: RoomId) -> Result<Option<CallId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "SELECT call_id FROM calls WHERE room_id = $1 AND state IN ('ringing', 'ongoing')",
        room.uuid(),
    )
    .fetch_optional(db)
    .await?;
    Ok(found.map(CallId::from))
}

/// The call with this id.
///
/// # Errors
/// If the database fails.
pub async fn by_id(conn: &mut PgConnection, call: CallId) -> Result<Option<Call>, sqlx::Error> {
    Ok(load(conn, &[call]).await?.pop())
}

/// The call with this id, locked until the transaction ends: whoever else acts on it waits.
///
/// # Errors
/// If the database fails.
pub async fn lock(conn: &mut PgConnection, call: CallId) -> Result<Option<Call>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT call_id FROM calls WHERE call_id = $1 FOR NO KEY UPDATE",
        call.uuid(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    by_id(conn, call).await
}

/// The calls of a room, the latest first, those before `before` if given.
///
/// # Errors
/// If the database fails.
pub async fn of_room(
    conn: &mut PgConnection,
    room: RoomId,
    before: Option<CallId>,
    limit: u32,
) -> Result<Vec<Call>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT call_id FROM calls WHERE room_id = $1 AND ($2::uuid IS NULL OR call_id < $2)
        ORDER BY call_id DESC LIMIT $3
        "#,
        room.uuid(),
        before.map(CallId::uuid),
        i64::from(limit),
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<CallId> = ids.into_iter().map(CallId::from).collect();
    load(conn, &ids).await
}

/// Up to `limit` calls that rang too long, locked until the transaction ends; those that somebody else is at are
/// left out.
///
/// # Errors
/// If the database fails.
pub async fn rung_out(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Call>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT call_id FROM calls WHERE state = 'ringing' AND rings_until <= $1
        ORDER BY rings_until LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        "#,
        now.utc(),
        i64::from(limit),
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<CallId> = ids.into_iter().map(CallId::from).collect();
    load(conn, &ids).await
}

/// Up to `limit` calls that go on and were answered before `before`, the oldest first.
///
/// # Errors
/// If the database fails.
pub async fn ongoing(
    conn: &mut PgConnection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Call>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT call_id FROM calls WHERE state = 'ongoing' AND answered_at < $1
        ORDER BY answered_at LIMIT $2
        "#,
        before.utc(),
        i64::from(limit),
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: Vec<CallId> = ids.into_iter().map(CallId::from).collect();
    load(conn, &ids).await
}

/// Marks a ringing call as answered; whether it rang.
///
/// # Errors
/// If the database fails.
pub async fn answer(
    db: impl PgExecutor<'_>,
    room: RoomId,
    call: CallId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        UPDATE calls SET state = 'ongoing', answered_at = $3
        WHERE room_id = $1 AND call_id = $2 AND state = 'ringing'
        "#,
        room.uuid(),
        call.uuid(),
        now.utc(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Ends a live call in this state; whether it was live.
///
/// # Errors
/// If the database fails.
pub async fn end(
    db: impl PgExecutor<'_>,
    (room, call): (RoomId, CallId),
    state: CallState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let ended = sqlx::query_scalar!(
        r#"
        WITH ended AS (
            UPDATE calls SET state = $3, end_reason = $4, ended_at = $5
            WHERE room_id = $1 AND call_id = $2 AND state IN ('ringing', 'ongoing') RETURNING call_id
        ), participants AS (
            UPDATE call_participants SET state = 'left', left_at = $5
            WHERE room_id = $1 AND call_id = $2 AND state = 'joined' AND EXISTS (SELECT FROM ended)
        )
        SELECT call_id FROM ended
        "#,
        room.uuid(),
        call.uuid(),
        state.name(),
        reason,
        now.utc(),
    )
    .fetch_optional(db)
    .await?;
    Ok(ended.is_some())
}

/// Moves one participant to a state; who came to the room after the call began is added.
///
/// # Errors
/// If the database fails.
pub async fn set_participant(
    db: impl PgExecutor<'_>,
    (room, call): (RoomId, CallId),
    user: UserId,
    state: ParticipantState,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        INSERT INTO call_participants AS p (room_id, call_id, user_id, state, joined_at, left_at)
        VALUES ($1, $2, $3, $4, CASE WHEN $4 = 'joined' THEN $5::timestamptz END,
                CASE WHEN $4 = 'left' THEN $5::timestamptz END)
        ON CONFLICT (room_id, call_id, user_id) DO UPDATE
        SET state = excluded.state, joined_at = COALESCE(p.joined_at, excluded.joined_at), left_at = excluded.left_at
        "#,
        room.uuid(),
        call.uuid(),
        user.uuid(),
        state.name(),
        now.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// These calls with their participants, in the order of `calls`.
async fn load(conn: &mut PgConnection, calls: &[CallId]) -> Result<Vec<Call>, sqlx::Error> {
    if calls.is_empty() {
        return Ok(Vec::new());
    }
    let ids = super::uuids(calls);
    let rows = sqlx::query!(
        r#"
        SELECT c.call_id, c.room_id, c.media, c.state, c.caller_id, c.created_at, c.answered_at, c.ended_at, c.end_reason
        FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (call_id, place) JOIN calls c ON c.call_id = wanted.call_id
        ORDER BY wanted.place
        "#,
        &ids,
    )
    .fetch_all(&mut *conn)
    .await?;
    let rooms: Vec<uuid::Uuid> = rows.iter().map(|row| row.room_id).collect();
    let mut participants: HashMap<uuid::Uuid, Vec<CallParticipant>> = HashMap::new();
    for row in sqlx::query!(
        r#"
        SELECT call_id, user_id, state, joined_at, left_at FROM call_participants
        WHERE room_id = ANY($1) AND call_id = ANY($2) ORDER BY joined_at NULLS LAST, user_id
        "#,
        &rooms,
        &ids,
    )
    .fetch_all(conn)
    .await?
    {
        participants
            .entry(row.call_id)
            .or_default()
            .push(CallParticipant {
                user_id: row.user_id.into(),
                state: names::read("state", &row.state)?,
                joined_at: row.joined_at.map(Timestamp::from),
                left_at: row.left_at.map(Timestamp::from),
            });
    }
    rows.into_iter()
        .map(|row| {
            let duration = row
                .answered_at
                .zip(row.ended_at)
                .map(|(answered, ended)| (ended - answered).num_milliseconds().max(0));
            Ok(Call {
                id: row.call_id.into(),
                room_id: row.room_id.into(),
                media: names::read("media", &row.media)?,
                state: names::read("state", &row.state)?,
                caller_id: row.caller_id.into(),
                participants: participants.remove(&row.call_id).unwrap_or_default(),
                created_at: row.created_at.into(),
                answered_at: row.answered_at.map(Timestamp::from),
                ended_at: row.ended_at.map(Timestamp::from),
                end_reason: row.end_reason,
                duration_ms: duration,
            })
        })
        .collect()
}
