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

/// Setting up takes moments, and so does checking: what takes longer hangs.
const A_MOMENT: Duration = Duration::from_secs(30);

/// Plays it, and says how it went.
pub(crate) fn play(cli: &Cli) -> ExitCode {
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
    let stage =
        tokio::time::timeout(A_MOMENT, stage).await.map_err(|_| "the accounts could not be set up in time")??;
    prologue(cli, show, &stage);
    let (left, agents) = agents::run(&stage, show, cli.limit()).await?;
    let mut holds = left == Left::Done;
    show.heading("How the agents ended");
    for agent in &agents {
        holds &= curtain(show, left, agent);
    }
    if left == Left::Interrupted {
        return Ok(false);
    }
    show.heading("What the simulated AWS shows now, asked by the administrators of both accounts");
    let judged = tokio::time::timeout(A_MOMENT, verdict::judge(&stage, show)).await;
    holds &= judged.map_err(|_| "the checks did not end in time")?;
    if !holds {
        for agent in &agents {
            complaints(show, agent);
        }
    }
    guide::next(cli, show, holds);
    if cli.keep {
        guide::look_around(show, &stage);
        agents::stopped().await?;
    }
    Ok(holds)
}

fn prologue(cli: &Cli, show: &Show, stage: &Stage) {
    let (a, b) = (Side::A, Side::B);
    show.heading("An encrypted database moves between two AWS accounts that share no credentials");
    show.say(&format!(
        "AWS is simulated in this process and does its work {} times as fast: hours pass in seconds. The clock on the left is \
         real; the times left are those at the pace of AWS. Nothing leaves this machine.",
        cli.speed
    ));
    show.say("");
    let key = "aws/rds, which is of no use to another account";
    show.side(a, &format!("in {}: has database {DATABASE}, encrypted under {key}", a.region()));
    show.side(b, &format!("in {}: has a KMS key of its own, and no database", b.region()));
    show.say("");
    for side in [a, b] {
        let (agent, role) = (side.agent(), side.role());
        show.say(&format!(
            "{side:?} runs {agent}: a process of its own, with the credentials of {side:?}'s role {role}"
        ));
    }
    show.say(&format!(
        "Both speak to AWS at {}, and to each other only through two SQS queues, B's inbox and A's receipts.",
        stage.endpoint
    ));
    show.say("");
}

/// How an agent's process ended.
fn curtain(show: &Show, left: Left, Ended { side, status, .. }: &Ended) -> bool {
    let agent = side.agent();
    let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
    let (holds, text) = match left {
        Left::Done if *side == Side::B => (status.success(), format!("{agent} stopped when asked to: {how}")),
        Left::Done => (status.success(), format!("{agent} ended by itself: {how}")),
        Left::Broken(first) if first == *side => (false, format!("{agent} ended before the move was done: {how}")),
        Left::Broken(first) => (false, format!("{agent} was stopped, since {} had ended: {how}", first.agent())),
        Left::OutOfTime => (false, format!("{agent} had not done its part in time, and was stopped: {how}")),
        Left::Interrupted => (false, format!("{agent} was stopped with the demo: {how}")),
    };
    show.check(holds, &text);
    holds
}

fn complaints(show: &Show, Ended { side, complaints, .. }: &Ended) {
    show.heading(&format!("What {} wrote to standard error", side.agent()));
    for line in complaints.lines() {
        show.say(line);
    }
    if complaints.is_empty() {
        show.say("nothing");
    }
}
