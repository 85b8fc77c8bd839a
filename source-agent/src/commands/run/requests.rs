//! Requests: each becomes a handoff. Its message is kept invisible until the source snapshot exists, and is then
//! deleted.

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

/// A request that cannot be carried out yet is received again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The propagation delay of a listing. Only after this is a request that cannot be carried out rejected, since a
/// database that was just created may not be listed yet.
const LISTING_PROPAGATION: SignedDuration = SignedDuration::from_mins(1);

/// Handles one request: it begins a handoff, joins one that is under way, or is rejected.
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
            dead_letter(account, events, message, Mailbox::Requests.into(), (reason, detail, None)).await?;
            return Ok(Handled::Rejected);
        }
    };
    let subject = Subject::handoff(&declared.database, &declared.label);
    let of = match discover::requested(account, &declared).await {
        Ok(of) => of,
        Err(fault) if fault.kind != FaultKind::Fatal => return Err(fault),
        Err(_) if is_new(account, message) => return Ok(Handled::Again(RETRY_AFTER)),
        Err(fault) => {
            let Trouble { reason, what, fix, .. } = (&fault).into();
            dead_letter(account, events, message, subject, (reason, what, fix)).await?;
            return Ok(Handled::Rejected);
        }
    };
    let report = |standing| events.take(&Event::Requested { subject: subject.clone(), standing });
    let hold = !of.begun;
    if of.begun {
        if let Phase::Settled(outcome) = account.phase(&of).await? {
            report(Requested::Over(outcome));
            return Ok(Handled::Done(None));
        }
        report(Requested::UnderWay);
    } else if !account.fleet.holds(&of.owner(), message) {
        report(Requested::New);
    }
    Ok(Handled::Begins { handoff: Box::new(of), hold })
}

/// Parses a request and checks it against the configuration, without calling AWS.
fn read(account: &Account, message: &Received) -> Result<Declared, Refusal> {
    let request = RequestMessage::decode(&message.body)?;
    let no_time = || Refusal::because(Reason::BadTimes, "SQS does not report when it was sent");
    let label = request.label.at(message.sent.ok_or_else(no_time)?);
    let label = label.map_err(|error| Refusal::because(Reason::BadTimes, error.to_string()))?;
    account.settings.requested(&request, label)
}

/// Whether a message was sent so recently that the listing may be older.
fn is_new(account: &Account, message: &Received) -> bool {
    message.sent.is_some_and(|sent| account.clock.now().duration_since(sent) < LISTING_PROPAGATION)
}

/// Moves a request that cannot be carried out to the dead-letter queue.
async fn dead_letter(
    account: &Account,
    events: &dyn Sink,
    message: &Received,
    subject: Subject,
    (reason, detail, fix): (Reason, String, Option<String>),
) -> Result<(), Fault> {
    if let Some(queue) = queue(account) {
        queue.dead_letter(message, reason).await?;
        events.take(&Event::Rejected { subject, mailbox: Mailbox::Requests, reason, detail, fix });
    }
    Ok(())
}

fn queue(account: &Account) -> Option<Queue> {
    account.settings.requests.as_ref().map(|queue| Queue::new(&account.clients, queue))
}

/// Deletes the requests of a handoff whose source snapshot exists, since from then on the state is in AWS. A message
/// that cannot be deleted is received again.
pub(crate) async fn delete_begun(account: &Account, events: &dyn Sink, of: &Handoff) {
    let owner = of.owner();
    if account.fleet.first_held(&owner).is_none() {
        return;
    }
    // A fault of this read is reported by the next step.
    let (Some(queue), Ok(Some(_))) = (queue(account), account.source_snapshot(of).await) else { return };
    for message in account.fleet.take_held(&owner) {
        if let Err(fault) = queue.delete(&message.handle).await {
            report_fault(events, &fault);
        }
    }
}

/// Moves the requests of a handoff that has failed before its source snapshot to the dead-letter queue.
pub(crate) async fn reject(account: &Account, events: &dyn Sink, of: &Handoff, fault: &Fault) {
    for message in account.fleet.take_held(&of.owner()) {
        let Trouble { reason, what, fix, .. } = fault.into();
        if let Err(fault) = dead_letter(account, events, &message, of.subject(), (reason, what, fix)).await {
            report_fault(events, &fault);
        }
    }
}

fn report_fault(events: &dyn Sink, fault: &Fault) {
    events.take(&Event::Faulted { subject: Mailbox::Requests.into(), fault: fault.into(), again: VISIBILITY });
}
