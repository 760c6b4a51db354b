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
    let (app, user) = (call.app, call.client.user_id);
    // The client hears its rooms since it came, and before that their heads were read.
    let known = |room| app.heads.upto(room).filter(|_| app.hub.is_in(user, room));
    let rooms = resume::run(&app.context, user, &positions.rooms, known).await?;
    Answer::now(&Rooms {
        status: "OK",
        rooms,
    })
}
