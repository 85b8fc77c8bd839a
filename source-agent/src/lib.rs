//! The agent of account A: it gives a database away, and takes everything back that it opened for that.
//!
//! [`offer`] and [`withdraw`] are the whole product on two screens. `steps` holds one file for each resource that they
//! touch.

mod account;
mod cli;
mod config;
mod key_policy;
mod keys;
mod look;
mod moves;
mod offer;
mod receipts;
mod run;
mod steps;
mod withdraw;

use std::ffi::OsString;
use std::process::ExitCode;

use agent_runtime::events::Screen;
use agent_runtime::{Clients, Clock, Env, Exit, caller, start};

use account::Account;
pub use cli::{Cli, Command};

/// Runs the agent as a process.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    start::process::<Cli>(args, Cli::common, run)
}

/// Runs one command.
pub async fn run(cli: Cli, env: Env) -> Exit {
    let settings = match cli.settings() {
        Ok(settings) => settings,
        Err(error) => {
            start::complain(&error.to_string(), std::error::Error::source(&error).map(ToString::to_string).as_deref());
            return Exit::Usage;
        }
    };
    let Some(time) = env.sdk.time_source() else {
        start::complain("the SDK configuration has no clock", None);
        return Exit::Bug;
    };
    let clock = Clock::new(time);
    let clients = Clients::new(&env.sdk, &env.retry_partition);
    let caller = match caller::check(&clients, &settings.region, &settings.account).await {
        Ok(caller) => caller,
        Err(fault) => {
            start::refuse(&fault);
            return if fault.kind == agent_runtime::FaultKind::Fatal { Exit::Usage } else { Exit::Blocked };
        }
    };
    let screen = Screen::new(env.out, cli.common().format, clock.clone());
    let account = Account::new(settings, clients, clock, env.random);
    match cli.command {
        Command::Run(how) => run::run(&account, &screen, how.patience(), &env.shutdown).await,
        Command::Plan => look::plan(&account, &screen, caller).await,
        Command::Status => look::status(&account, &screen, caller).await,
    }
}
