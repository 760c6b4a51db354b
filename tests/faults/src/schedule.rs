//! What breaks when: drawn from a seed, so that a run can be repeated.

use std::time::Duration;

use chat_bench::backends::Kind;
use chat_bench::link::State;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A program of the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    Gateway(usize),
    Processor(usize),
}

/// Something that breaks, or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL; started again when the fault is over.
    Kill(Program),
    /// SIGKILL of a server; started again when the fault is over.
    KillBackend(Kind),
    /// The network from a program to a server.
    Cut(Program, Kind, State),
    /// So many processors from now on.
    Scale(usize),
}

/// A fault and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) lasts: Duration,
    pub(crate) fault: Fault,
}

/// Processors at the most.
pub(crate) const MOST_PROCESSORS: usize = 4;

/// The faults of a run of this length. They overlap, as they please.
pub(crate) fn draw(seed: u64, length: Duration, gateways: usize) -> Vec<Step> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut steps = Vec::new();
    // Scaling out and in has its fixed places; the rest is chance.
    for (place, processors) in [(0.25, MOST_PROCESSORS), (0.7, 1)] {
        steps.push(Step {
            at: length.mul_f64(place),
            lasts: Duration::ZERO,
            fault: Fault::Scale(processors),
        });
    }
    // Every kind once, however short the run is; after that by chance.
    let mut kinds: Vec<u32> = (0..KINDS).collect();
    for place in (1..kinds.len()).rev() {
        kinds.swap(place, rng.random_range(0..=place));
    }
    let mut at = Duration::from_secs(2);
    for number in 0.. {
        if at >= length {
            break;
        }
        let kind = kinds
            .get(number)
            .copied()
            .unwrap_or_else(|| rng.random_range(0..KINDS));
        let lasts = Duration::from_millis(rng.random_range(300..5000));
        steps.push(Step {
            at,
            lasts,
            fault: fault(kind, gateways, &mut rng),
        });
        at += Duration::from_millis(rng.random_range(1500..5500));
    }
    steps.sort_by_key(|step| step.at);
    steps
}

const KINDS: u32 = 8;

fn fault(kind: u32, gateways: usize, rng: &mut StdRng) -> Fault {
    let program = |rng: &mut StdRng| {
        if rng.random_bool(0.5) {
            Program::Gateway(rng.random_range(0..gateways))
        } else {
            Program::Processor(rng.random_range(0..MOST_PROCESSORS))
        }
    };
    let state =
        |rng: &mut StdRng| [State::Refusing, State::Silent, State::Mute][rng.random_range(0..3)];
    match kind {
        0 => Fault::Kill(Program::Gateway(rng.random_range(0..gateways))),
        1 => Fault::Kill(Program::Processor(0)),
        2 => Fault::KillBackend(Kind::RabbitMq),
        3 => Fault::KillBackend(Kind::Redis),
        4 => Fault::KillBackend(Kind::Postgres),
        5 => Fault::Cut(program(rng), Kind::RabbitMq, state(rng)),
        6 => Fault::Cut(program(rng), Kind::Redis, state(rng)),
        _ => Fault::Cut(program(rng), Kind::Postgres, state(rng)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_faults_again_and_another_seed_draws_others() {
        let length = Duration::from_secs(60);
        assert_eq!(draw(7, length, 2), draw(7, length, 2));
        assert_ne!(draw(7, length, 2), draw(8, length, 2));
    }

    #[test]
    fn a_minute_holds_every_kind_of_fault() {
        for seed in 0..50 {
            let steps = draw(seed, Duration::from_secs(60), 2);
            for kind in Kind::ALL {
                assert!(
                    steps
                        .iter()
                        .any(|step| step.fault == Fault::KillBackend(kind)),
                    "{seed}"
                );
                assert!(
                    steps
                        .iter()
                        .any(|step| matches!(step.fault, Fault::Cut(_, cut, _) if cut == kind)),
                    "{seed}"
                );
            }
        }
    }
}
