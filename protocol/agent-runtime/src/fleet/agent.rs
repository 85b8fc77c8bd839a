//! The interface of an agent: what it does. The fleet decides when.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mailbox::{Handled, MailboxSpec};
use super::tracked::{Record, Stage, Tracked};
use crate::aws::queue::Received;
use crate::event::Ending;
use crate::exit::Exit;
use crate::fault::Fault;
use crate::gate::Owner;
use crate::step::pass::{Flow, Pass};

/// The result of [`Agent::discover`].
#[derive(Debug)]
pub struct Discovered<H> {
    /// Handoffs that are in progress, and handoffs to start.
    pub handoffs: Vec<H>,
    /// The best possible exit code of the command; worse than `Settled` if discovery found errors.
    pub exit: Exit,
    /// Whether mailboxes may deliver more handoffs.
    pub takes_more: bool,
}

/// An agent: one side of the handoffs.
#[expect(async_fn_in_trait, reason = "an agent runs on one thread, by design")]
pub trait Agent {
    /// A handoff.
    type Handoff: Tracked;
    /// The result of a completed handoff.
    type Done;

    /// Finds the handoffs to process, from AWS and the configuration.
    async fn discover(&self) -> Result<Discovered<Self::Handoff>, Fault>;
    /// Handles a message of a mailbox.
    async fn handle(&self, mailbox: &MailboxSpec, message: &Received) -> Result<Handled<Self::Handoff>, Fault>;
    /// Runs the steps of a handoff.
    async fn walk(&self, pass: &Pass<'_>, of: &Self::Handoff) -> Flow<Self::Done>;
    /// Reports to the other account that a handoff has failed.
    async fn report_failure(&self, pass: &Pass<'_>, of: &Self::Handoff, fault: &Fault) -> Flow<()>;

    /// The queues that it receives from.
    fn mailboxes(&self) -> Vec<MailboxSpec>;
    /// Messages with the same group are handled one after the other.
    fn group(&self, message: &Received) -> String {
        message.id.clone()
    }
    /// Selects the waiting handoffs to start now. By default all, in the order in which they were found.
    fn admit(&self, records: &BTreeMap<Owner, Record<Self::Handoff>>) -> Vec<Owner> {
        let mut waiting: Vec<_> = records.iter().filter(|(_, record)| record.stage == Stage::Waiting).collect();
        waiting.sort_by_key(|(_, record)| record.order);
        waiting.into_iter().map(|(owner, _)| owner.clone()).collect()
    }
    /// The exit code and the event for a completed handoff.
    fn ended(&self, of: &Self::Handoff, done: Self::Done) -> (Exit, Ending);
    /// Drops everything that the agent keeps for a handoff.
    fn forget(&self, of: &Self::Handoff);
    /// With `--watch`: the pause before the next [`discover`](Self::discover), after a round that took `elapsed` and
    /// ended with `exit`. `None` if only mailboxes deliver more handoffs.
    fn repeats_after(&self, exit: Exit, elapsed: Duration) -> Option<Duration>;
}
