//! Mailboxes: the queues that an agent receives from.

use std::time::Duration;

use protocol::{HandoffId, QueueArn};

use super::backoff::{Backoff, BackoffPolicy};
use crate::aws::clients::Clients;
use crate::aws::queue::Queue;
use crate::event::Mailbox;
use crate::fault::Fault;

/// A queue that is polled, and its settings.
#[derive(Debug, Clone)]
pub struct MailboxSpec {
    /// What kind of messages it holds.
    pub kind: Mailbox,
    /// The queue.
    pub queue: QueueArn,
    /// Whether it delivers handoffs: then the run continues until a poll finds it empty. Any other mailbox is read
    /// before the handoffs are driven, and then as long as there is work.
    pub brings_work: bool,
    /// How many of its messages may be held at once; `None` if the agent itself limits them.
    pub most_held: Option<usize>,
    /// The visibility timeout of a held message, which is renewed. After a crash the message is redelivered within this
    /// time.
    pub keep_for: Duration,
    /// The retry policy after a fault.
    pub backoff: BackoffPolicy,
    /// Whether a fatal fault ends polling.
    pub ends_with_fatal_fault: bool,
    /// Whether a rejected message makes the run fail.
    pub rejections_fail: bool,
}

/// What an agent has done with a message.
#[derive(Debug)]
pub enum Handled<H> {
    /// It is handled and deleted. The handoff that it belongs to is woken.
    Done(Option<HandoffId>),
    /// It becomes visible again after this long.
    Again(Duration),
    /// It is neither deleted nor held: it is redelivered after its visibility timeout.
    Left,
    /// It was moved to the dead-letter queue.
    Rejected,
    /// It starts a handoff. The message is held until the handoff's steps delete it, or is deleted now.
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
    /// Whether it is still polled.
    pub(super) open: bool,
    /// Whether the last poll found no message, and no handoff has ended since.
    pub(super) empty: bool,
}

impl Polled {
    pub(super) fn new(clients: &Clients, spec: MailboxSpec) -> Self {
        Self { queue: Queue::new(clients, &spec.queue), spec, backoff: Backoff::default(), open: true, empty: false }
    }
}

/// The result of one poll.
#[derive(Debug, Default)]
pub(super) struct Brought {
    /// The number of received messages.
    pub(super) messages: usize,
    /// A fault of one of them, or of the queue.
    pub(super) fault: Option<Fault>,
    /// The number of rejected messages.
    pub(super) rejected: usize,
}
