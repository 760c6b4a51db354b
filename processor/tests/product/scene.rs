//! People in rooms, and the two ways of doing something: as the worker does, and as a REST route does.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use chat_backends::config::RedisConfig;
use chat_backends::postgres;
use chat_backends::postgres::rooms::{self, NewGroup};
use chat_backends::postgres::users::{self, NewUser};
use chat_backends::redis::{Redis, presence};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{Id, RoomId, UserId};
use chat_core::job::Job;
use chat_core::protocol::client;
use chat_core::protocol::objects::{JoinPolicy, Message, UserRole};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use chat_processor::actor::Actor;
use chat_processor::commands::send_message;
use chat_processor::context::{Context, Policy};
use chat_processor::effects::{self, Effect, Target};
use chat_processor::execute::execute;
use chat_test_support::database::Database;
use chat_test_support::variable;
use futures::FutureExt;

/// One test's world.
pub(crate) struct Scene {
    pub(crate) context: Context,
}

/// Runs a test on a database of its own, which is removed whatever its outcome.
pub(crate) async fn on_scene(test: impl AsyncFnOnce(&Scene)) {
    let database = Database::create().await;
    let pg = postgres::connect(&database.config()).unwrap();
    postgres::migrate(&pg).await.unwrap();
    let redis = RedisConfig::from_url(variable("TEST_REDIS_URL")).unwrap();
    let scene = Scene {
        context: Context {
            pg: pg.clone(),
            redis: Redis::connect(&redis).await.unwrap(),
            policy: Arc::new(Policy::default()),
        },
    };
    let outcome = AssertUnwindSafe(test(&scene)).catch_unwind().await;
    pg.close().await;
    database.remove().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

impl Scene {
    /// A new account.
    pub(crate) async fn user(&self) -> UserId {
        self.user_of_role(UserRole::User).await
    }

    pub(crate) async fn user_of_role(&self, role: UserRole) -> UserId {
        let id = UserId::now_v7();
        let username = format!("u{}", id.uuid().simple());
        let user = NewUser {
            id,
            email: format!("{username}@example.org"),
            username: username.clone(),
            name: username,
            first_name: String::new(),
            middle_name: String::new(),
            last_name: String::new(),
            phone: None,
            role,
            password_hash: "$argon2id$...".to_owned(),
            created_at: Timestamp::now(),
        };
        users::insert(&self.context.pg, &user).await.unwrap();
        id
    }

    /// New accounts.
    pub(crate) async fn users<const N: usize>(&self) -> [UserId; N] {
        let mut users = [UserId::now_v7(); N];
        for user in &mut users {
            *user = self.user().await;
        }
        users
    }

    /// A group; the first one owns it.
    pub(crate) async fn group(&self, members: &[UserId]) -> RoomId {
        self.group_of(members, JoinPolicy::Invite).await
    }

    pub(crate) async fn group_of(&self, members: &[UserId], policy: JoinPolicy) -> RoomId {
        let id = RoomId::now_v7();
        let group = NewGroup {
            id,
            creator: members[0],
            members: members.to_vec(),
            title: Some("Group".to_owned()),
            description: None,
            avatar_url: None,
            join_policy: policy,
            created_at: Timestamp::now(),
        };
        rooms::create_group(&self.context.pg, &group).await.unwrap();
        id
    }

    /// The dm of two.
    pub(crate) async fn dm(&self, one: UserId, other: UserId) -> RoomId {
        let mut connection = self.context.pg.acquire().await.unwrap();
        let now = Timestamp::now();
        let made = rooms::create_dm(&mut connection, RoomId::now_v7(), one, other, now).await;
        made.unwrap().0
    }

    /// Sends a message as the worker does.
    pub(crate) async fn say(&self, room: RoomId, user: UserId, content: &str) -> Message {
        let send = message(room, content);
        let checked = send_message::check(&self.context, &actor(user), send).await;
        let effects = self.perform(&checked.unwrap().job).await;
        match effects[0].fanout.typed().unwrap() {
            ServerEvent::MessageDelivered(message) => message,
            other => panic!("not delivered: {other:?}"),
        }
    }

    /// Does a job as the worker does.
    pub(crate) async fn perform(&self, job: &Job) -> Vec<Effect> {
        let mut transaction = self.context.pg.begin().await.unwrap();
        let done = execute(&self.context, &mut transaction, &[job]).await;
        transaction.commit().await.unwrap();
        let effects: Vec<Effect> = done.unwrap().into_iter().flatten().collect();
        effects::publish(&self.context.redis, &effects)
            .await
            .unwrap();
        effects
    }

    /// Gives a user a socket.
    pub(crate) async fn connect(&self, user: UserId) {
        presence::connect(&self.context.redis, user, "gateway-test", "socket")
            .await
            .unwrap();
    }
}

/// A user at a socket.
pub(crate) fn actor(user: UserId) -> Actor {
    Actor {
        user_id: user,
        session_id: None,
        socket_id: Some("socket".to_owned()),
        ip: Some(std::net::IpAddr::from([192, 0, 2, 1])),
        gateway_id: Arc::from("gateway-test"),
    }
}

/// A plain message to send.
pub(crate) fn message(room: RoomId, content: &str) -> client::MessageSend {
    client::MessageSend {
        room_id: room,
        content: Some(content.to_owned()),
        client_msg_id: None,
        kind: None,
        reply_to: None,
        thread_id: None,
        mentions: vec![],
        attachments: vec![],
    }
}

/// The code of a refusal that must come.
#[track_caller]
pub(crate) fn refused<T>(outcome: Result<T, Refusal>) -> ErrorCode {
    match outcome {
        Ok(_) => panic!("this must be refused"),
        Err(refusal) => refusal.code,
    }
}

/// What is heard, and by whom, in order.
pub(crate) fn heard(effects: &[Effect]) -> Vec<(&str, Target)> {
    effects
        .iter()
        .map(|effect| (effect.fanout.event.as_str(), effect.target))
        .collect()
}

/// An id that nothing has.
pub(crate) fn unknown<K>() -> Id<K> {
    Id::now_v7()
}
