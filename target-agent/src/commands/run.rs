//! `run`: the handoffs of account B, on the fleet. What the inbox holds is begun, and what was begun is finished.

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
use crate::steps::Tell;

/// What is still held when it is renewed waits for something. After a kill it comes back in this time; renewed for less, a
/// thousand that wait would cost calls all day.
const KEEP_FOR: Duration = Duration::from_hours(1);

/// Runs until one long poll finds the inbox empty and nothing is in flight, or for ever.
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
    /// The restored database.
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
        self.account.note_missing(handoff).await;
        accept(self.account, pass, handoff).await?;
        Ok(handoff.restored(&self.account.settings).ok())
    }

    /// Another message than the one that the copy answers ends like any bad one, and the copy goes on. Else account A is told.
    async fn tell_failed(&self, pass: &Pass<'_>, handoff: &Handoff, fault: &Fault) -> Flow<()> {
        let account = self.account;
        let copy = account.target_copy(handoff).await?;
        if copy.is_none_or(|copy| copy.facts.digest != *handoff.digest()) {
            return Ok(inbox::reject(account, self.events, handoff, fault).await?);
        }
        pass.ensure(Tell { account, handoff, stage: Stage::Failed, reason: Some(fault.reason()) }).await
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

/// What an agent remembers of a handoff.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The snapshot that the message names is what it says, so its owner stands behind it.
    pub(crate) is_verified: bool,
    /// It is not shared with this account, and should be by now.
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
