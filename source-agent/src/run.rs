//! `run`: every handoff is driven, and every receipt recorded, until all are settled, failed or blocked, and nothing more is
//! requested.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::drive::Patience;
use agent_runtime::event::{Ending, Event, Sink, Subject};
use agent_runtime::gate::Owner;
use agent_runtime::step::pass::is_blocked;
use agent_runtime::{Drive, End, Exit, Fault, Flow, Halt, Pass, drive};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use protocol::Phase;
use protocol::tags::Outcome;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::admission::{owner, under_way};
use crate::moves::{self, Move};
use crate::offer::offer;
use crate::receipts::{Receipts, Wakes};
use crate::requests::{Batch, Requests};
use crate::steps::OFFER;
use crate::withdraw::withdraw;

/// As long as a queue can wait.
const LONG_POLL: Duration = Duration::from_secs(20);

/// Runs until the work is done, or for ever.
pub(crate) async fn run(
    account: &Account,
    events: &dyn Sink,
    patience: Patience,
    shutdown: &CancellationToken,
) -> Exit {
    loop {
        let began = Instant::now();
        let exit = match round(account, events, patience, shutdown).await {
            Ok(exit) => exit,
            Err(fault) => {
                events.take(&Event::Refused((&fault).into()));
                Exit::Blocked
            }
        };
        if patience != Patience::ForEver || exit == Exit::Usage || shutdown.is_cancelled() {
            return exit;
        }
        let pace = &account.settings.pace;
        let pause = match exit {
            // Nobody receives requests meanwhile.
            _ if account.settings.requests.is_some() => pace.ceiling().saturating_sub(began.elapsed()),
            Exit::Settled => pace.idle(),
            _ => pace.ceiling(),
        };
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return exit,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Once through everything that is declared or under way.
async fn round(
    account: &Account,
    events: &dyn Sink,
    patience: Patience,
    shutdown: &CancellationToken,
) -> Result<Exit, Fault> {
    let drives = Drive::new(account.passes(), events, patience, shutdown);
    let find = async |_: &Pass<'_>| Ok(moves::find(account).await?);
    let found = match drive(&drives, (&Subject::Handoffs, "", &nobody()), &Rc::default(), find).await {
        End::Done(found) => found,
        End::Pending => return Ok(Exit::Pending),
        End::Blocked(fault) | End::Failed(fault) => return Err(fault),
    };
    for note in &found.notes {
        tracing::warn!("{note}");
    }
    events.take(&Event::Listed(found.all.iter().map(Move::subject).collect()));
    let mut refused = Exit::Settled;
    for what in found.unreadable {
        events.take(&Event::Unreadable(what));
        refused = Exit::Blocked;
    }
    // A declaration that cannot be keeps all new ones from beginning. What is under way goes on: above all, what is open must
    // be taken back.
    let mut moves = found.all;
    if !found.refused.is_empty() {
        found.refused.iter().for_each(|fault| events.take(&Event::Refused(fault.into())));
        moves.retain(|of| of.begun);
        refused = refused.max(Exit::Usage);
    }
    let (queues, wakes) = (receipts_queues(account, events), Wakes::default());
    moves.retain(|of| wakes.add(of));
    for queue in &queues {
        queue.drain(&wakes).await;
    }
    enlist(account, &moves);
    // Nor does one that is requested begin.
    let requests = Requests::new(account, events, &wakes).filter(|_| refused != Exit::Usage);
    let listening = join_all(queues.iter().map(|queue| queue.listen(&wakes)));
    let exit = tokio::select! {
        biased;
        exit = work(account, &drives, moves, &wakes, requests.as_ref()) => exit.max(refused),
        // It listens for ever; with `--once` nothing waits for it.
        _ = listening, if patience != Patience::Once && !queues.is_empty() => Exit::Bug,
    };
    if let Some(requests) = &requests {
        requests.hand_back().await;
    }
    Ok(exit)
}

/// Drives these, and those that are requested, until all is over and one poll found no request more.
async fn work(
    account: &Account,
    drives: &Drive<'_>,
    moves: Vec<Move>,
    wakes: &Wakes,
    requests: Option<&Requests<'_>>,
) -> Exit {
    let (patience, began) = (drives.patience, Instant::now());
    // Boxed, as is what happens at its end: who waits holds nothing of that.
    let fly = |of: Move| {
        drives.events.take(&Event::Driven(of.subject()));
        account.begins(&of);
        Box::pin(async move {
            let walk = async |pass: &Pass<'_>| {
                if let Some(requests) = requests {
                    requests.begun(&of).await;
                }
                advance(account, pass, &of).await
            };
            let to = format!("{} {}", of.route.account, of.route.region);
            let end = drive(drives, (&of.subject(), &to, &owner(&of)), &of.wake, walk).await;
            if let (Some(requests), End::Failed(fault)) = (requests, &end) {
                Box::pin(requests.reject(&of, fault)).await;
            }
            account.ends(&of);
            account.gate.pass_ended(&owner(&of), true);
            let exit = tell(drives, &of, end);
            // What has failed is walked again in each round, and is shown once.
            if exit != Exit::Failed {
                drives.events.take(&Event::Dropped(of.subject()));
            }
            // A request for one that is blocked is handed back when this run ends.
            if exit != Exit::Pending && exit != Exit::Blocked {
                wakes.remove(&of.id);
            }
            exit
        })
    };
    let mut flying: FuturesUnordered<_> = moves.into_iter().map(fly).collect();
    let once = patience == Patience::Once;
    let wait = if once { Duration::from_secs(1) } else { LONG_POLL };
    let mut worst = Exit::Settled;
    let (mut open, mut empty, mut trouble) = (requests.is_some(), false, None);
    // Kept from one turn to the next: a poll that is dropped may already have made a request invisible.
    let mut receiving = Box::pin(receive(requests, Duration::ZERO, wait));
    loop {
        // One that goes on for ever looks, now and then, for what others have left under way.
        let is_time = patience != Patience::ForEver || began.elapsed() >= account.settings.pace.ceiling();
        if drives.shutdown.is_cancelled() {
            // Drives end at their next wait. A poll that nobody polls any more would hold what they wait for.
            drop(receiving);
            while let Some(exit) = flying.next().await {
                worst = worst.max(exit);
            }
            return worst;
        }
        if flying.is_empty() && (!open || empty && is_time) {
            return worst;
        }
        tokio::select! {
            biased;
            () = drives.shutdown.cancelled() => {}
            Some(exit) = flying.next() => {
                worst = worst.max(exit);
                // The poll under way is waited for: it may hold what was requested meanwhile.
                empty = false;
            }
            batch = &mut receiving, if open => {
                empty = batch.messages == 0 && batch.fault.is_none();
                open = !once;
                enlist(account, &batch.moves);
                flying.extend(batch.moves.into_iter().map(fly));
                if batch.buried > 0 {
                    worst = worst.max(Exit::Failed);
                }
                let mut pause = Duration::ZERO;
                if let (Some(fault), Some(requests)) = (batch.fault, requests) {
                    let since = *trouble.get_or_insert_with(Instant::now);
                    if batch.messages > 0 || drives.is_out_of_patience(since) {
                        worst = worst.max(Exit::Blocked);
                    }
                    open &= !drives.is_out_of_patience(since);
                    pause = requests.out_of_reach(&fault);
                } else {
                    trouble = None;
                }
                receiving.set(receive(requests, pause, wait));
            }
        }
    }
}

async fn receive(requests: Option<&Requests<'_>>, pause: Duration, wait: Duration) -> Batch {
    tokio::time::sleep(pause).await;
    match requests {
        Some(requests) => requests.receive(wait).await,
        None => pending().await,
    }
}

/// The steps of the phase that the handoff is in. No pass runs those of two.
async fn advance(account: &Account, pass: &Pass<'_>, of: &Move) -> Flow<Outcome> {
    let phase = phase(account, of).await;
    if has_no_offer(account, of).await {
        pass.absent(OFFER);
    }
    let offers = matches!(phase, Ok(Phase::Offering));
    match &phase {
        Ok(Phase::Settled(_)) => account.stands(of, None),
        Ok(Phase::Withdrawing(_)) => account.stands(of, Some(true)),
        Ok(Phase::Offering) => {
            let source = account.source_snapshot(of).await.ok().flatten();
            account.stands(of, source.and_then(|source| source.facts.offer).map(|_| false));
        }
        Err(_) => {}
    }
    let flow = match phase {
        Ok(Phase::Settled(outcome)) => Ok(outcome),
        Ok(Phase::Withdrawing(outcome)) => withdraw(account, pass, of, outcome).await.map(|()| outcome),
        // Landed meanwhile: the next pass is in another phase.
        Ok(Phase::Offering) => offer(account, pass, of).await.and(Err(Halt::Acted)),
        Err(fault) => Err(fault.into()),
    };
    if !offers && is_blocked(&flow) {
        // Another handoff need not wait for it to shut the key.
        account.stands(of, None);
    }
    account.gate.pass_ended(&owner(of), !offers || is_blocked(&flow));
    flow
}

/// Where a handoff stands, by the tags of its source snapshot.
pub(crate) async fn phase(account: &Account, of: &Move) -> Result<Phase, Fault> {
    let source = account.source_snapshot(of).await?;
    Ok(source.map_or(Phase::Offering, |source| source.facts.phase(account.clock.now())))
}

/// No handoff: work of the process itself.
fn nobody() -> Owner {
    let handoff = "0000000000000000".parse().unwrap_or_else(|_| unreachable!("a handoff id"));
    Owner { handoff, message: None }
}

/// Its source snapshot is there, and shows no offer: a look before one is made counts from here.
async fn has_no_offer(account: &Account, of: &Move) -> bool {
    let source = account.source_snapshot(of).await.ok().flatten();
    source.is_some_and(|source| source.facts.offer.is_none())
}

/// These come together: the first in rank goes first, whoever asks first.
fn enlist(account: &Account, moves: &[Move]) {
    for of in moves.iter().filter(|of| !of.begun) {
        account.gate.enlist(&owner(of), under_way(of), &of.wake);
    }
}

/// Each queue once: a target account has one, however many Regions it is a target in.
fn receipts_queues<'a>(account: &'a Account, events: &'a dyn Sink) -> Vec<Receipts<'a>> {
    let mut targets: Vec<_> = account.settings.targets.iter().collect();
    targets.sort_by_key(|target| &target.receipts);
    targets.dedup_by_key(|target| &target.receipts);
    targets.into_iter().map(|target| Receipts::new(account, events, target)).collect()
}

fn tell(drives: &Drive<'_>, of: &Move, end: End<Outcome>) -> Exit {
    let subject = of.subject();
    match end {
        End::Done(outcome) => {
            drives.events.take(&Event::Ended { subject, ending: Ending::Settled(outcome) });
            match outcome {
                Outcome::Landed | Outcome::Revoked => Exit::Settled,
                Outcome::Expired | Outcome::Rejected | Outcome::Failed => Exit::Failed,
            }
        }
        End::Pending => drives.unfinished(&subject, None),
        End::Blocked(fault) => drives.unfinished(&subject, Some(&fault)),
        End::Failed(fault) => {
            drives.events.take(&Event::Failed { subject, fault: (&fault).into() });
            Exit::Failed
        }
    }
}
