//! Invitations into groups, open until they are answered or a week has passed.

use chat_core::ids::{InviteId, RoomId, UserId};
use chat_core::protocol::objects::{Invite, InviteStatus};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::names::{self, Stored as _};

struct InviteRow {
    room_id: uuid::Uuid,
    invite_id: uuid::Uuid,
    user_id: uuid::Uuid,
    invited_by: uuid::Uuid,
    status: String,
    created_at: chrono::DateTime<chrono::Utc>,
    expires_at: chrono::DateTime<chrono::Utc>,
}

impl TryFrom<InviteRow> for Invite {
    type Error = sqlx::Error;

    fn try_from(row: InviteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.invite_id.into(),
            room_id: row.room_id.into(),
            user_id: row.user_id.into(),
            invited_by: row.invited_by.into(),
            status: names::read("status", &row.status)?,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
        })
    }
}

/// Invites users who are not members under the ids given; returns the invites of all of them that are open now, new
/// or not. The transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn create(
    conn: &mut PgConnection,
    room: RoomId,
    invited: &[(InviteId, UserId)],
    by: UserId,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Vec<Invite>, sqlx::Error> {
    let (ids, users): (Vec<_>, Vec<_>) = invited
        .iter()
        .map(|(id, user)| (id.uuid(), user.uuid()))
        .unzip();
    sqlx::query!(
        r#"
        UPDATE invites SET status = 'expired'
        WHERE room_id = $1 AND user_id = ANY($2) AND status = 'pending' AND expires_at <= $3
        "#,
        room.uuid(),
        &users,
        now.utc(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        INSERT INTO invites (room_id, invite_id, user_id, invited_by, created_at, expires_at)
        SELECT $1, wanted.invite_id, wanted.user_id, $4, $5, $6
        FROM unnest($2::uuid[], $3::uuid[]) AS wanted (invite_id, user_id)
        WHERE NOT EXISTS (SELECT FROM members m WHERE m.room_id = $1 AND m.user_id = wanted.user_id)
        ON CONFLICT (room_id, user_id) WHERE status = 'pending' DO NOTHING
        "#,
        room.uuid(),
        &ids,
        &users,
        by.uuid(),
        now.utc(),
        expires_at.utc(),
    )
    .execute(&mut *conn)
    .await?;
    let rows = sqlx::query_as!(
        InviteRow,
        r#"
        SELECT room_id, invite_id, user_id, invited_by, status, created_at, expires_at
        FROM invites WHERE room_id = $1 AND user_id = ANY($2) AND status = 'pending' ORDER BY invite_id
        "#,
        room.uuid(),
        &users,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Invite::try_from).collect()
}

/// The invite with this id; shown as expired from its end on.
///
/// # Errors
/// If the database fails.
pub async fn by_id(
    db: impl PgExecutor<'_>,
    invite: InviteId,
    now: Timestamp,
) -> Result<Option<Invite>, sqlx::Error> {
    sqlx::query_as!(
        InviteRow,
        r#"
        SELECT room_id, invite_id, user_id, invited_by, created_at, expires_at,
               CASE WHEN status = 'pending' AND expires_at <= $2 THEN 'expired' ELSE status END AS "status!"
        FROM invites WHERE invite_id = $1
        "#,
        invite.uuid(),
        now.utc(),
    )
    .fetch_optional(db)
    .await?
    .map(Invite::try_from)
    .transpose()
}

/// The open invites of a user, the latest first.
///
/// # Errors
/// If the database fails.
pub async fn open_of(
    db: impl PgExecutor<'_>,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Invite>, sqlx::Error> {
    let rows = sqlx::query_as!(
        InviteRow,
        r#"
        SELECT i.room_id, i.invite_id, i.user_id, i.invited_by, i.status, i.created_at, i.expires_at
        FROM invites i JOIN rooms r ON r.room_id = i.room_id
        WHERE i.user_id = $1 AND i.status = 'pending' AND i.expires_at > $2 AND r.deleted_at IS NULL
        ORDER BY i.invite_id DESC
        "#,
        user.uuid(),
        now.utc(),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter().map(Invite::try_from).collect()
}

/// Answers an open invite of `user`; `None` if it is not open, not theirs or over.
///
/// # Errors
/// If the database fails.
pub async fn answer(
    db: impl PgExecutor<'_>,
    invite: InviteId,
    user: UserId,
    accepted: bool,
    now: Timestamp,
) -> Result<Option<Invite>, sqlx::Error> {
    let status = if accepted {
        InviteStatus::Accepted
    } else {
        InviteStatus::Declined
    };
    sqlx::query_as!(
        InviteRow,
        r#"
        UPDATE invites SET status = $3, answered_at = $4
        WHERE invite_id = $1 AND user_id = $2 AND status = 'pending' AND expires_at > $4
        RETURNING room_id, invite_id, user_id, invited_by, status, created_at, expires_at
        "#,
        invite.uuid(),
        user.uuid(),
        status.name(),
        now.utc(),
    )
    .fetch_optional(db)
    .await?
    .map(Invite::try_from)
    .transpose()
}
