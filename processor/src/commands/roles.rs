//! Who may do what in a group: pure decisions.

use chat_core::protocol::objects::MemberRole;

/// Whether a member with this role may change the room, and add members without asking them.
pub fn may_manage(role: MemberRole) -> bool {
    role >= MemberRole::Admin
}

/// Whether a member with this role may take one with the role `target` out.
pub fn may_kick(role: MemberRole, target: MemberRole) -> bool {
    may_manage(role) && target != MemberRole::Owner
}

#[cfg(test)]
mod tests {
    use super::MemberRole::{Admin, Member as Plain, Owner};
    use super::*;

    #[test]
    fn owners_and_admins_take_out_anybody_but_the_owner() {
        let table = [
            (Owner, Owner, false),
            (Owner, Admin, true),
            (Owner, Plain, true),
            (Admin, Owner, false),
            (Admin, Admin, true),
            (Admin, Plain, true),
            (Plain, Owner, false),
            (Plain, Admin, false),
            (Plain, Plain, false),
        ];
        for (role, target, allowed) in table {
            assert_eq!(
                may_kick(role, target),
                allowed,
                "{role:?} takes out {target:?}"
            );
        }
    }

    #[test]
    fn owners_and_admins_manage() {
        assert_eq!([Owner, Admin, Plain].map(may_manage), [true, true, false]);
    }
}
