//! What an act does to a call: pure decisions over the states of the wire contract, §2.1.

use chat_core::ids::UserId;
use chat_core::protocol::objects::{Call, CallState, ParticipantState};

/// What somebody does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Takes it.
    Answer,
    /// Does not take it.
    Refuse,
    /// Hangs up; while it rings, the caller takes it back.
    Close,
}

/// What that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The call goes on from now.
    Begins,
    /// One more takes part.
    Joins,
    /// Nothing: it was so before.
    Stays,
    /// One takes part no longer, the others go on.
    Drops(ParticipantState),
    /// The call is over.
    Ends(CallState),
}

/// Why that can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The call is over.
    Ended,
    /// It is not for this user to do.
    NotYours,
}

/// Decides what `act` by `user`, a member of the room, does to `call`.
///
/// # Errors
/// [`Wrong`] says why not.
pub fn step(call: &Call, user: UserId, act: Act) -> Result<Step, Wrong> {
    let own = call
        .participants
        .iter()
        .find(|participant| participant.user_id == user)
        .map(|participant| participant.state);
    let is_caller = call.caller_id == user;
    match (call.state, act) {
        (CallState::Ringing, Act::Answer) if is_caller => Err(Wrong::NotYours),
        (CallState::Ringing, Act::Answer) => Ok(Step::Begins),
        (CallState::Ringing, Act::Close) if is_caller => Ok(Step::Ends(CallState::Cancelled)),
        (CallState::Ringing, Act::Refuse) if is_caller => Err(Wrong::NotYours),
        (CallState::Ringing, Act::Refuse | Act::Close) => {
            Ok(if others(call, user, ParticipantState::Ringing) == 0 {
                Step::Ends(CallState::Refused)
            } else {
                Step::Drops(ParticipantState::Refused)
            })
        }
        (CallState::Ongoing, Act::Answer) if own == Some(ParticipantState::Joined) => {
            Ok(Step::Stays)
        }
        (CallState::Ongoing, Act::Answer) => Ok(Step::Joins),
        (CallState::Ongoing, Act::Refuse) if own == Some(ParticipantState::Ringing) => {
            Ok(Step::Drops(ParticipantState::Refused))
        }
        (CallState::Ongoing, Act::Refuse) => Err(Wrong::Ended),
        (CallState::Ongoing, Act::Close) if own == Some(ParticipantState::Joined) => {
            Ok(if others(call, user, ParticipantState::Joined) < 2 {
                Step::Ends(CallState::Ended)
            } else {
                Step::Drops(ParticipantState::Left)
            })
        }
        (CallState::Ongoing, Act::Close) => Err(Wrong::NotYours),
        _ => Err(Wrong::Ended),
    }
}

/// How many others are in this state.
fn others(call: &Call, user: UserId, state: ParticipantState) -> usize {
    call.participants
        .iter()
        .filter(|participant| participant.user_id != user && participant.state == state)
        .count()
}

#[cfg(test)]
mod tests {
    use chat_core::ids::{CallId, RoomId};
    use chat_core::protocol::objects::{CallMedia, CallParticipant};
    use chat_core::time::Timestamp;

    use super::ParticipantState::{Joined, Left, Refused, Ringing};
    use super::*;

    /// A call of these participants; the first one is the caller.
    fn call(state: CallState, participants: &[ParticipantState]) -> (Call, Vec<UserId>) {
        let users: Vec<UserId> = participants.iter().map(|_| UserId::now_v7()).collect();
        let call = Call {
            id: CallId::now_v7(),
            room_id: RoomId::now_v7(),
            media: CallMedia::Audio,
            state,
            caller_id: users[0],
            participants: users
                .iter()
                .zip(participants)
                .map(|(user_id, state)| CallParticipant {
                    user_id: *user_id,
                    state: *state,
                    joined_at: None,
                    left_at: None,
                })
                .collect(),
            created_at: Timestamp::now(),
            answered_at: None,
            ended_at: None,
            end_reason: None,
            duration_ms: None,
        };
        (call, users)
    }

    #[test]
    fn a_call_of_two_goes_its_way() {
        let table = [
            (
                CallState::Ringing,
                [Joined, Ringing],
                1,
                Act::Answer,
                Ok(Step::Begins),
            ),
            (
                CallState::Ringing,
                [Joined, Ringing],
                0,
                Act::Answer,
                Err(Wrong::NotYours),
            ),
            (
                CallState::Ringing,
                [Joined, Ringing],
                1,
                Act::Refuse,
                Ok(Step::Ends(CallState::Refused)),
            ),
            (
                CallState::Ringing,
                [Joined, Ringing],
                1,
                Act::Close,
                Ok(Step::Ends(CallState::Refused)),
            ),
            (
                CallState::Ringing,
                [Joined, Ringing],
                0,
                Act::Refuse,
                Err(Wrong::NotYours),
            ),
            (
                CallState::Ringing,
                [Joined, Ringing],
                0,
                Act::Close,
                Ok(Step::Ends(CallState::Cancelled)),
            ),
            (
                CallState::Ongoing,
                [Joined, Joined],
                1,
                Act::Answer,
                Ok(Step::Stays),
            ),
            (
                CallState::Ongoing,
                [Joined, Joined],
                1,
                Act::Refuse,
                Err(Wrong::Ended),
            ),
            (
                CallState::Ongoing,
                [Joined, Joined],
                0,
                Act::Close,
                Ok(Step::Ends(CallState::Ended)),
            ),
            (
                CallState::Ongoing,
                [Joined, Joined],
                1,
                Act::Close,
                Ok(Step::Ends(CallState::Ended)),
            ),
        ];
        for (state, participants, who, act, expected) in table {
            let (call, users) = call(state, &participants);
            assert_eq!(
                step(&call, users[who], act),
                expected,
                "{state:?} {who} {act:?}"
            );
        }
    }

    #[test]
    fn nothing_happens_to_a_call_that_is_over() {
        for state in [
            CallState::Ended,
            CallState::Refused,
            CallState::Missed,
            CallState::Cancelled,
            CallState::Unavailable,
        ] {
            for act in [Act::Answer, Act::Refuse, Act::Close] {
                let (call, users) = call(state, &[Left, Left]);
                assert_eq!(
                    step(&call, users[1], act),
                    Err(Wrong::Ended),
                    "{state:?} {act:?}"
                );
            }
        }
    }

    #[test]
    fn a_group_goes_on_without_one() {
        let (ringing, users) = call(CallState::Ringing, &[Joined, Ringing, Ringing]);
        let refused = Ok(Step::Drops(Refused));
        assert_eq!(step(&ringing, users[1], Act::Refuse), refused);
        let (ringing, users) = call(CallState::Ringing, &[Joined, Refused, Ringing]);
        let over = Ok(Step::Ends(CallState::Refused));
        assert_eq!(step(&ringing, users[2], Act::Refuse), over);
        let (ongoing, users) = call(CallState::Ongoing, &[Joined, Joined, Joined, Ringing]);
        assert_eq!(step(&ongoing, users[0], Act::Close), Ok(Step::Drops(Left)));
        assert_eq!(step(&ongoing, users[3], Act::Answer), Ok(Step::Joins));
        assert_eq!(step(&ongoing, users[3], Act::Refuse), refused);
        assert_eq!(step(&ongoing, users[3], Act::Close), Err(Wrong::NotYours));
        assert_eq!(
            step(&ongoing, UserId::now_v7(), Act::Answer),
            Ok(Step::Joins)
        );
    }
}
