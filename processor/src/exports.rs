//! Exports of users' data: asked for over REST, made here, kept in the store of files for a week.

mod archive;
mod content;

use std::time::Duration;

use std::sync::Arc;

use chat_backends::objects::{ObjectName, Objects};
use chat_backends::postgres::exports;
use chat_core::ids::{ExportId, UserId};
use chat_core::time::Timestamp;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::failure::Failure;

/// Between two looks for an export to make.
const EVERY: Duration = Duration::from_secs(2);

/// Makes exports until `stop`, one at a time. An export that a stop or a crash cuts short is made anew by whoever comes next.
pub async fn keep(context: Context, objects: Arc<Objects>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let made = stop.run_until_cancelled(make_all(&context, &objects)).await;
        if let Some(Err(error)) = made {
            tracing::warn!(%error, "an export was put off");
        }
    }
}

async fn make_all(context: &Context, objects: &Objects) -> Result<(), Failure> {
    while make_next(context, objects).await? {}
    Ok(())
}

/// Makes the export that has waited longest; whether there was one.
///
/// # Errors
/// [`Failure::Unavailable`] if a store is away: the export waits on. One that fails for another reason is marked so.
pub async fn make_next(context: &Context, objects: &Objects) -> Result<bool, Failure> {
    // The lock on the export's row is what keeps others from making it too; it ends with this process.
    let mut transaction = context.pg.begin().await?;
    let Some((export, user)) = exports::next_pending(&mut *transaction).await? else {
        return Ok(false);
    };
    let name = match make(context, objects, export, user).await {
        Ok(name) => Some(name),
        Err(error @ Failure::Unavailable(_)) => return Err(error),
        Err(error) => {
            tracing::error!(%error, %export, "an export can't be made");
            None
        }
    };
    let object = name.as_ref().map(ObjectName::as_str);
    exports::finish(&mut *transaction, export, object, Timestamp::now()).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn make(
    context: &Context,
    objects: &Objects,
    export: ExportId,
    user: UserId,
) -> Result<ObjectName, Failure> {
    let mut file = objects.scratch().await.map_err(Failure::store)?;
    let archive = archive::Archive::create(file.path().to_owned());
    content::write(context, objects, user, &archive).await?;
    archive.finish().await?;
    file.measure()
        .await
        .map_err(|error| Failure::store(error.into()))?;
    let name = ObjectName::export(export);
    objects.put(&name, file).await.map_err(Failure::store)?;
    Ok(name)
}
