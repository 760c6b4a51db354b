//! What several dialects have to respell alike: names of members in refusals, and who a new room is for.

use std::collections::BTreeSet;

use chat_core::error::Refusal;
use chat_core::ids::UserId;
use chat_core::protocol::objects::RoomType;

/// The refusal with `canonical` called `own`, as the client wrote it.
pub(super) fn renamed(mut refusal: Refusal, canonical: &str, own: &str) -> Refusal {
    for field in &mut refusal.fields {
        let Some(rest) = field.path.strip_prefix(canonical) else {
            continue;
        };
        if !rest.is_empty() && !rest.starts_with(['[', '.']) {
            continue;
        }
        let path = format!("{own}{rest}");
        if let Some(text) = refusal.message.strip_prefix(&field.path) {
            refusal.message = format!("{path}{text}");
        }
        field.path = path;
    }
    refusal
}

/// The members of a room that a client names by `participantIds`: the caller and these, each once. Two make a dm unless
/// the client says otherwise. Ids are compared as text, so that an oversize list costs neither parsing nor a look-up.
pub(super) fn participants(
    caller: UserId,
    ids: Vec<String>,
    is_group: Option<bool>,
) -> (RoomType, Vec<String>) {
    let own = caller.to_string();
    let mut seen = BTreeSet::from([own]);
    let others: Vec<String> = ids
        .into_iter()
        .filter(|id| seen.insert(id.to_ascii_lowercase()))
        .collect();
    let is_group = is_group.unwrap_or(others.len() > 1);
    let kind = if is_group {
        RoomType::Group
    } else {
        RoomType::Dm
    };
    (kind, others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_member_as_the_client_wrote_it() {
        let refusal = Refusal::invalid("memberIds[3]", "malformed", "must be a user id (UUID)");
        let refusal = renamed(refusal, "memberIds", "participantIds");
        assert_eq!(refusal.fields[0].path, "participantIds[3]");
        assert_eq!(
            refusal.message,
            "participantIds[3]: must be a user id (UUID)"
        );
        let other = Refusal::invalid("memberIdsOfOld", "x", "y");
        assert_eq!(renamed(other.clone(), "memberIds", "p"), other);
    }

    #[test]
    fn two_make_a_dm_and_more_a_group_however_often_they_are_named() {
        let caller = UserId::now_v7();
        let (one, other) = (UserId::now_v7().to_string(), UserId::now_v7().to_string());
        let kind = |ids: &[&str], is_group| {
            let ids = ids.iter().map(ToString::to_string).collect();
            participants(caller, ids, is_group)
        };
        let upper = one.to_uppercase();
        let own = caller.to_string();
        assert_eq!(
            kind(&[&own, &one, &upper], None),
            (RoomType::Dm, vec![one.clone()])
        );
        assert_eq!(kind(&[&one, &other], None).0, RoomType::Group);
        assert_eq!(kind(&[&one], Some(true)).0, RoomType::Group);
        assert_eq!(kind(&[&own], None), (RoomType::Dm, vec![]));
    }
}
