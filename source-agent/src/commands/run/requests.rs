//! Requests: each becomes a handoff, is kept invisible while that is begun, and is deleted once its source snapshot stands.

use std::time::Duration;

use agent_runtime::aws::queue::{NEWER, Queue, Received, VISIBILITY};
use agent_runtime::event::{Event, Mailbox, Requested, Sink, Subject, Trouble};
use agent_runtime::fleet::mailbox::Handled;
use agent_runtime::{Fault, FaultKind};
use jiff::SignedDuration;
use protocol::{Phase, Reason, Refusal, RequestMessage};

use crate::account::Account;
use crate::config::Declared;
use crate::discover;
use crate::handoff::Handoff;

/// A request for what cannot be is read again after this long.
const READ_AGAIN: Duration = Duration::from_secs(30);
/// A listing may be older than a request. Only after this is one for a database that is not there a bad one.
const LISTING_SPREADS: SignedDuration = SignedDuration::from_mins(1);

/// One request: a handoff that is begun, one that is already, or no handoff.
pub(crate) async fn handle(
    account: &Account,
    events: &dyn Sink,
    message: &Received,
) -> Result<Handled<Handoff>, Fault> {
    let declared = match read(account, message) {
        Ok(declared) => declared,
        Err(Refusal::Newer { version, kind }) => {
            events.take(&Event::NewerLeft { mailbox: Mailbox::Requests, version, kind });
            return Ok(Handled::Again(NEWER));
        }
        Err(Refusal::Rejected { reason, detail }) => {
            bury(account, events, message, Mailbox::Requests.into(), (reason, detail, None)).await?;
            return Ok(Handled::Rejected);
        }
    };
    let subject = Subject::handoff(&declared.database, &declared.label);
    let of = match discover::requested(account, &declared).await {
        Ok(of) => of,
        Err(fault) if fault.kind != FaultKind::Fatal => return Err(fault),
        Err(_) if is_new(account, message) => return Ok(Handled::Again(READ_AGAIN)),
        Err(fault) => {
            let Trouble { reason, what, fix, .. } = (&fault).into();
            bury(account, events, message, subject, (reason, what, fix)).await?;
            return Ok(Handled::Rejected);
        }
    };
    let tell = |standing| events.take(&Event::Requested { subject: subject.clone(), standing });
    let hold = !of.begun;
    if of.begun {
        if let Phase::Settled(outcome) = account.phase(&of).await? {
            tell(Requested::Over(outcome));
            return Ok(Handled::Done(None));
        }
        tell(Requested::UnderWay);
    } else if !account.fleet.holds(&of.owner(), message) {
        tell(Requested::New);
    }
    Ok(Handled::Begins { handoff: Box::new(of), hold })
}

/// Against itself and against the configuration; nothing is asked of AWS.
fn read(account: &Account, message: &Received) -> Result<Declared, Refusal> {
    let request = RequestMessage::decode(&message.body)?;
    let untold = || Refusal::because(Reason::BadTimes, "SQS does not tell when it was sent");
    let label = request.label.at(message.sent.ok_or_else(untold)?);
    let label = label.map_err(|error| Refusal::because(Reason::BadTimes, error.to_string()))?;
    account.settings.requested(&request, label)
}

/// Whether a message was sent so recently that a listing may be older.
fn is_new(account: &Account, message: &Received) -> bool {
    message.sent.is_some_and(|sent| account.clock.now().duration_since(sent) < LISTING_SPREADS)
}

/// The end of a request that cannot be fulfilled.
async fn bury(
    account: &Account,
    events: &dyn Sink,
    message: &Received,
    subject: Subject,
    (reason, detail, fix): (Reason, String, Option<String>),
) -> Result<(), Fault> {
    if let Some(queue) = queue(account) {
        queue.bury(message, reason).await?;
        events.take(&Event::Rejected { subject, mailbox: Mailbox::Requests, reason, detail, fix });
    }
    Ok(())
}

fn queue(account: &Account) -> Option<Queue> {
    account.settings.requests.as_ref().map(|queue| Queue::new(&account.clients, queue))
}

/// The end of a request: from its source snapshot on AWS holds the state. What cannot be deleted comes again.
pub(crate) async fn begun(account: &Account, events: &dyn Sink, of: &Handoff) {
    let owner = of.owner();
    if account.fleet.first_held(&owner).is_none() {
        return;
    }
    // Any trouble with this read is the next step's to tell.
    let (Some(queue), Ok(Some(_))) = (queue(account), account.source_snapshot(of).await) else { return };
    for message in account.fleet.take_held(&owner) {
        if let Err(fault) = queue.delete(&message.handle).await {
            faulted(events, &fault);
        }
    }
}

/// The end of requests whose handoff cannot go on, and has no source snapshot.
pub(crate) async fn reject(account: &Account, events: &dyn Sink, of: &Handoff, fault: &Fault) {
    for message in account.fleet.take_held(&of.owner()) {
        let Trouble { reason, what, fix, .. } = fault.into();
        if let Err(fault) = bury(account, events, &message, of.subject(), (reason, what, fix)).await {
            faulted(events, &fault);
        }
    }
}

fn faulted(events: &dyn Sink, fault: &Fault) {
    events.take(&Event::Faulted { subject: Mailbox::Requests.into(), fault: fault.into(), again: VISIBILITY });
}
