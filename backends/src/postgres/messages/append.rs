//! Storing a batch of messages: each once, each with its room's next number.
//!
//! Two statements store a batch of plain messages, whatever its size: lock the rooms, write. That all of them are new is
//! assumed, and the unique keys and the list of members tell where it is wrong; then what was written is taken back, and
//! the batch is done with a look at what is stored already. What a message may refer to (answers, threads, mentions,
//! files) costs a statement more only in a batch where one does.

mod plan;
mod references;
mod write;

use chat_core::ids::{JobId, RoomId, UserId};
use chat_core::job::SendMessage;
use chat_core::protocol::objects::{CallSummary, Message};
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use super::{forgotten_before, lasts, load};
use crate::postgres::rooms;
use plan::{Place, Plan};
use references::References;

/// A message to store; everything that could refuse it is checked already.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The job that stores it; with the room it stores at most one message.
    pub job_id: JobId,
    /// The room it goes to.
    pub room_id: RoomId,
    /// Who sends it.
    pub sender_id: UserId,
    /// When it was sent.
    pub created_at: Timestamp,
    /// What is sent.
    pub send: SendMessage,
    /// The call that it tells of, for messages of that kind.
    pub call: Option<CallSummary>,
}

/// What came of one message of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Appended {
    /// It is stored now.
    Inserted(Box<Message>),
    /// The job, or the sender's client message id, stored this earlier; nothing was stored now.
    Repeat(Box<Message>, JobId),
    /// It can't be stored any more; no number was used.
    Refused(Unappendable),
}

/// Why a message that was accepted can't be stored any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unappendable {
    /// The room was deleted.
    RoomGone,
    /// The sender is no longer a member.
    NotMember,
}

/// Stores a batch in the order given and says what came of each message, in the same order. The transaction is the
/// caller's; the rooms stay locked until it ends.
///
/// # Errors
/// If the database fails; then nothing of the batch may be committed.
pub async fn append_batch(
    conn: &mut PgConnection,
    batch: &[NewMessage],
) -> Result<Vec<Appended>, sqlx::Error> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut rooms: Vec<RoomId> = batch.iter().map(|new| new.room_id).collect();
    rooms.sort_unstable();
    rooms.dedup();
    let heads = rooms::lock(&mut *conn, &rooms).await?;
    // Ids that come round again after a day are known by no key.
    if batch.iter().all(|new| lasts(&new.send.client_msg_id)) {
        let plan = Plan::of(batch, &heads, &vec![Known::NOTHING; batch.len()]);
        if let Some(outcomes) = store(conn, batch, &plan).await? {
            return Ok(outcomes);
        }
        write::undo(conn, &heads, &plan).await?;
    }
    // A statement of its own, after the lock: its snapshot then holds what the lock's last holder committed.
    let known = known(conn, batch).await?;
    let plan = Plan::of(batch, &heads, &known);
    let outcomes = store(conn, batch, &plan).await?;
    outcomes.ok_or(sqlx::Error::RowNotFound)
}

/// Stores the batch as it is planned; `None` if the database holds some of it already, or a sender is no member: then
/// messages may be written, and are to be taken back.
async fn store(
    conn: &mut PgConnection,
    batch: &[NewMessage],
    plan: &Plan,
) -> Result<Option<Vec<Appended>>, sqlx::Error> {
    let references = References::of(conn, batch, plan).await?;
    let mut messages: Vec<Option<Message>> = plan
        .places
        .iter()
        .zip(batch)
        .map(|(place, new)| match place {
            Place::New { seq } => Some(references.message(new, *seq)),
            _ => None,
        })
        .collect();
    if !write::messages(conn, batch, &messages, plan, &references).await? {
        return Ok(None);
    }
    write::references(conn, &messages, &references).await?;

    let earlier: Vec<(RoomId, i64)> = plan
        .places
        .iter()
        .zip(batch)
        .filter_map(|(place, new)| match place {
            Place::Earlier { seq, .. } => Some((new.room_id, *seq)),
            _ => None,
        })
        .collect();
    let mut earlier = load(conn, None, &earlier, true).await?.into_iter();

    let mut outcomes: Vec<Appended> = Vec::with_capacity(batch.len());
    for (place, message) in plan.places.iter().zip(&mut messages) {
        outcomes.push(match (place, message.take()) {
            (Place::New { .. }, Some(message)) => Appended::Inserted(Box::new(message)),
            (Place::Earlier { job_id, .. }, _) => match earlier.next() {
                Some(message) => Appended::Repeat(Box::new(message), *job_id),
                None => return Err(sqlx::Error::RowNotFound),
            },
            (Place::SameAs { index }, _) => match &outcomes[*index] {
                Appended::Inserted(message) => {
                    Appended::Repeat(message.clone(), batch[*index].job_id)
                }
                other => other.clone(),
            },
            (Place::Nowhere(why), _) => Appended::Refused(*why),
            (Place::New { .. }, None) => return Err(sqlx::Error::RowNotFound),
        });
    }
    Ok(Some(outcomes))
}

/// What the database knows of a message of the batch.
#[derive(Debug, Clone)]
struct Known {
    is_member: bool,
    stored: Option<(i64, JobId)>,
}

impl Known {
    /// Of a new message, whose sender is a member.
    const NOTHING: Self = Self {
        is_member: true,
        stored: None,
    };
}

async fn known(conn: &mut PgConnection, batch: &[NewMessage]) -> Result<Vec<Known>, sqlx::Error> {
    let column = |of: fn(&NewMessage) -> uuid::Uuid| batch.iter().map(of).collect::<Vec<_>>();
    let client_ids: Vec<String> = batch
        .iter()
        .map(|new| new.send.client_msg_id.clone())
        .collect();
    let client_ids_last: Vec<bool> = batch
        .iter()
        .map(|new| lasts(&new.send.client_msg_id))
        .collect();
    let since: Vec<_> = batch
        .iter()
        .map(|new| forgotten_before(new.created_at).utc())
        .collect();
    // Subqueries with LIMIT 1 are probes of an index, one each; a join could be planned as a scan of all messages.
    let rows = sqlx::query!(
        r#"
        SELECT (SELECT true FROM members m
                WHERE m.room_id = new.room_id AND m.user_id = new.sender_id LIMIT 1) AS is_member,
               stored.seq AS "seq?", stored.job_id AS "job_id?"
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[], $6::timestamptz[])
             WITH ORDINALITY AS new (room_id, job_id, sender_id, client_msg_id, lasts, since, place)
        LEFT JOIN LATERAL (
            (SELECT seq, job_id FROM messages
             WHERE room_id = new.room_id AND job_id = new.job_id LIMIT 1)
            UNION ALL
            (SELECT seq, job_id FROM messages
             WHERE new.lasts AND room_id = new.room_id AND sender_id = new.sender_id
               AND client_msg_id = new.client_msg_id AND client_id_lasts LIMIT 1)
            UNION ALL
            (SELECT seq, job_id FROM messages
             WHERE NOT new.lasts AND room_id = new.room_id AND sender_id = new.sender_id
               AND client_msg_id = new.client_msg_id AND NOT client_id_lasts AND created_at > new.since
             ORDER BY seq DESC LIMIT 1)
            LIMIT 1) AS stored ON true
        ORDER BY new.place
        "#,
        &column(|new| new.room_id.uuid()),
        &column(|new| new.job_id.uuid()),
        &column(|new| new.sender_id.uuid()),
        &client_ids,
        &client_ids_last,
        &since,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Known {
            is_member: row.is_member == Some(true),
            stored: row.seq.zip(row.job_id.map(JobId::from)),
        })
        .collect())
}
