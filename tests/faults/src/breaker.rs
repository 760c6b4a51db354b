//! Carries out a schedule on a deployment, and makes everything whole again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chat_bench::backends::Kind;
use chat_bench::deployment::{Deployment, Program as Running};
use chat_bench::link::State;

use crate::schedule::{Fault, MOST_PROCESSORS, Program, Step};

/// Something to do at its time.
enum Act {
    Begin(Fault),
    End(Fault),
}

/// Works through the schedule; `say` hears of each step.
pub(crate) async fn run(
    chat: &mut Deployment,
    steps: &[Step],
    say: impl Fn(&str),
) -> anyhow::Result<()> {
    let mut acts: BTreeMap<(Duration, usize), Act> = BTreeMap::new();
    for (number, step) in steps.iter().enumerate() {
        acts.insert((step.at, number), Act::Begin(step.fault));
        acts.insert(
            (step.at + step.lasts, steps.len() + number),
            Act::End(step.fault),
        );
    }
    let began = Instant::now();
    for ((at, _), act) in acts {
        tokio::time::sleep_until((began + at).into()).await;
        let time = began.elapsed().as_secs_f64();
        match act {
            Act::Begin(fault) => {
                say(&format!("{time:6.1} s  {fault:?}"));
                begin(chat, fault).await?;
            }
            Act::End(Fault::Scale(_)) => {}
            Act::End(fault) => {
                say(&format!("{time:6.1} s  over: {fault:?}"));
                end(chat, fault)?;
            }
        }
    }
    Ok(())
}

/// Everything runs and every link is open.
pub(crate) async fn heal(chat: &mut Deployment) -> anyhow::Result<()> {
    for kind in Kind::ALL {
        for program in chat.gateways.iter().chain(&chat.processors) {
            if let Some(link) = program.link(kind) {
                link.set(State::Open);
            }
        }
        chat.backends.get_mut(kind).revive()?;
    }
    for kind in Kind::ALL {
        chat.backends.get(kind).answers().await?;
    }
    for gateway in &mut chat.gateways {
        gateway.revive()?;
    }
    chat.processors[0].revive()?;
    chat.ready().await
}

fn program(chat: &mut Deployment, which: Program) -> &mut Running {
    match which {
        Program::Gateway(number) => &mut chat.gateways[number],
        Program::Processor(number) => &mut chat.processors[number],
    }
}

async fn begin(chat: &mut Deployment, fault: Fault) -> anyhow::Result<()> {
    match fault {
        Fault::Kill(which) => program(chat, which).kill(),
        Fault::KillBackend(kind) => chat.backends.get_mut(kind).kill(),
        Fault::Cut(which, kind, state) => {
            if let Some(link) = program(chat, which).link(kind) {
                link.set(state);
            }
            Ok(())
        }
        Fault::Scale(count) => {
            for number in 0..MOST_PROCESSORS {
                let processor = &mut chat.processors[number];
                if number < count {
                    processor.revive()?;
                } else if processor.finish().await.is_err() {
                    // Without its backends it may be unable to end well; what matters is what is lost by that.
                    processor.kill()?;
                }
            }
            Ok(())
        }
    }
}

fn end(chat: &mut Deployment, fault: Fault) -> anyhow::Result<()> {
    match fault {
        Fault::Kill(which) => program(chat, which).revive(),
        Fault::KillBackend(kind) => chat.backends.get_mut(kind).revive(),
        Fault::Cut(which, kind, _) => {
            if let Some(link) = program(chat, which).link(kind) {
                link.set(State::Open);
            }
            Ok(())
        }
        Fault::Scale(_) => Ok(()),
    }
}
