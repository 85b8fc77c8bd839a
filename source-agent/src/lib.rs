//! The agent of account A: it offers snapshots of its databases to other accounts, and revokes the access afterwards.
//!
//! `offer` and `withdraw` are the sequence of steps. `steps` has one file for each resource that they change.

mod account;
mod admission;
mod cli;
mod commands;
mod config;
mod discover;
mod existing_keys;
mod handoff;
mod key_policy;
mod keys;
mod offer;
mod steps;
mod withdraw;

use std::ffi::OsString;
use std::process::ExitCode;

use agent_runtime::fleet::drive::RunOptions;
use agent_runtime::process::Started;
use agent_runtime::{Env, Exit, process};

use account::Account;
pub use cli::{Cli, Command};
use commands::{check, hello, look, report};

/// Runs the agent as a process.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    process::process::<Cli>(args, Cli::common, run)
}

/// Runs one command.
pub async fn run(cli: Cli, env: Env) -> Exit {
    let opened = process::open("source-agent", env, cli.common(), cli.settings(), |settings| {
        (&settings.account, &settings.region)
    })
    .await;
    let Started { settings, caller, screen, clients, clock, shutdown, random, observe_twice } = match opened {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    let sends_hello = !matches!(cli.command, Command::Run { no_hello: true, .. });
    let account = Account::new(settings, clients, clock, random, sends_hello);
    match cli.command {
        Command::Run { how, .. } => {
            let options = RunOptions { events: &screen, patience: how.patience(), shutdown: &shutdown, observe_twice };
            commands::run::run(&account, &options).await
        }
        Command::Hello { patience } => hello::hello(&account, &screen, patience, &shutdown).await,
        Command::Plan { handoff } => look::plan(&account, &screen, caller, handoff.as_ref()).await,
        Command::Check => check::check(&account, &screen, &caller).await,
        Command::Report { html, label } => report::report(&account, &screen, caller, &html, label.as_ref()).await,
        Command::Status => look::status(&account, &screen, caller).await,
    }
}
