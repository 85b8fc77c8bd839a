//! The whole move on this machine, with no AWS account: two agents, two processes, one simulated AWS.
//!
//! This binary is also both agents, and the simulated AWS: it starts itself again as `source-agent ...` and as
//! `target-agent ...`, because cargo builds no other package's binaries; the test of this package starts it as `aws-sim
//! ...` too.

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
    // Before anything else is made: an agent's process is the agent's alone.
    let agent = std::env::args_os().nth(1);
    match agent.as_ref().and_then(|name| name.to_str()) {
        Some("source-agent") => source_agent::main(std::env::args_os().skip(1)),
        Some("target-agent") => target_agent::main(std::env::args_os().skip(1)),
        Some("aws-sim") => aws_sim::main(std::env::args_os().skip(1)),
        _ => play::play(&cli::Cli::parse()),
    }
}
