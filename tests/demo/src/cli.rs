//! The command line.

use std::time::Duration;

use aws_sim::Durations;
use clap::Parser;
use clap::builder::FalseyValueParser;

/// Hands off an encrypted RDS database from one AWS account to another, on this machine and without an AWS account.
///
/// Simulates AWS in this process, runs the real source-agent and the real target-agent as two processes with the
/// credentials of one account each, shows what they do, and then checks in the simulated AWS that the database was
/// restored and that all access was revoked. The exit code is 0 only if every check passes.
#[derive(Debug, Parser)]
#[command(name = "demo", version, after_help = AGENTS)]
pub(crate) struct Cli {
    /// Keep the simulated AWS running afterwards, until Ctrl-C, and print how to inspect it
    #[arg(long)]
    pub(crate) keep: bool,
    /// How many times faster than at AWS snapshots, copies and restores complete
    #[arg(long, value_name = "N", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) speed: u32,
    /// No colours, even on a terminal
    #[arg(long, env = "NO_COLOR", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) no_color: bool,
}

const AGENTS: &str =
    "`demo source-agent ...` and `demo target-agent ...` run the agents: try `demo source-agent --help`.";

/// Time for setting up, checking, and waits of the agents that do not depend on the speed.
const AT_ANY_SPEED: Duration = Duration::from_mins(2);

impl Cli {
    /// The time limit for the agents; when it passes, the demo fails.
    pub(crate) fn limit(&self) -> Duration {
        let Durations { snapshot, copy_across_regions, copy_within_region, restore, .. } = Durations::default();
        let work = snapshot + copy_across_regions + copy_within_region + restore;
        // Twice the usual time: the simulated AWS varies its durations, and the machine may be busy.
        AT_ANY_SPEED + work * 2 / self.speed
    }
}
