//! Both agents, each in an operating-system process of its own, with the credentials of its own account and nothing else.

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

/// An agent that does not stop when asked is killed after this long.
const GRACE: Duration = Duration::from_secs(10);

/// How the move was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Account A has settled, and account B has restored.
    Done,
    /// This side's agent ended before its time, and the other one was stopped.
    Broken(Side),
    /// They went on for longer than anything takes, and were stopped.
    OutOfTime,
    /// The demo was told to stop, and stopped them.
    Interrupted,
}

/// An agent that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Which one.
    pub(crate) side: Side,
    /// How its process ended.
    pub(crate) status: ExitStatus,
    /// What it wrote to standard error.
    pub(crate) complaints: String,
}

/// What passes between a running agent and the one who watches it.
#[derive(Debug, Default)]
struct Bells {
    /// Rung when the agent shows the end of its handoff.
    shown: Notify,
    /// Rung when the agent shall stop.
    stop: Notify,
}

/// Runs both agents until A's has settled and B's has shown that the database is restored. B's would watch its inbox for ever:
/// it is then asked to stop.
pub(crate) async fn run(stage: &Stage, show: &Show, limit: Duration) -> io::Result<(Left, [Ended; 2])> {
    let [bells_a, bells_b] = [Bells::default(), Bells::default()];
    let mut source = pin!(follow(Side::A, start(stage, Side::A, &["run"])?, show, &bells_a));
    let mut target = pin!(follow(Side::B, start(stage, Side::B, &["run", "--watch"])?, show, &bells_b));
    let mut limit = pin!(tokio::time::sleep(limit));
    let mut stopped = pin!(stopped());
    let (mut a, mut b, mut restored) = (None, None, false);
    let left = loop {
        tokio::select! {
            ended = &mut source, if a.is_none() => {
                let ended = a.insert(ended?);
                if !ended.status.success() {
                    break Left::Broken(Side::A);
                }
            }
            ended = &mut target => {
                b = Some(ended?);
                break Left::Broken(Side::B);
            }
            () = bells_b.shown.notified() => restored = true,
            asked = &mut stopped => {
                asked?;
                break Left::Interrupted;
            }
            () = &mut limit => break Left::OutOfTime,
        }
        if a.is_some() && restored {
            break Left::Done;
        }
    };
    bells_a.stop.notify_one();
    bells_b.stop.notify_one();
    let source = async { if let Some(ended) = a { Ok(ended) } else { source.await } };
    let target = async { if let Some(ended) = b { Ok(ended) } else { target.await } };
    let (source, target) = tokio::try_join!(source, target)?;
    Ok((left, [source, target]))
}

/// Waits until somebody stops the demo: it must not leave agents behind.
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

/// Starts this binary again, as an agent. It inherits no environment: what it can do, its own account's role can do.
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

/// Shows what an agent says until it has ended, and stops it when that is asked for.
async fn follow(side: Side, mut child: Child, show: &Show, bells: &Bells) -> io::Result<Ended> {
    let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("a child process without pipes"));
    };
    let shown = async {
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            let event = Event::parse(&line);
            show.event(side, &event);
            if event.is_end() {
                bells.shown.notify_one();
            }
        }
        Ok(())
    };
    let complained = async {
        let mut bytes = Vec::new();
        stderr.read_to_end(&mut bytes).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let ((), complaints, status) = tokio::try_join!(shown, complained, end(&mut child, &bells.stop))?;
    Ok(Ended { side, status, complaints })
}

/// Waits for the end of a process, which is asked to stop when the bell rings. tokio can only kill, which would leave an agent
/// no time to hand back the messages that it holds.
async fn end(child: &mut Child, stop: &Notify) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = stop.notified() => {}
    }
    // Without an id it has ended meanwhile, and another process may have its number.
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)) {
        kill_process(pid, Signal::TERM)?;
    }
    if let Ok(status) = tokio::time::timeout(GRACE, child.wait()).await {
        return status;
    }
    child.start_kill()?;
    child.wait().await
}
