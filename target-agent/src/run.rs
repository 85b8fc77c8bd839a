//! `run`: what the inbox holds is begun, and what was begun is finished.

use std::rc::Rc;
use std::time::Duration;

use agent_runtime::drive::Patience;
use agent_runtime::event::{Ending, Event, Mailbox, Sink, Subject};
use agent_runtime::gate::Owner;
use agent_runtime::queue::Batch;
use agent_runtime::step::pass::is_blocked;
use agent_runtime::{Drive, End, Exit, Fault, FaultKind, Pass, drive};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use protocol::Stage;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::accept::accept;
use crate::account::Account;
use crate::admission::owner;
use crate::inbox::Inbox;
use crate::job::Job;
use crate::steps::Tell;

/// As long as a queue can wait.
const LONG_POLL: Duration = Duration::from_secs(20);
/// An inbox that does not answer is asked again after this long.
const OUT_OF_REACH: Duration = Duration::from_secs(15);

/// Runs until one long poll finds the inbox empty and nothing is in flight, or for ever.
pub(crate) async fn run(
    account: &Account,
    events: &dyn Sink,
    patience: Patience,
    shutdown: &CancellationToken,
) -> Exit {
    let inbox = Inbox::new(account, events);
    let exit = match work(account, events, &inbox, patience, shutdown).await {
        Ok(exit) => exit,
        Err(fault) => {
            events.take(&Event::Refused((&fault).into()));
            if fault.kind == FaultKind::Fatal { Exit::Failed } else { Exit::Blocked }
        }
    };
    inbox.hand_back().await;
    exit
}

async fn work(
    account: &Account,
    events: &dyn Sink,
    inbox: &Inbox<'_>,
    patience: Patience,
    shutdown: &CancellationToken,
) -> Result<Exit, Fault> {
    let drives = Drive::new(account.passes(), events, patience, shutdown);
    let (drives, mut worst) = (&drives, Exit::Settled);
    let mut flying = FuturesUnordered::new();
    // Boxed, as is what happens at its end: who waits holds nothing of that.
    let fly = |job: Rc<Job>| {
        events.take(&Event::Driven(job.subject()));
        Box::pin(async move {
            let walk = async |pass: &Pass<'_>| {
                let flow = accept(account, pass, &job).await;
                account.gate.pass_ended(&owner(&job), is_blocked(&flow));
                flow
            };
            let from = job.facts.origin.account.as_str();
            let end = drive(drives, (&job.subject(), from, &owner(&job)), &job.wake, walk).await;
            let exit = Box::pin(finish(account, events, inbox, drives, &job, end)).await;
            events.take(&Event::Dropped(job.subject()));
            if exit != Exit::Pending && exit != Exit::Blocked {
                inbox.remove(&job);
            }
            job.over.set(true);
            exit
        })
    };
    let find = async |_: &Pass<'_>| Ok(account.target_copies(Duration::ZERO).await?);
    let (copies, notes) = match drive(drives, (&Subject::Handoffs, "", &nobody()), &Rc::default(), find).await {
        End::Done(found) => found,
        End::Pending => return Ok(Exit::Pending),
        End::Blocked(fault) | End::Failed(fault) => return Err(fault),
    };
    for note in notes {
        tracing::warn!("{note}");
    }
    events.take(&Event::Listed(
        copies.iter().map(|copy| Subject::handoff(&copy.facts.database, &copy.facts.label)).collect(),
    ));
    for copy in copies.into_iter().filter(|copy| !copy.facts.is_finished()) {
        inbox.add(Job::found(copy.facts));
    }
    let once = patience == Patience::Once;
    let wait = if once { Duration::from_secs(1) } else { LONG_POLL };
    let mut trouble: Option<Instant> = None;
    let mut empty = false;
    // The inbox is given up: it has been out of reach for too long.
    let mut deaf = false;
    // Kept from one turn to the next: a poll that is dropped may already have made a message invisible.
    let mut receiving = Box::pin(receive(inbox, Duration::ZERO, wait));
    loop {
        flying.extend(inbox.next().into_iter().map(fly));
        if flying.is_empty() && (deaf || empty || shutdown.is_cancelled()) && (deaf || patience != Patience::ForEver) {
            return Ok(worst);
        }
        if shutdown.is_cancelled() {
            // Drives end at their next wait; what they were doing, the next process finds in AWS. A poll that nobody polls any more
            // would hold what they wait for.
            drop(receiving);
            while let Some(exit) = flying.next().await {
                worst = worst.max(exit);
            }
            return Ok(worst);
        }
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            Some(exit) = flying.next() => {
                worst = worst.max(exit);
                // The poll under way is waited for: it may hold a message that is handed back now.
                empty = false;
            }
            () = account.verified.notified() => {}
            received = &mut receiving, if !(deaf || once && empty) => {
                let Batch { messages, fault } = received;
                empty = messages == 0 && fault.is_none();
                let mut pause = Duration::ZERO;
                match fault {
                    None => trouble = None,
                    Some(fault) => {
                        if messages > 0 && fault.kind != FaultKind::Transient {
                            // A message could not be ended. It comes again, in ten minutes.
                            worst = worst.max(Exit::Blocked);
                        }
                        let since = *trouble.get_or_insert_with(Instant::now);
                        if fault.kind == FaultKind::Fatal || drives.is_out_of_patience(since) {
                            // What is in flight has its own patience.
                            worst = worst.max(if fault.kind == FaultKind::Fatal { Exit::Failed } else { Exit::Blocked });
                            deaf = true;
                        }
                        pause = OUT_OF_REACH;
                        let (subject, fault) = (Mailbox::Inbox.into(), (&fault).into());
                        events.take(&Event::Faulted { subject, fault, again: pause });
                    }
                }
                receiving = Box::pin(receive(inbox, pause, wait));
            }
        }
    }
}

/// No handoff: work of the process itself.
fn nobody() -> Owner {
    let handoff = "0000000000000000".parse().unwrap_or_else(|_| unreachable!("a handoff id"));
    Owner { handoff, message: None }
}

async fn receive(inbox: &Inbox<'_>, pause: Duration, wait: Duration) -> Batch {
    tokio::time::sleep(pause).await;
    inbox.receive(wait).await
}

/// The end of a drive: told to a person, and to account A when it cannot go on.
async fn finish(
    account: &Account,
    events: &dyn Sink,
    inbox: &Inbox<'_>,
    drives: &Drive<'_>,
    job: &Job,
    end: End<()>,
) -> Exit {
    let subject = job.subject();
    let failed = |fault: &Fault| events.take(&Event::Failed { subject: subject.clone(), fault: fault.into() });
    match end {
        End::Done(()) => {
            events.take(&Event::Ended { subject, ending: Ending::Restored(job.restored(account).ok()) });
            Exit::Settled
        }
        End::Pending => drives.unfinished(&subject, None),
        End::Blocked(fault) => drives.unfinished(&subject, Some(&fault)),
        End::Failed(fault) => {
            failed(&fault);
            let reason = Some(fault.reason());
            let told = match account.target_copy(job).await {
                // Another message than the one that the copy answers ends like any bad one; the copy goes on.
                Ok(copy) if copy.as_ref().is_none_or(|copy| copy.facts.digest != *job.digest()) => {
                    inbox.reject(job, fault.reason(), &fault.chain()).await
                }
                Ok(_) => {
                    let tell =
                        async |pass: &Pass<'_>| pass.ensure(Tell { account, job, stage: Stage::Failed, reason }).await;
                    match drive(drives, (&subject, job.facts.origin.account.as_str(), &owner(job)), &job.wake, tell)
                        .await
                    {
                        End::Blocked(fault) | End::Failed(fault) => Err(fault),
                        End::Done(()) | End::Pending => Ok(()),
                    }
                }
                Err(fault) => Err(fault),
            };
            if let Err(fault) = told {
                failed(&fault);
            }
            Exit::Failed
        }
    }
}
