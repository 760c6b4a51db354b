//! What the event log keeps of an act: derived from what clients hear of it, so that no command has to think of the log.

use chat_backends::rabbitmq::event_log::Entry;
use chat_core::event::{DomainEvent, EventType};
use chat_core::ids::{EventId, JobId, RoomId, UserId};
use chat_core::job::{Act, Job};
use chat_core::protocol::objects::PresenceStatus;
use chat_core::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::effects::{Effect, Target};

/// The entries of a committed job. The same job has the same event ids for ever, so that readers count a repeat once.
pub fn of_job(job: &Job, effects: &[Effect], now: Timestamp) -> Vec<DomainEvent> {
    of_act(job.job_id, job.lane(), effects, now)
}

/// The same for an act that has an id and no job: the end of a call.
pub(crate) fn of_act(id: JobId, key: Uuid, effects: &[Effect], now: Timestamp) -> Vec<DomainEvent> {
    let mut events: Vec<DomainEvent> = Vec::new();
    for effect in effects.iter().filter(|effect| is_first_telling(effect)) {
        for event_type in types(&effect.fanout.event, &effect.fanout.data) {
            let is_new = |event: &DomainEvent| {
                event.event_type != *event_type
                    // Each member of a new room hears of it from their own side; that is one event.
                    || (*event_type != EventType::ChatCreated
                        && event.data.get() != effect.fanout.data.get())
            };
            if events.iter().all(is_new) {
                let id = event_id(id, *event_type, events.len());
                let data = effect.fanout.data.clone();
                events.push(DomainEvent::new(id, *event_type, now, key, data));
            }
        }
    }
    events
}

/// The entry of a job that is stored nowhere: who came, went or types. A status that was chosen is none of these.
pub(crate) fn of_transient(job: &Job, now: Timestamp) -> Option<DomainEvent> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Particulars {
        user_id: UserId,
        #[serde(skip_serializing_if = "Option::is_none")]
        room_id: Option<RoomId>,
    }
    let event_type = match &job.act {
        Act::Typing { is_typing: true } => EventType::UserTyping,
        Act::SetPresence {
            status: PresenceStatus::Online,
            chosen: false,
            ..
        } => EventType::UserOnline,
        Act::SetPresence {
            status: PresenceStatus::Offline,
            chosen: false,
            ..
        } => EventType::UserOffline,
        _ => return None,
    };
    let data = serde_json::value::to_raw_value(&Particulars {
        user_id: job.user_id,
        room_id: job.room_id,
    })
    .expect("ids always encode");
    let id = event_id(job.job_id, event_type, 0);
    Some(DomainEvent::new(id, event_type, now, job.lane(), data))
}

/// The event as the log takes it, in the trace of its act.
pub(crate) fn entry(event: &DomainEvent, traceparent: Option<&str>) -> Entry {
    Entry {
        event_id: event.event_id.to_string(),
        event_type: event.event_type.as_str(),
        traceparent: traceparent.map(ToOwned::to_owned),
        body: event.encode().into_bytes(),
    }
}

/// The answer to a repeated send goes to one socket: nothing happened.
fn is_first_telling(effect: &Effect) -> bool {
    effect.fanout.only_socket.is_none()
        && (matches!(effect.target, Target::Room(_)) || effect.fanout.event.starts_with("room."))
}

fn types(heard: &str, data: &serde_json::value::RawValue) -> &'static [EventType] {
    match heard {
        "message.delivered" if data.get().contains("\"forwardedFrom\":{") => {
            &[EventType::MessageCreated, EventType::MessageForwarded]
        }
        "message.delivered" => &[EventType::MessageCreated],
        "message.edited" => &[EventType::MessageUpdated],
        "message.deleted" => &[EventType::MessageDeleted],
        "message.pinned" => &[EventType::MessagePinned],
        "message.unpinned" => &[EventType::MessageUnpinned],
        "message.read" => &[EventType::MessageRead],
        "room.created" => &[EventType::ChatCreated],
        "room.updated" => &[EventType::ChatUpdated],
        "room.deleted" => &[EventType::ChatDeleted],
        "room.member.joined" => &[EventType::UserJoinedChat],
        "room.member.left" => &[EventType::UserLeftChat],
        _ => &[],
    }
}

/// FNV-1a over the job, the type and the place: stable across builds, unlike the standard library's hashers.
fn event_id(act: JobId, event_type: EventType, place: usize) -> EventId {
    let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let place = u64::try_from(place).unwrap_or(u64::MAX).to_be_bytes();
    let act = act.uuid();
    let parts = [
        act.as_bytes().as_slice(),
        event_type.as_str().as_bytes(),
        place.as_slice(),
    ];
    for byte in parts.concat() {
        hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
    }
    EventId::from(Uuid::from_u128(hash))
}

#[cfg(test)]
mod tests {
    use chat_core::job::VERSION;
    use chat_core::protocol::objects::MemberRole;
    use chat_core::protocol::server::ServerEvent;

    use super::*;

    fn job(room: RoomId) -> Job {
        Job {
            job_id: JobId::now_v7(),
            v: VERSION,
            priority: 5,
            room_id: Some(room),
            user_id: UserId::now_v7(),
            session_id: None,
            socket_id: None,
            gateway_id: "gateway-0".into(),
            created_at: Timestamp::now(),
            act: Act::AnnounceRoom {},
        }
    }

    fn joined(room: RoomId, target: Target, user: UserId) -> Effect {
        let event = ServerEvent::MemberJoined {
            room_id: room,
            user_id: user,
            role: MemberRole::Member,
            by: user,
        };
        Effect::new(target, &event).unwrap()
    }

    #[test]
    fn each_member_who_joined_is_one_event_however_many_hear_of_it_and_however_often() {
        let room = RoomId::now_v7();
        let (job, a, b) = (job(room), UserId::now_v7(), UserId::now_v7());
        let effects = [
            joined(room, Target::Room(room), a),
            joined(room, Target::User(a), a),
            joined(room, Target::Room(room), b),
        ];
        let ids = || -> Vec<EventId> {
            let events = of_job(&job, &effects, Timestamp::now());
            assert!(events.iter().all(|event| event.key == room.uuid()));
            events.into_iter().map(|event| event.event_id).collect()
        };
        let first = ids();
        assert_eq!(first.len(), 2);
        assert_ne!(first[0], first[1]);
        assert_eq!(ids(), first);
    }

    #[test]
    fn the_answer_to_a_repeat_is_no_event() {
        let room = RoomId::now_v7();
        let mut effect = joined(room, Target::Room(room), UserId::now_v7());
        effect.fanout.only_socket = Some("s1".to_owned());
        assert!(of_job(&job(room), &[effect], Timestamp::now()).is_empty());
    }

    #[test]
    fn who_comes_goes_or_types_is_in_the_log_and_a_chosen_status_is_not() {
        let presence = |status, chosen| Act::SetPresence {
            status,
            activity: None,
            chosen,
        };
        let of = |act| {
            let mut job = job(RoomId::now_v7());
            job.act = act;
            of_transient(&job, Timestamp::now()).map(|event| event.event_type)
        };
        assert_eq!(
            of(presence(PresenceStatus::Online, false)),
            Some(EventType::UserOnline)
        );
        assert_eq!(
            of(presence(PresenceStatus::Offline, false)),
            Some(EventType::UserOffline)
        );
        assert_eq!(
            of(Act::Typing { is_typing: true }),
            Some(EventType::UserTyping)
        );
        for silent in [
            Act::Typing { is_typing: false },
            presence(PresenceStatus::Online, true),
            presence(PresenceStatus::Away, false),
            Act::AnnounceRoom {},
        ] {
            assert_eq!(of(silent), None);
        }
    }
}
