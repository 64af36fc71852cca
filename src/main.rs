//! Flags to app; nothing else.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    llm_sidecar::cli::run(llm_sidecar::cli::Cli::parse())
}
