//! The inbox: messages become handoffs, are kept invisible while they are being begun, and come to one of three ends.

use std::collections::BTreeMap;

use agent_runtime::Fault;
use agent_runtime::aws::queue::{NEWER, Queue, Received, VISIBILITY};
use agent_runtime::event::{Event, Mailbox, Sink, Subject, Trouble};
use agent_runtime::fleet::mailbox::Handled;
use agent_runtime::fleet::tracked::{Record, Stage as RecordStage};
use agent_runtime::gate::Owner;
use protocol::{AccountId, AnswerMessage, HelloMessage, Lack, Message, Reason, ReceiptMessage, Refusal, Stage};

use super::hello::lack;
use crate::account::Account;
use crate::config::Settings;
use crate::handoff::Handoff;

/// No more messages than this are held at once, of all senders together.
const MOST_HELD: usize = 10_000;
/// No more than this of one sender are verified at once that have not proved true: a sender that floods the inbox keeps its own
/// messages out. One whose snapshot is not shared, since it was taken back perhaps, counts a tenth: it keeps true ones out no longer.
const MOST_UNVERIFIED: usize = 10;
/// A tenth of one.
const TENTHS: usize = 10;

/// One message: a handoff, or one of its other ends.
pub(crate) async fn handle(
    account: &Account,
    events: &dyn Sink,
    message: &Received,
) -> Result<Handled<Handoff>, Fault> {
    match read(account, message) {
        Ok(Message::Hello(hello)) => Ok(match answer(account, events, &hello).await {
            Ok(()) => Handled::Done(None),
            // The hello comes again.
            Err(fault) => {
                let subject = Subject::Answers(hello.database_arn.account.clone());
                events.take(&Event::Faulted { subject, fault: (&fault).into(), again: VISIBILITY });
                Handled::Left
            }
        }),
        Ok(Message::Handoff(handoff)) => {
            let handoff = Handoff::begun_by(*handoff);
            if is_full_of(account, &handoff) {
                return Ok(Handled::Again(NEWER));
            }
            Ok(Handled::Begins { handoff: Box::new(handoff), hold: true })
        }
        Err(Refusal::Newer { version, kind }) => {
            events.take(&Event::NewerLeft { mailbox: Mailbox::Inbox, version, kind });
            Ok(Handled::Again(NEWER))
        }
        Err(Refusal::Rejected { reason, detail }) => {
            bury(account, events, message, Mailbox::Inbox.into(), (reason, detail)).await?;
            Ok(Handled::Rejected)
        }
    }
}

/// Handoffs whose steps are walked from now on. Who begins a copy is decided among those that have proved true.
pub(crate) fn admit(records: &BTreeMap<Owner, Record<Handoff>>) -> Vec<Owner> {
    let is_unproved = |record: &Record<Handoff>| !record.memory.is_verified && !record.held.is_empty();
    let mut unverified: BTreeMap<&AccountId, usize> = BTreeMap::new();
    for record in records.values().filter(|it| it.stage == RecordStage::Walking && is_unproved(it)) {
        let weighs = if record.memory.is_unshared { 1 } else { TENTHS };
        *unverified.entry(&record.handoff.facts.origin.account).or_default() += weighs;
    }
    let mut admitted = Vec::new();
    for (owner, record) in records.iter().filter(|(_, record)| record.stage == RecordStage::Waiting) {
        let unverified = unverified.entry(&record.handoff.facts.origin.account).or_default();
        if *unverified < MOST_UNVERIFIED * TENTHS || !is_unproved(record) {
            *unverified += TENTHS;
            admitted.push(owner.clone());
        }
    }
    admitted
}

/// One sender's messages do not fill the memory for all others.
fn is_full_of(account: &Account, new: &Handoff) -> bool {
    let sender = &new.facts.origin.account;
    let of_sender = |handoff: &Handoff| handoff.facts.origin.account == *sender && handoff.digest() != new.digest();
    account.fleet.holding(of_sender) >= MOST_HELD / account.settings.receiver.senders.len().max(1)
}

/// Against itself and against the configuration; nothing is asked of AWS.
fn read(account: &Account, message: &Received) -> Result<Message, Refusal> {
    let read = Message::decode(&message.body)?;
    match &read {
        Message::Handoff(handoff) => account.settings.receiver.check(handoff)?,
        Message::Hello(hello) => {
            account.settings.receiver.knows(&hello.database_arn.account)?;
            hello.check_time(account.clock.now())?;
        }
    }
    Ok(read)
}

/// The end of a hello. It is answered first, so that a crash between the two answers it once more.
async fn answer(account: &Account, events: &dyn Sink, hello: &HelloMessage) -> Result<(), Fault> {
    let Settings { receiver, .. } = &account.settings;
    let served = receiver.serves(&hello.target_account, &hello.target_region);
    let lack = match served {
        Err(refusal) => Some((Lack::NotForUs, Fault::fatal(refusal.to_string()))),
        Ok(()) => lack(account, hello).await?,
    };
    let sender = &hello.database_arn.account;
    let answer = AnswerMessage::new(hello, lack.as_ref().map(|(lack, _)| *lack));
    account.receipts(sender, &hello.handoff)?.send(&answer.encode()).await?;
    let subject = Subject::handoff(hello.database(), &hello.label);
    let lack = lack.map(|(lack, fault)| (lack, Trouble::from(&fault)));
    events.take(&Event::HelloAnswered { subject, account: sender.clone(), lack });
    Ok(())
}

/// The end of a message that is known to be bad.
async fn bury(
    account: &Account,
    events: &dyn Sink,
    message: &Received,
    subject: Subject,
    (reason, detail): (Reason, String),
) -> Result<(), Fault> {
    Queue::new(&account.clients, &account.settings.inbox).bury(message, reason).await?;
    events.take(&Event::Rejected { subject, mailbox: Mailbox::Inbox, reason, detail, fix: None });
    Ok(())
}

/// The end of a handoff whose message was rejected before its copy was begun. Its sender is told if it is one.
pub(crate) async fn reject(
    account: &Account,
    events: &dyn Sink,
    handoff: &Handoff,
    fault: &Fault,
) -> Result<(), Fault> {
    let (owner, reason) = (handoff.owner(), fault.reason());
    let held = account.fleet.take_held(&owner);
    if !held.is_empty() && account.fleet.recall(&owner, |memory| memory.is_verified).unwrap_or(false) {
        let this = account.settings.account.clone();
        let receipt =
            ReceiptMessage::new(handoff.id().clone(), handoff.digest().clone(), this, Stage::Rejected, Some(reason));
        account.receipts(&handoff.facts.origin.account, handoff.id())?.send(&receipt.encode()).await?;
    }
    for message in held {
        bury(account, events, &message, handoff.subject(), (reason, fault.chain())).await?;
    }
    Ok(())
}
