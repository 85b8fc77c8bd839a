//! The queue for one kind of permit. Queued handoffs make no API calls: they are woken when a permit may be free.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::AccountId;
use tokio::time::Instant;

use super::permit::{Owner, Request};
use super::supply::Supply;

/// A permit counts until AWS shows what its holder has begun, or for this long: above the longest time between two listings.
pub(super) const SHOWN_WITHIN: Duration = Duration::from_mins(10);
/// A limit that AWS's refusal has taught is believed for this long; then one more is tried, since a quota may have been raised.
pub(super) const BELIEVED_FOR: Duration = Duration::from_hours(6);

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The permit is held from now on.
    Granted,
    /// It is queued.
    Queued {
        /// So many go first.
        before: usize,
        /// It is not the permits that are too few, but the [`Bound`](super::supply::Bound).
        bounded: bool,
    },
}

/// One queue, and the permits that are held.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Permits are held until they are released, whatever AWS shows.
    held_until_released: bool,
    waiting: BTreeMap<Owner, Waiter>,
    /// Granted; AWS need not show yet what their holders have begun.
    held: BTreeMap<Owner, Held>,
    /// Work that AWS shows and counts, and that a handoff of this process polls.
    occupied: BTreeMap<Owner, Request>,
    /// Free permits as of the last supply, less those that were granted since.
    free: usize,
    /// What the bound leaves, likewise.
    left: usize,
    /// So many in use were too many for AWS, and until when that is believed.
    learnt: Option<(usize, Instant)>,
    /// When each sender was last served, as a number.
    served: BTreeMap<AccountId, u64>,
}

#[derive(Debug)]
struct Waiter {
    request: Request,
    /// When it asked first.
    since: Instant,
    busy: bool,
    /// In the present pass.
    asked: bool,
    /// To take a permit.
    woken: bool,
    /// It is first in the queue and knows it: it repeats its request by itself.
    first: bool,
}

/// How a request came into the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Not asked for yet.
    Listed,
    /// Asked for, and to be woken.
    Asked,
    /// Asked for; it asks again by itself.
    Deferred,
}

#[derive(Debug)]
struct Held {
    since: Instant,
    request: Request,
}

impl Slots {
    pub(super) fn new(held_until_released: bool) -> Self {
        Self { held_until_released, ..Self::default() }
    }

    /// Takes a permit, or a place in the queue.
    pub(super) fn acquire(&mut self, owner: &Owner, request: Request, supply: &dyn Supply) -> Turn {
        let shown = supply.shows(&request.claim.resource);
        if let Some(mine) = self.held.get_mut(owner).filter(|_| !shown || self.held_until_released) {
            mine.since = Instant::now();
            return Turn::Granted;
        }
        self.queue(owner, request, Waiting::Asked);
        self.refresh_counts(supply);
        let before = self.order().iter().position(|other| other == owner).unwrap_or(0);
        let turn = if before < self.grantable() {
            self.grant(owner);
            Turn::Granted
        } else {
            if let Some(waiter) = self.waiting.get_mut(owner) {
                waiter.first = before == 0;
            }
            Turn::Queued { before, bounded: self.left <= before && self.left <= self.free }
        };
        self.wake();
        turn
    }

    /// Queues a request before it is made: all that are known together are queued before the first is granted.
    pub(super) fn enlist(&mut self, owner: &Owner, request: Request) {
        self.queue(owner, request, Waiting::Listed);
    }

    /// Queues a request that asks again by itself, so that others can go first meanwhile.
    pub(super) fn defer(&mut self, owner: &Owner, request: Request) {
        self.queue(owner, request, Waiting::Deferred);
    }

    fn queue(&mut self, owner: &Owner, request: Request, waiting: Waiting) {
        let since = self.waiting.get(owner).map_or_else(Instant::now, |known| known.since);
        let (asked, woken) = (waiting != Waiting::Listed, waiting != Waiting::Asked);
        let waiter = Waiter { request, since, busy: false, asked, woken, first: false };
        self.waiting.insert(owner.clone(), waiter);
    }

    /// How many permits could be granted now.
    pub(super) fn peek(&mut self, supply: &dyn Supply) -> usize {
        self.refresh_counts(supply);
        self.grantable()
    }

    /// Wakes those that may be granted a permit by what AWS shows now.
    pub(super) fn refresh(&mut self, supply: &dyn Supply) {
        self.refresh_counts(supply);
        self.wake();
    }

    /// The work is under way, whether this process has begun it or another one.
    pub(super) fn occupy(&mut self, owner: &Owner, request: Request) {
        self.waiting.remove(owner);
        if self.held_until_released {
            self.held.entry(owner.clone()).or_insert_with(|| Held { since: Instant::now(), request });
        } else {
            self.held.remove(owner);
            self.occupied.insert(owner.clone(), request);
        }
    }

    /// AWS has refused the call of a holder, with so many in use: they were too many. A listing that shows none may be stale.
    pub(super) fn refused(&mut self, owner: &Owner, in_use: usize) {
        self.held.remove(owner);
        let believed = if in_use == 0 { SHOWN_WITHIN } else { BELIEVED_FOR };
        self.learnt = Some((in_use, Instant::now() + believed));
        self.free = 0;
    }

    /// A pass of the owner has ended. One that did not ask in it, or is blocked, holds up nobody; one that is blocked holds nothing.
    pub(super) fn pass_ended(&mut self, owner: &Owner, blocked: bool) {
        let asked = self.waiting.get_mut(owner).is_some_and(|waiter| std::mem::take(&mut waiter.asked));
        if blocked || !asked {
            self.waiting.remove(owner);
        }
        if blocked {
            self.release(owner);
        }
        self.wake();
    }

    /// The permit is not needed any more.
    pub(super) fn release(&mut self, owner: &Owner) {
        self.occupied.remove(owner);
        if self.held.remove(owner).is_some() {
            self.free += 1;
        }
    }

    /// Which step releases the permit of an owner.
    pub(super) fn released_by(&self, owner: &Owner) -> Option<&'static str> {
        let held = self.held.get(owner).map(|held| &held.request).or_else(|| self.occupied.get(owner));
        held.map(|request| request.claim.released_by)
    }

    /// Since when an owner has been asking.
    pub(super) fn asks_since(&self, owner: &Owner) -> Option<Instant> {
        self.waiting.get(owner).map(|waiter| waiter.since)
    }

    /// Whether an owner waits for a permit, or holds one.
    pub(super) fn knows(&self, owner: &Owner) -> bool {
        self.waiting.contains_key(owner) || self.held.contains_key(owner) || self.occupied.contains_key(owner)
    }

    /// Whether a handoff of this process polls this resource, which AWS shows.
    pub(super) fn is_polled(&self, resource: &str) -> bool {
        self.occupied.values().any(|request| request.claim.resource == resource)
    }

    /// The holders of permits, each with its request.
    pub(super) fn holders(&self) -> impl Iterator<Item = (&Owner, &Request)> {
        self.held.iter().map(|(owner, held)| (owner, &held.request))
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many wait or hold a permit.
    pub(super) fn entries(&self) -> usize {
        self.waiting.len() + self.held.len() + self.occupied.len()
    }

    fn refresh_counts(&mut self, supply: &dyn Supply) {
        let now = Instant::now();
        let is_shown = |held: &Held| supply.shows(&held.request.claim.resource);
        if !self.held_until_released {
            self.held.retain(|_, held| !is_shown(held) && now < held.since + SHOWN_WITHIN);
        }
        let mut limit = supply.limit();
        if let Some((learnt, until)) = &mut self.learnt {
            *learnt = supply.in_use().max(*learnt);
            if now >= *until {
                (*learnt, *until) = (*learnt + 1, now + BELIEVED_FOR);
            }
            limit = limit.min(*learnt);
        }
        let not_shown = self.held.values().filter(|held| !is_shown(held)).count();
        self.free = limit.saturating_sub(supply.in_use() + self.held.len());
        let left = supply.bound().and_then(|bound| bound.left);
        self.left = left.map_or(usize::MAX, |left| left.saturating_sub(not_shown));
        for waiter in self.waiting.values_mut() {
            let source = &waiter.request.claim.source;
            let is_same = |held: &Held| held.request.claim.source == *source;
            waiter.busy = supply.is_copying(source) || (!self.held_until_released && self.held.values().any(is_same));
        }
    }

    fn grantable(&self) -> usize {
        self.free.min(self.left)
    }

    /// Who goes first: one of each sender in turn, and of each sender by rank.
    fn order(&self) -> Vec<Owner> {
        let mut waiting: Vec<_> = self.waiting.iter().collect();
        waiting.sort_by_key(|(owner, waiter)| (waiter.busy, &waiter.request.claim.rank, *owner));
        let mut rounds: BTreeMap<&AccountId, usize> = BTreeMap::new();
        let mut order: Vec<_> = waiting
            .into_iter()
            .map(|(owner, waiter)| {
                let claim = &waiter.request.claim;
                let round = rounds.entry(&claim.sender).and_modify(|round| *round += 1).or_default();
                (waiter.busy, *round, self.served.get(&claim.sender), &claim.rank, owner)
            })
            .collect();
        order.sort();
        order.into_iter().map(|(.., owner)| owner.clone()).collect()
    }

    fn grant(&mut self, owner: &Owner) {
        let Some(Waiter { request, .. }) = self.waiting.remove(owner) else { return };
        let turn = self.served.values().max().map_or(0, |last| last + 1);
        self.served.insert(request.claim.sender.clone(), turn);
        self.held.insert(owner.clone(), Held { since: Instant::now(), request });
        self.free = self.free.saturating_sub(1);
        self.left = self.left.saturating_sub(1);
    }

    /// Wakes as many as could be granted a permit, and the first, so that it knows its place.
    fn wake(&mut self) {
        let grantable = self.grantable();
        if self.waiting.is_empty() || (grantable == 0 && self.waiting.values().any(|waiter| waiter.first)) {
            return;
        }
        for (position, owner) in self.order().iter().take(grantable.max(1)).enumerate() {
            let Some(waiter) = self.waiting.get_mut(owner) else { continue };
            if !waiter.woken && (position < grantable || !waiter.first) {
                waiter.woken = true;
                waiter.first = position == 0;
                waiter.request.wake.notify_one();
            }
        }
    }
}
