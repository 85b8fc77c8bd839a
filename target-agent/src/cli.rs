//! The command line.

use std::path::PathBuf;

use agent_runtime::config::{self, ConfigError};
use agent_runtime::start::{self, Common, How};
use clap::{Parser, Subcommand};

use crate::config::Settings;

/// Takes over encrypted RDS databases that other accounts hand to this one, and shares no credentials with them.
///
/// Verifies each handoff message against its configuration and against AWS, copies the shared snapshot under this account's own
/// key, tells the other account that it may take everything back, and restores the database.
#[derive(Debug, Parser)]
#[command(name = "target-agent", version, after_help = start::EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

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
    /// Look whether everything is there that a handoff needs, and change nothing
    Check,
    /// Show where each handoff stands, from AWS alone
    Status,
}

impl Cli {
    /// Flags common to both agents.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// From the file.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        match &self.common.config {
            Some(path) => config::load(path, Settings::of),
            None => Err(ConfigError::Flag {
                flag: "config",
                what: "FILE is missing: it says whom to trust and how to restore".to_owned(),
            }),
        }
    }
}
