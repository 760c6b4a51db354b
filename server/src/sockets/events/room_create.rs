//! `room.create`: answered when the room exists; the announcement to its members follows by the queue.

use std::sync::Arc;

use chat_core::error::Refusal;
use chat_core::protocol::client::RoomCreate;
use chat_core::protocol::objects::Room;
use chat_processor::commands::create_room;
use serde::Serialize;

use super::{Answer, Call};
use crate::announce;

#[derive(Serialize)]
struct Created {
    status: &'static str,
    created: bool,
    room: Room,
}

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let create: RoomCreate = call.parse()?;
    let created = create_room::run(&call.app.context, &call.actor(), create).await?;
    if let Some(job) = created.announcement {
        announce::spawn(Arc::clone(call.app), job);
    }
    Answer::now(&Created {
        status: "OK",
        created: created.created,
        room: created.room,
    })
}
