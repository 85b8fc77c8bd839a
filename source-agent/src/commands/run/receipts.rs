//! Receipts of account B: each is recorded as a tag of its source snapshot, then deleted.

use std::time::Duration;

use agent_runtime::aws::queue::{NEWER, Queue, Received};
use agent_runtime::event::{Event, Mailbox, Sink, Subject};
use agent_runtime::fleet::mailbox::{Handled, MailboxSpec};
use agent_runtime::{Fault, Freshness};
use jiff::{SignedDuration, Timestamp};
use protocol::state::stage_tag;
use protocol::tags::{self, Answered, Told};
use protocol::verify::{answers, check_receipt};
use protocol::{AccountId, Digest, HandoffId, Reason, Refusal, Reply};

use crate::account::Account;
use crate::handoff::{Handoff, SourceSnapshot};
use crate::steps::HELLO;

/// A receipt that matches no offer yet is received again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// The propagation delay of an offer. Only after this is a receipt that matches no offer rejected.
const OFFER_PROPAGATION: SignedDuration = SignedDuration::from_mins(1);
/// An answer that no handoff asked for may be for the command `hello`, which waits for at most ten minutes. After this
/// many receives it is deleted.
const MAX_RECEIVES_FOR_HELLO: u32 = 20;

/// Handles one message of a receipts queue: records it, leaves it in the queue for later, or moves it to the
/// dead-letter queue.
pub(crate) async fn handle(
    account: &Account,
    events: &dyn Sink,
    mailbox: &MailboxSpec,
    message: &Received,
) -> Result<Handled<Handoff>, Fault> {
    // The queue identifies the sender: only this target account may send to it.
    let target = account.settings.targets.iter().find(|target| target.receipts == mailbox.queue);
    let Some(target) = target else { return Ok(Handled::Left) };
    let receipts = Receipts { account, events, sender: &target.account };
    match receipts.record(message).await {
        Ok(handoff) => Ok(Handled::Done(Some(handoff))),
        Err(Unrecorded::Refused(Refusal::Newer { .. })) => Ok(Handled::Again(NEWER)),
        Err(Unrecorded::Refused(Refusal::Rejected { reason: Reason::NoSuchOffer, .. })) if receipts.is_new(message) => {
            Ok(Handled::Again(RETRY_AFTER))
        }
        Err(Unrecorded::NotAsked) if message.times < MAX_RECEIVES_FOR_HELLO => Ok(Handled::Again(RETRY_AFTER)),
        // The command that asked has ended, and nothing else needs the answer.
        Err(Unrecorded::NotAsked) => Ok(Handled::Done(None)),
        Err(Unrecorded::Refused(Refusal::Rejected { reason, detail })) => {
            Queue::new(&account.clients, &mailbox.queue).dead_letter(message, reason).await?;
            let (subject, mailbox) = (Mailbox::Receipts.into(), Mailbox::Receipts);
            events.take(&Event::Rejected { subject, mailbox, reason, detail, fix: None });
            Ok(Handled::Rejected)
        }
        Err(Unrecorded::Fault(fault)) => Err(fault),
    }
}

/// The receipts of one target account.
struct Receipts<'a> {
    account: &'a Account,
    events: &'a dyn Sink,
    sender: &'a AccountId,
}

impl Receipts<'_> {
    /// Whether a message was sent so recently that its offer may not be visible yet.
    fn is_new(&self, message: &Received) -> bool {
        message.sent.is_some_and(|sent| self.account.clock.now().duration_since(sent) < OFFER_PROPAGATION)
    }

    async fn record(&self, message: &Received) -> Result<HandoffId, Unrecorded> {
        let reply = Reply::decode(&message.body)?;
        let handoff = reply.handoff();
        let (claimed, digest) = match &reply {
            Reply::Receipt(receipt) => (&receipt.target_account, &receipt.digest),
            Reply::Answer(answer) => (&answer.target_account, &answer.digest),
        };
        if claimed != self.sender {
            let detail = format!("it names account {claimed}, but this queue is for account {}", self.sender);
            return Err(Refusal::because(Reason::UnknownSender, detail).into());
        }
        let source = self.source(handoff, digest).await?;
        let source = source.as_ref();
        let sent = message.sent.and_then(|sent| Timestamp::from_second(sent.as_second()).ok());
        let at = sent.unwrap_or_else(|| self.account.clock.now());
        match &reply {
            Reply::Receipt(receipt) => {
                check_receipt(receipt, source.map(|source| &source.facts))?;
                if let Some(source) = source.filter(|source| source.facts.heard(receipt.stage).is_none()) {
                    let recorded = Told { at, reason: receipt.reason };
                    self.account.tag(&source.view.arn, stage_tag(receipt.stage), &recorded).await?;
                    let (subject, account) = (subject(source), self.sender.clone());
                    let (stage, reason) = (receipt.stage, receipt.reason);
                    self.events.take(&Event::ReceiptRecorded { subject, account, stage, reason });
                }
            }
            Reply::Answer(answer) => {
                let source = source.ok_or(Unrecorded::NotAsked)?;
                if !answers(answer, &source.facts) {
                    // Two agents sent a hello each at the same time, and one of them was answered already.
                    return if source.facts.needs_no_hello() { Ok(handoff.clone()) } else { Err(Unrecorded::NotAsked) };
                }
                self.account.fleet.seen(handoff, HELLO);
                // An account that was ready stays ready, even if the same hello is answered differently later.
                let is_new = |ready: &Answered| ready.lack.is_some() && ready.lack != answer.lack;
                if source.facts.ready.as_ref().is_none_or(is_new) {
                    let answered = Answered { at, lack: answer.lack };
                    self.account.tag(&source.view.arn, tags::READY, &answered).await?;
                    let (subject, account) = (subject(source), self.sender.clone());
                    self.events.take(&Event::AnswerRecorded { subject, account, lack: answer.lack });
                }
            }
        }
        Ok(handoff.clone())
    }

    /// The source snapshot of a handoff: from the cache if that has the hello or offer with this digest, else read from
    /// AWS.
    async fn source(&self, handoff: &HandoffId, digest: &Digest) -> Result<Option<SourceSnapshot>, Fault> {
        if let Some(source) = self.account.cached_source(handoff) {
            let (asked, offered) = (source.facts.hello.as_ref(), source.facts.offer.as_ref());
            if asked.is_some_and(|asked| asked.digest == *digest)
                || offered.is_some_and(|offer| offer.digest == *digest)
            {
                return Ok(Some(source));
            }
        }
        let (sources, _) = self.account.source_snapshots(Freshness::Now).await?;
        Ok(sources.into_iter().find(|source| source.facts.id == *handoff))
    }
}

fn subject(source: &SourceSnapshot) -> Subject {
    Subject::handoff(&source.facts.database, &source.facts.label)
}

enum Unrecorded {
    /// An answer to a hello that no handoff sent. The command `hello` may have sent it.
    NotAsked,
    Refused(Refusal),
    Fault(Fault),
}

impl From<Refusal> for Unrecorded {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Unrecorded {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
