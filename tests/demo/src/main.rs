//! A complete handoff on this machine, without an AWS account: two agents as two processes, and one simulated AWS.
//!
//! This binary also contains both agents and the simulated AWS, because cargo does not build the binaries of other
//! packages: it starts itself again as `source-agent ...` and as `target-agent ...`, and the test of this package also
//! starts it as `aws-sim ...`.

mod admin;
mod agents;
mod cli;
mod guide;
mod play;
mod show;
mod side;
mod stage;
mod verdict;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    // First of all, so that a process that runs an agent does nothing else.
    let agent = std::env::args_os().nth(1);
    match agent.as_ref().and_then(|name| name.to_str()) {
        Some("source-agent") => source_agent::main(std::env::args_os().skip(1)),
        Some("target-agent") => target_agent::main(std::env::args_os().skip(1)),
        Some("aws-sim") => aws_sim::main(std::env::args_os().skip(1)),
        _ => play::play(&cli::Cli::parse()),
    }
}
