//! The `chat-server` program: its command line, and nothing that decides about requests.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

/// Many small texts come and go on several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cli::CliError::Config(error)) => {
            eprintln!("chat-server: {error}");
            ExitCode::from(2)
        }
        Err(cli::CliError::Failed(error)) => {
            eprintln!("chat-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}
