//! What dialects spell out where canonical events only refer to it: people's names, and who talks in which room.

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::RoomType;
use sqlx::PgExecutor;

use super::names;

/// A person, as a dialect names them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct PersonFacts {
    pub user_id: UserId,
    pub first_name: String,
    pub last_name: String,
}

/// A room, as a dialect refers to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFacts {
    /// The room.
    pub room_id: RoomId,
    /// Dm or group.
    pub kind: RoomType,
    /// The two members of a dm; nobody for a group.
    pub pair: Vec<UserId>,
}

/// The names of these users, in no order; unknown ones are left out.
///
/// # Errors
/// If the database fails.
pub async fn people(
    db: impl PgExecutor<'_>,
    users: &[UserId],
) -> Result<Vec<PersonFacts>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT user_id, first_name, last_name FROM users WHERE user_id = ANY($1)",
        &super::uuids(users),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PersonFacts {
            user_id: row.user_id.into(),
            first_name: row.first_name,
            last_name: row.last_name,
        })
        .collect())
}

/// What these rooms are, in no order; unknown ones are left out, deleted ones are not.
///
/// # Errors
/// If the database fails.
pub async fn rooms(
    db: impl PgExecutor<'_>,
    rooms: &[RoomId],
) -> Result<Vec<RoomFacts>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT r.room_id, r.kind,
               ARRAY(SELECT m.user_id FROM members m WHERE m.room_id = r.room_id AND r.kind = 'dm') AS "pair!"
        FROM rooms r WHERE r.room_id = ANY($1)
        "#,
        &super::uuids(rooms),
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RoomFacts {
                room_id: row.room_id.into(),
                kind: names::read("kind", &row.kind)?,
                pair: row.pair.into_iter().map(UserId::from).collect(),
            })
        })
        .collect()
}
