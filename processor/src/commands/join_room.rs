//! `room.join`: by invite, freely where a group is open, or by asking where its owner and admins decide.

use chat_backends::postgres::members::{self, Added};
use chat_backends::postgres::rooms::{self, RoomAccess};
use chat_backends::postgres::{invites, join_requests, room_bans};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{InviteId, RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{JoinPolicy, MemberRole, Room, RoomType};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{access, commit, invite, membership, roles, update_room};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// How somebody may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// At once.
    In,
    /// If an admin lets them.
    Asking,
    /// Not at all.
    Closed,
}

const fn way(policy: JoinPolicy, is_invited: bool) -> Way {
    match (policy, is_invited) {
        (_, true) | (JoinPolicy::Open, false) => Way::In,
        (JoinPolicy::Approval, false) => Way::Asking,
        (JoinPolicy::Invite, false) => Way::Closed,
    }
}

/// Checks everything that can be refused.
///
/// # Errors
/// `room_not_found`, `already_member`, `invite_not_found`, `forbidden`, `group_full`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    join: client::RoomJoin,
) -> Result<Job, Refusal> {
    let access = joinable(context, actor, join.room_id).await?;
    if let Some(id) = join.invite_id {
        let invite = invite::open_invite(context, actor, id).await?;
        if invite.room_id != join.room_id {
            let message = "This invite is for another room.";
            return Err(Refusal::new(ErrorCode::InviteNotFound, message));
        }
    }
    let way = way(access.join_policy, join.invite_id.is_some());
    if way == Way::Closed {
        return Err(membership::forbidden(
            "This room can only be joined by invite.",
        ));
    }
    if access.member_count as usize >= limits::GROUP_MEMBERS {
        let message = format!("A group has at most {} members.", limits::GROUP_MEMBERS);
        return Err(Refusal::new(ErrorCode::GroupFull, message));
    }
    let act = Act::JoinRoom {
        invite_id: join.invite_id,
        request_id: (way == Way::Asking).then(InviteId::now_v7),
    };
    Ok(actor.job(Some(join.room_id), act))
}

/// The same, done before the answer: the room, or `None` where the actor has to wait to be let in.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    join: client::RoomJoin,
) -> Result<Option<Room>, Refusal> {
    let room = join.room_id;
    let job = check(context, actor, join).await?;
    commit::commit(context, &job).await?;
    if matches!(
        job.act,
        Act::JoinRoom {
            request_id: Some(_),
            ..
        }
    ) {
        return Ok(None);
    }
    update_room::view(context, room, actor.user_id)
        .await
        .map(Some)
}

/// Says yes to an invite.
///
/// # Errors
/// As [`check`].
pub async fn accept(
    context: &Context,
    actor: &Actor,
    answer: client::InviteAnswer,
) -> Result<Room, Refusal> {
    let invite = invite::open_invite(context, actor, answer.invite_id).await?;
    let join = client::RoomJoin {
        room_id: invite.room_id,
        invite_id: Some(invite.id),
    };
    run(context, actor, join)
        .await?
        .ok_or_else(access::room_not_found)
}

/// Lets the actor in, or passes the request on, and says who hears of it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    invite: Option<InviteId>,
    request: Option<InviteId>,
) -> Result<Vec<Effect>, Failure> {
    let (room, user, at) = (commit::room_of(job)?, job.user_id, job.created_at);
    let fresh = commit::first_time(connection, job).await?;
    if let Some(request) = request {
        let open = join_requests::ask(&mut *connection, request, room, user, at).await?;
        return requested(connection, job, room, open).await;
    }
    let head = rooms::lock(&mut *connection, &[room]).await?;
    let Some(from_seq) = head.get(&room).copied() else {
        return Ok(vec![]);
    };
    if fresh {
        if let Some(invite) = invite
            && invites::answer(&mut *connection, invite, user, true, at)
                .await?
                .is_none()
        {
            return Ok(vec![]);
        }
        let role = MemberRole::Member;
        let added = members::add(&mut *connection, room, &[user], role, at).await?;
        if !matches!(&added, Added::New(new) if !new.is_empty()) {
            return Ok(vec![]);
        }
        join_requests::take(&mut *connection, room, user).await?;
    }
    match members::role(&mut *connection, room, user).await? {
        Some(role) => membership::joined(job, room, user, role, from_seq),
        None => Ok(vec![]),
    }
}

async fn requested(
    connection: &mut PgConnection,
    job: &Job,
    room_id: RoomId,
    request_id: InviteId,
) -> Result<Vec<Effect>, Failure> {
    let event = ServerEvent::JoinRequested {
        room_id,
        user_id: job.user_id,
        request_id,
    };
    let deciding = |role| roles::may_manage(role);
    members::list(connection, room_id)
        .await?
        .into_iter()
        .filter(|member| deciding(member.role))
        .map(|member| Effect::of_job(Target::User(member.user_id), &event, job))
        .collect()
}

async fn joinable(context: &Context, actor: &Actor, room: RoomId) -> Result<RoomAccess, Refusal> {
    let user: UserId = actor.user_id;
    let access = rooms::access(&context.pg, room, user)
        .await
        .map_err(|error| unavailable(&error))?
        .ok_or_else(access::room_not_found)?;
    if access.role.is_some() {
        let message = "You are a member already.";
        return Err(Refusal::new(ErrorCode::AlreadyMember, message));
    }
    let banned = room_bans::banned(&context.pg, room, &[user], Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?;
    // A dm is closed to everybody else, and looks like any other closed room.
    if access.kind == RoomType::Dm || !banned.is_empty() {
        return Err(membership::forbidden("You can't join this room."));
    }
    Ok(access)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_decides_for_those_without_an_invite() {
        let table = [
            (JoinPolicy::Invite, true, Way::In),
            (JoinPolicy::Open, true, Way::In),
            (JoinPolicy::Approval, true, Way::In),
            (JoinPolicy::Invite, false, Way::Closed),
            (JoinPolicy::Open, false, Way::In),
            (JoinPolicy::Approval, false, Way::Asking),
        ];
        for (policy, is_invited, expected) in table {
            assert_eq!(way(policy, is_invited), expected, "{policy:?} {is_invited}");
        }
    }
}
