//! Mailboxes: the queues that an agent receives from.

use std::time::Duration;

use protocol::{HandoffId, QueueArn};

use super::backoff::{Backoff, BackoffPolicy};
use crate::aws::clients::Clients;
use crate::aws::queue::Queue;
use crate::event::Mailbox;
use crate::fault::Fault;

/// A queue that is polled, and how.
#[derive(Debug, Clone)]
pub struct MailboxSpec {
    /// What it holds.
    pub kind: Mailbox,
    /// Which queue.
    pub queue: QueueArn,
    /// It brings handoffs: the run goes on until one poll has found it empty. Any other one is read before the work begins, and
    /// then as long as there is work.
    pub brings_work: bool,
    /// So many of its messages are held at once at most; `None`: the agent itself bounds them.
    pub most_held: Option<usize>,
    /// For how long a held message is kept invisible at a time. After a kill it comes back in this time.
    pub keep_for: Duration,
    /// When it is polled again after a fault.
    pub backoff: BackoffPolicy,
    /// A fatal fault ends its polls.
    pub ends_with_fatal_fault: bool,
    /// A rejected message makes the run a failed one.
    pub rejections_fail: bool,
}

/// What an agent has done with a message.
#[derive(Debug)]
pub enum Handled<H> {
    /// It is done with, and deleted. The handoff that it is about is woken.
    Done(Option<HandoffId>),
    /// It comes again after this long.
    Again(Duration),
    /// Neither deleted nor held: it comes again when its visibility timeout is over.
    Left,
    /// It was put into the dead-letter queue.
    Rejected,
    /// A handoff begins. The message is held until the handoff's own steps delete it, or is deleted now.
    Begins {
        /// The handoff.
        handoff: Box<H>,
        /// Whether the message is held.
        hold: bool,
    },
}

/// A mailbox while a fleet runs.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) spec: MailboxSpec,
    pub(super) queue: Queue,
    pub(super) backoff: Backoff,
    /// It is polled on.
    pub(super) open: bool,
    /// The last poll found nothing, and no handoff has ended since.
    pub(super) empty: bool,
}

impl Polled {
    pub(super) fn new(clients: &Clients, spec: MailboxSpec) -> Self {
        Self { queue: Queue::new(clients, &spec.queue), spec, backoff: Backoff::default(), open: true, empty: false }
    }
}

/// What one poll brought.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// How many messages came.
    pub(super) messages: usize,
    /// What went wrong with one of them, or with the queue.
    pub(super) fault: Option<Fault>,
    /// How many were rejected.
    pub(super) rejected: usize,
}
