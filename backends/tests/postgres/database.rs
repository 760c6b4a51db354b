//! A database for one test, and the few things that most tests begin with.

use std::future::Future;

use chat_backends::postgres::messages::{self, Appended, NewMessage};
use chat_backends::postgres::rooms::{self, NewGroup};
use chat_backends::postgres::users::{self, NewUser};
use chat_backends::postgres::{self, PgPool};
use chat_core::ids::{JobId, MessageId, RoomId, UserId};
use chat_core::job::SendMessage;
use chat_core::protocol::objects::{JoinPolicy, Message, MessageType, UserRole};
use chat_core::time::Timestamp;
use chat_test_support::database::Database;
use uuid::Uuid;

/// Runs `test` on a new, migrated database, which is dropped afterwards whether the test passed or not.
pub(crate) async fn with_database<F>(test: impl FnOnce(PgPool) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    with_empty_database(async |pool: PgPool| {
        postgres::migrate(&pool).await.unwrap();
        tokio::spawn(test(pool)).await
    })
    .await;
}

/// The same without any table.
pub(crate) async fn with_empty_database(
    test: impl AsyncFnOnce(PgPool) -> Result<(), tokio::task::JoinError>,
) {
    let database = Database::create().await;
    let pool = postgres::connect(&database.config()).unwrap();
    let outcome = test(pool.clone()).await;
    pool.close().await;
    database.remove().await;
    if let Err(failed) = outcome {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// A new account.
pub(crate) async fn user(pool: &PgPool) -> UserId {
    let id = UserId::now_v7();
    users::insert(pool, &new_user(id, &format!("u{}", id.uuid().simple())))
        .await
        .unwrap();
    id
}

/// An account of this name that is not stored yet.
pub(crate) fn new_user(id: UserId, username: &str) -> NewUser {
    NewUser {
        id,
        email: format!("{username}@example.org"),
        username: username.to_owned(),
        name: format!("Name of {username}"),
        first_name: "First".to_owned(),
        middle_name: String::new(),
        last_name: "Last".to_owned(),
        phone: None,
        role: UserRole::User,
        password_hash: "$argon2id$...".to_owned(),
        created_at: Timestamp::now(),
    }
}

/// A new group of these members; the first one owns it.
pub(crate) async fn group(pool: &PgPool, members: &[UserId]) -> RoomId {
    let id = RoomId::now_v7();
    let group = NewGroup {
        id,
        creator: members[0],
        members: members.to_vec(),
        title: Some("Group".to_owned()),
        description: None,
        avatar_url: None,
        join_policy: JoinPolicy::Invite,
        created_at: Timestamp::now(),
    };
    rooms::create_group(pool, &group).await.unwrap();
    id
}

/// A plain message that is not stored yet.
pub(crate) fn text(room: RoomId, sender: UserId, content: &str) -> NewMessage {
    NewMessage {
        job_id: JobId::now_v7(),
        room_id: room,
        sender_id: sender,
        created_at: Timestamp::now(),
        send: SendMessage {
            message_id: MessageId::now_v7(),
            client_msg_id: Uuid::new_v4().to_string(),
            kind: MessageType::Text,
            content: content.to_owned(),
            reply_to: None,
            thread_id: None,
            mentions: vec![],
            attachments: vec![],
            forwarded_from: None,
        },
        call: None,
    }
}

/// Stores a batch in a transaction of its own.
pub(crate) async fn append(pool: &PgPool, batch: &[NewMessage]) -> Vec<Appended> {
    let mut tx = pool.begin().await.unwrap();
    let outcomes = messages::append_batch(&mut tx, batch).await.unwrap();
    tx.commit().await.unwrap();
    outcomes
}

/// Stores one plain message.
pub(crate) async fn say(pool: &PgPool, room: RoomId, sender: UserId, content: &str) -> Message {
    inserted(append(pool, &[text(room, sender, content)]).await.pop())
}

/// The message that was stored, if it was.
#[track_caller]
pub(crate) fn inserted(outcome: Option<Appended>) -> Message {
    match outcome {
        Some(Appended::Inserted(message)) => *message,
        other => panic!("not inserted: {other:?}"),
    }
}
