//! Account B's receipts: each is recorded on its source snapshot, then deleted.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::event::{Event, Mailbox, Sink, Subject};
use agent_runtime::queue::{Batch, Fate, NEWER, Queue, Received};
use agent_runtime::step::write_log::{LogKey, Scope};
use agent_runtime::{Fault, FaultKind};
use jiff::{SignedDuration, Timestamp};
use protocol::state::stage_tag;
use protocol::tags::{self, Answered, Told};
use protocol::verify::{answers, check_receipt};
use protocol::{AccountId, Digest, HandoffId, Reply};
use protocol::{Reason, Refusal};
use tokio::sync::Notify;

use crate::account::{Account, SourceSnapshot};
use crate::config::Target;
use crate::moves::Move;
use crate::steps::HELLO;

/// A queue that does not answer is asked again after this long, doubling.
const OUT_OF_REACH: Duration = Duration::from_secs(15);
/// Never later than this.
const OUT_OF_REACH_CEILING: Duration = Duration::from_mins(5);
/// A receipt that answers no offer yet is looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// A listing may be older than an offer. Only after this is a receipt that answers none a bad one.
const OFFER_SPREADS: SignedDuration = SignedDuration::from_mins(1);

/// The command `hello` may be waiting for an answer that no handoff has asked for: for ten minutes, and so an answer that is looked
/// at again so often is nobody's.
const HELLO_LISTENS: u32 = 20;

/// The handoffs that are driven: wakes the drive of one when something was heard of it.
#[derive(Debug, Default)]
pub(crate) struct Wakes(RefCell<BTreeMap<HandoffId, Rc<Notify>>>);

impl Wakes {
    /// One is driven from now on. `false`: it is already.
    pub(crate) fn add(&self, of: &Move) -> bool {
        let mut wakes = self.0.borrow_mut();
        if wakes.contains_key(&of.id) {
            return false;
        }
        wakes.insert(of.id.clone(), of.wake.clone());
        true
    }

    /// Its drive has ended.
    pub(crate) fn remove(&self, id: &HandoffId) {
        self.0.borrow_mut().remove(id);
    }

    fn wake(&self, id: &HandoffId) {
        if let Some(wake) = self.0.borrow().get(id) {
            wake.notify_one();
        }
    }
}

/// The receipts queue of one target account.
pub(crate) struct Receipts<'a> {
    account: &'a Account,
    events: &'a dyn Sink,
    queue: Queue,
    /// A sender is known by its queue: only this account was let in.
    sender: AccountId,
}

impl<'a> Receipts<'a> {
    pub(crate) fn new(account: &'a Account, events: &'a dyn Sink, target: &Target) -> Self {
        let queue = Queue::new(&account.clients, &target.receipts);
        Self { account, events, queue, sender: target.account.clone() }
    }

    /// Records what is there now, but no more than a few batches: a sender that never stops must not keep this agent from its work.
    pub(crate) async fn drain(&self, wakes: &Wakes) {
        for _ in 0..3 {
            if self.heard(Duration::from_secs(1), wakes).await.is_none_or(|messages| messages == 0) {
                return;
            }
        }
    }

    /// Records what comes, for ever. A queue that does not answer blocks the handoffs that wait for it, and no others.
    pub(crate) async fn listen(&self, wakes: &Wakes) {
        let mut wait = OUT_OF_REACH;
        loop {
            if self.heard(Duration::from_secs(20), wakes).await.is_some() {
                wait = OUT_OF_REACH;
                continue;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(OUT_OF_REACH_CEILING);
        }
    }

    async fn heard(&self, wait: Duration, wakes: &Wakes) -> Option<usize> {
        let deaf = &self.account.deaf;
        // Of one handoff one after the other: each sees what the one before it has written.
        let of = |message: &Received| Reply::decode(&message.body).ok().map(|reply| reply.handoff().clone());
        let Batch { messages, fault } =
            self.queue.each(10, wait, of, async |message| self.end(message, wakes).await).await;
        match fault {
            None => {
                deaf.borrow_mut().remove(self.queue.arn());
                Some(messages)
            }
            Some(fault) => {
                tracing::info!(queue = %self.queue.arn(), "{}", fault.chain());
                if fault.kind != FaultKind::Transient {
                    deaf.borrow_mut().insert(self.queue.arn().clone(), (&fault).into());
                }
                None
            }
        }
    }

    /// One of the three ends of a receipt.
    async fn end(&self, message: &Received, wakes: &Wakes) -> Result<Fate, Fault> {
        match self.record(message).await {
            Ok(handoff) => {
                wakes.wake(&handoff);
                Ok(Fate::Done)
            }
            Err(Unrecorded::Refused(Refusal::Newer { .. })) => Ok(Fate::Again(NEWER)),
            Err(Unrecorded::Refused(Refusal::Rejected { reason: Reason::NoSuchOffer, .. }))
                if self.age(message) < OFFER_SPREADS =>
            {
                Ok(Fate::Again(LOOK_AGAIN))
            }
            Err(Unrecorded::NotAsked) if message.times < HELLO_LISTENS => Ok(Fate::Again(LOOK_AGAIN)),
            // Whoever has asked has gone. It opens nothing and tells nothing more.
            Err(Unrecorded::NotAsked) => Ok(Fate::Done),
            Err(Unrecorded::Refused(Refusal::Rejected { reason, detail })) => {
                self.queue.bury(message, reason).await?;
                let (subject, mailbox) = (Mailbox::Receipts.into(), Mailbox::Receipts);
                self.events.take(&Event::Rejected { subject, mailbox, reason, detail, mend: None });
                Ok(Fate::Kept)
            }
            Err(Unrecorded::Fault(fault)) => Err(fault),
        }
    }

    fn age(&self, message: &Received) -> SignedDuration {
        message.sent.map_or(SignedDuration::MAX, |sent| self.account.clock.now().duration_since(sent))
    }

    async fn record(&self, message: &Received) -> Result<HandoffId, Unrecorded> {
        let reply = Reply::decode(&message.body)?;
        let handoff = reply.handoff();
        let (speaks_for, digest) = match &reply {
            Reply::Receipt(receipt) => (&receipt.target_account, &receipt.digest),
            Reply::Answer(answer) => (&answer.target_account, &answer.digest),
        };
        if *speaks_for != self.sender {
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
                let hello = LogKey { step: HELLO, is_wait: false, scope: Scope::Handoff(handoff.clone()) };
                self.account.writes.ready(&hello);
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

    /// The source snapshot of a handoff: as this process knows it, if it remembers what is answered here, else as AWS has it now.
    async fn source(&self, handoff: &HandoffId, digest: &Digest) -> Result<Option<SourceSnapshot>, Fault> {
        let driven = self.account.driven.borrow().get(handoff).cloned();
        if let Some(arn) = driven
            && let Some(source) = self.account.source_at(&arn).await?
        {
            let (asked, offered) = (source.facts.hello.as_ref(), source.facts.offer.as_ref());
            if asked.is_some_and(|asked| asked.digest == *digest)
                || offered.is_some_and(|offer| offer.digest == *digest)
            {
                return Ok(Some(source));
            }
        }
        let (sources, _) = self.account.source_snapshots(Duration::ZERO).await?;
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
