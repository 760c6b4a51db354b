//! Notifications on their way: written with the place of the group that makes them, so that a crash repeats or loses none.

use chat_core::ids::{PushSubscriptionId, RoomId, UserId};
use chat_core::time::Timestamp;
use sqlx::PgExecutor;

use super::PushSubscription;

/// What the members of a room are to be told, but for its author and those who muted the room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Whose members.
    pub room: RoomId,
    /// Who is not told.
    pub author: UserId,
    /// Who is told even if they muted the room.
    pub mentioned: Vec<UserId>,
    /// What their browsers get.
    pub payload: String,
}

/// A notification that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: i64,
    /// Where to.
    pub subscription: PushSubscription,
    /// What the browser gets.
    pub payload: String,
    /// How often it was tried, this time included.
    pub attempts: i32,
}

/// Notes one delivery for each subscription of each member concerned, and says who they are: the notice's index and the
/// member, in this order.
///
/// # Errors
/// If the database fails.
pub async fn plan(
    db: impl PgExecutor<'_>,
    notices: &[Notice],
    now: Timestamp,
) -> Result<Vec<(usize, UserId)>, sqlx::Error> {
    if notices.is_empty() {
        return Ok(Vec::new());
    }
    let rooms: Vec<_> = notices.iter().map(|notice| notice.room.uuid()).collect();
    let authors: Vec<_> = notices.iter().map(|notice| notice.author.uuid()).collect();
    let payloads: Vec<_> = notices
        .iter()
        .map(|notice| notice.payload.clone())
        .collect();
    let (places, mentioned): (Vec<i64>, Vec<_>) = (1..)
        .zip(notices)
        .flat_map(|(place, notice)| {
            let mentioned = notice.mentioned.iter();
            mentioned.map(move |user| (place, user.uuid()))
        })
        .unzip();
    let planned = sqlx::query!(
        r#"
        WITH concerned AS MATERIALIZED (
            SELECT s.subscription_id, s.user_id, n.payload, n.place
            FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS n (room_id, author_id, payload, place)
            JOIN members m ON m.room_id = n.room_id AND m.user_id <> n.author_id
            JOIN push_subscriptions s ON s.user_id = m.user_id
            WHERE m.muted_until IS NULL OR m.muted_until <= $4
               OR EXISTS (SELECT FROM unnest($5::bigint[], $6::uuid[]) AS x (place, user_id)
                          WHERE x.place = n.place AND x.user_id = m.user_id)
        ), planned AS (
            INSERT INTO push_deliveries (subscription_id, user_id, payload, due_at)
            SELECT subscription_id, user_id, payload, $4 FROM concerned ORDER BY place
        )
        SELECT DISTINCT place AS "place!", user_id AS "user_id!" FROM concerned ORDER BY 1, 2
        "#,
        &rooms,
        &authors,
        &payloads,
        now.utc(),
        &places,
        &mentioned,
    )
    .fetch_all(db)
    .await?;
    Ok(planned
        .into_iter()
        .filter_map(|row| {
            let notice = usize::try_from(row.place).ok()?.checked_sub(1)?;
            Some((notice, row.user_id.into()))
        })
        .collect())
}

/// Takes deliveries that are due; each is due again at `again`, for the case that nobody says what became of it.
///
/// # Errors
/// If the database fails.
pub async fn take_due(
    db: impl PgExecutor<'_>,
    most: i64,
    now: Timestamp,
    again: Timestamp,
) -> Result<Vec<Delivery>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        WITH due AS (
            SELECT delivery_id FROM push_deliveries WHERE due_at <= $1
            ORDER BY due_at, delivery_id LIMIT $2 FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE push_deliveries d SET due_at = $3, attempts = attempts + 1
            FROM due WHERE d.delivery_id = due.delivery_id
            RETURNING d.delivery_id, d.subscription_id, d.payload, d.attempts
        )
        SELECT taken.delivery_id AS "delivery_id!", taken.payload AS "payload!", taken.attempts AS "attempts!",
               s.subscription_id, s.user_id, s.endpoint, s.p256dh, s.auth
        FROM taken JOIN push_subscriptions s ON s.subscription_id = taken.subscription_id
        ORDER BY taken.delivery_id
        "#,
        now.utc(),
        most,
        again.utc(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Delivery {
            id: row.delivery_id,
            payload: row.payload,
            attempts: row.attempts,
            subscription: PushSubscription {
                id: row.subscription_id.into(),
                user_id: row.user_id.into(),
                endpoint: row.endpoint,
                p256dh: row.p256dh,
                auth: row.auth,
            },
        })
        .collect())
}

/// Forgets deliveries that are done with.
///
/// # Errors
/// If the database fails.
pub async fn finish(db: impl PgExecutor<'_>, deliveries: &[i64]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM push_deliveries WHERE delivery_id = ANY($1)",
        deliveries
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Puts a delivery off.
///
/// # Errors
/// If the database fails.
pub async fn put_off(
    db: impl PgExecutor<'_>,
    delivery: i64,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE push_deliveries SET due_at = $2 WHERE delivery_id = $1",
        delivery,
        until.utc(),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Forgets a subscription that its push service does not know any more, and all that was to be sent to it.
///
/// # Errors
/// If the database fails.
pub async fn drop_subscription(
    db: impl PgExecutor<'_>,
    subscription: PushSubscriptionId,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "DELETE FROM push_subscriptions WHERE subscription_id = $1",
        subscription.uuid(),
    )
    .execute(db)
    .await
    .map(|_| ())
}
