//! The play: the stage is set, both agents act, and the end is judged.

use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::admin::{Result, chain};
use crate::agents::{self, Ended, Left};
use crate::cli::Cli;
use crate::show::Show;
use crate::side::{DATABASE, Side};
use crate::stage::{self, Stage};
use crate::{guide, verdict};

/// Setting up and checking take seconds; one that takes longer hangs.
const BESIDE: Duration = Duration::from_mins(1);

/// Plays it, and says how it went.
pub fn play(cli: &Cli) -> ExitCode {
    let show = Show::new(!cli.no_color, cli.speed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let played = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(on_loopback(cli, &show)));
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            show.check(false, &format!("the demo itself failed: {}", chain(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}

/// The simulated AWS lives as long as the play.
async fn on_loopback(cli: &Cli, show: &Show) -> Result<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let cloud = stage::cloud(cli.speed);
    tokio::select! {
        () = aws_sim::serve(cloud.clone(), listener) => Err("the simulated AWS has ended".into()),
        played = acts(cli, show, Stage::set(cloud.clone(), endpoint)) => played,
    }
}

async fn acts(cli: &Cli, show: &Show, stage: impl Future<Output = Result<Stage>>) -> Result<bool> {
    let stage = tokio::time::timeout(BESIDE, stage).await.map_err(|_| "the accounts could not be set up in time")??;
    prologue(cli, show, &stage);
    let (left, ended) = agents::run(&stage, show, cli.limit()).await?;
    show.heading("What AWS says now");
    let mut holds = true;
    for agent in &ended {
        holds &= curtain(show, left, agent);
    }
    let judged = tokio::time::timeout(BESIDE, verdict::judge(&stage, show)).await;
    holds &= judged.map_err(|_| "the checks did not end in time")?;
    if !holds {
        ended.iter().for_each(|agent| complaints(show, agent));
    }
    guide::next(cli, show, holds);
    if cli.keep && left != Left::Interrupted {
        guide::look_around(show, &stage);
        tokio::signal::ctrl_c().await?;
    }
    Ok(holds)
}

fn prologue(cli: &Cli, show: &Show, stage: &Stage) {
    show.heading("An encrypted database moves between two AWS accounts that share no credentials.");
    show.say(&format!(
        "AWS is simulated in this process, at {}, and {} times as fast: hours pass in seconds, and the times left below are \
         those at the pace of AWS. Nothing leaves this machine.",
        stage.endpoint, cli.speed
    ));
    show.say("");
    let key = "under aws/rds, a key that no other account can use";
    show.side(Side::A, &format!("{}: has database {DATABASE}, encrypted {key}", Side::A.region()));
    show.side(Side::B, &format!("{}: has a KMS key of its own, and no database", Side::B.region()));
    show.say("");
    show.say(
        "source-agent runs in A and target-agent in B: two processes, each with its own account's role and nothing else. They \
         speak through two queues.",
    );
    show.say("");
}

/// How an agent's process ended.
fn curtain(show: &Show, left: Left, Ended { side, status, .. }: &Ended) -> bool {
    let agent = side.agent();
    let (holds, text) = match left {
        Left::Done => (status.success(), format!("{agent} ended with {status}")),
        Left::Broken => (false, format!("{agent} ended with {status}, before the move was done")),
        Left::OutOfTime => (false, format!("{agent} had not come to its end in time, and was stopped: {status}")),
        Left::Interrupted => (false, format!("{agent} was stopped by Ctrl-C: {status}")),
    };
    show.check(holds, &text);
    holds
}

fn complaints(show: &Show, Ended { side, complaints, .. }: &Ended) {
    show.heading(&format!("What {} wrote to standard error", side.agent()));
    let none = complaints.trim().is_empty();
    for line in complaints.lines() {
        show.say(line);
    }
    if none {
        show.say("(nothing)");
    }
}
