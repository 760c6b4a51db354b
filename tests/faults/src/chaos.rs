//! Everything breaks at random while members send.

use std::time::Duration;

use chat_bench::deployment::{Deployment, Options};
use serde_json::{Value, json};

use crate::crowd::{Crowd, Shape};
use crate::schedule::MOST_PROCESSORS;
use crate::{breaker, schedule};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: Options,
    /// Repeats the faults of an earlier run [default: drawn, and printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Messages in all, at least
    #[arg(long, default_value_t = 4000)]
    sends: usize,
    /// Messages a second in all
    #[arg(long, default_value_t = 80.0)]
    rate: f64,
    /// Gateways
    #[arg(long, default_value_t = 2)]
    gateways: usize,
    /// Members; each is in two of the rooms
    #[arg(long, default_value_t = 24)]
    members: usize,
    /// Rooms
    #[arg(long, default_value_t = 8)]
    rooms: usize,
}

pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<Value> {
    let seed = arguments
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    #[expect(clippy::cast_precision_loss, reason = "runs are short")]
    let length = Duration::from_secs_f64(arguments.sends as f64 / arguments.rate);
    let steps = schedule::draw(seed, length, arguments.gateways);
    crate::say(&format!(
        "seed {seed}: {} faults in {} s",
        steps.len(),
        length.as_secs()
    ));
    let mut chat = Deployment::start(
        &arguments.deployment,
        arguments.gateways,
        MOST_PROCESSORS,
        &[],
        true,
    )
    .await?;
    crate::say(&format!("logs in {}", chat.logs.display()));
    for processor in &mut chat.processors[1..] {
        processor.finish().await?;
    }
    let shape = Shape {
        members: arguments.members,
        rooms: arguments.rooms,
        rooms_each: 2,
        sends: arguments.sends,
        rate: arguments.rate,
        comes_and_goes: None,
        seed,
    };
    let crowd = Crowd::start(&chat, shape).await?;
    breaker::run(&mut chat, &steps, crate::say).await?;
    breaker::heal(&mut chat).await?;
    crate::say(&format!(
        "everything is whole again; {} messages are still to be acknowledged",
        crowd.open()
    ));
    let (verdict, late, states) = crowd.finish(length).await?;
    let letters = crate::dead_letters(&chat).await?;
    let connects: u64 = states.iter().map(|state| state.connects).sum();
    let is_clean = verdict.is_clean() && letters.is_empty();
    drop(chat.stop().await);
    Ok(json!({
        "passed": is_clean,
        "seed": seed,
        "faults": steps.len(),
        "connects": connects,
        "deadLetters": letters.len(),
        "toldToAsk": late,
        "verdict": verdict,
    }))
}
