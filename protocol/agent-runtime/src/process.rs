//! The process of an agent: common command line flags, exit codes, signals and logs. Only this module reads the
//! environment.

use std::ffi::OsString;
use std::fmt;
use std::io::{IsTerminal as _, Write};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use clap::{Args, Parser};
use jiff::SignedDuration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use protocol::{AccountId, Region};

use crate::aws::caller;
use crate::aws::clients::Clients;
use crate::clock::Clock;
use crate::config::{self, ConfigError};
use crate::event::Sink;
use crate::exit::Exit;
use crate::fault::FaultKind;
use crate::fleet::drive::Patience;
use crate::ui::{Format, Screen, Terminal};

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", env = "RDS_HANDOFF_CONFIG")]
    pub config: Option<PathBuf>,
    /// How to write output
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub format: Format,
    /// What to log to standard error: a level, or `tracing` directives such as `agent_runtime=debug`
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", env = "RDS_HANDOFF_LOG")]
    pub log: String,
}

/// The end of every `--help` text.
pub const EXIT_CODES: &str = "Exit codes: 0 settled, 2 usage or configuration, 3 work pending, 4 blocked, 5 failed, rejected or \
                          expired, 70 bug.\nCredentials come from the standard AWS SDK chain and must be this account's own.";

/// How long to continue.
#[derive(Debug, Args)]
pub struct How {
    /// Run until stopped
    #[arg(long, conflicts_with = "once")]
    watch: bool,
    /// Make one pass over each handoff
    #[arg(long)]
    once: bool,
    /// Give up when there have been only faults for this long
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = config::duration)]
    patience: SignedDuration,
}

impl How {
    /// The flags as a [`Patience`].
    pub fn patience(&self) -> Patience {
        match (self.watch, self.once) {
            (true, _) => Patience::Unlimited,
            (_, true) => Patience::Once,
            _ => Patience::Until(Duration::try_from(self.patience).unwrap_or_default()),
        }
    }
}

/// Everything that an agent gets from its environment. Tests replace it.
pub struct Env {
    /// Credentials, endpoint, HTTP client and clock.
    pub sdk: SdkConfig,
    /// The name of the SDK's retry budget.
    pub retry_partition: String,
    /// Cancelled when the process must stop.
    pub shutdown: CancellationToken,
    /// Standard output.
    pub out: Box<dyn Write>,
    /// Standard error.
    pub err: Box<dyn Write>,
    /// The terminal, if standard output is one.
    pub terminal: Option<Terminal>,
    /// Random bytes, for nonces.
    pub random: Box<dyn Fn() -> [u8; 8]>,
    /// An additional sink for shown events.
    pub events: Option<Rc<dyn Sink>>,
    /// For tests: observes every step twice, and checks that observing changes nothing but the read cache.
    pub observe_twice: bool,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("retry_partition", &self.retry_partition).finish_non_exhaustive()
    }
}

/// Runs an agent as a process: reads the command line, the environment and the SDK's configuration, and runs `agent` on
/// one thread until it ends or a signal stops it.
pub fn process<C: Parser>(
    args: impl IntoIterator<Item = OsString>,
    common: impl FnOnce(&C) -> &Common,
    agent: impl AsyncFnOnce(C, Env) -> Exit,
) -> ExitCode {
    let cli = match C::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let Common { format, log, .. } = common(&cli).clone();
    let terminal = terminal();
    if let Err(error) = start_logs(&log, format, terminal.clone()) {
        return exit_with_error(&format!("--log {log}: {error}"));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit_with_error(&format!("the asynchronous runtime could not be started: {error}")),
    };
    let run = AssertUnwindSafe(|| {
        runtime.block_on(async {
            let shutdown = CancellationToken::new();
            let env = Env {
                sdk: standard_sdk().await,
                retry_partition: "rds-handoff".to_owned(),
                shutdown: shutdown.clone(),
                out: Box::new(std::io::stdout()),
                err: Box::new(std::io::stderr()),
                terminal,
                random: Box::new(random),
                events: None,
                observe_twice: false,
            };
            let mut signals = match Signals::new() {
                Ok(signals) => signals,
                Err(error) => {
                    tracing::error!("signal handlers could not be installed: {error}");
                    return Exit::Bug;
                }
            };
            let agent = agent(cli, env);
            tokio::pin!(agent);
            tokio::select! {
                biased;
                exit = &mut agent => exit,
                () = signals.next() => {
                    shutdown.cancel();
                    // A second signal ends the process at once: the next process finds the interrupted work in AWS.
                    tokio::select! { biased; exit = &mut agent => exit, () = signals.next() => Exit::Pending }
                }
            }
        })
    });
    // The panic has been printed already.
    std::panic::catch_unwind(run).unwrap_or(Exit::Bug).into()
}

/// The standard SDK configuration: environment, profiles, SSO, container and instance roles. Every client sets its own
/// Region, so the default Region is not read from a metadata service.
async fn standard_sdk() -> SdkConfig {
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else("us-east-1");
    aws_config::defaults(crate::aws::clients::behavior()).region(region).load().await
}

fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Without random bytes the nonce is predictable, which is acceptable: security depends on the digest.
        tracing::warn!("the system provides no random bytes");
    }
    bytes
}

/// SIGINT (Ctrl-C) and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The terminal on standard output, if it can move its cursor.
fn terminal() -> Option<Terminal> {
    let moves = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    (moves && std::io::stdout().is_terminal()).then(|| Terminal::new(console::Term::buffered_stdout()))
}

/// Writes logs to standard error, and clears the progress bars before.
struct Logs(Option<Terminal>);

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(terminal) = &self.0 {
            terminal.clear_bars();
        }
        std::io::stderr().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

fn start_logs(level: &str, format: Format, terminal: Option<Terminal>) -> Result<(), String> {
    let filter: tracing_subscriber::EnvFilter = level.parse().map_err(|error| format!("{error}"))?;
    // See https://no-color.org: any value that is not empty turns colours off.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal() && !no_color)
        .with_writer(move || Logs(terminal.clone()));
    // If logs were already set up in this process, that setup is kept.
    let _ = match format {
        Format::Text => logs.try_init(),
        Format::Json => logs.json().try_init(),
    };
    Ok(())
}

/// What a command starts with, after its settings and credentials were checked.
#[derive(Debug)]
pub struct Started<S> {
    /// The settings of the configuration.
    pub settings: S,
    /// The ARN of the caller.
    pub caller: String,
    /// The output.
    pub screen: Screen,
    /// The AWS clients.
    pub clients: Clients,
    /// The clock.
    pub clock: Clock,
    /// Cancelled when the process must stop.
    pub shutdown: CancellationToken,
    /// Random bytes, for nonces.
    pub random: Random,
    /// As in [`Env`].
    pub observe_twice: bool,
}

/// A source of random bytes.
pub struct Random(pub Box<dyn Fn() -> [u8; 8]>);

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}

/// Starts a command: checks that the settings are valid and that the credentials belong to the account that they name.
///
/// # Errors
/// The exit code, after the error was printed.
pub async fn open<S>(
    agent: &'static str,
    env: Env,
    common: &Common,
    settings: Result<S, ConfigError>,
    home: impl Fn(&S) -> (&AccountId, &Region),
) -> Result<Started<S>, Exit> {
    let clock = Clock::new(env.sdk.time_source().unwrap_or_default());
    let screen = Screen::new(agent, (env.out, env.err), env.terminal, common.format, clock.clone(), env.events);
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
            screen.print_error(&format!("{error}{source}"), None);
            return Err(Exit::Usage);
        }
    };
    let clients = Clients::new(&env.sdk, &env.retry_partition);
    let (account, region) = home(&settings);
    screen.set_account(account);
    match caller::check(&clients, region, account).await {
        Ok(caller) => {
            let Env { shutdown, random, observe_twice, .. } = env;
            Ok(Started { settings, caller, screen, clients, clock, shutdown, random: Random(random), observe_twice })
        }
        Err(fault) => {
            screen.refuse(&fault);
            Err(if fault.kind == FaultKind::Fatal { Exit::Usage } else { Exit::Blocked })
        }
    }
}

#[expect(clippy::print_stderr, reason = "the output is not set up yet")]
fn exit_with_error(what: &str) -> ExitCode {
    eprintln!("error: {what}");
    Exit::Usage.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Sample {
        #[command(flatten)]
        common: Common,
    }

    fn exit(args: &[&str], agent: impl AsyncFnOnce(Sample, Env) -> Exit) -> String {
        format!("{:?}", process::<Sample>(args.iter().map(OsString::from), |sample| &sample.common, agent))
    }

    #[test]
    fn exit_codes_are_stable() {
        let code = |code: u8| format!("{:?}", ExitCode::from(code));
        assert_eq!(exit(&["agent"], async |_, _| Exit::Settled), code(0));
        assert_eq!(exit(&["agent", "--nonsense"], async |_, _| Exit::Settled), code(2));
        assert_eq!(exit(&["agent"], async |_, _| panic!("a bug")), code(70));
        let known = [Exit::Usage, Exit::Pending, Exit::Blocked, Exit::Failed, Exit::Bug].map(|exit| exit as u8);
        assert_eq!(known, [2, 3, 4, 5, 70]);
        assert!(known.is_sorted(), "a worse result has a larger code");
    }
}
