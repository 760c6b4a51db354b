//! The operator's process: reads its configuration, starts telemetry, and hands over to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    chat_operator::crd::definition();
    ExitCode::SUCCESS
}
