//! The names under which enums of the protocol are stored. The schema's CHECK constraints hold the same names.

use chat_core::protocol::objects::{
    CallMedia, CallState, FriendRequestStatus, InviteStatus, JoinPolicy, MemberRole, MessageType,
    ParticipantState, RoomType, UserRole,
};

/// An enum of the protocol that a text column holds.
pub(super) trait Stored: Sized {
    /// The name in the column.
    fn name(self) -> &'static str;
    /// The value of this name.
    fn named(name: &str) -> Option<Self>;
}

/// Reads a column that a CHECK constraint keeps to the known names.
///
/// # Errors
/// If a newer version of the schema stored a name that this binary does not know.
pub(super) fn read<T: Stored>(column: &str, name: &str) -> Result<T, sqlx::Error> {
    T::named(name).ok_or_else(|| sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: format!("unknown name {name:?}").into(),
    })
}

/// Names each value of an enum once, for both directions.
pub(super) fn find<T: Stored + Copy>(all: &[T], name: &str) -> Option<T> {
    all.iter().copied().find(|value| value.name() == name)
}

impl Stored for UserRole {
    fn name(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Admin => "ADMIN",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(&[Self::User, Self::Admin], name)
    }
}

impl Stored for RoomType {
    fn name(self) -> &'static str {
        match self {
            Self::Dm => "dm",
            Self::Group => "group",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(&[Self::Dm, Self::Group], name)
    }
}

impl Stored for JoinPolicy {
    fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Open => "open",
            Self::Approval => "approval",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(&[Self::Invite, Self::Open, Self::Approval], name)
    }
}

impl Stored for MemberRole {
    fn name(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(&[Self::Member, Self::Admin, Self::Owner], name)
    }
}

impl Stored for MessageType {
    fn name(self) -> &'static str {
        self.as_str()
    }

    fn named(name: &str) -> Option<Self> {
        Self::from_name(name)
    }
}

impl Stored for InviteStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Expired => "expired",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(
            &[Self::Pending, Self::Accepted, Self::Declined, Self::Expired],
            name,
        )
    }
}

impl Stored for FriendRequestStatus {
    fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(&[Self::Pending, Self::Accepted, Self::Refused], name)
    }
}

impl Stored for CallMedia {
    fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(&[Self::Audio, Self::Video], name)
    }
}

impl Stored for CallState {
    fn name(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Ongoing => "ongoing",
            Self::Ended => "ended",
            Self::Refused => "refused",
            Self::Missed => "missed",
            Self::Cancelled => "cancelled",
            Self::Unavailable => "unavailable",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(
            &[
                Self::Ringing,
                Self::Ongoing,
                Self::Ended,
                Self::Refused,
                Self::Missed,
                Self::Cancelled,
                Self::Unavailable,
            ],
            name,
        )
    }
}

impl Stored for ParticipantState {
    fn name(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Joined => "joined",
            Self::Refused => "refused",
            Self::Left => "left",
        }
    }

    fn named(name: &str) -> Option<Self> {
        find(
            &[Self::Ringing, Self::Joined, Self::Refused, Self::Left],
            name,
        )
    }
}
