//! `room.invite`: asking users into a group, or making them members at once; and saying no.

use std::collections::{BTreeSet, HashMap};

use chat_backends::postgres::members::{self, Added};
use chat_backends::postgres::rooms::RoomAccess;
use chat_backends::postgres::{
    blocks, invites, join_requests, open_invites, room_bans, room_summary, rooms, users,
};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{InviteId, RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::limits;
use chat_core::protocol::client;
use chat_core::protocol::objects::{Invite, InviteStatus, MemberRole};
use chat_core::protocol::server::ServerEvent;
use chat_core::time::Timestamp;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::{access, commit, membership, roles};
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// An invitation that passed every check.
#[derive(Debug)]
pub struct Checked {
    /// The job to publish.
    pub job: Job,
    /// The invites, by the ids that they have or get.
    pub invites: Vec<(InviteId, UserId)>,
}

/// Checks everything that can be refused.
///
/// # Errors
/// `validation_failed`, `room_not_found`, `not_member`, `not_a_group`, `forbidden`, `user_not_found`, `blocked`,
/// `already_member`, `group_full`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    invite: client::RoomInvite,
) -> Result<Checked, Refusal> {
    if invite.user_ids.is_empty() || invite.user_ids.len() > limits::INVITES {
        let message = format!("must hold 1 to {} ids", limits::INVITES);
        return Err(Refusal::invalid("userIds", "out_of_bounds", message));
    }
    let room = invite.room_id;
    let distinct: BTreeSet<UserId> = invite.user_ids.iter().copied().collect();
    let invited: Vec<UserId> = distinct.into_iter().collect();
    let access = access::of_member(context, room, actor.user_id).await?;
    membership::require_group(&access)?;
    if invite.direct && !access.role.is_some_and(roles::may_manage) {
        let message = "Only the owner and admins can add members without asking them.";
        return Err(membership::forbidden(message));
    }
    require_invitable(context, actor, room, &invited).await?;
    require_space(&access, invited.len(), invite.direct)?;
    let open: HashMap<UserId, InviteId> =
        open_invites::among(&context.pg, room, &invited, Timestamp::now())
            .await
            .map_err(|error| unavailable(&error))?
            .into_iter()
            .map(|(id, user)| (user, id))
            .collect();
    let invites: Vec<(InviteId, UserId)> = invited
        .into_iter()
        .map(|user| {
            (
                open.get(&user).copied().unwrap_or_else(InviteId::now_v7),
                user,
            )
        })
        .collect();
    let act = Act::InviteMembers {
        invites: invites.clone(),
        direct: invite.direct,
    };
    Ok(Checked {
        job: actor.job(Some(room), act),
        invites,
    })
}

/// The same, done before the answer; the invites, or nothing where the users are members at once.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    invite: client::RoomInvite,
) -> Result<Vec<Invite>, Refusal> {
    let checked = check(context, actor, invite).await?;
    commit::commit(context, &checked.job).await?;
    let mut stored = Vec::with_capacity(checked.invites.len());
    for (id, _) in checked.invites {
        let found = invites::by_id(&context.pg, id, Timestamp::now()).await;
        stored.extend(found.map_err(|error| unavailable(&error))?);
    }
    Ok(stored)
}

/// Stores the invites, or the members, and says who hears of them.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    invited: &[(InviteId, UserId)],
    direct: bool,
) -> Result<Vec<Effect>, Failure> {
    let room = commit::room_of(job)?;
    let fresh = commit::first_time(connection, job).await?;
    if direct {
        return add(connection, job, room, invited, fresh).await;
    }
    let Some(summary) = room_summary::summary(&mut *connection, room).await? else {
        return Ok(vec![]);
    };
    let at = job.created_at;
    let until = at + limits::INVITE_LASTS;
    let open = invites::create(&mut *connection, room, invited, job.user_id, at, until).await?;
    open.into_iter()
        .map(|invite| {
            let target = Target::User(invite.user_id);
            let room = summary.clone();
            Effect::of_job(target, &ServerEvent::RoomInvited { invite, room }, job)
        })
        .collect()
}

async fn add(
    connection: &mut PgConnection,
    job: &Job,
    room: RoomId,
    invited: &[(InviteId, UserId)],
    fresh: bool,
) -> Result<Vec<Effect>, Failure> {
    let users: Vec<UserId> = invited.iter().map(|(_, user)| *user).collect();
    let new = if fresh {
        let role = MemberRole::Member;
        match members::add(&mut *connection, room, &users, role, job.created_at).await? {
            Added::New(new) => new,
            Added::Full | Added::RoomGone => return Ok(vec![]),
        }
    } else {
        let now = members::ids(&mut *connection, room).await?;
        users
            .into_iter()
            .filter(|user| now.contains(user))
            .collect()
    };
    let head = rooms::last_seqs(&mut *connection, &[room]).await?;
    let from_seq = head.get(&room).copied().unwrap_or_default();
    let mut effects = Vec::new();
    for user in new {
        join_requests::take(&mut *connection, room, user).await?;
        let role = MemberRole::Member;
        effects.extend(membership::joined(job, room, user, role, from_seq)?);
    }
    Ok(effects)
}

/// Says no to an invite.
///
/// # Errors
/// `invite_not_found`, `unavailable`.
pub async fn decline(
    context: &Context,
    actor: &Actor,
    answer: client::InviteAnswer,
) -> Result<(), Refusal> {
    let invite = open_invite(context, actor, answer.invite_id).await?;
    let act = Act::DeclineInvite {
        invite_id: invite.id,
    };
    commit::commit(context, &actor.job(Some(invite.room_id), act)).await
}

/// Notes the no; nobody hears of it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply_decline(
    connection: &mut PgConnection,
    job: &Job,
    invite: InviteId,
) -> Result<Vec<Effect>, Failure> {
    invites::answer(connection, invite, job.user_id, false, job.created_at).await?;
    Ok(vec![])
}

/// An invite of the actor that can still be answered.
///
/// # Errors
/// `invite_not_found`, `unavailable`.
pub async fn open_invite(
    context: &Context,
    actor: &Actor,
    id: InviteId,
) -> Result<Invite, Refusal> {
    invites::by_id(&context.pg, id, Timestamp::now())
        .await
        .map_err(|error| unavailable(&error))?
        .filter(|invite| invite.user_id == actor.user_id && invite.status == InviteStatus::Pending)
        .ok_or_else(|| Refusal::new(ErrorCode::InviteNotFound, "There is no such open invite."))
}

async fn require_invitable(
    context: &Context,
    actor: &Actor,
    room: RoomId,
    invited: &[UserId],
) -> Result<(), Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let known = users::existing(&context.pg, invited).await.map_err(away)?;
    if let Some(unknown) = invited.iter().find(|user| !known.contains(user)) {
        let message = format!("There is no user {unknown}.");
        return Err(Refusal::new(ErrorCode::UserNotFound, message));
    }
    let present = members::ids(&context.pg, room).await.map_err(away)?;
    if let Some(member) = invited.iter().find(|user| present.contains(user)) {
        let message = format!("{member} is a member already.");
        return Err(Refusal::new(ErrorCode::AlreadyMember, message));
    }
    let between = blocks::between(&context.pg, actor.user_id, invited);
    if !between.await.map_err(away)?.is_empty() {
        let message = "One of you has blocked the other.";
        return Err(Refusal::new(ErrorCode::Blocked, message));
    }
    let banned = room_bans::banned(&context.pg, room, invited, Timestamp::now());
    if !banned.await.map_err(away)?.is_empty() {
        return Err(membership::forbidden(
            "One of them is banned from this room.",
        ));
    }
    Ok(())
}

fn require_space(access: &RoomAccess, coming: usize, direct: bool) -> Result<(), Refusal> {
    let present = access.member_count as usize;
    let coming = if direct { coming } else { 1 };
    if present + coming > limits::GROUP_MEMBERS {
        let message = format!("A group has at most {} members.", limits::GROUP_MEMBERS);
        return Err(Refusal::new(ErrorCode::GroupFull, message));
    }
    Ok(())
}
