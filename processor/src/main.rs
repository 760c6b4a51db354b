//! The `chat-processor` program: its command line, and nothing that decides about jobs.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// Many small texts come and go on several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(cli::CliError::Config(error)) => {
            eprintln!("chat-processor: {error}");
            ExitCode::from(2)
        }
        Err(cli::CliError::Failed(error)) => {
            eprintln!("chat-processor: {error:#}");
            ExitCode::FAILURE
        }
    }
}
