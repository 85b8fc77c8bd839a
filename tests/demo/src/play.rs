//! The demo: sets up both accounts, runs both agents, and checks the result.

use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::admin::{Result, chain};
use crate::agents::{self, Ended, Outcome};
use crate::cli::Cli;
use crate::show::Show;
use crate::side::{DATABASE, Side};
use crate::stage::{self, Stage};
use crate::{guide, verdict};

/// The time limit for setting up, and for checking.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// Runs the demo, and returns whether every check passed.
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

/// Runs the demo while the simulated AWS is served over loopback.
async fn on_loopback(cli: &Cli, show: &Show) -> Result<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let cloud = stage::cloud(cli.speed);
    tokio::select! {
        () = aws_sim::serve(cloud.clone(), listener) => Err("the simulated AWS stopped".into()),
        played = run(cli, show, Stage::set(cloud.clone(), endpoint)) => played,
    }
}

async fn run(cli: &Cli, show: &Show, stage: impl Future<Output = Result<Stage>>) -> Result<bool> {
    let stage =
        tokio::time::timeout(STEP_LIMIT, stage).await.map_err(|_| "the accounts could not be set up in time")??;
    introduce(cli, show, &stage);
    let (outcome, agents) = agents::run(&stage, show, cli.limit()).await?;
    let mut holds = outcome == Outcome::Done;
    show.heading("Exit status of the agents");
    for agent in &agents {
        holds &= show_exit(show, outcome, agent);
    }
    if outcome == Outcome::Interrupted {
        return Ok(false);
    }
    show.heading("Checks in the simulated AWS, with the credentials of both accounts' administrators");
    let judged = tokio::time::timeout(STEP_LIMIT, verdict::judge(&stage, show)).await;
    holds &= judged.map_err(|_| "the checks did not finish in time")?;
    if !holds {
        for agent in &agents {
            error_output(show, agent);
        }
    }
    guide::next(cli, show, holds);
    if cli.keep {
        guide::look_around(show, &stage);
        agents::stopped().await?;
    }
    Ok(holds)
}

fn introduce(cli: &Cli, show: &Show, stage: &Stage) {
    let (a, b) = (Side::A, Side::B);
    show.heading("An encrypted database moves between two AWS accounts that share no credentials");
    show.say(&format!(
        "AWS is simulated in this process. Snapshots, copies and restores are {} times faster than at AWS: hours pass in \
         seconds. The clock on the left shows real time; a remaining time is what AWS would still need. Nothing leaves this \
         machine.",
        cli.speed
    ));
    show.say("");
    let key = "aws/rds, a KMS key that other accounts cannot use";
    show.side(a, &format!("in {}: has the database {DATABASE}, encrypted under {key}", a.region()));
    show.side(b, &format!("in {}: has its own KMS key, and no database yet", b.region()));
    show.say("");
    for side in [a, b] {
        let (agent, role) = (side.agent(), side.role());
        show.say(&format!(
            "{side:?} runs {agent} as a separate process, which has only the credentials of {side:?}'s role {role}."
        ));
    }
    show.say(&format!(
        "Both call AWS at {}. They send messages to each other only through two SQS queues: B's inbox and A's receipts queue.",
        stage.endpoint
    ));
    show.say("");
}

/// Prints how an agent's process exited, and returns whether that was as expected.
fn show_exit(show: &Show, outcome: Outcome, Ended { side, status, .. }: &Ended) -> bool {
    let agent = side.agent();
    let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
    let (holds, text) = match outcome {
        Outcome::Done if *side == Side::B => (status.success(), format!("{agent} stopped when it was asked to: {how}")),
        Outcome::Done => (status.success(), format!("{agent} finished its work: {how}")),
        Outcome::Broken(first) if first == *side => {
            (false, format!("{agent} exited before the handoff was complete: {how}"))
        }
        Outcome::Broken(first) => (false, format!("{agent} was stopped, since {} had exited: {how}", first.agent())),
        Outcome::OutOfTime => (false, format!("{agent} did not finish in time, and was stopped: {how}")),
        Outcome::Interrupted => (false, format!("{agent} was stopped together with the demo: {how}")),
    };
    show.check(holds, &text);
    holds
}

fn error_output(show: &Show, Ended { side, error_output, .. }: &Ended) {
    show.heading(&format!("What {} wrote to standard error", side.agent()));
    for line in error_output.lines() {
        show.say(line);
    }
    if error_output.is_empty() {
        show.say("nothing");
    }
}
