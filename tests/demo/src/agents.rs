//! Runs both agents, each as a separate operating-system process that has only the credentials of its own account.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use aws_sim::Credentials;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::show::{Event, Show};
use crate::side::Side;
use crate::stage::Stage;

/// How long an agent may take to stop on SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// How the run of both agents ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The handoff is settled in account A and restored in account B.
    Done,
    /// This side's agent exited too early, and the other one was stopped.
    Broken(Side),
    /// The time limit passed, and both agents were stopped.
    OutOfTime,
    /// The demo received a signal to stop, and stopped both agents.
    Interrupted,
}

/// An agent whose process has exited.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The agent's side.
    pub(crate) side: Side,
    /// The exit status of its process.
    pub(crate) status: ExitStatus,
    /// What it wrote to standard error.
    pub(crate) error_output: String,
}

/// Notifications between `run` and the task that follows an agent.
#[derive(Debug, Default)]
struct Signals {
    /// Notified when the agent prints the end of its handoff.
    shown: Notify,
    /// Notified to make the agent stop.
    stop: Notify,
}

/// Runs both agents until A's agent has exited successfully and B's agent has reported the end of the handoff. B's
/// agent polls its inbox until it is stopped, so it is then sent SIGTERM.
pub(crate) async fn run(stage: &Stage, show: &Show, limit: Duration) -> io::Result<(Outcome, [Ended; 2])> {
    let [signals_a, signals_b] = [Signals::default(), Signals::default()];
    let mut source = pin!(follow(Side::A, start(stage, Side::A, &["run"])?, show, &signals_a));
    let mut target = pin!(follow(Side::B, start(stage, Side::B, &["run", "--watch"])?, show, &signals_b));
    let mut limit = pin!(tokio::time::sleep(limit));
    let mut stopped = pin!(stopped());
    let (mut a, mut b, mut restored) = (None, None, false);
    let outcome = loop {
        tokio::select! {
            ended = &mut source, if a.is_none() => {
                let ended = a.insert(ended?);
                if !ended.status.success() {
                    break Outcome::Broken(Side::A);
                }
            }
            ended = &mut target => {
                b = Some(ended?);
                break Outcome::Broken(Side::B);
            }
            () = signals_b.shown.notified() => restored = true,
            asked = &mut stopped => {
                asked?;
                break Outcome::Interrupted;
            }
            () = &mut limit => break Outcome::OutOfTime,
        }
        if a.is_some() && restored {
            break Outcome::Done;
        }
    };
    signals_a.stop.notify_one();
    signals_b.stop.notify_one();
    let source = async { if let Some(ended) = a { Ok(ended) } else { source.await } };
    let target = async { if let Some(ended) = b { Ok(ended) } else { target.await } };
    let (source, target) = tokio::try_join!(source, target)?;
    Ok((outcome, [source, target]))
}

/// Waits for SIGINT, SIGTERM or SIGHUP, so that the demo can stop the agents before it exits.
pub(crate) async fn stopped() -> io::Result<()> {
    let [mut interrupt, mut terminate, mut hangup] =
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Starts this binary again, as an agent. The process inherits only `PATH` from the environment, and has only the
/// permissions of its own account's role.
fn start(stage: &Stage, side: Side, command: &[&str]) -> io::Result<Child> {
    let Credentials { access_key_id, secret_access_key, session_token } = stage.credentials(side);
    Command::new(std::env::current_exe()?)
        .arg(side.agent())
        .args(command)
        .arg("--config")
        .arg(stage.file(side))
        .args(["--format", "json"])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("AWS_ENDPOINT_URL", &stage.endpoint)
        .env("AWS_REGION", side.region())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", secret_access_key)
        .envs(session_token.map(|token| ("AWS_SESSION_TOKEN", token)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Prints an agent's events until its process exits, and stops it when it is notified to.
async fn follow(side: Side, mut child: Child, show: &Show, signals: &Signals) -> io::Result<Ended> {
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("the child process has no pipes"));
    };
    let shown = async {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            let event = Event::parse(&line);
            show.event(side, &event);
            if event.is_end() {
                signals.shown.notify_one();
            }
        }
        Ok(())
    };
    let errors_read = async {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let ((), error_output, status) = tokio::try_join!(shown, errors_read, end(&mut child, &signals.stop))?;
    Ok(Ended { side, status, error_output })
}

/// Waits until a process exits; on notification, sends it SIGTERM. Not tokio's `kill`, which sends SIGKILL: the agent
/// could not make the messages that it holds visible again.
async fn end(child: &mut Child, stop: &Notify) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = stop.notified() => {}
    }
    // Without an id it has already exited, and another process may have its pid.
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
        kill_process(pid, Signal::TERM)?;
    }
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return status;
    }
    child.start_kill()?;
    child.wait().await
}
