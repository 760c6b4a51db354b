//! Many connected users who say nothing.

use chat_backends::postgres::PgPool;
use chat_bench::client::Connection;
use chat_bench::deployment::{Deployment, SECRET};
use chat_bench::people;
use chat_core::ids::{RoomId, UserId};
use futures::{StreamExt, TryStreamExt};
use tokio::task::JoinHandle;

/// Handshakes at a time.
const AT_ONCE: usize = 64;

/// Members of a room.
const MEMBERS: usize = 20;

pub(crate) struct Hall {
    pub(crate) tokens: Vec<String>,
    /// The rooms of each user, by place.
    pub(crate) rooms: Vec<Vec<RoomId>>,
    pub(crate) pool: PgPool,
}

impl Hall {
    /// Users in so many rooms each, of 20 members.
    pub(crate) async fn build(
        chat: &Deployment,
        users: usize,
        rooms_each: usize,
    ) -> anyhow::Result<Self> {
        let pool = chat.backends.pool()?;
        let users = people::users(&pool, users).await?;
        let count = (users.len() * rooms_each).div_ceil(MEMBERS).max(rooms_each);
        let mut members: Vec<Vec<UserId>> = vec![Vec::new(); count];
        let mut places = Vec::with_capacity(users.len());
        for (number, user) in users.iter().enumerate() {
            let mine: Vec<usize> = (0..rooms_each)
                .map(|offset| (number + offset * count / rooms_each) % count)
                .collect();
            for room in &mine {
                members[*room].push(*user);
            }
            places.push(mine);
        }
        members.retain(|members| !members.is_empty());
        anyhow::ensure!(members.len() == count, "too few users for their rooms");
        let rooms = people::rooms(&pool, &members).await?;
        let tokens = users
            .iter()
            .map(|user| people::token(SECRET, *user))
            .collect::<Result<_, _>>()?;
        let rooms = places
            .into_iter()
            .map(|mine| mine.into_iter().map(|room| rooms[room]).collect())
            .collect();
        Ok(Self {
            tokens,
            rooms,
            pool,
        })
    }
}

/// Connects these, some at a time.
pub(crate) async fn connect(
    chat: &Deployment,
    tokens: &[String],
) -> anyhow::Result<Vec<Connection>> {
    let gateways = &chat.gateways;
    let opening = tokens.iter().enumerate().map(|(number, token)| async move {
        let gateway = gateways[number % gateways.len()].address;
        Connection::open(gateway, token)
            .await
            .map(|(connection, _)| connection)
    });
    Ok(futures::stream::iter(opening)
        .buffered(AT_ONCE)
        .try_collect()
        .await?)
}

/// Keeps a connection alive until it is closed.
pub(crate) fn idle(mut connection: Connection) -> JoinHandle<()> {
    tokio::spawn(async move { while connection.next().await.is_some() {} })
}
