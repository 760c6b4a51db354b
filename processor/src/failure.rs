//! What a failed job asks of the worker: another try, or the dead letter queue.

use std::error::Error;

use chat_backends::postgres;
use chat_core::error::{ErrorCode, Refusal};

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A store is away or overloaded: nothing is wrong with the job. The worker pauses and keeps everything queued.
    #[error("a store is away: {0}")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// This job fails for a reason of its own. It is retried on the ladder, then dead-lettered.
    #[error("the job fails: {0}")]
    Job(#[source] Box<dyn Error + Send + Sync>),
    /// No retry can help. The job is dead-lettered at once.
    #[error("the job can never succeed: {0}")]
    Reject(String),
}

impl Failure {
    /// The store of files failed, which is nothing of any job's doing.
    pub fn store(error: chat_backends::objects::ObjectError) -> Self {
        Self::Unavailable(error.into())
    }

    /// Sorts a database error: the server's own trouble, or something about this job.
    pub fn from_sqlx(error: sqlx::Error) -> Self {
        if postgres::is_transient(&error) {
            Self::Unavailable(error.into())
        } else {
            Self::Job(error.into())
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::from_sqlx(error)
    }
}

/// A store failed while a client waits for its answer: logged here, where it is handled, and told without its text.
pub fn unavailable(error: &(dyn Error + 'static)) -> Refusal {
    tracing::warn!(error, "a store did not answer");
    Refusal::new(
        ErrorCode::Unavailable,
        "The service can't do this right now. Please try again in a moment.",
    )
    .retry_after(std::time::Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_not_the_jobs_fault() {
        assert!(matches!(
            Failure::from_sqlx(sqlx::Error::PoolTimedOut),
            Failure::Unavailable(_)
        ));
        assert!(matches!(
            Failure::from_sqlx(sqlx::Error::RowNotFound),
            Failure::Job(_)
        ));
    }
}
