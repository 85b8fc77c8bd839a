//! `run`: begins the handoffs of the messages in the inbox, and finishes all handoffs that have begun.

mod hello;
mod inbox;

use std::collections::BTreeMap;
use std::time::Duration;

use agent_runtime::aws::queue::Received;
use agent_runtime::event::{Ending, Event, Mailbox, Sink, Subject};
use agent_runtime::fleet::agent::{Agent, Discovered};
use agent_runtime::fleet::backoff::BackoffPolicy;
use agent_runtime::fleet::drive::RunOptions;
use agent_runtime::fleet::mailbox::{Handled, MailboxSpec};
use agent_runtime::fleet::tracked::{Record, Tracked};
use agent_runtime::gate::Owner;
use agent_runtime::{Exit, Fault, Flow, Freshness, Pass};
use protocol::{DbIdentifier, Stage};
use tokio::time::Instant;

use crate::accept::accept;
use crate::account::Account;
use crate::handoff::Handoff;
use crate::steps::SendReceipt;

/// For how long the visibility timeout of a held message is renewed. A message that is held so long waits for a permit
/// or a fix. After a kill it is received again within this time; a shorter one would cost more calls.
const KEEP_FOR: Duration = Duration::from_hours(1);

/// Runs until one long poll finds the inbox empty and no handoff is in flight; with `--watch` until shutdown.
pub(crate) async fn run(account: &Account, options: &RunOptions<'_>) -> Exit {
    let agent = TargetAgent { account, events: options.events };
    account.fleet.run(&agent, &account.clients, options).await
}

/// The agent of account B.
struct TargetAgent<'a> {
    account: &'a Account,
    events: &'a dyn Sink,
}

impl Agent for TargetAgent<'_> {
    type Handoff = Handoff;
    /// The name of the restored database.
    type Done = Option<DbIdentifier>;

    async fn discover(&self) -> Result<Discovered<Handoff>, Fault> {
        let (copies, notes) = self.account.target_copies(Freshness::Now).await?;
        for note in notes {
            tracing::warn!("{note}");
        }
        let subjects = copies.iter().map(|copy| Subject::handoff(&copy.facts.database, &copy.facts.label));
        self.events.take(&Event::Listed(subjects.collect()));
        let unfinished = copies.into_iter().filter(|copy| !copy.facts.is_finished());
        let handoffs = unfinished.map(|copy| Handoff::found(copy.facts)).collect();
        Ok(Discovered { handoffs, exit: Exit::Settled, takes_more: true })
    }

    async fn handle(&self, _: &MailboxSpec, message: &Received) -> Result<Handled<Handoff>, Fault> {
        inbox::handle(self.account, self.events, message).await
    }

    async fn walk(&self, pass: &Pass<'_>, handoff: &Handoff) -> Flow<Option<DbIdentifier>> {
        self.account.record_missing(handoff).await;
        accept(self.account, pass, handoff).await?;
        Ok(handoff.restored(&self.account.settings).ok())
    }

    /// Sends account A the receipt `failed`. A message that is not the one that the target copy was made for is
    /// rejected instead, and the handoff of the copy continues.
    async fn report_failure(&self, pass: &Pass<'_>, handoff: &Handoff, fault: &Fault) -> Flow<()> {
        let account = self.account;
        let copy = account.target_copy(handoff).await?;
        if copy.is_none_or(|copy| copy.facts.digest != *handoff.digest()) {
            return Ok(inbox::reject(account, self.events, handoff, fault).await?);
        }
        pass.ensure(SendReceipt { account, handoff, stage: Stage::Failed, reason: Some(fault.reason()) }).await
    }

    fn mailboxes(&self) -> Vec<MailboxSpec> {
        vec![MailboxSpec {
            kind: Mailbox::Inbox,
            queue: self.account.settings.inbox.clone(),
            brings_work: true,
            most_held: None,
            keep_for: KEEP_FOR,
            backoff: BackoffPolicy::Mailbox,
            ends_with_fatal_fault: true,
            rejections_fail: false,
        }]
    }

    fn admit(&self, records: &BTreeMap<Owner, Record<Handoff>>) -> Vec<Owner> {
        inbox::admit(records)
    }

    fn ended(&self, _: &Handoff, restored: Option<DbIdentifier>) -> (Exit, Ending) {
        (Exit::Settled, Ending::Restored(restored))
    }

    fn forget(&self, handoff: &Handoff) {
        self.account.forget(handoff);
    }

    fn repeats_after(&self, _: Exit, _: Duration) -> Option<Duration> {
        None
    }
}

/// What the engine keeps in memory of a handoff.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The message agrees with the snapshot that it names, so the owner of that snapshot has sent it.
    pub(crate) is_verified: bool,
    /// The snapshot is not shared with this account, although the propagation delay of the share is over.
    pub(crate) is_unshared: bool,
    /// Since when AWS does not show the target copy.
    pub(crate) missing_since: Option<Instant>,
}

impl Tracked for Handoff {
    type Memory = Memory;

    fn owner(&self) -> Owner {
        Handoff::owner(self)
    }

    fn subject(&self) -> Subject {
        self.subject()
    }

    fn other_side(&self) -> String {
        self.facts.origin.account.to_string()
    }
}
