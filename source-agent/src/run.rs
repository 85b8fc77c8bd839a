//! `run`: every handoff is driven, and every receipt recorded, until all are settled, failed or blocked.

use agent_runtime::drive::Patience;
use agent_runtime::events::Screen;
use agent_runtime::pass::is_blocked;
use agent_runtime::{Drive, End, Exit, Fault, Flow, Halt, Pass, Step as _, drive};
use futures_util::future::join_all;
use protocol::Phase;
use protocol::tags::Outcome;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::moves::{self, Move};
use crate::offer::offer;
use crate::receipts::{Receipts, Wakes};
use crate::steps::MakeOffer;
use crate::withdraw::withdraw;

/// Runs until the work is done, or for ever.
pub(crate) async fn run(account: &Account, screen: &Screen, patience: Patience, shutdown: &CancellationToken) -> Exit {
    loop {
        let exit = match round(account, screen, patience, shutdown).await {
            Ok(exit) => exit,
            Err(fault) => {
                screen.refuse(&fault);
                Exit::Blocked
            }
        };
        if patience != Patience::ForEver || exit == Exit::Usage || shutdown.is_cancelled() {
            return exit;
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return exit,
            () = tokio::time::sleep(account.settings.pace.ceiling()) => {}
        }
    }
}

/// Once through everything that is declared or under way.
async fn round(
    account: &Account,
    screen: &Screen,
    patience: Patience,
    shutdown: &CancellationToken,
) -> Result<Exit, Fault> {
    let pace = &account.settings.pace;
    let drives = Drive { acts: &account.acts, pace, clock: &account.clock, screen, patience, shutdown };
    let find = async |_: &Pass<'_>| Ok(moves::find(account).await?);
    let found = match drive(&drives, "handoffs", &Notify::new(), find).await {
        End::Done(found) => found,
        End::Pending => return Ok(Exit::Pending),
        End::Blocked(fault) | End::Failed(fault) => return Err(fault),
    };
    for note in &found.notes {
        tracing::warn!("{note}");
    }
    let mut refused = Exit::Settled;
    for what in &found.unreadable {
        screen.complain(what, Some("until it is mended nobody takes back what it may have open"));
        refused = Exit::Blocked;
    }
    // A declaration that cannot be keeps all new ones from beginning. What is under way goes on: above all, what is open must
    // be taken back.
    let mut moves = found.all;
    if !found.refused.is_empty() {
        found.refused.iter().for_each(|fault| screen.refuse(fault));
        moves.retain(|of| of.begun);
        refused = refused.max(Exit::Usage);
    }
    let queues: Vec<Receipts<'_>> = receipts_queues(account, screen);
    let wakes: Wakes = moves.iter().map(|of| (of.id.clone(), of.wake.clone())).collect();
    for queue in &queues {
        queue.drain(&wakes).await;
    }
    for of in &moves {
        screen.drives(&of.subject());
    }
    // What happens at the same instant happens to the first in rank first.
    moves.sort_by_key(|of| {
        let (priority, size, _) = of.rank();
        (priority, size)
    });
    account.admission.open(&moves);
    let (drives, wakes) = (&drives, &wakes);
    // Boxed: the future of a whole handoff is too large to be moved about on a stack.
    let moves = moves.iter().map(|of| {
        Box::pin(async move {
            let end = drive(drives, &of.subject(), &of.wake, async |pass| advance(account, pass, of).await).await;
            tell(drives, of, end)
        })
    });
    let listening = join_all(queues.iter().map(|queue| queue.listen(wakes)));
    tokio::select! {
        biased;
        exits = join_all(moves) => Ok(exits.into_iter().fold(refused, Exit::max)),
        // It listens for ever; with `--once` nothing waits for it.
        _ = listening, if patience != Patience::Once && !queues.is_empty() => Ok(Exit::Bug),
    }
}

/// The steps of the phase that the handoff is in. No pass runs those of two.
async fn advance(account: &Account, pass: &Pass<'_>, of: &Move) -> Flow<Outcome> {
    let phase = phase(account, of).await;
    let offers = matches!(phase, Ok(Phase::Offering));
    let flow = match phase {
        Ok(Phase::Settled(outcome)) => Ok(outcome),
        Ok(Phase::Withdrawing(outcome)) => withdraw(account, pass, of, outcome).await.map(|()| outcome),
        // Landed meanwhile: the next pass is in another phase.
        Ok(Phase::Offering) => offer(account, pass, of).await.and(Err(Halt::Acted)),
        Err(fault) => Err(fault.into()),
    };
    account.admission.walked(of, !offers || is_blocked(&flow));
    flow
}

/// Where a handoff stands, by the tags of its source snapshot.
pub(crate) async fn phase(account: &Account, of: &Move) -> Result<Phase, Fault> {
    let source = account.source_snapshot(of).await?;
    if source.as_ref().is_some_and(|source| source.facts.offer.is_none()) {
        account.acts.absent((MakeOffer::ID, of.source_arn().to_string()));
    }
    Ok(source.map_or(Phase::Offering, |source| source.facts.phase(account.clock.now())))
}

/// Each queue once: a target account has one, however many Regions it is a target in.
fn receipts_queues<'a>(account: &'a Account, screen: &'a Screen) -> Vec<Receipts<'a>> {
    let mut targets: Vec<_> = account.settings.targets.iter().collect();
    targets.sort_by_key(|target| &target.receipts);
    targets.dedup_by_key(|target| &target.receipts);
    targets.into_iter().map(|target| Receipts::new(account, screen, target)).collect()
}

fn tell(drives: &Drive<'_>, of: &Move, end: End<Outcome>) -> Exit {
    let (screen, subject) = (drives.screen, of.subject());
    match end {
        End::Done(outcome) => {
            screen.say(&subject, "end", outcome.as_str(), "settled: nothing of it is open any more");
            match outcome {
                Outcome::Landed | Outcome::Revoked => Exit::Settled,
                Outcome::Expired | Outcome::Rejected | Outcome::Failed => Exit::Failed,
            }
        }
        End::Pending => drives.unfinished(&subject, None),
        End::Blocked(fault) => drives.unfinished(&subject, Some(&fault)),
        End::Failed(fault) => {
            screen.failed(&subject, &fault);
            Exit::Failed
        }
    }
}
