//! Account B's receipts: each is recorded on its source snapshot, then deleted.

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

/// A receipt that answers no offer yet is read again after this long.
const READ_AGAIN: Duration = Duration::from_secs(30);
/// A listing may be older than an offer. Only after this is a receipt that answers none a bad one.
const OFFER_SPREADS: SignedDuration = SignedDuration::from_mins(1);
/// The command `hello` may be waiting for an answer that no handoff has asked for: for ten minutes, and so an answer that was received
/// so often is nobody's.
const HELLO_LISTENS: u32 = 20;

/// One receipt, from the queue of one target account: records it, or puts it to another of its ends.
pub(crate) async fn handle(
    account: &Account,
    events: &dyn Sink,
    mailbox: &MailboxSpec,
    message: &Received,
) -> Result<Handled<Handoff>, Fault> {
    // A sender is known by its queue: only this account was let in.
    let target = account.settings.targets.iter().find(|target| target.receipts == mailbox.queue);
    let Some(target) = target else { return Ok(Handled::Left) };
    let receipts = Receipts { account, events, sender: &target.account };
    match receipts.record(message).await {
        Ok(handoff) => Ok(Handled::Done(Some(handoff))),
        Err(Unrecorded::Refused(Refusal::Newer { .. })) => Ok(Handled::Again(NEWER)),
        Err(Unrecorded::Refused(Refusal::Rejected { reason: Reason::NoSuchOffer, .. })) if receipts.is_new(message) => {
            Ok(Handled::Again(READ_AGAIN))
        }
        Err(Unrecorded::NotAsked) if message.times < HELLO_LISTENS => Ok(Handled::Again(READ_AGAIN)),
        // Whoever has asked has gone. It opens nothing and tells nothing more.
        Err(Unrecorded::NotAsked) => Ok(Handled::Done(None)),
        Err(Unrecorded::Refused(Refusal::Rejected { reason, detail })) => {
            Queue::new(&account.clients, &mailbox.queue).bury(message, reason).await?;
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
    /// Whether a message was sent so recently that its offer may not show yet.
    fn is_new(&self, message: &Received) -> bool {
        message.sent.is_some_and(|sent| self.account.clock.now().duration_since(sent) < OFFER_SPREADS)
    }

    async fn record(&self, message: &Received) -> Result<HandoffId, Unrecorded> {
        let reply = Reply::decode(&message.body)?;
        let handoff = reply.handoff();
        let (speaks_for, digest) = match &reply {
            Reply::Receipt(receipt) => (&receipt.target_account, &receipt.digest),
            Reply::Answer(answer) => (&answer.target_account, &answer.digest),
        };
        if speaks_for != self.sender {
            let detail = format!("it speaks for account {speaks_for}; this queue is account {}'s", self.sender);
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
                    let told = Told { at, reason: receipt.reason };
                    self.account.tag(&source.view.arn, stage_tag(receipt.stage), &told).await?;
                    let (subject, account) = (subject(source), self.sender.clone());
                    let (stage, reason) = (receipt.stage, receipt.reason);
                    self.events.take(&Event::ReceiptRecorded { subject, account, stage, reason });
                }
            }
            Reply::Answer(answer) => {
                let source = source.ok_or(Unrecorded::NotAsked)?;
                if !answers(answer, &source.facts) {
                    // Two agents have asked at the same instant, and one answer was enough.
                    return if source.facts.asks_no_more() { Ok(handoff.clone()) } else { Err(Unrecorded::NotAsked) };
                }
                self.account.fleet.seen(handoff, HELLO);
                // Whoever was ready is: a hello that came twice may be answered otherwise later.
                let news = |ready: &Answered| ready.lack.is_some() && ready.lack != answer.lack;
                if source.facts.ready.as_ref().is_none_or(news) {
                    let answered = Answered { at, lack: answer.lack };
                    self.account.tag(&source.view.arn, tags::READY, &answered).await?;
                    let (subject, account) = (subject(source), self.sender.clone());
                    self.events.take(&Event::AnswerRecorded { subject, account, lack: answer.lack });
                }
            }
        }
        Ok(handoff.clone())
    }

    /// The source snapshot of a handoff: as this process knows it, if it remembers what is answered here, else read from AWS.
    async fn source(&self, handoff: &HandoffId, digest: &Digest) -> Result<Option<SourceSnapshot>, Fault> {
        if let Some(source) = self.account.known_source(handoff) {
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
    /// The answer to a hello that no handoff has asked: perhaps the command `hello`, beside this process.
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
