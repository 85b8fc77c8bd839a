//! The command line.

use std::path::PathBuf;

use agent_runtime::config::{self, ConfigError, InvalidSetting, Patterns};
use agent_runtime::process::{self, Common, How};
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;
use protocol::ids::ParseError;
use protocol::tags::KeyMode;
use protocol::{AccountId, DbIdentifier, Label, QueueArn, Region, Terms};

use crate::config::{File, FileHandoff, FileTarget, Limits, Settings};

/// Moves encrypted RDS databases of this account to accounts that share no credentials with it.
///
/// Takes a snapshot, copies it to the target Region under a key of this account, shares the copy and the key with the
/// target account, sends a message to its target-agent, and revokes this access when that account owns a copy.
#[derive(Debug, Parser)]
#[command(name = "source-agent", version, after_help = process::EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    one: OneHandoff,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the handoffs until each is settled, failed, or blocked for longer than --patience
    Run {
        /// When to stop
        #[command(flatten)]
        how: How,
        /// Copy without asking first whether the target account is ready
        #[arg(long)]
        no_hello: bool,
    },
    /// Ask each target account whether it is ready, and wait for its answer
    Hello {
        /// How long to wait, at most 10m
        #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = config::duration)]
        patience: SignedDuration,
    },
    /// Show every step that `run` would take and how long all handoffs are expected to take; change nothing
    Plan {
        /// Show only the steps of this handoff, DATABASE or DATABASE/LABEL [default: all; as text, only if few]
        #[arg(long, value_name = "NAME", value_parser = subject)]
        handoff: Option<(DbIdentifier, Option<Label>)>,
    },
    /// Check that everything that a handoff needs is in place; change nothing
    Check,
    /// Show the state of each handoff, as read from AWS
    Status,
    /// Write an HTML page about every handoff that AWS still shows: times, outcomes, access, what was slow or went
    /// wrong
    Report {
        /// Where to write the page; - for standard output
        #[arg(long, value_name = "FILE")]
        html: PathBuf,
        /// Only handoffs with this label
        // Replaces the global `--label` of `OneHandoff`, and unlike it is allowed together with `--config`.
        #[arg(long)]
        label: Option<Label>,
    },
}

/// The flags that describe one handoff without a configuration file.
#[derive(Debug, Args)]
#[command(next_help_heading = "One handoff, without a file")]
struct OneHandoff {
    /// This account
    #[arg(long, global = true, value_name = "ID", conflicts_with = "config")]
    account: Option<AccountId>,
    /// The Region of the database
    #[arg(long, global = true, conflicts_with = "config")]
    region: Option<Region>,
    /// The identifier of the database
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "config")]
    database: Option<DbIdentifier>,
    /// Your name for this handoff: 1 to 24 of a-z, 0-9 and single inner hyphens
    #[arg(long, global = true, conflicts_with = "config")]
    label: Option<Label>,
    /// The target account
    #[arg(long, global = true, value_name = "ID", conflicts_with = "config")]
    to_account: Option<AccountId>,
    /// The target Region
    #[arg(long, global = true, value_name = "REGION", conflicts_with = "config")]
    to_region: Option<Region>,
    /// The target account's inbox, unless it has the agreed name
    #[arg(long, global = true, value_name = "ARN", conflicts_with = "config")]
    inbox: Option<QueueArn>,
    /// This account's receipts queue for the target account, unless it has the agreed name
    #[arg(long, global = true, value_name = "ARN", conflicts_with = "config")]
    receipts: Option<QueueArn>,
    /// Who holds the handoff key: managed (this agent) or existing (this account's administrators) [default: managed]
    #[arg(long, global = true, value_name = "MODE", value_parser = config::word::<KeyMode>, conflicts_with = "config")]
    key_mode: Option<KeyMode>,
}

impl Cli {
    /// Flags common to both agents.
    pub fn common(&self) -> &Common {
        &self.common
    }

    /// The settings, from the file or from the flags of one handoff.
    pub(crate) fn settings(&self) -> Result<Settings, ConfigError> {
        match &self.common.config {
            Some(path) => config::load(path, Settings::of),
            None => Settings::of(self.one.file()?).map_err(|wrong_setting| flag_error(&wrong_setting)),
        }
    }
}

/// Names the flag in place of the key of a configuration file.
fn flag_error(wrong_setting: &InvalidSetting) -> ConfigError {
    let flag = match wrong_setting.key() {
        Some("region") => "to-region",
        Some("inbox") => "inbox",
        Some("receipts") => "receipts",
        _ => "to-account",
    };
    ConfigError::Flag { flag, what: format!("is wrong: {wrong_setting}") }
}

/// Parses DATABASE/LABEL, or DATABASE alone.
fn subject(text: &str) -> Result<(DbIdentifier, Option<Label>), ParseError> {
    match text.split_once('/') {
        Some((database, label)) => Ok((database.parse()?, Some(label.parse()?))),
        None => Ok((text.parse()?, None)),
    }
}

impl OneHandoff {
    fn file(&self) -> Result<File, ConfigError> {
        let missing = |flag: &'static str| {
            ConfigError::Flag {
            flag,
            what: "is missing: give --config FILE, or describe one handoff with --account, --region, --database, --label, \
                   --to-account and --to-region"
                .to_owned(),
        }
        };
        Ok(File {
            account: self.account.clone().ok_or_else(|| missing("account"))?,
            region: self.region.clone().ok_or_else(|| missing("region"))?,
            role: None,
            target: vec![FileTarget {
                account: self.to_account.clone().ok_or_else(|| missing("to-account"))?,
                region: self.to_region.clone().ok_or_else(|| missing("to-region"))?,
                inbox: self.inbox.clone(),
                receipts: self.receipts.clone(),
                role: None,
                key_mode: self.key_mode.unwrap_or_default(),
                carry_tags: Patterns::default(),
            }],
            handoff: vec![FileHandoff {
                database: self.database.clone().ok_or_else(|| missing("database"))?,
                label: self.label.clone().ok_or_else(|| missing("label"))?,
                to_account: None,
                to_region: None,
                start_within: Terms::default().start_within,
                access_for: Terms::default().access_for,
                priority: 0,
            }],
            wave: Vec::new(),
            requests: None,
            limits: Limits::default(),
            polling: agent_runtime::poll::schedule::PollSchedule::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error for one handoff by flags. `flag` has this value, or is left out if the value is empty.
    fn refused(flag: &str, value: &str) -> String {
        let mut all = vec!["source-agent".to_owned(), "plan".to_owned()];
        for (name, valid) in [
            ("--account", "111111111111"),
            ("--region", "ap-northeast-1"),
            ("--database", "orders"),
            ("--label", "cutover-1"),
            ("--to-account", "222222222222"),
            ("--to-region", "us-west-2"),
            ("--inbox", "arn:aws:sqs:us-west-2:222222222222:inbox"),
            ("--receipts", "arn:aws:sqs:ap-northeast-1:111111111111:receipts"),
        ] {
            match (name == flag, value) {
                (true, "") => {}
                (true, value) => all.extend([name.to_owned(), value.to_owned()]),
                (false, _) => all.extend([name.to_owned(), valid.to_owned()]),
            }
        }
        Cli::try_parse_from(all).unwrap().settings().unwrap_err().to_string()
    }

    #[test]
    fn missing_or_wrong_flag_is_named_in_the_error() {
        for flag in ["--account", "--region", "--database", "--label", "--to-account", "--to-region"] {
            assert!(refused(flag, "").starts_with(&format!("{flag} is missing: give --config FILE, or")), "{flag}");
        }
        for (flag, value, expected) in [
            ("--to-account", "111111111111", "the source account itself"),
            ("--to-region", "ap-northeast-1", "the source's own Region"),
            ("--inbox", "arn:aws:sqs:us-west-2:333333333333:inbox", "not a queue of target account"),
            ("--receipts", "arn:aws:sqs:ap-northeast-1:333333333333:receipts", "not a queue of this account"),
        ] {
            let error = refused(flag, value);
            assert!(error.starts_with(&format!("{flag} is wrong: ")) && error.contains(expected), "{error}");
        }
    }
}
