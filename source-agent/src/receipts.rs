//! Account B's receipts: each is recorded on its source snapshot, then deleted.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::events::Screen;
use agent_runtime::queue::{NEWER, Queue, Received};
use agent_runtime::{Fault, FaultKind, Step as _};
use jiff::{SignedDuration, Timestamp};
use protocol::facts::stage_tag;
use protocol::tags::{self, Answered, Told};
use protocol::trust::{Reason, Refusal, answers, check_receipt};
use protocol::{AccountId, HandoffId, Reply};
use tokio::sync::Notify;

use crate::account::{Account, SourceSnapshot};
use crate::config::Target;
use crate::steps::SayHello;

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

/// Wakes the drive of a handoff when something was heard of it.
pub(crate) type Wakes = BTreeMap<HandoffId, Rc<Notify>>;

/// The receipts queue of one target account.
pub(crate) struct Receipts<'a> {
    account: &'a Account,
    screen: &'a Screen,
    queue: Queue,
    /// A sender is known by its queue: only this account was let in.
    sender: AccountId,
}

impl<'a> Receipts<'a> {
    pub(crate) fn new(account: &'a Account, screen: &'a Screen, target: &Target) -> Self {
        let queue = Queue::new(&account.clients, &target.receipts);
        Self { account, screen, queue, sender: target.account.clone() }
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
        match self.once(wait, wakes).await {
            Ok(messages) => {
                deaf.borrow_mut().remove(self.queue.arn());
                Some(messages)
            }
            Err(fault) => {
                tracing::info!(queue = %self.queue.arn(), "{}", fault.chain());
                if fault.kind != FaultKind::Transient {
                    deaf.borrow_mut().insert(self.queue.arn().clone(), (&fault).into());
                }
                None
            }
        }
    }

    async fn once(&self, wait: Duration, wakes: &Wakes) -> Result<usize, Fault> {
        let received = self.queue.receive(10, wait).await?;
        // A receipt that cannot be ended keeps no other one from being recorded.
        let mut heard = Ok(received.len());
        for message in &received {
            if let Err(fault) = self.end(message, wakes).await {
                heard = Err(fault);
            }
        }
        heard
    }

    /// One of the three ends of a receipt.
    async fn end(&self, message: &Received, wakes: &Wakes) -> Result<(), Fault> {
        let handle = std::slice::from_ref(&message.handle);
        match self.record(message).await {
            Ok(handoff) => {
                if let Some(wake) = wakes.get(&handoff) {
                    wake.notify_one();
                }
                self.queue.delete(&message.handle).await
            }
            Err(Unrecorded::Refused(Refusal::Newer { .. })) => self.queue.set_visibility(handle, NEWER).await.map(drop),
            Err(Unrecorded::Refused(Refusal::Rejected { reason: Reason::NoSuchOffer, .. }))
                if self.age(message) < OFFER_SPREADS =>
            {
                self.queue.set_visibility(handle, LOOK_AGAIN).await.map(drop)
            }
            Err(Unrecorded::NotAsked) if message.times < HELLO_LISTENS => {
                self.queue.set_visibility(handle, LOOK_AGAIN).await.map(drop)
            }
            // Whoever has asked has gone. It opens nothing and tells nothing more.
            Err(Unrecorded::NotAsked) => self.queue.delete(&message.handle).await,
            Err(Unrecorded::Refused(Refusal::Rejected { reason, detail })) => {
                self.queue.bury(message, reason).await?;
                let text = format!("a receipt was rejected and put into the dead-letter queue: {reason}: {detail}");
                self.screen.say("receipts", "message", "rejected", &text);
                Ok(())
            }
            Err(Unrecorded::Fault(fault)) => Err(fault),
        }
    }

    fn age(&self, message: &Received) -> SignedDuration {
        message.sent.map_or(SignedDuration::MAX, |sent| self.account.clock.now().duration_since(sent))
    }

    async fn record(&self, message: &Received) -> Result<HandoffId, Unrecorded> {
        let reply = Reply::decode(&message.body)?;
        let (speaks_for, handoff) = match &reply {
            Reply::Receipt(receipt) => (&receipt.target_account, &receipt.handoff),
            Reply::Answer(answer) => (&answer.target_account, &answer.handoff),
        };
        if *speaks_for != self.sender {
            let detail = format!("it speaks for account {speaks_for}; this queue is account {}'s", self.sender);
            return Err(Refusal::because(Reason::UnknownSender, detail).into());
        }
        // A listing from before the handoff would not know it.
        self.account.inventory.acted_on_snapshots(&self.account.settings.region);
        let (sources, _) = self.account.source_snapshots().await?;
        let source = sources.iter().find(|source| source.facts.id == *handoff);
        let sent = message.sent.and_then(|sent| Timestamp::from_second(sent.as_second()).ok());
        let at = sent.unwrap_or_else(|| self.account.clock.now());
        match &reply {
            Reply::Receipt(receipt) => {
                check_receipt(receipt, source.map(|source| &source.facts))?;
                if let Some(source) = source.filter(|source| source.facts.heard(receipt.stage).is_none()) {
                    let told = Told { at, reason: receipt.reason };
                    self.account.tag(&source.view.arn, stage_tag(receipt.stage), &told).await?;
                    let text = receipt.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
                    self.say(source, &format!("reports: {}{text}", receipt.stage));
                }
            }
            Reply::Answer(answer) => {
                let source = source.ok_or(Unrecorded::NotAsked)?;
                if !answers(answer, &source.facts) {
                    // Two agents have asked at the same instant, and one answer was enough.
                    return if source.facts.asks_no_more() { Ok(handoff.clone()) } else { Err(Unrecorded::NotAsked) };
                }
                self.account.acts.ready(&(SayHello::ID, source.view.arn.to_string()));
                // Whoever was ready is: a hello that came twice may be answered otherwise later.
                let news = |ready: &Answered| ready.lack.is_some() && ready.lack != answer.lack;
                if source.facts.ready.as_ref().is_none_or(news) {
                    let answered = Answered { at, lack: answer.lack };
                    self.account.tag(&source.view.arn, tags::READY, &answered).await?;
                    let text = answer.lack.map_or("is ready".to_owned(), |lack| format!("is not ready: {lack}"));
                    self.say(source, &text);
                }
            }
        }
        Ok(handoff.clone())
    }

    fn say(&self, source: &SourceSnapshot, text: &str) {
        let subject = format!("{}/{}", source.facts.database, source.facts.label);
        self.screen.say(&subject, "message", "receipt", &format!("account {} {text}", self.sender));
    }
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
