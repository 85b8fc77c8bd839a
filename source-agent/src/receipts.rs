//! Account B's receipts: each is recorded on its source snapshot, then deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_runtime::events::Screen;
use agent_runtime::queue::{NEWER, Queue, Received};
use agent_runtime::{Fault, FaultKind};
use jiff::Timestamp;
use protocol::facts::stage_tag;
use protocol::tags::Told;
use protocol::trust::{Reason, Refusal, check_receipt};
use protocol::{AccountId, HandoffId, Receipt};
use tokio::sync::Notify;

use crate::account::Account;
use crate::config::Target;

/// Wakes the drive of a handoff when something was heard of it.
pub(crate) type Wakes = BTreeMap<HandoffId, Notify>;

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

    /// Records what is there now.
    pub(crate) async fn drain(&self, wakes: &Wakes) -> Result<(), Fault> {
        while self.once(Duration::from_secs(1), wakes).await? > 0 {}
        Ok(())
    }

    /// Records what comes, until the queue has been out of reach for `patience`.
    pub(crate) async fn listen(&self, patience: Option<Duration>, wakes: &Wakes) -> Fault {
        let mut trouble: Option<(tokio::time::Instant, Duration)> = None;
        loop {
            let Err(fault) = self.once(Duration::from_secs(20), wakes).await else {
                trouble = None;
                continue;
            };
            let (since, wait) = trouble.unwrap_or((tokio::time::Instant::now(), Duration::from_secs(15)));
            self.screen.fault("receipts", &fault, wait);
            if fault.kind == FaultKind::Fatal || patience.is_some_and(|patience| since.elapsed() >= patience) {
                return fault;
            }
            tokio::time::sleep(wait).await;
            trouble = Some((since, (wait * 2).min(Duration::from_mins(15))));
        }
    }

    async fn once(&self, wait: Duration, wakes: &Wakes) -> Result<usize, Fault> {
        let received = self.queue.receive(10, wait).await?;
        for message in &received {
            match self.record(message).await {
                Ok(handoff) => {
                    if let Some(wake) = wakes.get(&handoff) {
                        wake.notify_one();
                    }
                    self.queue.delete(&message.handle).await?;
                }
                Err(Unrecorded::Refused(Refusal::Newer { .. })) => {
                    self.queue.set_visibility(std::slice::from_ref(&message.handle), NEWER).await?;
                }
                Err(Unrecorded::Refused(Refusal::Rejected { reason, detail })) => {
                    let text = format!("a receipt was rejected and put into the dead-letter queue: {reason}: {detail}");
                    self.screen.say("receipts", "message", "rejected", &text);
                    self.queue.bury(message, reason).await?;
                }
                Err(Unrecorded::Fault(fault)) => return Err(fault),
            }
        }
        Ok(received.len())
    }

    async fn record(&self, message: &Received) -> Result<HandoffId, Unrecorded> {
        let receipt = Receipt::decode(&message.body)?;
        if receipt.target_account != self.sender {
            let detail =
                format!("it speaks for account {}; this queue is account {}'s", receipt.target_account, self.sender);
            return Err(Refusal::because(Reason::UnknownSender, detail).into());
        }
        // A listing from before the handoff would not know it.
        self.account.inventory.acted_on_snapshots(&self.account.settings.region);
        let (sources, _) = self.account.source_snapshots().await?;
        let source = sources.iter().find(|source| source.facts.id == receipt.handoff);
        check_receipt(&receipt, source.map(|source| &source.facts))?;
        if let Some(source) = source.filter(|source| source.facts.heard(receipt.stage).is_none()) {
            let sent = message.sent.and_then(|sent| Timestamp::from_second(sent.as_second()).ok());
            let told = Told { at: sent.unwrap_or_else(|| self.account.clock.now()), reason: receipt.reason };
            self.account.tag(&source.view.arn, stage_tag(receipt.stage), &told).await?;
            let text = receipt.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            let text = format!("account {} reports: {}{text}", receipt.target_account, receipt.stage);
            let subject = format!("{}/{}", source.facts.database, source.facts.label);
            self.screen.say(&subject, "message", "receipt", &text);
        }
        Ok(receipt.handoff)
    }
}

enum Unrecorded {
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
