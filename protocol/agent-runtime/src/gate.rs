//! The gate: permits and slot queues for resources that AWS or the operator limits. A synchronous state machine that
//! makes no AWS call.
//!
//! The state is kept in the memory of one process and can only delay calls: after a restart, all handoffs request their
//! permits again. Resources that AWS shows as in use always count, whichever process created them. A permit is acquired
//! after the write log has allowed the call that needs it. It is released when the step that its claim names is ready,
//! when its handoff is blocked, or when the call had no effect.

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
use slots::{AcquireResult, Slots};
pub use supply::{Bound, Retry, Supply, SupplyAge};

/// How long a claim waits for handoffs of higher rank that may claim a permit at any moment.
const GRACE: Duration = Duration::from_secs(30);

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// The permit is held; the call may be made.
    Granted,
    /// The claim is queued, or waits for another limit.
    Queued(Queued),
}

/// Why a claim was not granted, and when to repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// What the claim waits for, as display text.
    pub words: String,
    /// When to repeat the claim.
    pub retry: Retry,
}

/// How to treat a call that AWS refused because a limit is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// A known limit is reached: the call waits for it, and no operator action is needed. Holds the display text of the
    /// wait.
    Waits(String),
    /// No known limit is reached: report the refusal to the operator.
    Unknown,
}

/// All permits of one process.
#[derive(Debug)]
pub struct Gate {
    queues: RefCell<BTreeMap<PermitKind, Slots>>,
    grace: Duration,
}

impl Gate {
    /// A gate with no permits held. `settle_factor` multiplies the time that a claim waits for handoffs of higher rank.
    pub fn new(settle_factor: f64) -> Self {
        Self { queues: RefCell::default(), grace: GRACE.mul_f64(settle_factor) }
    }

    /// Acquires a permit, or queues the claim.
    pub fn acquire(&self, owner: &Owner, claim: Claim, wake: &Rc<Notify>, supply: &dyn Supply) -> Admission {
        let queues = &mut *self.queues.borrow_mut();
        let (kind, within) = (claim.kind.clone(), claim.claims_again_within);
        let ahead = self.ahead(queues, owner, &claim, supply);
        let slots = slots(queues, &kind);
        let request = Request { claim, wake: wake.clone() };
        let answer = if let Some((count, left)) = ahead {
            slots.defer(owner, request);
            Queued { words: behind(kind.words(), count), retry: Retry::After(left) }
        } else {
            match slots.acquire(owner, request, supply) {
                AcquireResult::Granted => return Admission::Granted,
                AcquireResult::Queued { before, bounded } => queued(queues, &kind, before, bounded, supply),
            }
        };
        Admission::Queued(match (answer.retry, within) {
            (Retry::After(time), Some(within)) => Queued { retry: Retry::After(time.min(within)), ..answer },
            (Retry::WhenWoken, Some(within)) => Queued { retry: Retry::After(within), ..answer },
            (Retry::Scheduled, _) | (_, None) => answer,
        })
    }

    /// Returns the answer that a claim would get, without changing any state. For read-only passes.
    pub fn peek(&self, claim: &Claim, supply: &dyn Supply) -> Admission {
        let queues = &mut *self.queues.borrow_mut();
        if slots(queues, &claim.kind).peek(supply) > 0 {
            return Admission::Granted;
        }
        let bounded = supply.bound().is_some_and(|bound| bound.left == Some(0));
        Admission::Queued(queued(queues, &claim.kind, 0, bounded, supply))
    }

    /// Records that the resource of a claim exists or is being created, whichever process started it.
    pub fn occupy(&self, owner: &Owner, claim: Claim, wake: &Rc<Notify>) {
        let queues = &mut *self.queues.borrow_mut();
        slots(queues, &claim.kind.clone()).occupy(owner, Request { claim, wake: wake.clone() });
    }

    /// Whether any claim waits for this kind of permit, so that [`refresh`](Self::refresh) may wake it.
    pub fn is_waited_for(&self, kind: &PermitKind) -> bool {
        self.queues.borrow().get(kind).is_some_and(|slots| slots.waiting() > 0)
    }

    /// Wakes the waiting handoffs that can be granted this kind of permit according to `supply`.
    pub fn refresh(&self, kind: &PermitKind, supply: &dyn Supply) {
        slots(&mut self.queues.borrow_mut(), kind).refresh(supply);
    }

    /// Queues a claim in advance, so that among handoffs discovered together the highest rank is granted first.
    pub fn enlist(&self, owner: &Owner, claim: Claim, wake: &Rc<Notify>) {
        let queues = &mut *self.queues.borrow_mut();
        slots(queues, &claim.kind.clone()).enlist(owner, Request { claim, wake: wake.clone() });
    }

    /// Releases the owner's permits that this step releases. Called when the step is ready.
    pub fn step_ready(&self, owner: &Owner, step: &'static str) {
        for slots in self.queues.borrow_mut().values_mut() {
            if slots.released_by(owner) == Some(step) {
                slots.release(owner);
            }
        }
    }

    /// Releases a permit whose call had no effect.
    pub fn release(&self, owner: &Owner, kind: &PermitKind) {
        slots(&mut self.queues.borrow_mut(), kind).release(owner);
    }

    /// Handles a call that AWS refused because a limit is reached. `supply` must have been read after the refusal.
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
        // AWS returns one code for two quotas: if the other quota is not known, report the refusal.
        let is_bound_known = supply.bound().is_some_and(|bound| bound.left.is_some());
        if is_bound_known || supply.in_use() > 0 { Refused::Waits(kind.words().to_owned()) } else { Refused::Unknown }
    }

    /// Ends a pass of an owner. With `is_over`, for a blocked or finished handoff, its claims are dequeued and its
    /// permits released.
    pub fn pass_ended(&self, owner: &Owner, is_over: bool) {
        for slots in self.queues.borrow_mut().values_mut() {
            slots.pass_ended(owner, is_over);
        }
    }

    /// The number of claims and permits of all owners.
    pub fn entries(&self) -> usize {
        self.queues.borrow().values().map(Slots::entries).sum()
    }

    /// Finds handoffs of higher rank that hold a permit of the kind `claim.after` and may claim this kind at any
    /// moment. If they are enough to use all free permits, wakes them and returns their number and how long to wait for
    /// them.
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
            request.claim.rank < claim.rank && supply.is_about_to_ask(&request.claim.resource) && !mine.contains(other)
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

/// What a queued claim waits for, and when to repeat it.
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
        // The claims before it are granted first, and wake this one.
        _ => Retry::WhenWoken,
    };
    // Handoffs that already have their snapshot wait for the same slots and go first.
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

/// A position in a queue, as display text.
fn behind(what: &str, before: usize) -> String {
    if before == 0 { what.to_owned() } else { format!("{what}, {before} before it") }
}

#[cfg(test)]
mod tests;
