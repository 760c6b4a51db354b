//! What time does by itself: calls that nobody takes or hangs up, stories whose day is over, words to index, marks to forget, files that nobody holds.
//!
//! Every process may do all of it at once: each step takes only what nobody else is at, and finding nothing to do is the
//! usual case. A step that fails is done by the next round.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chat_backends::objects::{ObjectName, Objects};
use chat_backends::postgres::{
    acknowledged, attachments, audit, event_groups, exports, jobs, messages, sessions,
};
use chat_core::limits;
use chat_core::time::Timestamp;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::commands::deserted_call::DesertedCalls;
use crate::commands::{initiate_call, story};
use crate::context::Context;
use crate::failure::Failure;

/// Between two looks at the calls that ring: how late a missed call may be noticed.
const CALLS_EVERY: Duration = Duration::from_secs(1);
/// Between two looks at what is to be indexed, at the stories, and at the calls that go on.
const OFTEN_EVERY: Duration = Duration::from_secs(10);
/// Between two rounds of forgetting.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Between two rounds of removing files that nobody holds any more.
const FILES_EVERY: Duration = Duration::from_secs(300);
/// Files that are removed in one transaction.
const FILES: u32 = 100;
/// Rooms that are indexed in one round.
const INDEX_ROOMS: u32 = 50;
/// How long it is remembered that a job was done: far longer than any queue or dead letter lasts.
const JOBS_LAST: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long it is remembered what a consumer group has dealt with: longer than the log reaches back, whose segments go
/// as a whole.
const RECEIPTS_LAST: Duration = Duration::from_secs(14 * 24 * 3600);
/// How long the audit log reaches back.
const AUDIT_LASTS: Duration = Duration::from_secs(400 * 24 * 3600);

/// Keeps house until `stop`.
pub async fn keep(context: Context, objects: Arc<Objects>, stop: CancellationToken) {
    let ticks = |period| {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let mut calls = ticks(CALLS_EVERY);
    let mut often = ticks(OFTEN_EVERY);
    let mut prune = ticks(PRUNE_EVERY);
    let mut files = ticks(FILES_EVERY);
    let mut deserted = DesertedCalls::default();
    loop {
        let (step, done) = tokio::select! {
            () = stop.cancelled() => return,
            _ = calls.tick() => {
                let done = initiate_call::give_up_unanswered(&context, Timestamp::now()).await;
                ("calls", done.map(|_| ()))
            }
            _ = often.tick() => ("stories, words and deserted calls", often_due(&context, &mut deserted).await),
            _ = prune.tick() => ("forgetting", forget(&context).await),
            _ = files.tick() => ("files", remove_files(&context, &objects, Timestamp::now()).await),
        };
        if let Err(error) = done {
            tracing::warn!(%error, step, "housekeeping was put off");
        }
    }
}

async fn often_due(context: &Context, deserted: &mut DesertedCalls) -> Result<(), Failure> {
    let now = Timestamp::now();
    story::expire(context, now).await?;
    let mut connection = context.pg.acquire().await?;
    messages::index_rooms(&mut connection, INDEX_ROOMS).await?;
    drop(connection);
    deserted.end(context, now).await?;
    Ok(())
}

async fn forget(context: &Context) -> Result<(), Failure> {
    let now = Timestamp::now();
    jobs::prune(&context.pg, before(now, JOBS_LAST)).await?;
    acknowledged::prune(&context.pg, before(now, limits::CLIENT_MSG_ID_MEMORY)).await?;
    sessions::prune(&context.pg, now).await?;
    audit::prune(&context.pg, before(now, AUDIT_LASTS)).await?;
    event_groups::prune(&context.pg, before(now, RECEIPTS_LAST)).await?;
    Ok(())
}

/// Removes uploads that no message and no story holds (after a day, or at once if their owner is gone), and exports whose
/// time is over. Bytes go before the commit that forgets them: a crash in between leaves a name without bytes, which the
/// next round removes, and never bytes without a name.
///
/// # Errors
/// [`Failure`] of the database or the store; what was removed before it stays removed.
pub async fn remove_files(
    context: &Context,
    objects: &Objects,
    now: Timestamp,
) -> Result<(), Failure> {
    loop {
        let mut transaction = context.pg.begin().await?;
        let loose = before(now, limits::LOOSE_FILE_LASTS);
        let files = attachments::collect_garbage(&mut *transaction, loose, FILES).await?;
        let old = before(now, limits::EXPORT_LASTS);
        let archives = exports::expire(&mut *transaction, old, FILES).await?;
        let is_last = files.len().max(archives.len()) < FILES as usize;
        let names = (files.into_iter().map(ObjectName::attachment))
            .chain(archives.into_iter().map(ObjectName::export));
        for name in names {
            objects.delete(&name).await.map_err(Failure::store)?;
        }
        transaction.commit().await?;
        if is_last {
            break;
        }
    }
    let stale = SystemTime::now().checked_sub(limits::LOOSE_FILE_LASTS);
    if let Some(stale) = stale {
        objects.sweep(stale).await.map_err(Failure::store)?;
    }
    Ok(())
}

fn before(now: Timestamp, span: Duration) -> Timestamp {
    let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_millis(now.unix_millis().saturating_sub(millis)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_lies_that_far_back() {
        let now = Timestamp::now();
        assert_eq!(before(now, JOBS_LAST).age_at(now), JOBS_LAST);
    }
}
