//! What happened about a room, or by a user, in a short window: summed up here until the window is over.

use chat_core::ids::{RoomId, UserId};
use chat_core::time::Timestamp;
use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// Whose window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// What happened in a room.
    Room(RoomId),
    /// What a user did.
    User(UserId),
}

/// How often what happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Counts {
    pub messages: i64,
    pub updates: i64,
    pub deletes: i64,
    pub reads: i64,
}

/// A window of a room or a user in which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its start.
    pub begins: Timestamp,
    /// Whose it is.
    pub about: About,
    /// What happened.
    pub counts: Counts,
}

const ROOM: &str = "room";
const USER: &str = "user";

/// Adds to the windows; each may be there once only, and in the order of the key, so that two writers never wait for each
/// other.
///
/// # Errors
/// If the database fails.
pub async fn add(db: impl PgExecutor<'_>, windows: &[Window]) -> Result<(), sqlx::Error> {
    if windows.is_empty() {
        return Ok(());
    }
    let begins: Vec<DateTime<Utc>> = windows.iter().map(|window| window.begins.utc()).collect();
    let (about, ids): (Vec<String>, Vec<Uuid>) = windows
        .iter()
        .map(|window| match window.about {
            About::Room(room) => (ROOM.to_owned(), room.uuid()),
            About::User(user) => (USER.to_owned(), user.uuid()),
        })
        .unzip();
    let column = |count: fn(&Counts) -> i64| -> Vec<i64> {
        windows.iter().map(|window| count(&window.counts)).collect()
    };
    sqlx::query!(
        r#"
        INSERT INTO activity_windows AS kept (begins, about, id, messages, updates, deletes, reads)
        SELECT * FROM unnest($1::timestamptz[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        ON CONFLICT (begins, about, id) DO UPDATE
        SET messages = kept.messages + excluded.messages, updates = kept.updates + excluded.updates,
            deletes = kept.deletes + excluded.deletes, reads = kept.reads + excluded.reads
        "#,
        &begins,
        &about,
        &ids,
        &column(|counts| counts.messages),
        &column(|counts| counts.updates),
        &column(|counts| counts.deletes),
        &column(|counts| counts.reads),
    )
    .execute(db)
    .await
    .map(|_| ())
}

/// Takes away windows that began before `before` and that nobody else is taking; the transaction is the caller's.
///
/// # Errors
/// If the database fails.
pub async fn take(
    conn: &mut PgConnection,
    before: Timestamp,
    most: i64,
) -> Result<Vec<Window>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        WITH over AS (
            SELECT begins, about, id FROM activity_windows WHERE begins < $1
            ORDER BY begins, about, id LIMIT $2 FOR UPDATE SKIP LOCKED
        )
        DELETE FROM activity_windows kept USING over
        WHERE kept.begins = over.begins AND kept.about = over.about AND kept.id = over.id
        RETURNING kept.begins, kept.about, kept.id, kept.messages, kept.updates, kept.deletes, kept.reads
        "#,
        before.utc(),
        most,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Window {
            begins: row.begins.into(),
            about: if row.about == ROOM {
                About::Room(row.id.into())
            } else {
                About::User(row.id.into())
            },
            counts: Counts {
                messages: row.messages,
                updates: row.updates,
                deletes: row.deletes,
                reads: row.reads,
            },
        })
        .collect())
}
