//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use agent_runtime::drive::Patience;
use agent_runtime::settings::{self, SettingsError};
use agent_runtime::start::Common;
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;

use crate::config::Settings;

/// Takes over encrypted RDS databases that other accounts hand to this one, and shares no credentials with them.
///
/// Verifies each handoff message against its configuration and against AWS, copies the shared snapshot under this account's own
/// key, tells the other account that it may take everything back, and restores the database.
#[derive(Debug, Parser)]
#[command(name = "target-agent", version, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 settled, 2 usage or configuration, 3 work pending, 4 blocked, 5 failed, rejected or \
                          expired, 70 bug.\nCredentials come from the standard AWS SDK chain and must be this account's own.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take over what the inbox holds, until it is empty and nothing is in flight
    Run(How),
    /// Show every step that `run` would take, and do nothing
    ///
    /// The inbox is not read, since that would hide its messages from `run`: give a message, or see what is under way.
    Plan {
        /// A handoff message, as account A published it; - reads standard input
        #[arg(long, value_name = "FILE")]
        message: Option<PathBuf>,
    },
    /// Show where each handoff stands, from AWS alone
    Status,
}

/// How long to go on.
#[derive(Debug, Args)]
pub struct How {
    /// Go on for ever
    #[arg(long, conflicts_with = "once")]
    watch: bool,
    /// Make one pass over everything
    #[arg(long)]
    once: bool,
    /// End when nothing but faults was seen for this long
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = settings::duration)]
    patience: SignedDuration,
}

impl How {
    /// As a drive takes it.
    pub(crate) fn patience(&self) -> Patience {
        match (self.watch, self.once) {
            (true, _) => Patience::ForEver,
            (_, true) => Patience::Once,
            _ => Patience::Until(Duration::try_from(self.patience).unwrap_or_default()),
        }
    }
}

impl Cli {
    /// Flags common to both agents.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// From the file.
    pub(crate) fn settings(&self) -> Result<Settings, SettingsError> {
        match &self.common.config {
            Some(path) => Settings::of(settings::load(path)?),
            None => Err(SettingsError::Contradictory(
                "--config FILE is missing: it says whom to trust and how to restore".to_owned(),
            )),
        }
    }
}
