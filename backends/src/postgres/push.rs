//! Web Push subscriptions of users' browsers.

pub mod deliveries;

use chat_core::ids::{PushSubscriptionId, UserId};
use chat_core::time::Timestamp;
use sqlx::{PgConnection, PgExecutor};

/// A subscription, as the browser made it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are those of the W3C object")]
pub struct PushSubscription {
    pub id: PushSubscriptionId,
    pub user_id: UserId,
    pub endpoint: String,
    pub p256dh: String,
    pub auth: String,
}

/// Keeps a subscription and returns its id. An endpoint belongs to whoever subscribed last; of a user's subscriptions the
/// latest `most` are kept. The transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn subscribe(
    conn: &mut PgConnection,
    subscription: &PushSubscription,
    most: i64,
    now: Timestamp,
) -> Result<PushSubscriptionId, sqlx::Error> {
    let id = sqlx::query_scalar!(
        r#"
        INSERT INTO push_subscriptions (subscription_id, user_id, endpoint, p256dh, auth, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (md5(endpoint)) DO UPDATE
        SET subscription_id = CASE WHEN push_subscriptions.user_id = excluded.user_id
                                   THEN push_subscriptions.subscription_id ELSE excluded.subscription_id END,
            user_id = excluded.user_id, endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth,
            created_at = excluded.created_at
        RETURNING subscription_id
        "#,
        subscription.id.uuid(),
        subscription.user_id.uuid(),
        subscription.endpoint,
        subscription.p256dh,
        subscription.auth,
        now.utc(),
    )
    .fetch_one(&mut *conn)
    .await?;
    sqlx::query!(
        r#"
        DELETE FROM push_subscriptions WHERE subscription_id IN (
            SELECT subscription_id FROM push_subscriptions WHERE user_id = $1 AND subscription_id <> $2
            ORDER BY created_at DESC, subscription_id DESC OFFSET $3)
        "#,
        subscription.user_id.uuid(),
        id,
        (most - 1).max(0),
    )
    .execute(conn)
    .await?;
    Ok(id.into())
}

/// Ends a subscription of `user`; whether there was one.
///
/// # Errors
/// If the database fails.
pub async fn unsubscribe(
    db: impl PgExecutor<'_>,
    user: UserId,
    subscription: PushSubscriptionId,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM push_subscriptions WHERE subscription_id = $1 AND user_id = $2",
        subscription.uuid(),
        user.uuid(),
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The subscriptions of these users.
///
/// # Errors
/// If the database fails.
pub async fn of(
    db: impl PgExecutor<'_>,
    users: &[UserId],
) -> Result<Vec<PushSubscription>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        SELECT subscription_id, user_id, endpoint, p256dh, auth FROM push_subscriptions
        WHERE user_id = ANY($1) ORDER BY subscription_id
        "#,
        &super::uuids(users),
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| PushSubscription {
            id: row.subscription_id.into(),
            user_id: row.user_id.into(),
            endpoint: row.endpoint,
            p256dh: row.p256dh,
            auth: row.auth,
        })
        .collect())
}
