//! What changes about a member while they stay: role, mutes; and what becomes of a room that its owner leaves.

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::MemberRole;
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

use super::remove;
use crate::postgres::names::Stored as _;
use crate::postgres::rooms;

/// What came of leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The user is out; if they owned the room, this one owns it now.
    Out {
        /// The new owner, if there is a new one.
        heir: Option<UserId>,
    },
    /// The user was the last one, so the room is deleted.
    RoomDeleted,
    /// The user was not in the room.
    NotMember,
}

/// Takes `user` out of a group. An owner's place goes to the longest-standing admin, else member; the last one out
/// deletes the room. The transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn leave(
    conn: &mut PgConnection,
    room: RoomId,
    user: UserId,
    now: Timestamp,
) -> Result<Left, sqlx::Error> {
    if rooms::lock(&mut *conn, &[room]).await?.is_empty()
        || !remove(&mut *conn, room, user, now).await?
    {
        return Ok(Left::NotMember);
    }
    let rest = sqlx::query!(
        r#"
        SELECT user_id, role = 'owner' AS "owns!" FROM members WHERE room_id = $1
        ORDER BY role = 'owner' DESC, role = 'admin' DESC, joined_at, user_id LIMIT 1
        "#,
        room.uuid(),
    )
    .fetch_optional(&mut *conn)
    .await?;
    match rest {
        None => {
            rooms::delete(conn, room, now).await?;
            Ok(Left::RoomDeleted)
        }
        Some(next) if next.owns => Ok(Left::Out { heir: None }),
        Some(next) => {
            let heir = UserId::from(next.user_id);
            set_role(conn, room, heir, MemberRole::Owner).await?;
            Ok(Left::Out { heir: Some(heir) })
        }
    }
}

/// Gives a member a role; whether they are a member. Ownership moves by [`transfer`] only.
///
/// # Errors
/// If the database fails.
pub async fn set_role(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
    role: MemberRole,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE members SET role = $3 WHERE room_id = $1 AND user_id = $2",
        room.uuid(),
        user.uuid(),
        role.name(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes `heir` the owner and the owner an admin, under the room's lock; whether both were what that takes. The
/// transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn transfer(
    conn: &mut PgConnection,
    room: RoomId,
    owner: UserId,
    heir: UserId,
) -> Result<bool, sqlx::Error> {
    if owner == heir || rooms::lock(&mut *conn, &[room]).await?.is_empty() {
        return Ok(false);
    }
    let done = sqlx::query!(
        r#"
        UPDATE members SET role = CASE WHEN user_id = $3 THEN 'owner' ELSE 'admin' END
        WHERE room_id = $1 AND user_id IN ($2, $3)
          AND (SELECT count(*) FROM members
               WHERE room_id = $1 AND (user_id = $3 OR (user_id = $2 AND role = 'owner'))) = 2
        "#,
        room.uuid(),
        owner.uuid(),
        heir.uuid(),
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 2)
}

/// Keeps a member's own notifications off until then; whether they are a member.
///
/// # Errors
/// If the database fails.
pub async fn mute(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
    until: Option<Timestamp>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE members SET muted_until = $3 WHERE room_id = $1 AND user_id = $2",
        room.uuid(),
        user.uuid(),
        until.map(Timestamp::utc),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Keeps a member from sending until then; whether they are a member.
///
/// # Errors
/// If the database fails.
pub async fn silence(
    db: impl PgExecutor<'_>,
    room: RoomId,
    user: UserId,
    until: Option<Timestamp>,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "UPDATE members SET silenced_until = $3 WHERE room_id = $1 AND user_id = $2",
        room.uuid(),
        user.uuid(),
        until.map(Timestamp::utc),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}
