//! The second way in: REST writes are committed before they are answered, by the same `apply` that the worker runs.

use chat_backends::postgres::jobs;
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::RoomId;
use chat_core::job::Job;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::context::Context;
use crate::direct;
use crate::failure::{Failure, unavailable};

/// Does a checked job now and tells the members.
///
/// # Errors
/// `unavailable` while a store is away, `delivery_failed` if the job can't be done.
pub async fn commit(context: &Context, job: &Job) -> Result<(), Refusal> {
    direct::process(context, job).await.map_err(|failure| match failure {
        Failure::Unavailable(error) => unavailable(error.as_ref()),
        error @ (Failure::Job(_) | Failure::Reject(_)) => {
            tracing::error!(%error, job = %job.job_id, act = job.act.name(), "an act could not be done");
            let message = "This could not be done. Please try again.";
            Refusal::new(ErrorCode::DeliveryFailed, message)
        }
    })
}

/// Whether `job` was not done before; from now on it is, if the transaction commits. A job that was done before only
/// tells again: whether it was told is not known.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn first_time(connection: &mut PgConnection, job: &Job) -> Result<bool, Failure> {
    let lane = RoomId::from(job.lane());
    let fresh = jobs::claim(connection, &[(lane, job.job_id)], Timestamp::now()).await?;
    Ok(fresh.contains(&job.job_id))
}

/// The room of a job that has one.
///
/// # Errors
/// [`Failure::Reject`] for a job without a room.
pub fn room_of(job: &Job) -> Result<RoomId, Failure> {
    job.room_id
        .ok_or_else(|| Failure::Reject(format!("{} without a room", job.act.name())))
}
