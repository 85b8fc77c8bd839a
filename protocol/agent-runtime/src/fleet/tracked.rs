//! One record for each handoff of a process.

use std::fmt;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::aws::queue::Held;
use crate::event::Subject;
use crate::gate::{Claim, Owner};

/// A handoff, as an agent's process tracks it.
pub trait Tracked: fmt::Debug {
    /// The agent's in-memory state of the handoff. Losing it can only cause delays.
    type Memory: Default + fmt::Debug;

    /// The key of its record. Records of one handoff with several messages differ in the message.
    fn owner(&self) -> Owner;
    /// Its name in events.
    fn subject(&self) -> Subject;
    /// The other side of the handoff: passes to the same one share a concurrency limit.
    fn other_side(&self) -> String;
    /// Its first claim, if it has not begun. All handoffs discovered together are queued before the first is granted.
    fn first_claim(&self) -> Option<Claim> {
        None
    }
}

/// The state of a record in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its steps have not been run yet.
    Waiting,
    /// Its steps are being run.
    Walking,
    /// Its steps are not run again in this round; its messages may still be held.
    Over,
}

/// Everything that a process keeps for one handoff. Dropped when the handoff ends.
#[derive(Debug)]
pub struct Record<H: Tracked> {
    /// The handoff.
    pub handoff: Rc<H>,
    /// How many handoffs were tracked before it.
    pub order: u64,
    /// Its state.
    pub stage: Stage,
    /// Its held messages, which are invisible to other processes: the index of the mailbox, and the message.
    pub held: Vec<(usize, Held)>,
    /// The agent's in-memory state.
    pub memory: H::Memory,
    /// Wakes its drive.
    pub(super) wake: Rc<Notify>,
}

impl<H: Tracked> Record<H> {
    pub(super) fn new(handoff: H, order: u64) -> Self {
        let (stage, held, memory) = (Stage::Waiting, Vec::new(), H::Memory::default());
        Self { handoff: Rc::new(handoff), order, stage, held, memory, wake: Rc::default() }
    }

    /// Holds a message; a redelivery replaces the receipt handle. Returns whether the message is new.
    pub(super) fn hold(&mut self, mailbox: usize, new: Held) -> bool {
        let index = self.held.iter().position(|(_, held)| held.received.id == new.received.id);
        match index {
            Some(index) => self.held[index] = (mailbox, new),
            None => self.held.push((mailbox, new)),
        }
        index.is_none()
    }
}
