//! The slot queue for one kind of permit. Queued handoffs make no API calls: they are woken when a permit may be free.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::AccountId;
use tokio::time::Instant;

use super::permit::{Owner, Request};
use super::supply::Supply;

/// A permit counts until AWS lists the holder's resource, or for this long, which exceeds the longest time between two
/// listings.
pub(super) const SHOWN_WITHIN: Duration = Duration::from_mins(10);
/// How long a limit learnt from a refusal is used. Then one more permit is tried, since a quota may have been raised.
pub(super) const LEARNT_LIMIT_TTL: Duration = Duration::from_hours(6);

/// The result of [`Slots::acquire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AcquireResult {
    /// The permit is acquired.
    Granted,
    /// The request is queued.
    Queued {
        /// How many requests are ahead of it.
        before: usize,
        /// Whether the [`Bound`](super::supply::Bound) is the limit, and not the number of permits.
        bounded: bool,
    },
}

/// One queue and its held permits.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Whether permits count until they are released, regardless of what AWS shows.
    held_until_released: bool,
    waiting: BTreeMap<Owner, Waiter>,
    /// Granted permits whose resources AWS possibly does not list yet.
    held: BTreeMap<Owner, Held>,
    /// Resources that AWS lists and counts, and that a handoff of this process polls.
    occupied: BTreeMap<Owner, Request>,
    /// Free permits as of the last supply, minus those granted since.
    free: usize,
    /// What the bound leaves, computed in the same way.
    left: usize,
    /// The limit learnt from a refusal, and until when it is used.
    learnt: Option<(usize, Instant)>,
    /// For each sender the sequence number of its last grant.
    served: BTreeMap<AccountId, u64>,
}

#[derive(Debug)]
struct Waiter {
    request: Request,
    /// When the owner first requested the permit.
    since: Instant,
    /// Another copy of the same source database is in flight.
    busy: bool,
    /// Whether the owner requested the permit in its current pass.
    asked: bool,
    /// Whether the owner was woken to acquire a permit.
    woken: bool,
    /// Whether the owner was told that it is first in the queue: it repeats its request without being woken.
    first: bool,
}

/// How a request entered the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Queued in advance by [`Slots::enlist`].
    Listed,
    /// Requested; its owner waits to be woken.
    Asked,
    /// Requested; its owner repeats the request after a time.
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

    /// Acquires a permit, or queues the request.
    pub(super) fn acquire(&mut self, owner: &Owner, request: Request, supply: &dyn Supply) -> AcquireResult {
        let shown = supply.shows(&request.claim.resource);
        if let Some(mine) = self.held.get_mut(owner).filter(|_| !shown || self.held_until_released) {
            mine.since = Instant::now();
            return AcquireResult::Granted;
        }
        self.queue(owner, request, Waiting::Asked);
        self.refresh_counts(supply);
        let before = self.order().iter().position(|other| other == owner).unwrap_or(0);
        let result = if before < self.grantable() {
            self.grant(owner);
            AcquireResult::Granted
        } else {
            if let Some(waiter) = self.waiting.get_mut(owner) {
                waiter.first = before == 0;
            }
            AcquireResult::Queued { before, bounded: self.left <= before && self.left <= self.free }
        };
        self.wake();
        result
    }

    /// Queues a request in advance, so that all handoffs discovered together are queued before the first is granted.
    pub(super) fn enlist(&mut self, owner: &Owner, request: Request) {
        self.queue(owner, request, Waiting::Listed);
    }

    /// Queues a request that its owner repeats after a time, so that others can go first.
    pub(super) fn defer(&mut self, owner: &Owner, request: Request) {
        self.queue(owner, request, Waiting::Deferred);
    }

    fn queue(&mut self, owner: &Owner, request: Request, waiting: Waiting) {
        let since = self.waiting.get(owner).map_or_else(Instant::now, |waiter| waiter.since);
        let (asked, woken) = (waiting != Waiting::Listed, waiting != Waiting::Asked);
        let waiter = Waiter { request, since, busy: false, asked, woken, first: false };
        self.waiting.insert(owner.clone(), waiter);
    }

    /// Returns how many permits could be granted now.
    pub(super) fn peek(&mut self, supply: &dyn Supply) -> usize {
        self.refresh_counts(supply);
        self.grantable()
    }

    /// Wakes the waiting owners that can be granted a permit according to `supply`.
    pub(super) fn refresh(&mut self, supply: &dyn Supply) {
        self.refresh_counts(supply);
        self.wake();
    }

    /// Records that the resource exists or is being created, whichever process started it.
    pub(super) fn occupy(&mut self, owner: &Owner, request: Request) {
        self.waiting.remove(owner);
        if self.held_until_released {
            self.held.entry(owner.clone()).or_insert_with(|| Held { since: Instant::now(), request });
        } else {
            self.held.remove(owner);
            self.occupied.insert(owner.clone(), request);
        }
    }

    /// Learns the limit from a refused call: `in_use` is the most that AWS allows. A listing that shows none may be
    /// stale, so it is used for a shorter time.
    pub(super) fn refused(&mut self, owner: &Owner, in_use: usize) {
        self.held.remove(owner);
        let believed = if in_use == 0 { SHOWN_WITHIN } else { LEARNT_LIMIT_TTL };
        self.learnt = Some((in_use, Instant::now() + believed));
        self.free = 0;
    }

    /// Ends a pass of the owner. Its request is dequeued if it was not made in this pass or if the owner is blocked; a
    /// blocked owner's permit is released.
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

    /// Releases the owner's permit.
    pub(super) fn release(&mut self, owner: &Owner) {
        self.occupied.remove(owner);
        if self.held.remove(owner).is_some() {
            self.free += 1;
        }
    }

    /// Returns the step that releases the owner's permit.
    pub(super) fn released_by(&self, owner: &Owner) -> Option<&'static str> {
        let held = self.held.get(owner).map(|held| &held.request).or_else(|| self.occupied.get(owner));
        held.map(|request| request.claim.released_by)
    }

    /// Returns when the owner first requested the permit.
    pub(super) fn asks_since(&self, owner: &Owner) -> Option<Instant> {
        self.waiting.get(owner).map(|waiter| waiter.since)
    }

    /// Whether an owner waits for a permit or holds one.
    pub(super) fn contains(&self, owner: &Owner) -> bool {
        self.waiting.contains_key(owner) || self.held.contains_key(owner) || self.occupied.contains_key(owner)
    }

    /// Whether a handoff of this process polls this resource.
    pub(super) fn is_polled(&self, resource: &str) -> bool {
        self.occupied.values().any(|request| request.claim.resource == resource)
    }

    /// The holders of permits, each with its request.
    pub(super) fn holders(&self) -> impl Iterator<Item = (&Owner, &Request)> {
        self.held.iter().map(|(owner, held)| (owner, &held.request))
    }

    /// The number of waiting requests.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The number of waiting requests and held permits.
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
                (*learnt, *until) = (*learnt + 1, now + LEARNT_LIMIT_TTL);
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

    /// The queue order: round-robin over senders, and by rank within a sender.
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
        let number = self.served.values().max().map_or(0, |last| last + 1);
        self.served.insert(request.claim.sender.clone(), number);
        self.held.insert(owner.clone(), Held { since: Instant::now(), request });
        self.free = self.free.saturating_sub(1);
        self.left = self.left.saturating_sub(1);
    }

    /// Wakes as many owners as can be granted a permit, and always the first, so that it learns its position.
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
