//! `room.created`: the announcement of a new room to its members, each of whom sees it from their own side.

use chat_backends::postgres::{members, rooms};
use chat_core::job::Job;
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::effects::{Effect, Target};
use crate::failure::Failure;

/// What each member hears. A room that is gone already is announced to nobody.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(connection: &mut PgConnection, job: &Job) -> Result<Vec<Effect>, Failure> {
    let room_id = job
        .room_id
        .ok_or_else(|| Failure::Reject("an announcement without a room".to_owned()))?;
    let mut effects = Vec::new();
    for member in members::ids(&mut *connection, room_id).await? {
        if let Some(room) = rooms::view(connection, room_id, member).await? {
            let event = ServerEvent::RoomCreated { room };
            effects.push(Effect::of_job(Target::User(member), &event, job)?);
        }
    }
    Ok(effects)
}
