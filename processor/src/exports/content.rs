//! What an export holds: everything that the chat keeps of a user and that the user could see.

use chat_backends::objects::{ObjectName, Objects};
use chat_backends::postgres::stories::{self, Which};
use chat_backends::postgres::{
    attachments, blocks, drafts, friends, messages, rooms, sessions, users,
};
use chat_core::ids::{AttachmentId, UserId};
use chat_core::protocol::objects::Attachment;
use chat_core::time::Timestamp;
use futures::TryStreamExt;
use serde_json::json;
use sqlx::PgConnection;

use super::archive::Archive;
use crate::context::Context;
use crate::failure::Failure;

/// Rows that are read at a time.
const PAGE: u32 = 500;

/// Most stories: those of one day.
const STORIES: u32 = 1000;

pub(super) async fn write(
    context: &Context,
    objects: &Objects,
    user: UserId,
    archive: &Archive,
) -> Result<(), Failure> {
    let mut reading = context.pg.begin().await?;
    // Reads all messages once to find the rooms that the user has left.
    sqlx::query("SET LOCAL statement_timeout = '15min'")
        .execute(&mut *reading)
        .await?;
    person(&mut reading, user, archive).await?;
    conversations(&mut reading, user, archive).await?;
    files(&mut reading, objects, user, archive).await
}

async fn person(db: &mut PgConnection, user: UserId, archive: &Archive) -> Result<(), Failure> {
    let now = Timestamp::now();
    let profile = users::by_id(&mut *db, user).await?;
    archive.json("profile.json", &profile).await?;
    let devices: Vec<_> = sessions::list(&mut *db, user, now)
        .await?
        .into_iter()
        .map(|session| {
            json!({
                "id": session.id, "userAgent": session.user_agent, "ip": session.ip,
                "createdAt": session.created_at, "lastSeenAt": session.last_seen_at,
            })
        })
        .collect();
    archive.json("sessions.json", &devices).await?;
    let friends = friends::list(&mut *db, user).await?;
    archive.json("friends.json", &friends).await?;
    let requests = friends::open_requests(&mut *db, user).await?;
    archive.json("friend-requests.json", &requests).await?;
    let blocked = blocks::list(&mut *db, user).await?;
    archive.json("blocked.json", &blocked).await?;
    let drafts: Vec<_> = drafts::list(&mut *db, user)
        .await?
        .into_iter()
        .map(|draft| {
            json!({"roomId": draft.room_id, "content": draft.content, "updatedAt": draft.updated_at})
        })
        .collect();
    archive.json("drafts.json", &drafts).await?;
    let mut stories = stories::visible(&mut *db, user, Which::All, now, STORIES).await?;
    stories.retain(|story| story.user_id == user);
    archive.json("stories.json", &stories).await
}

async fn conversations(
    db: &mut PgConnection,
    user: UserId,
    archive: &Archive,
) -> Result<(), Failure> {
    archive.entry("rooms.jsonl", true).await?;
    let mut after = None;
    loop {
        let (page, next) = rooms::list(db, user, after, PAGE).await?;
        for mut room in page {
            // What others wrote is theirs.
            room.last_message = None;
            archive.line(&room).await?;
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    for room in messages::rooms_written_in(&mut *db, user).await? {
        archive
            .entry(format!("messages/{room}.jsonl"), true)
            .await?;
        let mut after_seq = 0;
        loop {
            let page = messages::written_by(db, room, user, after_seq, PAGE).await?;
            let Some(last) = page.last() else { break };
            after_seq = last.seq;
            for message in &page {
                archive.line(message).await?;
            }
        }
    }
    Ok(())
}

async fn files(
    db: &mut PgConnection,
    objects: &Objects,
    user: UserId,
    archive: &Archive,
) -> Result<(), Failure> {
    let mut after: Option<AttachmentId> = None;
    loop {
        let page = attachments::of_uploader(db, user, after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        for file in &page {
            one_file(objects, file, archive).await?;
        }
    }
}

async fn one_file(objects: &Objects, file: &Attachment, archive: &Archive) -> Result<(), Failure> {
    let name = ObjectName::attachment(file.id);
    let Some(mut content) = objects.get(&name, None).await.map_err(Failure::store)? else {
        return Ok(());
    };
    // The id keeps two files of one name apart, and the name can't lead out of the folder: it holds no slash.
    archive
        .entry(format!("files/{}-{}", file.id, file.file_name), false)
        .await?;
    while let Some(bytes) = content
        .try_next()
        .await
        .map_err(|error| Failure::store(error.into()))?
    {
        archive.bytes(bytes).await?;
    }
    Ok(())
}
