//! What an agent does; the fleet decides when.

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

/// What there is to do.
#[derive(Debug)]
pub struct Discovered<H> {
    /// What is under way, and what is to begin.
    pub handoffs: Vec<H>,
    /// How the command ends at best: what was found may be wrong.
    pub exit: Exit,
    /// Whether mailboxes may bring more.
    pub takes_more: bool,
}

/// One side of the handoffs.
#[expect(async_fn_in_trait, reason = "everything of one agent runs on one thread, by design")]
pub trait Agent {
    /// A handoff.
    type Handoff: Tracked;
    /// What a handoff that has gone through ends with.
    type Done;

    /// Finds what there is to do, from AWS and the configuration.
    async fn discover(&self) -> Result<Discovered<Self::Handoff>, Fault>;
    /// Handles a message of a mailbox.
    async fn handle(&self, mailbox: &MailboxSpec, message: &Received) -> Result<Handled<Self::Handoff>, Fault>;
    /// Walks the steps of a handoff.
    async fn walk(&self, pass: &Pass<'_>, of: &Self::Handoff) -> Flow<Self::Done>;
    /// A handoff cannot go on: tells whoever must know.
    async fn tell_failed(&self, pass: &Pass<'_>, of: &Self::Handoff, fault: &Fault) -> Flow<()>;

    /// The queues that it receives from.
    fn mailboxes(&self) -> Vec<MailboxSpec>;
    /// Messages of which this is the same are handled one after the other.
    fn group(&self, message: &Received) -> String {
        message.id.clone()
    }
    /// Which handoffs are walked from now on: all, in the order in which they were found.
    fn admit(&self, records: &BTreeMap<Owner, Record<Self::Handoff>>) -> Vec<Owner> {
        let mut waiting: Vec<_> = records.iter().filter(|(_, record)| record.stage == Stage::Waiting).collect();
        waiting.sort_by_key(|(_, record)| record.order);
        waiting.into_iter().map(|(owner, _)| owner.clone()).collect()
    }
    /// How a handoff that has gone through ends.
    fn ended(&self, of: &Self::Handoff, done: Self::Done) -> (Exit, Ending);
    /// Nothing is kept of a handoff any more.
    fn forget(&self, of: &Self::Handoff);
    /// With `--watch`: after which pause it is looked once more for what there is to do, when a round of this length has ended so.
    /// `None`: mailboxes alone bring more.
    fn repeats_after(&self, exit: Exit, elapsed: Duration) -> Option<Duration>;
}
