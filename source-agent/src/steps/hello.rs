//! Between step 1 and the first key: account B is asked whether it is ready. What is missing there is better known in seconds
//! than after hours of copying.

use std::time::Duration;

use agent_runtime::queue::Queue;
use agent_runtime::snapshot::SnapshotView;
use agent_runtime::{Fault, Observed, Step, StepId, Working};
use jiff::SignedDuration;
use protocol::Hello;
use protocol::tags::{self, Asked};
use tokio::time::Instant;

use crate::account::Account;
use crate::hello::ask;
use crate::moves::Move;

/// A hello that another process has written was sent by it, unless that died between the two. It is sent once more after this.
const SENT_BY_NOW: SignedDuration = SignedDuration::from_mins(2);
/// An account that was not ready, or does not answer, is asked again after this long.
const AGAIN: Duration = Duration::from_mins(5);

/// Account B has answered that it is ready.
pub(crate) struct SayHello<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
    pub(crate) snapshot: &'a SnapshotView,
}

impl SayHello<'_> {
    /// A pure function of the tags and of the snapshot in AWS.
    fn message(&self, asked: &Asked) -> Hello {
        let SnapshotView { engine, engine_version, size_gib, .. } = self.snapshot;
        ask(self.of, engine, engine_version, *size_gib, asked.issued, asked.nonce.clone())
    }

    /// Is it time to send it once more? A message waits in its queue for 14 days, so one that is not answered is repeated
    /// ever more seldom.
    fn is_due(&self, asked: &Asked, answered: bool) -> bool {
        let age = self.account.clock.now().duration_since(asked.issued);
        match self.account.asked.borrow().get(&self.of.id) {
            Some(last) if answered => last.elapsed() >= AGAIN,
            Some(last) => last.elapsed() >= AGAIN.max(Duration::try_from(age / 2).unwrap_or_default()),
            None => answered || age >= SENT_BY_NOW,
        }
    }
}

impl Step for SayHello<'_> {
    type Output = ();
    const ID: StepId = StepId("hello");
    /// Above the longest stale read: what is written twice is asked twice.
    const SETTLE: Duration = Duration::from_secs(30);
    const STALL_HINT: &'static str = "ask the other account whether its agent runs; one that is older than the hello does not answer it: run with --no-hello";

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("ask account {} whether it is ready", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let Some(source) = self.account.source_snapshot(self.of).await? else { return Ok(Observed::Todo) };
        let (asked, answered) = (source.facts.hello, source.facts.ready);
        let ready = answered.as_ref().is_some_and(|answered| answered.lack.is_none());
        // What is being copied, or offered, asks no more.
        if ready || source.facts.offer.is_some() || self.account.shared_copy(self.of).await?.is_some() {
            return Ok(Observed::Ready(()));
        }
        let Some(asked) = asked.filter(|asked| self.message(asked).digest() == asked.digest) else {
            return Ok(Observed::Todo);
        };
        if self.is_due(&asked, answered.is_some()) {
            return Ok(Observed::Todo);
        }
        let account = &self.of.route.account;
        match answered.and_then(|answered| answered.lack) {
            Some(lack) => Err(Fault::blocked(format!("account {account} is not ready: {}", lack.meaning())).hint(
                "its operators see more by `target-agent check`; it is asked again every few minutes, and the handoff goes \
                 on when it is ready",
            )),
            None => Ok(Observed::Working(Working {
                since: Some(asked.issued),
                ..Working::waiting_for(format!("account {account} to say whether it is ready"))
            })),
        }
    }

    /// The digest is remembered before the hello is sent: the answer may come within the same second.
    async fn act(&self) -> Result<(), Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        let there = source.and_then(|source| source.facts.hello);
        let message = match there.map(|asked| (self.message(&asked), asked.digest)) {
            Some((message, digest)) if message.digest() == digest => message,
            _ => {
                let asked = Asked {
                    issued: self.account.clock.now(),
                    nonce: self.account.nonce(),
                    digest: protocol::Digest::of(b""),
                };
                let message = self.message(&asked);
                let asked = Asked { digest: message.digest(), ..asked };
                self.account.tag(&self.of.source_arn(), tags::HELLO, &asked).await?;
                message
            }
        };
        Queue::new(&self.account.clients, &self.of.inbox).send(&message.encode()).await?;
        self.account.asked.borrow_mut().insert(self.of.id.clone(), Instant::now());
        Ok(())
    }

    fn foresee(&self) {}
}
