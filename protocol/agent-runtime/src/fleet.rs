//! The fleet: the engine that both agents run on. It manages the active handoffs, their mailboxes, shutdown and
//! backoff.
//!
//! The fleet keeps one record for each handoff: its waker, its held messages and the agent's in-memory state. The
//! record is dropped when the handoff ends. After a crash nothing is lost: the next process finds the handoffs in AWS.

pub mod agent;
pub mod backoff;
pub mod drive;
mod engine;
pub mod mailbox;
pub mod tracked;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use protocol::{HandoffId, QueueArn};
use tokio::sync::{Notify, Semaphore};

use crate::aws::cache::Cache;
use crate::aws::queue::{Held, Received};
use crate::event::Trouble;
use crate::gate::{Gate, Owner};
use crate::step::pass::{Kept, Mode, Pass, PassContext};
use crate::step::write_log::WriteLog;
use tracked::{Record, Stage, Tracked};

/// The handoffs of one process, and what their passes share.
#[derive(Debug)]
pub struct Fleet<H: Tracked> {
    cache: Rc<Cache>,
    gate: Gate,
    writes: WriteLog,
    records: RefCell<BTreeMap<Owner, Record<H>>>,
    /// How many handoffs were tracked so far.
    tracked: Cell<u64>,
    /// Queues that this process cannot read, and why.
    unreachable: RefCell<BTreeMap<QueueArn, Trouble>>,
    /// Concurrency limits of passes, by the other side.
    pass_limits: RefCell<BTreeMap<String, Rc<Semaphore>>>,
    /// Notified when the agent's in-memory state has changed, so that other handoffs may be admitted.
    changed: Notify,
}

impl<H: Tracked> Fleet<H> {
    /// A fleet without handoffs.
    pub fn new(cache: &Rc<Cache>) -> Self {
        Self {
            gate: Gate::new(cache.schedule.settle_factor),
            cache: cache.clone(),
            writes: WriteLog::default(),
            records: RefCell::default(),
            tracked: Cell::default(),
            unreachable: RefCell::default(),
            pass_limits: RefCell::default(),
            changed: Notify::new(),
        }
    }

    /// The context that all passes share.
    fn passes(&self, observe_twice: bool) -> PassContext<'_> {
        let kept = observe_twice.then_some(self as &dyn Kept);
        PassContext { writes: &self.writes, gate: &self.gate, cache: &self.cache, kept }
    }

    /// A read-only pass over the steps of a handoff, which need not be tracked.
    pub fn look<'a>(&'a self, mode: Mode, owner: &'a Owner) -> Pass<'a> {
        Pass::new(mode, self.passes(false), owner, &Rc::default())
    }

    /// Reads the agent's in-memory state of a handoff; `None` if it is not tracked.
    pub fn recall<T>(&self, owner: &Owner, of: impl FnOnce(&H::Memory) -> T) -> Option<T> {
        self.records.borrow().get(owner).map(|record| of(&record.memory))
    }

    /// Changes the agent's in-memory state of a handoff; `None` if it is not tracked.
    pub fn remember<T>(&self, owner: &Owner, change: impl FnOnce(&mut H::Memory) -> T) -> Option<T> {
        self.records.borrow_mut().get_mut(owner).map(|record| change(&mut record.memory))
    }

    /// Whether `holds` is true for any tracked handoff.
    pub fn any(&self, holds: impl Fn(&H, &H::Memory) -> bool) -> bool {
        self.records.borrow().values().any(|record| holds(&record.handoff, &record.memory))
    }

    /// The number of handoffs with held messages for which `holds` is true.
    pub fn holding(&self, holds: impl Fn(&H) -> bool) -> usize {
        let records = self.records.borrow();
        records.values().filter(|record| !record.held.is_empty() && holds(&record.handoff)).count()
    }

    /// Makes the engine call [`Agent::admit`](agent::Agent::admit) again.
    pub fn admit_again(&self) {
        self.changed.notify_one();
    }

    /// The first message that is held for a handoff.
    pub fn first_held(&self, owner: &Owner) -> Option<Held> {
        self.records.borrow().get(owner)?.held.first().map(|(_, held)| held.clone())
    }

    /// Whether this message is held for a handoff, under whichever receipt handle.
    pub fn holds(&self, owner: &Owner, message: &Received) -> bool {
        let records = self.records.borrow();
        records.get(owner).is_some_and(|record| record.held.iter().any(|(_, held)| held.received.id == message.id))
    }

    /// Drops a held message after it was deleted. A redelivery received meanwhile has another receipt handle and stays
    /// held.
    pub fn drop_held(&self, owner: &Owner, handle: &str) {
        if let Some(record) = self.records.borrow_mut().get_mut(owner) {
            record.held.retain(|(_, held)| held.received.handle != handle);
        }
    }

    /// Removes and returns the messages that are held for a handoff.
    pub fn take_held(&self, owner: &Owner) -> Vec<Received> {
        let mut records = self.records.borrow_mut();
        let held = records.get_mut(owner).map(|record| std::mem::take(&mut record.held)).unwrap_or_default();
        held.into_iter().map(|(_, held)| held.received).collect()
    }

    /// Returns why a queue cannot be read; `None` if it can.
    pub fn unreachable(&self, queue: &QueueArn) -> Option<Trouble> {
        self.unreachable.borrow().get(queue).cloned()
    }

    /// Records that the resource of `step` exists, as seen by another step.
    pub fn seen(&self, handoff: &HandoffId, step: crate::step::StepId) {
        use crate::step::write_log::{LogKey, Scope};
        self.writes.ready(&LogKey { step, is_wait: false, scope: Scope::Handoff(handoff.clone()) });
    }

    /// The number of entries that are kept for handoffs: records, permits, claims and write log entries.
    pub fn entries(&self) -> usize {
        self.records.borrow().len() + self.gate.entries() + self.writes.entries().0
    }

    /// Wakes the passes of a handoff.
    fn wake(&self, handoff: &HandoffId) {
        for (owner, record) in self.records.borrow().range(Owner { handoff: handoff.clone(), message: None }..) {
            if owner.handoff != *handoff {
                break;
            }
            record.wake.notify_one();
        }
    }

    /// Tracks a handoff, unless it is tracked already, and holds the message that started it.
    fn track(&self, handoff: H, message: Option<(usize, Held)>) {
        let owner = handoff.owner();
        let mut records = self.records.borrow_mut();
        let is_tracked = records.contains_key(&owner);
        let record = records
            .entry(owner.clone())
            .or_insert_with(|| Record::new(handoff, self.tracked.replace(self.tracked.get() + 1)));
        if let Some((mailbox, held)) = message {
            record.hold(mailbox, held);
        }
        if is_tracked {
            record.wake.notify_one();
        } else if let Some(claim) = record.handoff.first_claim() {
            self.gate.enlist(&owner, claim, &record.wake);
        }
        self.count(&records);
    }

    /// Marks a handoff whose passes have ended as no longer active. With `keep`, its record and held messages are kept;
    /// otherwise the record is removed. Returns the handoff when its last record was removed.
    fn untrack(&self, owner: &Owner, keep: bool) -> Option<Rc<H>> {
        let mut records = self.records.borrow_mut();
        self.gate.pass_ended(owner, true);
        if keep {
            if let Some(record) = records.get_mut(owner) {
                record.stage = Stage::Over;
            }
            self.count(&records);
            return None;
        }
        let removed = records.remove(owner);
        self.count(&records);
        // Another message may belong to the same handoff.
        let others = Owner { handoff: owner.handoff.clone(), message: None };
        let is_last = records.range(others..).next().is_none_or(|(other, _)| other.handoff != owner.handoff);
        if is_last {
            self.writes.forget(&owner.handoff);
        }
        removed.filter(|_| is_last).map(|record| record.handoff)
    }

    /// Reports the number of active handoffs to the read cache.
    fn count(&self, records: &BTreeMap<Owner, Record<H>>) {
        let active = records.values().filter(|record| record.stage != Stage::Over).count();
        self.cache.set_active(active);
    }
}

impl<H: Tracked> Kept for Fleet<H> {
    fn kept(&self) -> String {
        let records = self.records.borrow();
        let records: Vec<_> = records.values().map(|record| (record.stage, &record.memory)).collect();
        format!("{:?} {:?} {records:?}", self.gate, self.writes)
    }
}

#[cfg(test)]
mod tests;
