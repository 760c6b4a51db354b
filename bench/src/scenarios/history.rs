//! x
use serde_json::Value;
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}
pub(crate) async fn run(_: &Arguments) -> anyhow::Result<Value> {
    anyhow::bail!("later")
}
