//! Jobs that follow an act that is done already: nobody waits for them.

use std::sync::Arc;

use chat_core::job::Job;

use crate::app::App;

/// Sends the job on its way.
pub(crate) fn spawn(app: Arc<App>, job: Job) {
    let tasks = app.tasks.clone();
    tasks.spawn(async move {
        let id = job.job_id;
        if let Err(refusal) = app.dispatcher.dispatch(job).await {
            tracing::warn!(job = %id, code = %refusal.code, "an announcement was not sent");
        }
    });
}
