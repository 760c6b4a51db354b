//! What somebody may know of a room without being in it.

use chat_core::ids::RoomId;
use chat_core::protocol::server::RoomSummary;
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
