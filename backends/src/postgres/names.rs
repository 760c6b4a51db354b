//! The names under which enums of the protocol are stored. The schema's CHECK constraints hold the same names.

use chat_core::protocol::objects::{JoinPolicy, MemberRole, MessageType, RoomType, UserRole};

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

impl Stored for UserRole {
    fn name(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Admin => "ADMIN",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::User, Self::Admin]
            .into_iter()
            .find(|it| it.name() == name)
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
        [Self::Dm, Self::Group]
            .into_iter()
            .find(|it| it.name() == name)
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
        [Self::Invite, Self::Open, Self::Approval]
            .into_iter()
            .find(|it| it.name() == name)
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
        [Self::Member, Self::Admin, Self::Owner]
            .into_iter()
            .find(|it| it.name() == name)
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
