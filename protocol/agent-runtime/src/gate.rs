//! The gate: permits for what AWS or the operator limits. A synchronous state machine that makes no AWS call.
//!
//! It is memory of one process and only delays: when it is lost, everybody asks again. What AWS shows in use always counts, whoever
//! began it. A permit is acquired after the write log has agreed to the call that needs it, and released when the step that its
//! claim names is ready, when its handoff is blocked, or when the call did nothing.

pub mod permit;
mod slots;
pub mod supply;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use permit::Request;
pub use permit::{Claim, Owner, PermitKind, Rank};
use slots::{Slots, Turn};
pub use supply::{Bound, Retry, Supply};

/// Handoffs that rank higher and may ask any moment are given this long to ask first.
const GRACE: Duration = Duration::from_secs(30);

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Go on: the permit is held.
    Granted,
    /// It is queued, or must wait for another limit.
    Queued(Queued),
}

/// Why a claim was not granted, and when it is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// What is waited for, for a person.
    pub words: String,
    /// When it asks again.
    pub retry: Retry,
}

/// What AWS's refusal of a call for a limit means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// A limit is reached: the call waits for it, and nobody need be told.
    Waits(String),
    /// No limit that is known is reached: somebody should look.
    Unknown,
}

/// All permits of one process.
#[derive(Debug)]
pub struct Gate {
    queues: RefCell<BTreeMap<PermitKind, Slots>>,
    grace: Duration,
}

impl Gate {
    /// A gate without any permit held. `settle_factor` multiplies how long others are given to ask first.
    pub fn new(settle_factor: f64) -> Self {
        Self { queues: RefCell::default(), grace: GRACE.mul_f64(settle_factor) }
    }

    /// Acquires a permit, or queues the claim.
    pub fn acquire(&self, owner: &Owner, claim: Claim, wake: &Rc<Notify>, supply: &dyn Supply) -> Admission {
        let queues = &mut *self.queues.borrow_mut();
        let (kind, within) = (claim.kind.clone(), claim.asks_again_within);
        let ahead = self.ahead(queues, owner, &claim, supply);
        let slots = slots(queues, &kind);
        let request = Request { claim, wake: wake.clone() };
        let answer = if let Some((count, left)) = ahead {
            slots.defer(owner, request);
            Queued { words: behind(kind.words(), count), retry: Retry::After(left) }
        } else {
            match slots.acquire(owner, request, supply) {
                Turn::Granted => return Admission::Granted,
                Turn::Queued { before, bounded } => queued(queues, &kind, before, bounded, supply),
            }
        };
        Admission::Queued(match (answer.retry, within) {
            (Retry::After(time), Some(within)) => Queued { retry: Retry::After(time.min(within)), ..answer },
            (Retry::WhenWoken, Some(within)) => Queued { retry: Retry::After(within), ..answer },
            (Retry::Scheduled, _) | (_, None) => answer,
        })
    }

    /// What the answer to a claim would be, without any change: for whoever only looks.
    pub fn peek(&self, claim: &Claim, supply: &dyn Supply) -> Admission {
        let queues = &mut *self.queues.borrow_mut();
        if slots(queues, &claim.kind).peek(supply) > 0 {
            return Admission::Granted;
        }
        let bounded = supply.bound().is_some_and(|bound| bound.left == Some(0));
        Admission::Queued(queued(queues, &claim.kind, 0, bounded, supply))
    }

    /// The work of an owner is under way, whoever began it.
    pub fn occupy(&self, owner: &Owner, claim: Claim, wake: &Rc<Notify>) {
        let queues = &mut *self.queues.borrow_mut();
        slots(queues, &claim.kind.clone()).occupy(owner, Request { claim, wake: wake.clone() });
    }

    /// Whether somebody waits for this kind: then a new supply may wake it.
    pub fn is_waited_for(&self, kind: &PermitKind) -> bool {
        self.queues.borrow().get(kind).is_some_and(|slots| slots.waiting() > 0)
    }

    /// Wakes those that wait for this kind and may be granted it by what AWS shows now.
    pub fn refresh(&self, kind: &PermitKind, supply: &dyn Supply) {
        slots(&mut self.queues.borrow_mut(), kind).refresh(supply);
    }

    /// Queues a claim before it is made, so that of those that come together the first in rank is granted first.
    pub fn enlist(&self, owner: &Owner, claim: Claim, wake: &Rc<Notify>) {
        let queues = &mut *self.queues.borrow_mut();
        slots(queues, &claim.kind.clone()).enlist(owner, Request { claim, wake: wake.clone() });
    }

    /// A step of an owner is ready: the permits that it releases are free.
    pub fn step_ready(&self, owner: &Owner, step: &'static str) {
        for slots in self.queues.borrow_mut().values_mut() {
            if slots.released_by(owner) == Some(step) {
                slots.release(owner);
            }
        }
    }

    /// The call that a permit was acquired for did nothing.
    pub fn release(&self, owner: &Owner, kind: &PermitKind) {
        slots(&mut self.queues.borrow_mut(), kind).release(owner);
    }

    /// AWS has refused the call that a permit was acquired for, for want of what is limited. `supply` was read after that.
    pub fn refused(&self, owner: &Owner, kind: &PermitKind, supply: &dyn Supply) -> Refused {
        let queues = &mut *self.queues.borrow_mut();
        let slots = slots(queues, kind);
        if let Some(bound) = supply.bound().filter(|bound| bound.left == Some(0)) {
            slots.release(owner);
            return Refused::Waits(bound.words.clone());
        }
        if kind.is_held_until_released() {
            slots.release(owner);
            return Refused::Unknown;
        }
        slots.refused(owner, supply.in_use());
        // AWS has one code for two quotas: where the other one is not known, somebody should look.
        let is_bound_known = supply.bound().is_some_and(|bound| bound.left.is_some());
        if is_bound_known || supply.in_use() > 0 { Refused::Waits(kind.words().to_owned()) } else { Refused::Unknown }
    }

    /// A pass of an owner has ended. One that is blocked, or over, waits for nothing and holds nothing.
    pub fn pass_ended(&self, owner: &Owner, is_over: bool) {
        for slots in self.queues.borrow_mut().values_mut() {
            slots.pass_ended(owner, is_over);
        }
    }

    /// How many claims and permits are kept, of all owners together.
    pub fn entries(&self) -> usize {
        self.queues.borrow().values().map(Slots::entries).sum()
    }

    /// How many rank higher, hold a permit of the kind that comes before, and may ask any moment, if they are enough to take all
    /// that is free; and for how long they are waited for. They are woken.
    fn ahead(
        &self,
        queues: &mut BTreeMap<PermitKind, Slots>,
        owner: &Owner,
        claim: &Claim,
        supply: &dyn Supply,
    ) -> Option<(usize, Duration)> {
        let before = claim.after.as_ref()?;
        let free = slots(queues, &claim.kind).peek(supply);
        let asked = queues.get(&claim.kind).and_then(|slots| slots.asks_since(owner));
        let left = self.grace.saturating_sub(asked.map_or(Duration::ZERO, |since| since.elapsed()));
        if left.is_zero() || free == 0 {
            return None;
        }
        let (holders, mine) = (queues.get(before)?, queues.get(&claim.kind)?);
        let is_ahead = |(other, request): &(&Owner, &Request)| {
            request.claim.rank < claim.rank && supply.is_about_to_ask(&request.claim.resource) && !mine.knows(other)
        };
        let ahead: Vec<Rc<Notify>> = holders.holders().filter(is_ahead).map(|(_, it)| it.wake.clone()).collect();
        if ahead.len() < free {
            return None;
        }
        for wake in &ahead {
            wake.notify_one();
        }
        Some((ahead.len(), left))
    }
}

/// What a claim waits for that was not granted, and when it is made again.
fn queued(
    queues: &BTreeMap<PermitKind, Slots>,
    kind: &PermitKind,
    before: usize,
    bounded: bool,
    supply: &dyn Supply,
) -> Queued {
    let is_polled = |resource: &str| queues.get(kind).is_some_and(|slots| slots.is_polled(resource));
    let bound = supply.bound().filter(|_| bounded);
    let retry = match (before, bound) {
        (0, Some(bound)) => Retry::After(bound.retry_after),
        (0, None) => supply.next_free(&is_polled),
        // Whoever is before it goes on first, and wakes it then.
        _ => Retry::WhenWoken,
    };
    // Those that have their snapshot already wait for the same slots, and go first.
    let others = match kind {
        PermitKind::UnderWay(_, region) => queues.get(&PermitKind::Copy(region.clone())).map_or(0, Slots::waiting),
        PermitKind::Copy(_) | PermitKind::Restore(_) => 0,
    };
    let words = bound.map_or_else(|| behind(kind.words(), before + others), |bound| bound.words.clone());
    Queued { words, retry }
}

fn slots<'a>(queues: &'a mut BTreeMap<PermitKind, Slots>, kind: &PermitKind) -> &'a mut Slots {
    queues.entry(kind.clone()).or_insert_with(|| Slots::new(kind.is_held_until_released()))
}

/// A place in a queue, for a person.
fn behind(what: &str, before: usize) -> String {
    if before == 0 { what.to_owned() } else { format!("{what}, {before} before it") }
}

#[cfg(test)]
mod tests;
