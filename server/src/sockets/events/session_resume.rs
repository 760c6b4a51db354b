//! `session.resume`: what the client missed while it was away.

use chat_core::error::Refusal;
use chat_core::protocol::client::SessionResume;
use chat_processor::commands::resume::{self, Resumed};
use serde::Serialize;

use super::{Answer, Call};

#[derive(Serialize)]
struct Rooms {
    status: &'static str,
    rooms: Vec<Resumed>,
}

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let positions: SessionResume = call.parse()?;
    let rooms = resume::run(&call.app.context, call.client.user_id, &positions.rooms).await?;
    Answer::now(&Rooms {
        status: "OK",
        rooms,
    })
}
