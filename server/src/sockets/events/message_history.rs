//! `message.history`: a page of a room's messages.

use chat_core::error::Refusal;
use chat_core::protocol::client::MessageHistory;
use chat_core::protocol::objects::Message;
use chat_processor::commands::history::{self, Query};
use serde::Serialize;

use super::{Answer, Call};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    status: &'static str,
    messages: Vec<Message>,
    has_more: bool,
    last_seq: i64,
}

pub(super) async fn handle(call: &Call<'_>) -> Result<Answer, Refusal> {
    let asked: MessageHistory = call.parse()?;
    let query = Query {
        after_seq: asked.after_seq,
        before_seq: asked.before_seq,
        limit: asked.limit,
        full: asked.fields.as_deref() == Some("full"),
    };
    let history = history::run(
        &call.app.context,
        call.client.user_id,
        asked.room_id,
        &query,
    )
    .await?;
    Answer::now(&Page {
        status: "OK",
        messages: history.page.messages,
        has_more: history.page.has_more,
        last_seq: history.page.last_seq,
    })
}
