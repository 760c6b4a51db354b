//! What somebody may know of a room without being in it.

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::RoomType;
use chat_core::protocol::server::RoomSummary;
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::names;

/// The room as somebody sees it who is not a member; `None` if there is no such room.
///
/// # Errors
/// If the database fails.
pub async fn summary(
    db: impl PgExecutor<'_>,
    room: RoomId,
) -> Result<Option<RoomSummary>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        SELECT room_id, kind, title, description, avatar_url, join_policy, member_count
        FROM rooms WHERE room_id = $1 AND deleted_at IS NULL
        "#,
        room.uuid(),
    )
    .fetch_optional(db)
    .await?;
    row.map(|row| {
        Ok(RoomSummary {
            id: row.room_id.into(),
            kind: names::read("kind", &row.kind)?,
            title: row.title,
            description: row.description,
            avatar_url: row.avatar_url,
            join_policy: names::read("join_policy", &row.join_policy)?,
            member_count: row.member_count.into(),
        })
    })
    .transpose()
}

/// A room as administrators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are the contract's")]
pub struct Overview {
    pub id: RoomId,
    pub kind: RoomType,
    pub title: Option<String>,
    pub avatar_url: Option<String>,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub members: i32,
    pub last_seq: i64,
}

/// `limit` rooms after the first `skip`, the newest first.
///
/// # Errors
/// If the database fails.
pub async fn page_after(
    db: impl PgExecutor<'_>,
    skip: u64,
    limit: u32,
) -> Result<Vec<Overview>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT room_id, kind, title, avatar_url, created_by, created_at, member_count, last_seq
        FROM rooms WHERE deleted_at IS NULL ORDER BY room_id DESC OFFSET $1 LIMIT $2
        "#,
        i64::try_from(skip).unwrap_or(i64::MAX),
        i64::from(limit),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Overview {
                id: row.room_id.into(),
                kind: names::read("kind", &row.kind)?,
                title: row.title,
                avatar_url: row.avatar_url,
                created_by: row.created_by.into(),
                created_at: row.created_at.into(),
                members: row.member_count,
                last_seq: row.last_seq,
            })
        })
        .collect()
}

/// How many rooms there are.
///
/// # Errors
/// If the database fails.
pub async fn count(db: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT count(*) AS "count!" FROM rooms WHERE deleted_at IS NULL"#)
        .fetch_one(db)
        .await
}
