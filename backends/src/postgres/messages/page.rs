//! Pages of a room's history. seq has no gaps, so a page is a range that can be said before anything is read.

use chat_core::ids::{RoomId, UserId};
use chat_core::protocol::objects::Message;
use sqlx::{PgConnection, PgExecutor};

use super::load;
use crate::postgres::rooms;

/// Which part of a room's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// The first ones with a greater seq.
    After(i64),
    /// The last ones with a smaller seq.
    Before(i64),
    /// The newest ones.
    Newest,
}

/// A page of history.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Ascending by seq.
    pub messages: Vec<Message>,
    /// Whether there are more in the direction of paging: newer ones after [`Paging::After`], older ones otherwise.
    pub has_more: bool,
    /// The seq of the last message here, to page on after; the given one if there is none.
    pub next_after_seq: i64,
    /// The room's newest seq.
    pub last_seq: i64,
}

/// A page of `room` as `viewer` sees it; empty for an unknown room. Membership is the caller's to check.
///
/// # Errors
/// If the database fails.
pub async fn page(
    conn: &mut PgConnection,
    room: RoomId,
    viewer: UserId,
    paging: Paging,
    limit: u32,
    full: bool,
) -> Result<Page, sqlx::Error> {
    let last_seq = rooms::last_seqs(&mut *conn, &[room])
        .await?
        .remove(&room)
        .unwrap_or(0);
    let range = Range::of(paging, limit, last_seq);
    let places: Vec<(RoomId, i64)> = (range.first..=range.last).map(|seq| (room, seq)).collect();
    let messages = load(conn, Some(viewer), &places, full).await?;
    let given = match paging {
        Paging::After(seq) => seq,
        Paging::Before(_) | Paging::Newest => 0,
    };
    Ok(Page {
        next_after_seq: messages.last().map_or(given, |message| message.seq),
        has_more: range.has_more,
        last_seq,
        messages,
    })
}

/// The rooms that `sender` ever wrote in. Reads all of the messages: for work behind the requests only, in a transaction
/// whose statements may take long.
///
/// # Errors
/// If the database fails.
pub async fn rooms_written_in(
    db: impl PgExecutor<'_>,
    sender: UserId,
) -> Result<Vec<RoomId>, sqlx::Error> {
    let rooms = sqlx::query_scalar!(
        "SELECT DISTINCT room_id FROM messages WHERE sender_id = $1",
        sender.uuid()
    )
    .fetch_all(db)
    .await?;
    Ok(rooms.into_iter().map(RoomId::from).collect())
}

/// What `sender` wrote in a room after `after_seq`, in full, ascending.
///
/// # Errors
/// If the database fails.
pub async fn written_by(
    conn: &mut PgConnection,
    room: RoomId,
    sender: UserId,
    after_seq: i64,
    limit: u32,
) -> Result<Vec<Message>, sqlx::Error> {
    let seqs = sqlx::query_scalar!(
        "SELECT seq FROM messages WHERE room_id = $1 AND sender_id = $2 AND seq > $3 ORDER BY seq LIMIT $4",
        room.uuid(),
        sender.uuid(),
        after_seq,
        i64::from(limit),
    )
    .fetch_all(&mut *conn)
    .await?;
    let places: Vec<(RoomId, i64)> = seqs.into_iter().map(|seq| (room, seq)).collect();
    load(conn, None, &places, true).await
}

/// The seqs of a page, both ends included; empty when `first` lies above `last`.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: i64,
    last: i64,
    has_more: bool,
}

impl Range {
    fn of(paging: Paging, limit: u32, last_seq: i64) -> Self {
        let limit = i64::from(limit);
        match paging {
            Paging::After(seq) => {
                let first = seq.max(0).saturating_add(1);
                let last = first.saturating_add(limit - 1).min(last_seq);
                Self {
                    first,
                    last,
                    has_more: first <= last && last < last_seq,
                }
            }
            Paging::Before(seq) => Self::ending_at(seq.saturating_sub(1).min(last_seq), limit),
            Paging::Newest => Self::ending_at(last_seq, limit),
        }
    }

    fn ending_at(last: i64, limit: i64) -> Self {
        let first = last.saturating_sub(limit - 1).max(1);
        Self {
            first,
            last,
            has_more: first > 1 && last >= first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(paging: Paging, limit: u32, last_seq: i64) -> (i64, i64, bool) {
        let range = Range::of(paging, limit, last_seq);
        (range.first, range.last, range.has_more)
    }

    #[test]
    fn pages_cover_exactly_what_the_paging_rules_say() {
        assert_eq!(range(Paging::After(0), 50, 10), (1, 10, false));
        assert_eq!(range(Paging::After(3), 5, 10), (4, 8, true));
        assert_eq!(range(Paging::After(5), 5, 10), (6, 10, false));
        assert_eq!(range(Paging::Before(4), 5, 10), (1, 3, false));
        assert_eq!(range(Paging::Before(7), 5, 10), (2, 6, true));
        assert_eq!(range(Paging::Before(99), 5, 10), (6, 10, true));
        assert_eq!(range(Paging::Newest, 5, 10), (6, 10, true));
        assert_eq!(range(Paging::Newest, 10, 10), (1, 10, false));
    }

    #[test]
    fn nothing_lies_outside_a_room_whatever_number_comes_in() {
        for paging in [
            Paging::After(10),
            Paging::After(i64::MAX),
            Paging::Before(1),
            Paging::Before(0),
            Paging::Before(i64::MIN),
        ] {
            let range = Range::of(paging, 200, 10);
            assert!(range.first > range.last, "{paging:?}: {range:?}");
            assert!(!range.has_more, "{paging:?}: {range:?}");
        }
        assert_eq!(range(Paging::After(-7), 3, 10), (1, 3, true));
        let empty = Range::of(Paging::Newest, 50, 0);
        assert!(empty.first > empty.last && !empty.has_more);
    }
}
