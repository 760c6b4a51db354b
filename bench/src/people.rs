//! Users, rooms and tokens in bulk, as they would be after some months: written straight into the database, because ten
//! thousand registrations would measure nothing but the hashing of passwords.

use anyhow::Context;
use chat_backends::postgres::PgPool;
use chat_core::ids::{RoomId, UserId};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

/// Users per statement.
const AT_ONCE: usize = 5000;

/// Makes users; they can't log in with a password, only with [`token`].
///
/// # Errors
/// If the database refuses.
pub async fn users(pool: &PgPool, count: usize) -> anyhow::Result<Vec<UserId>> {
    let users: Vec<UserId> = (0..count).map(|_| UserId::now_v7()).collect();
    for part in users.chunks(AT_ONCE) {
        let ids: Vec<uuid::Uuid> = part.iter().map(|user| user.uuid()).collect();
        sqlx::query(
            "INSERT INTO users (user_id, email, username, name, password_hash, created_at, updated_at)
             SELECT id, replace(id::text, '-', '') || '@example.org', 'u' || replace(id::text, '-', ''), 'User', '-', now(), now()
             FROM unnest($1::uuid[]) AS id",
        )
        .bind(ids)
        .execute(pool)
        .await
        .context("the users can't be made")?;
    }
    Ok(users)
}

/// Makes one group for each list of members; the first owns it.
///
/// # Errors
/// If the database refuses.
pub async fn rooms(pool: &PgPool, members: &[Vec<UserId>]) -> anyhow::Result<Vec<RoomId>> {
    let rooms: Vec<RoomId> = members.iter().map(|_| RoomId::now_v7()).collect();
    for (rooms, members) in rooms.chunks(AT_ONCE).zip(members.chunks(AT_ONCE)) {
        let pairs = || {
            rooms
                .iter()
                .zip(members)
                .flat_map(|(room, members)| members.iter().map(move |user| (room, user)))
        };
        let of_room: Vec<uuid::Uuid> = pairs().map(|(room, _)| room.uuid()).collect();
        let user: Vec<uuid::Uuid> = pairs().map(|(_, user)| user.uuid()).collect();
        sqlx::query(
            "WITH member AS (SELECT * FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS m (room_id, user_id, place)),
             room AS (
                 INSERT INTO rooms (room_id, kind, title, created_by, created_at, updated_at, last_activity_at, member_count)
                 SELECT room_id, 'group', 'Group', (array_agg(user_id ORDER BY place))[1], now(), now(), now(), count(*)
                 FROM member GROUP BY room_id RETURNING room_id, created_by
             )
             INSERT INTO members (room_id, user_id, role, joined_at)
             SELECT room_id, user_id, CASE WHEN user_id = created_by THEN 'owner' ELSE 'member' END, now()
             FROM member JOIN room USING (room_id)",
        )
        .bind(of_room)
        .bind(user)
        .execute(pool)
        .await
        .context("the rooms can't be made")?;
    }
    Ok(rooms)
}

/// An access token as the gateway itself would sign it.
///
/// # Errors
/// If it can't be signed.
pub fn token(secret: &str, user: UserId) -> anyhow::Result<String> {
    let expires = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs()
        + 86_400;
    let claims = json!({"sub": user, "id": user, "exp": expires});
    Ok(jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret.as_bytes()),
    )?)
}
