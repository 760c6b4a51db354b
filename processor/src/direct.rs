//! Doing a job without the broker, for a gateway whose broker is away.
//!
//! The same commands, the same unique keys: a duplicate that comes by the queue later finds the job done.

use chat_core::job::Job;
use chat_core::names::Queue;

use crate::context::Context;
use crate::effects::{self, Effect};
use crate::execute::{execute, execute_transient};
use crate::failure::Failure;
use crate::{order, outbox, trace};

/// Does `job` durably and tells the gateways.
///
/// # Errors
/// [`Failure`] if it was not stored. A job that was stored but could not be told is done: clients fill the gap when they
/// resume.
pub async fn process(context: &Context, job: &Job) -> Result<(), Failure> {
    let told = if job.act.queue() == Queue::Low {
        execute_transient(context, job).await?
    } else {
        let mut transaction = context.pg.begin().await?;
        order::require_nothing_queued(context, &mut transaction, job).await?;
        let effects = execute(context, &mut transaction, &[job]).await?;
        let mut told: Vec<Effect> = effects.into_iter().flatten().collect();
        let traceparent = trace::current();
        for effect in &mut told {
            effect.fanout.traceparent.clone_from(&traceparent);
        }
        outbox::put_job(&mut transaction, job, &told).await?;
        transaction.commit().await?;
        told
    };
    if let Err(error) = effects::publish(&context.redis, &told).await {
        tracing::warn!(%error, job = %job.job_id, "a job was done but not told");
    }
    Ok(())
}
