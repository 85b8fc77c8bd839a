//! The process around an agent: flags common to both, exit codes, signals, logs. The only place that meets the environment.

use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use aws_config::SdkConfig;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use clap::{Args, Parser, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::fault::Fault;

/// How a command ended: the worst of all its handoffs. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything is settled: landed, or revoked.
    Settled = 0,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// Work is pending: the next run goes on.
    Pending = 3,
    /// Somebody must move.
    Blocked = 4,
    /// A handoff has failed, was rejected, or has expired.
    Failed = 5,
    /// A bug in the agent.
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// How output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person.
    Text,
    /// For a program: `plan` and `status` one document, `run` a line for each event.
    Json,
}

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

/// All that an agent gets from outside. Tests give it their own.
pub struct Env {
    /// Credentials, endpoint, HTTP client and clock.
    pub sdk: SdkConfig,
    /// The budget of the SDK's retries.
    pub retry_partition: String,
    /// Cancelled when the process shall stop.
    pub shutdown: CancellationToken,
    /// Standard output.
    pub out: Box<dyn Write>,
    /// Random bytes, for nonces.
    pub random: Box<dyn Fn() -> [u8; 8]>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").field("retry_partition", &self.retry_partition).finish_non_exhaustive()
    }
}

/// Runs an agent as a process: reads the command line, the environment and the SDK's configuration, and runs `agent` on one
/// thread until it ends or a signal stops it.
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
    if let Err(error) = start_logs(&log, format) {
        complain(&format!("--log {log}: {error}"), None);
        return Exit::Usage.into();
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("no asynchronous runtime: {error}"), None);
            return Exit::Bug.into();
        }
    };
    runtime
        .block_on(async {
            let shutdown = CancellationToken::new();
            let env = Env {
                sdk: standard_sdk().await,
                retry_partition: "rds-handoff".to_owned(),
                shutdown: shutdown.clone(),
                out: Box::new(std::io::stdout()),
                random: Box::new(random),
            };
            let agent = agent(cli, env);
            tokio::pin!(agent);
            tokio::select! {
                biased;
                exit = &mut agent => exit,
                () = signal() => {
                    shutdown.cancel();
                    // A second signal is not waited for: whatever is cut off, the next process finds in AWS.
                    tokio::select! { biased; exit = &mut agent => exit, () = signal() => Exit::Pending }
                }
            }
        })
        .into()
}

/// The standard chain: environment, profiles, SSO, container and instance roles. Every client is told its Region, so this
/// asks no metadata service for one.
async fn standard_sdk() -> SdkConfig {
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .or_else("us-east-1");
    aws_config::defaults(aws_config::BehaviorVersion::latest()).region(region).load().await
}

fn random() -> [u8; 8] {
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Without the system's randomness a nonce is still there, only not unpredictable; the digest carries the security.
        tracing::warn!("the system gives no random bytes");
    }
    bytes
}

async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        },
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

fn start_logs(level: &str, format: Format) -> Result<(), String> {
    let filter: tracing_subscriber::EnvFilter = level.parse().map_err(|error| format!("{error}"))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        Format::Text => logs.try_init(),
        Format::Json => logs.json().try_init(),
    };
    started.map_err(|error| error.to_string())
}

/// Tells the operator, on standard error.
#[expect(clippy::print_stderr, reason = "the one place that speaks to the operator outside of an agent's output")]
pub fn complain(what: &str, mend: Option<&str>) {
    eprintln!("error: {what}");
    if let Some(mend) = mend {
        eprintln!("  mend: {mend}");
    }
}

/// Tells the operator why nothing was done.
pub fn refuse(fault: &Fault) {
    complain(&fault.chain(), fault.mend());
}
