//! One record for each handoff of a process.

use std::fmt;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::aws::queue::Held;
use crate::event::Subject;
use crate::gate::{Claim, Owner};

/// A handoff, as an agent's process tracks it.
pub trait Tracked: fmt::Debug {
    /// What the agent remembers of it beside its record. Losing it loses nothing: it only delays.
    type Memory: Default + fmt::Debug;

    /// Which one. Records of one handoff with several messages differ in the message.
    fn owner(&self) -> Owner;
    /// For a person.
    fn subject(&self) -> Subject;
    /// Who is on the other side: passes to one other side share a concurrency limit.
    fn other_side(&self) -> String;
    /// What it asks for first, if it has not begun: all that come together are queued before the first is granted.
    fn first_claim(&self) -> Option<Claim> {
        None
    }
}

/// Where a record stands in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its steps are not walked yet.
    Waiting,
    /// Its steps are walked.
    Walking,
    /// Its steps are walked no more in this round; its messages may still be held.
    Over,
}

/// All that a process keeps of one handoff, and drops at its end.
#[derive(Debug)]
pub struct Record<H: Tracked> {
    /// The handoff.
    pub handoff: Rc<H>,
    /// How many were tracked before it.
    pub order: u64,
    /// Where it stands.
    pub stage: Stage,
    /// Its messages, which are kept invisible to other processes: the position of the mailbox, and the message.
    pub held: Vec<(usize, Held)>,
    /// What the agent remembers of it.
    pub memory: H::Memory,
    /// Ends a wait of its passes.
    pub(super) wake: Rc<Notify>,
}

impl<H: Tracked> Record<H> {
    pub(super) fn new(handoff: H, order: u64) -> Self {
        let (stage, held, memory) = (Stage::Waiting, Vec::new(), H::Memory::default());
        Self { handoff: Rc::new(handoff), order, stage, held, memory, wake: Rc::default() }
    }

    /// Holds a message. A redelivery replaces its receipt handle. Tells whether it is a new one.
    pub(super) fn hold(&mut self, mailbox: usize, new: Held) -> bool {
        let known = self.held.iter().position(|(_, held)| held.received.id == new.received.id);
        match known {
            Some(known) => self.held[known] = (mailbox, new),
            None => self.held.push((mailbox, new)),
        }
        known.is_none()
    }
}
