//! Calls that nobody hangs up: when everybody in one has been offline for a minute, it is over.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chat_backends::postgres::calls;
use chat_backends::redis::presence;
use chat_core::ids::{CallId, UserId};
use chat_core::protocol::objects::{Call, CallState, ParticipantState};
use chat_core::time::Timestamp;

use crate::commands::call_message;
use crate::context::Context;
use crate::effects;
use crate::failure::Failure;

/// How long all participants must have been offline: longer than any of them, or Redis, needs to come back.
pub const DESERTED_FOR: Duration = Duration::from_secs(60);

/// Most calls of one look.
const CALLS: u32 = 1000;

/// What one process has seen deserted, and since when.
#[derive(Debug, Default)]
pub struct DesertedCalls {
    since: HashMap<CallId, Timestamp>,
}

impl DesertedCalls {
    /// Looks at the calls that go on and ends those that have been deserted long enough; returns how many.
    ///
    /// # Errors
    /// [`Failure`] of a store; then what was seen so far is forgotten, because nobody can be told from the absent.
    pub async fn end(&mut self, context: &Context, now: Timestamp) -> Result<usize, Failure> {
        let ended = self.look(context, now).await;
        if ended.is_err() {
            self.since.clear();
        }
        ended
    }

    async fn look(&mut self, context: &Context, now: Timestamp) -> Result<usize, Failure> {
        let mut connection = context.pg.acquire().await?;
        let ongoing = calls::ongoing(&mut connection, now, CALLS).await?;
        drop(connection);
        let participants: HashSet<UserId> = ongoing.iter().flat_map(joined).collect();
        let participants: Vec<UserId> = participants.into_iter().collect();
        let online = presence::online_among(&context.redis, &participants)
            .await
            .map_err(|error| Failure::Unavailable(error.into()))?;
        let online: HashSet<UserId> = online.into_iter().collect();
        let deserted = ongoing
            .iter()
            .filter(|call| !joined(call).any(|user| online.contains(&user)));
        self.since = deserted
            .map(|call| (call.id, self.since.get(&call.id).copied().unwrap_or(now)))
            .collect();
        let due: Vec<CallId> = self
            .since
            .iter()
            .filter(|(_, since)| since.age_at(now) >= DESERTED_FOR)
            .map(|(call, _)| *call)
            .collect();
        for call in &due {
            end(context, *call, now).await?;
        }
        Ok(due.len())
    }
}

fn joined(call: &Call) -> impl Iterator<Item = UserId> {
    call.participants
        .iter()
        .filter(|participant| participant.state == ParticipantState::Joined)
        .map(|participant| participant.user_id)
}

async fn end(context: &Context, call: CallId, now: Timestamp) -> Result<(), Failure> {
    let mut transaction = context.pg.begin().await?;
    let still: Vec<Call> = calls::lock(&mut transaction, call)
        .await?
        .into_iter()
        .filter(|call| call.state == CallState::Ongoing)
        .collect();
    let told = call_message::end_all(&mut transaction, &still, CallState::Ended, now).await?;
    transaction.commit().await?;
    if let Err(error) = effects::publish(&context.redis, &told).await {
        tracing::warn!(%error, "a deserted call was ended but not told");
    }
    Ok(())
}
