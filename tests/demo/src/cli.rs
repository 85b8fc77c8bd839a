//! The command line.

use std::time::Duration;

use aws_sim::Durations;
use clap::Parser;
use clap::builder::FalseyValueParser;

/// Moves an encrypted RDS database between two AWS accounts, on this machine and with no AWS account.
///
/// Simulates AWS in this process, runs the real source-agent and the real target-agent as two processes with the credentials
/// of one account each, shows what they do, and then checks in the simulated AWS that the database arrived and that nothing
/// was left open. Ends with exit code 0 only if every check holds.
#[derive(Debug, Parser)]
#[command(name = "demo", version, after_help = AGENTS)]
pub(crate) struct Cli {
    /// Leave the simulated AWS running afterwards, until Ctrl-C, and say how to look around in it
    #[arg(long)]
    pub(crate) keep: bool,
    /// How many times faster than AWS snapshots, copies and restores are
    #[arg(long, value_name = "N", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) speed: u32,
    /// No colours, even on a terminal
    #[arg(long, env = "NO_COLOR", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub(crate) no_color: bool,
}

const AGENTS: &str =
    "`demo source-agent ...` and `demo target-agent ...` are the agents themselves: try `demo source-agent --help`.";

/// Setting up, checking, and what the agents wait for on their own account: at any speed the same.
const AT_ANY_SPEED: Duration = Duration::from_mins(2);

impl Cli {
    /// After this long something hangs, and the demo fails.
    pub(crate) fn limit(&self) -> Duration {
        let Durations { snapshot, copy_across_regions, copy_within_region, restore, .. } = Durations::default();
        let work = snapshot + copy_across_regions + copy_within_region + restore;
        // Twice: the simulated AWS spreads its durations, and the machine may be busy.
        AT_ANY_SPEED + work * 2 / self.speed
    }
}
