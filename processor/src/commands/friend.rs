//! `friend.*`: asking for friendship, answering, and ending it.

use chat_backends::postgres::users::{self, Login};
use chat_backends::postgres::{blocks, friends};
use chat_core::error::{ErrorCode, Refusal};
use chat_core::ids::{FriendRequestId, UserId};
use chat_core::job::{Act, Job};
use chat_core::protocol::client;
use chat_core::protocol::objects::{FriendRequest, FriendRequestStatus};
use chat_core::protocol::server::ServerEvent;
use sqlx::PgConnection;

use crate::actor::Actor;
use crate::commands::commit;
use crate::context::Context;
use crate::effects::{Effect, Target};
use crate::failure::{Failure, unavailable};

/// A request that passed every check.
#[derive(Debug)]
pub struct Checked {
    /// The job to publish.
    pub job: Job,
    /// The id that the request gets.
    pub request_id: FriendRequestId,
}

/// What somebody does with an open request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The receiver says yes.
    Accept,
    /// The receiver says no.
    Refuse,
    /// The requester takes it back.
    Cancel,
}

/// Checks everything that can be refused of a request.
///
/// # Errors
/// `validation_failed`, `user_not_found`, `blocked`, `friend_exists`, `request_pending`, `unavailable`.
pub async fn check(
    context: &Context,
    actor: &Actor,
    request: client::FriendRequest,
) -> Result<Checked, Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let other = resolve(context, &request).await?;
    if other == actor.user_id {
        let message = "is your own account";
        return Err(Refusal::invalid("userId", "not_allowed", message));
    }
    let blocked = blocks::between(&context.pg, actor.user_id, &[other])
        .await
        .map_err(away)?;
    if !blocked.is_empty() {
        let message = "One of you has blocked the other.";
        return Err(Refusal::new(ErrorCode::Blocked, message));
    }
    let friends = friends::are_friends(&context.pg, actor.user_id, other);
    if friends.await.map_err(away)? {
        let message = "You are friends already.";
        return Err(Refusal::new(ErrorCode::FriendExists, message));
    }
    let open = friends::open_requests(&context.pg, actor.user_id);
    let is_theirs = |it: &FriendRequest| it.from.id == other || it.to.id == other;
    if open.await.map_err(away)?.iter().any(is_theirs) {
        let message = "There is an open request between you already.";
        return Err(Refusal::new(ErrorCode::RequestPending, message));
    }
    let request_id = FriendRequestId::now_v7();
    let act = Act::RequestFriend {
        request_id,
        user_id: other,
    };
    Ok(Checked {
        job: actor.job(None, act),
        request_id,
    })
}

/// Checks everything that can be refused of an answer.
///
/// # Errors
/// `not_found`, `forbidden`, `unavailable`.
pub async fn check_answer(
    context: &Context,
    actor: &Actor,
    payload: client::FriendAnswer,
    answer: Answer,
) -> Result<Job, Refusal> {
    let request_id = payload.request_id;
    let request = friends::request(&context.pg, request_id)
        .await
        .map_err(|error| unavailable(&error))?
        .filter(|request| request.status == FriendRequestStatus::Pending)
        .ok_or_else(not_found)?;
    let whose = match answer {
        Answer::Accept | Answer::Refuse => request.to.id,
        Answer::Cancel => request.from.id,
    };
    if whose != actor.user_id {
        let message = "This request is not yours to answer.";
        return Err(Refusal::new(ErrorCode::Forbidden, message));
    }
    let act = match answer {
        Answer::Accept => Act::AcceptFriend { request_id },
        Answer::Refuse => Act::RefuseFriend { request_id },
        Answer::Cancel => Act::CancelFriend { request_id },
    };
    Ok(actor.job(None, act))
}

/// Checks everything that can be refused of the end of a friendship.
///
/// # Errors
/// `not_found`, `unavailable`.
pub async fn check_remove(
    context: &Context,
    actor: &Actor,
    remove: client::FriendRemove,
) -> Result<Job, Refusal> {
    let friends = friends::are_friends(&context.pg, actor.user_id, remove.user_id)
        .await
        .map_err(|error| unavailable(&error))?;
    if !friends {
        return Err(Refusal::new(ErrorCode::NotFound, "You are not friends."));
    }
    let user_id = remove.user_id;
    Ok(actor.job(None, Act::RemoveFriend { user_id }))
}

/// A request, done before the answer.
///
/// # Errors
/// As [`check`].
pub async fn run(
    context: &Context,
    actor: &Actor,
    request: client::FriendRequest,
) -> Result<FriendRequest, Refusal> {
    let checked = check(context, actor, request).await?;
    commit::commit(context, &checked.job).await?;
    stored(context, checked.request_id).await
}

/// An answer, done before the answer to it; `None` for a request that was taken back.
///
/// # Errors
/// As [`check_answer`].
pub async fn run_answer(
    context: &Context,
    actor: &Actor,
    payload: client::FriendAnswer,
    answer: Answer,
) -> Result<Option<FriendRequest>, Refusal> {
    let request_id = payload.request_id;
    let job = check_answer(context, actor, payload, answer).await?;
    commit::commit(context, &job).await?;
    if answer == Answer::Cancel {
        return Ok(None);
    }
    stored(context, request_id).await.map(Some)
}

/// The end of a friendship, done before the answer.
///
/// # Errors
/// As [`check_remove`].
pub async fn run_remove(
    context: &Context,
    actor: &Actor,
    remove: client::FriendRemove,
) -> Result<(), Refusal> {
    let job = check_remove(context, actor, remove).await?;
    commit::commit(context, &job).await
}

/// Opens the request; both hear of it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply(
    connection: &mut PgConnection,
    job: &Job,
    request: FriendRequestId,
    to: UserId,
) -> Result<Vec<Effect>, Failure> {
    if commit::first_time(connection, job).await? {
        friends::ask(&mut *connection, request, job.user_id, to, job.created_at).await?;
    }
    // Not there: the other one asked at the same time, and was first.
    let stored = friends::request(connection, request).await?;
    match stored.filter(|request| request.status == FriendRequestStatus::Pending) {
        Some(request) => both(
            job,
            &request.clone(),
            &ServerEvent::FriendRequested { request },
        ),
        None => Ok(vec![]),
    }
}

/// Answers the request; both hear of it.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply_answer(
    connection: &mut PgConnection,
    job: &Job,
    id: FriendRequestId,
    answer: Answer,
) -> Result<Vec<Effect>, Failure> {
    let before = friends::request(&mut *connection, id).await?;
    if commit::first_time(connection, job).await? {
        match answer {
            Answer::Accept => friends::answer(&mut *connection, id, true, job.created_at).await?,
            Answer::Refuse => friends::answer(&mut *connection, id, false, job.created_at).await?,
            Answer::Cancel => friends::cancel(&mut *connection, id).await?,
        };
    }
    let after = friends::request(connection, id).await?;
    let (request, expected) = match answer {
        Answer::Accept => (after, FriendRequestStatus::Accepted),
        Answer::Refuse => (after, FriendRequestStatus::Refused),
        Answer::Cancel => (before, FriendRequestStatus::Pending),
    };
    let Some(request) = request.filter(|request| request.status == expected) else {
        return Ok(vec![]);
    };
    let event = match answer {
        Answer::Accept => ServerEvent::FriendAccepted {
            request: request.clone(),
        },
        Answer::Refuse => ServerEvent::FriendRefused {
            request: request.clone(),
        },
        Answer::Cancel => ServerEvent::FriendCancelled {
            request: request.clone(),
        },
    };
    both(job, &request, &event)
}

/// Ends the friendship; both hear of it, each with the other's id.
///
/// # Errors
/// [`Failure`] of the database.
pub async fn apply_remove(
    connection: &mut PgConnection,
    job: &Job,
    other: UserId,
) -> Result<Vec<Effect>, Failure> {
    if commit::first_time(connection, job).await? {
        friends::remove(connection, job.user_id, other).await?;
    }
    [(job.user_id, other), (other, job.user_id)]
        .into_iter()
        .map(|(user, user_id)| {
            let event = ServerEvent::FriendRemoved { user_id };
            Effect::of_job(Target::User(user), &event, job)
        })
        .collect()
}

fn both(job: &Job, request: &FriendRequest, event: &ServerEvent) -> Result<Vec<Effect>, Failure> {
    [request.from.id, request.to.id]
        .into_iter()
        .map(|user| Effect::of_job(Target::User(user), event, job))
        .collect()
}

async fn stored(context: &Context, id: FriendRequestId) -> Result<FriendRequest, Refusal> {
    friends::request(&context.pg, id)
        .await
        .map_err(|error| unavailable(&error))?
        // The other one asked at the same time, and was first.
        .ok_or_else(|| {
            Refusal::new(
                ErrorCode::RequestPending,
                "There is an open request already.",
            )
        })
}

async fn resolve(context: &Context, request: &client::FriendRequest) -> Result<UserId, Refusal> {
    let away = |error: sqlx::Error| unavailable(&error);
    let unknown = || Refusal::new(ErrorCode::UserNotFound, "There is no such user.");
    let login = match (request.user_id, &request.email, &request.username) {
        (Some(user), None, None) => {
            let known = users::existing(&context.pg, &[user]).await.map_err(away)?;
            return known.first().copied().ok_or_else(unknown);
        }
        (None, Some(email), None) => Login::Email(email),
        (None, None, Some(username)) => Login::Username(username),
        _ => {
            let message = "give one of userId, email and username";
            return Err(Refusal::invalid("userId", "missing", message));
        }
    };
    let row = users::login_row(&context.pg, login).await.map_err(away)?;
    row.map(|row| row.user_id).ok_or_else(unknown)
}

fn not_found() -> Refusal {
    Refusal::new(ErrorCode::NotFound, "There is no such open request.")
}
