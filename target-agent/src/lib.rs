//! The agent of account B: it copies and restores databases that other accounts hand over.
//!
//! `accept` is the sequence of all steps. A message only starts a handoff: as soon as the tagged target copy exists the
//! message is deleted, and all further state is read from AWS.

mod accept;
mod account;
mod admission;
mod cli;
mod commands;
mod config;
mod groups;
mod handoff;
mod own_key;
mod profile;
mod steps;
mod windows;

use std::ffi::OsString;
use std::process::ExitCode;

use agent_runtime::fleet::drive::RunOptions;
use agent_runtime::process::Started;
use agent_runtime::{Env, Exit, process};

use account::Account;
pub use cli::{Cli, Command};
use commands::{check, look};

/// Runs the agent as a process, with these command-line arguments.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    process::process::<Cli>(args, Cli::common, run)
}

/// Runs one command.
pub async fn run(cli: Cli, env: Env) -> Exit {
    let opened = process::open("target-agent", env, cli.common(), cli.settings(), |settings| {
        (&settings.account, &settings.region)
    })
    .await;
    let Started { settings, caller, screen, clients, clock, shutdown, observe_twice, .. } = match opened {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let account = Account::new(settings, clients, clock);
    match cli.command {
        Command::Run(how) => {
            let options = RunOptions { events: &screen, patience: how.patience(), shutdown: &shutdown, observe_twice };
            commands::run::run(&account, &options).await
        }
        Command::Plan { message } => look::plan(&account, &screen, caller, message.as_deref()).await,
        Command::Check => check::check(&account, &screen, &caller).await,
        Command::Status => look::status(&account, &screen, caller).await,
    }
}
