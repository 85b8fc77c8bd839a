//! The command line.

use std::path::PathBuf;

use agent_runtime::config::{self, ConfigError};
use agent_runtime::process::{self, Common, How};
use clap::{Parser, Subcommand};

use crate::config::Settings;

/// Takes over encrypted RDS databases that other accounts hand to this one, and shares no credentials with them.
///
/// Verifies each handoff message against its configuration and against AWS, copies the shared snapshot under this
/// account's own key, notifies the other account that it can revoke all access, and restores the database.
#[derive(Debug, Parser)]
#[command(name = "target-agent", version, after_help = process::EXIT_CODES)]
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
    /// Process the handoff messages in the inbox, until it is empty and no handoff is in flight
    Run(How),
    /// Show every step that `run` would take, and change nothing
    ///
    /// Shows the handoffs that have begun, and the one of --message. The inbox is not read, since that would hide its
    /// messages from `run`.
    Plan {
        /// A handoff message, as account A published it; - reads standard input
        #[arg(long, value_name = "FILE")]
        message: Option<PathBuf>,
    },
    /// Check whether everything that a handoff needs is in place, and change nothing
    Check,
    /// Show the state of each handoff, as read from AWS
    Status,
}

impl Cli {
    /// The flags that both agents have.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// Reads the settings from the file that `--config` names.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        match &self.common.config {
            Some(path) => config::load(path, Settings::of),
            None => Err(ConfigError::Flag {
                flag: "config",
                what: "FILE is missing: it names the trusted accounts and the restore profile".to_owned(),
            }),
        }
    }
}
