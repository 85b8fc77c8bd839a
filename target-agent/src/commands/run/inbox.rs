//! The inbox: messages begin handoffs, and are held (kept invisible) until the handoff's copy has begun. Each message
//! is deleted then, or answered, or moved to the dead-letter queue.

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

/// Most messages that are held at once, of all senders together.
const MOST_HELD: usize = 10_000;
/// Most unverified messages of one sender that are walked at once, so that a sender that floods the inbox delays only
/// its own messages. One whose snapshot is not shared (its offer may have been withdrawn) counts a tenth, so that it
/// delays them less.
const MOST_UNVERIFIED: usize = 10;
/// The weight of an unverified message; that of one whose snapshot is not shared is 1.
const WEIGHT: usize = 10;

/// Handles one message: begins a handoff, answers a hello, or rejects or postpones the message.
pub(crate) async fn handle(
    account: &Account,
    events: &dyn Sink,
    message: &Received,
) -> Result<Handled<Handoff>, Fault> {
    match read(account, message) {
        Ok(Message::Hello(hello)) => Ok(match answer(account, events, &hello).await {
            Ok(()) => Handled::Done(None),
            // SQS delivers the hello again after its visibility timeout.
            Err(fault) => {
                let subject = Subject::Answers(hello.database_arn.account.clone());
                events.take(&Event::Faulted { subject, fault: (&fault).into(), again: VISIBILITY });
                Handled::Left
            }
        }),
        Ok(Message::Handoff(message)) => {
            let handoff = Handoff::begun_by(*message);
            if sender_holds_most(account, &handoff) {
                return Ok(Handled::Again(NEWER));
            }
            Ok(Handled::Begins { handoff: Box::new(handoff), hold: true })
        }
        Err(Refusal::Newer { version, kind }) => {
            events.take(&Event::NewerLeft { mailbox: Mailbox::Inbox, version, kind });
            Ok(Handled::Again(NEWER))
        }
        Err(Refusal::Rejected { reason, detail }) => {
            dead_letter(account, events, message, Mailbox::Inbox.into(), (reason, detail)).await?;
            Ok(Handled::Rejected)
        }
    }
}

/// The waiting handoffs whose steps are walked from now on. The gate grants copies among those that are verified.
pub(crate) fn admit(records: &BTreeMap<Owner, Record<Handoff>>) -> Vec<Owner> {
    let is_unverified = |record: &Record<Handoff>| !record.memory.is_verified && !record.held.is_empty();
    let mut unverified: BTreeMap<&AccountId, usize> = BTreeMap::new();
    for record in records.values().filter(|it| it.stage == RecordStage::Walking && is_unverified(it)) {
        let weight = if record.memory.is_unshared { 1 } else { WEIGHT };
        *unverified.entry(&record.handoff.facts.origin.account).or_default() += weight;
    }
    let mut admitted = Vec::new();
    for (owner, record) in records.iter().filter(|(_, record)| record.stage == RecordStage::Waiting) {
        let unverified = unverified.entry(&record.handoff.facts.origin.account).or_default();
        if *unverified < MOST_UNVERIFIED * WEIGHT || !is_unverified(record) {
            *unverified += WEIGHT;
            admitted.push(owner.clone());
        }
    }
    admitted
}

/// Whether this sender's share of [`MOST_HELD`] is used up.
fn sender_holds_most(account: &Account, new: &Handoff) -> bool {
    let sender = &new.facts.origin.account;
    let of_sender = |handoff: &Handoff| handoff.facts.origin.account == *sender && handoff.digest() != new.digest();
    account.fleet.holding(of_sender) >= MOST_HELD / account.settings.receiver.senders.len().max(1)
}

/// Decodes a message, and checks it against itself and the configuration, without any call to AWS.
fn read(account: &Account, message: &Received) -> Result<Message, Refusal> {
    let read = Message::decode(&message.body)?;
    match &read {
        Message::Handoff(message) => account.settings.receiver.check(message)?,
        Message::Hello(hello) => {
            account.settings.receiver.knows(&hello.database_arn.account)?;
            hello.check_time(account.clock.now())?;
        }
    }
    Ok(read)
}

/// Answers a hello, before it is deleted: after a crash between the two it is answered again.
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

/// Moves an invalid message to the dead-letter queue.
async fn dead_letter(
    account: &Account,
    events: &dyn Sink,
    message: &Received,
    subject: Subject,
    (reason, detail): (Reason, String),
) -> Result<(), Fault> {
    Queue::new(&account.clients, &account.settings.inbox).dead_letter(message, reason).await?;
    events.take(&Event::Rejected { subject, mailbox: Mailbox::Inbox, reason, detail, fix: None });
    Ok(())
}

/// Ends a handoff whose message was rejected before its copy was begun. The sender gets a receipt if the message was
/// verified.
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
        dead_letter(account, events, &message, handoff.subject(), (reason, fault.chain())).await?;
    }
    Ok(())
}
