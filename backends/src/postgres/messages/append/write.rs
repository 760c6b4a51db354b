//! The writes of a batch: one statement for the messages themselves, and one more only for what few batches have.

use std::collections::HashMap;

use chat_core::ids::RoomId;
use chat_core::protocol::objects::Message;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::NewMessage;
use super::plan::Plan;
use super::references::References;
use crate::postgres::messages::lasts;
use crate::postgres::names::Stored as _;

/// Inserts the new messages, moves their rooms' heads and counts them for their senders. `false` if not all could be
/// inserted, since something is stored already or a sender is no member: heads and counts are as before then.
pub(super) async fn messages(
    conn: &mut PgConnection,
    batch: &[NewMessage],
    messages: &[Option<Message>],
    plan: &Plan,
    references: &References,
) -> Result<bool, sqlx::Error> {
    if plan.heads.is_empty() {
        return Ok(true);
    }
    let mut rows = Columns::default();
    for (new, message) in batch.iter().zip(messages) {
        if let Some(message) = message {
            rows.push(new, message, references)?;
        }
    }
    let (head_rooms, head_seqs, head_times) = plan
        .heads
        .iter()
        .map(|(room, (seq, at))| (room.uuid(), *seq, at.utc()))
        .collect::<(Vec<_>, Vec<_>, Vec<_>)>();
    let (sender_rooms, sender_ids) = plan
        .senders
        .keys()
        .map(|(room, sender)| (room.uuid(), sender.uuid()))
        .collect::<(Vec<_>, Vec<_>)>();
    let (sender_counts, sender_times) = plan
        .senders
        .values()
        .map(|(count, at)| (*count, at.utc()))
        .collect::<(Vec<_>, Vec<_>)>();
    let expected = i64::try_from(rows.seqs.len()).unwrap_or(i64::MAX);
    let written = sqlx::query_scalar!(
        r#"
        WITH stored AS (
            INSERT INTO messages (room_id, seq, message_id, job_id, sender_id, client_msg_id, client_id_lasts, kind,
                                  content, preview, reply_seq, thread_seq, thread_id, mentions, forwarded_from,
                                  attachments, call, created_at)
            SELECT room_id, seq, message_id, job_id, sender_id, client_msg_id, client_id_lasts, kind,
                   content, preview, reply_seq, thread_seq, thread_id, mentions::uuid[], forwarded_from,
                   attachments, call, created_at
            FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::boolean[],
                        $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::uuid[], $14::text[],
                        $15::jsonb[], $16::jsonb[], $17::jsonb[], $18::timestamptz[])
                 AS new (room_id, seq, message_id, job_id, sender_id, client_msg_id, client_id_lasts, kind,
                         content, preview, reply_seq, thread_seq, thread_id, mentions, forwarded_from,
                         attachments, call, created_at)
            WHERE EXISTS (SELECT FROM members m WHERE m.room_id = new.room_id AND m.user_id = new.sender_id)
            ON CONFLICT DO NOTHING
            RETURNING 1
        ), written AS (
            SELECT count(*) AS messages FROM stored
        ), heads AS (
            UPDATE rooms r
            SET last_seq = head.last_seq, last_activity_at = GREATEST(r.last_activity_at, head.at)
            FROM unnest($19::uuid[], $20::bigint[], $21::timestamptz[]) AS head (room_id, last_seq, at)
            WHERE r.room_id = head.room_id AND (SELECT messages FROM written) = $26
        ), senders AS (
            -- Locked in the order of the key, as every other writer of several members does.
            SELECT m.room_id, m.user_id, sent.messages, sent.at
            FROM unnest($22::uuid[], $23::uuid[], $24::bigint[], $25::timestamptz[])
                 AS sent (room_id, user_id, messages, at)
            JOIN members m ON m.room_id = sent.room_id AND m.user_id = sent.user_id
            ORDER BY m.room_id, m.user_id FOR NO KEY UPDATE OF m
        ), counted AS (
            UPDATE members m
            SET own_after_read = m.own_after_read + senders.messages,
                last_sent_at = GREATEST(m.last_sent_at, senders.at)
            FROM senders
            WHERE m.room_id = senders.room_id AND m.user_id = senders.user_id
              AND (SELECT messages FROM written) = $26
        )
        SELECT messages AS "messages!" FROM written
        "#,
        &rows.room_ids,
        &rows.seqs,
        &rows.message_ids,
        &rows.job_ids,
        &rows.sender_ids,
        &rows.client_msg_ids as _,
        &rows.client_ids_last,
        &rows.kinds as _,
        &rows.contents as _,
        &rows.previews as _,
        &rows.reply_seqs as _,
        &rows.thread_seqs as _,
        &rows.thread_ids as _,
        &rows.mentions,
        &rows.forwarded_from as _,
        &rows.attachments as _,
        &rows.calls as _,
        &rows.created_at,
        &head_rooms,
        &head_seqs,
        &head_times,
        &sender_rooms,
        &sender_ids,
        &sender_counts,
        &sender_times,
        expected,
    )
    .fetch_one(conn)
    .await?;
    Ok(written == expected)
}

/// Takes back what [`messages`] inserted above the `last_seqs` of the locked rooms.
pub(super) async fn undo(
    conn: &mut PgConnection,
    last_seqs: &HashMap<RoomId, i64>,
    plan: &Plan,
) -> Result<(), sqlx::Error> {
    // Room by room and between two numbers, so that no statistics make the planner scan: this is rare, and rooms are locked.
    for (room, (head, _)) in &plan.heads {
        sqlx::query!(
            "DELETE FROM messages WHERE room_id = $1 AND seq > $2 AND seq <= $3",
            room.uuid(),
            last_seqs.get(room).copied().unwrap_or(*head),
            head,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Counts answers in their threads, and notes who was mentioned and which rooms hold which files; no statement for a
/// batch without any of these.
pub(super) async fn references(
    conn: &mut PgConnection,
    messages: &[Option<Message>],
    references: &References,
) -> Result<(), sqlx::Error> {
    let new = || messages.iter().flatten();
    let (thread_rooms, thread_seqs) = new()
        .filter_map(|message| {
            let seq = references.thread_seq(message.room_id, message.thread_id)?;
            Some((message.room_id.uuid(), seq))
        })
        .collect::<(Vec<_>, Vec<_>)>();
    let (mention_rooms, mention_users, mention_seqs) = new()
        .flat_map(|message| {
            message
                .mentions
                .iter()
                .map(|user| (message.room_id.uuid(), user.uuid(), message.seq))
        })
        .collect::<(Vec<_>, Vec<_>, Vec<_>)>();
    let (file_rooms, file_seqs, files) = new()
        .flat_map(|message| {
            message
                .attachments
                .iter()
                .map(|file| (message.room_id.uuid(), message.seq, file.id.uuid()))
        })
        .collect::<(Vec<_>, Vec<_>, Vec<_>)>();
    if thread_rooms.is_empty() && mention_rooms.is_empty() && file_rooms.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        WITH threads AS (
            UPDATE messages m SET reply_count = m.reply_count + answers.count
            FROM (SELECT room_id, seq, count(*) AS count FROM unnest($1::uuid[], $2::bigint[]) AS answer (room_id, seq)
                  GROUP BY room_id, seq) AS answers
            WHERE m.room_id = answers.room_id AND m.seq = answers.seq
        ), mentioned AS (
            INSERT INTO mentions (room_id, user_id, seq)
            SELECT room_id, user_id, seq FROM unnest($3::uuid[], $4::uuid[], $5::bigint[]) AS m (room_id, user_id, seq)
            ON CONFLICT (room_id, user_id, seq) DO NOTHING
        )
        INSERT INTO room_attachments (room_id, seq, attachment_id)
        SELECT room_id, seq, attachment_id
        FROM unnest($6::uuid[], $7::bigint[], $8::uuid[]) AS file (room_id, seq, attachment_id)
        ON CONFLICT (room_id, seq, attachment_id) DO NOTHING
        "#,
        &thread_rooms,
        &thread_seqs,
        &mention_rooms,
        &mention_users,
        &mention_seqs,
        &file_rooms,
        &file_seqs,
        &files,
    )
    .execute(conn)
    .await
    .map(|_| ())
}

/// The new messages, a column each, as UNNEST takes them.
#[derive(Default)]
struct Columns<'a> {
    room_ids: Vec<Uuid>,
    seqs: Vec<i64>,
    message_ids: Vec<Uuid>,
    job_ids: Vec<Uuid>,
    sender_ids: Vec<Uuid>,
    client_msg_ids: Vec<&'a str>,
    client_ids_last: Vec<bool>,
    kinds: Vec<&'a str>,
    contents: Vec<&'a str>,
    previews: Vec<Option<&'a str>>,
    reply_seqs: Vec<Option<i64>>,
    thread_seqs: Vec<Option<i64>>,
    thread_ids: Vec<Option<Uuid>>,
    /// Array literals: UNNEST would flatten arrays of arrays.
    mentions: Vec<String>,
    forwarded_from: Vec<Option<Value>>,
    attachments: Vec<Option<Value>>,
    calls: Vec<Option<Value>>,
    created_at: Vec<DateTime<Utc>>,
}

impl<'a> Columns<'a> {
    fn push(
        &mut self,
        new: &'a NewMessage,
        message: &'a Message,
        references: &References,
    ) -> Result<(), sqlx::Error> {
        self.room_ids.push(message.room_id.uuid());
        self.seqs.push(message.seq);
        self.message_ids.push(message.id.uuid());
        self.job_ids.push(new.job_id.uuid());
        self.sender_ids.push(message.sender_id.uuid());
        self.client_msg_ids.push(&new.send.client_msg_id);
        self.client_ids_last.push(lasts(&new.send.client_msg_id));
        self.kinds.push(message.kind.name());
        self.contents.push(&new.send.content);
        self.previews
            .push(message.has_more.then_some(message.preview.as_str()));
        self.reply_seqs
            .push(message.reply_to.as_ref().map(|reply| reply.seq));
        self.thread_seqs
            .push(references.thread_seq(message.room_id, message.thread_id));
        self.thread_ids
            .push(message.thread_id.map(|thread| thread.uuid()));
        self.mentions.push(array_literal(message));
        self.forwarded_from
            .push(json(message.forwarded_from.as_ref())?);
        self.attachments.push(json(
            (!message.attachments.is_empty()).then_some(&message.attachments),
        )?);
        self.calls.push(json(message.call.as_ref())?);
        self.created_at.push(message.created_at.utc());
        Ok(())
    }
}

fn array_literal(message: &Message) -> String {
    let ids: Vec<String> = message.mentions.iter().map(ToString::to_string).collect();
    format!("{{{}}}", ids.join(","))
}

fn json<T: serde::Serialize>(value: Option<&T>) -> Result<Option<Value>, sqlx::Error> {
    value
        .map(serde_json::to_value)
        .transpose()
        .map_err(|error| sqlx::Error::Encode(error.into()))
}
