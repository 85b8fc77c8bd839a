//! A line before what only a few can have at once. Who waits causes no call to AWS: it is woken when a place comes free.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use protocol::{AccountId, DbiResourceId};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Who was let in counts until a listing shows what it has begun, or for so long: above the longest time between two listings.
const SHOWN: Duration = Duration::from_mins(10);
/// What AWS's refusal has taught is tried again after so long, with one more: a quota may have been raised.
const BELIEVED: Duration = Duration::from_hours(6);

/// Somebody who asks for a place.
#[derive(Debug, Clone)]
pub struct Claim<R> {
    /// Whose it is: places are dealt to one sender after the other.
    pub sender: AccountId,
    /// Among the same sender's the least goes first.
    pub rank: R,
    /// The source database: AWS copies its snapshots one after another (RDS User Guide, Copying a DB snapshot), so that a second
    /// one would hold a place in vain.
    pub source: DbiResourceId,
    /// Ends its wait.
    pub wake: Rc<Notify>,
}

/// What there is, as AWS shows it and as the limits say.
#[expect(missing_debug_implementations, reason = "it holds closures")]
pub struct Places<'a, K> {
    /// So many are in flight, whoever began them.
    pub in_flight: usize,
    /// So many may be.
    pub most: usize,
    /// So many more may begin for another reason.
    pub room: usize,
    /// Whether AWS shows what was begun.
    pub shown: &'a dyn Fn(&K) -> bool,
    /// Whether a copy of this source is in flight.
    pub busy: &'a dyn Fn(&DbiResourceId) -> bool,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Begin now.
    In,
    /// So many go first; `room`: it is not the places that are too few.
    Behind {
        /// So many go first.
        before: usize,
        /// It is not the places that are too few.
        room: bool,
    },
}

/// One line. It is memory of one process, and losing it loses nothing: everybody asks again.
#[derive(Debug)]
pub struct Line<K, R> {
    /// Whoever was let in keeps the place until it leaves, whatever AWS shows.
    keeps: bool,
    state: RefCell<State<K, R>>,
}

#[derive(Debug)]
struct State<K, R> {
    waiting: BTreeMap<K, Waiter<R>>,
    let_in: BTreeMap<K, LetIn<R>>,
    /// As of the last look, less who was let in since.
    places: usize,
    room: usize,
    /// So many in flight were too many for AWS; until when that is believed.
    learnt: Option<(usize, Instant)>,
    /// When each sender was last served, as a number.
    served: BTreeMap<AccountId, u64>,
}

#[derive(Debug)]
struct Waiter<R> {
    claim: Claim<R>,
    busy: bool,
    /// In the present pass.
    asked: bool,
    /// To take a place.
    woken: bool,
    /// It knows that it is the first, which looks again by itself.
    first: bool,
}

#[derive(Debug)]
struct LetIn<R> {
    since: Instant,
    claim: Claim<R>,
}

impl<K: Ord + Clone, R: Ord + Clone> Line<K, R> {
    /// A line before what AWS shows when it has begun.
    pub fn new() -> Self {
        let (waiting, let_in, served) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let state = State { waiting, let_in, places: 0, room: 0, learnt: None, served };
        Self { keeps: false, state: RefCell::new(state) }
    }

    /// A line in which a place is kept until [`Line::leave`].
    pub fn keeping() -> Self {
        Self { keeps: true, ..Self::new() }
    }

    /// Takes a place in the line, or what the line is for.
    pub fn ask(&self, key: &K, claim: Claim<R>, places: &Places<'_, K>) -> Turn {
        let state = &mut *self.state.borrow_mut();
        if let Some(mine) = state.let_in.get_mut(key).filter(|_| !(places.shown)(key) || self.keeps) {
            mine.since = Instant::now();
            return Turn::In;
        }
        let waiter = Waiter { claim, busy: false, asked: true, woken: false, first: false };
        state.waiting.insert(key.clone(), waiter);
        state.look(places, self.keeps);
        let before = state.order().iter().position(|other| other == key).unwrap_or(0);
        let turn = if before < state.free() {
            state.enter(key);
            Turn::In
        } else {
            if let Some(waiter) = state.waiting.get_mut(key) {
                waiter.first = before == 0;
            }
            Turn::Behind { before, room: state.room <= before && state.room <= state.places }
        };
        state.wake();
        turn
    }

    /// Stands in line from now on, without being asked for: all who come together are known before the first is let in.
    pub fn enlist(&self, key: &K, claim: Claim<R>) {
        let waiter = Waiter { claim, busy: false, asked: false, woken: true, first: false };
        self.state.borrow_mut().waiting.insert(key.clone(), waiter);
    }

    /// How many could be let in, for whoever only looks.
    pub fn free(&self, places: &Places<'_, K>) -> usize {
        let state = &mut *self.state.borrow_mut();
        state.look(places, self.keeps);
        state.free()
    }

    /// Those before this rank that have a place, and for whom this holds: what ends the wait of each.
    pub fn better(&self, rank: &R, holds: impl Fn(&K) -> bool) -> Vec<Rc<Notify>> {
        let state = self.state.borrow();
        let better = state.let_in.iter().filter(|(key, let_in)| let_in.claim.rank < *rank && holds(key));
        better.map(|(_, let_in)| let_in.claim.wake.clone()).collect()
    }

    /// What AWS shows now: whoever may go on is woken.
    pub fn look(&self, places: &Places<'_, K>) {
        let state = &mut *self.state.borrow_mut();
        state.look(places, self.keeps);
        state.wake();
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.state.borrow().waiting.len()
    }

    /// Nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// It has begun, whether it was let in or not: it has a place.
    pub fn hold(&self, key: &K, claim: Claim<R>) {
        let state = &mut *self.state.borrow_mut();
        state.let_in.entry(key.clone()).or_insert_with(|| LetIn { since: Instant::now(), claim });
    }

    /// AWS has refused it, with so many in flight: they were too many. When it shows none, a look may be stale.
    pub fn refused(&self, key: &K, in_flight: usize) {
        let state = &mut *self.state.borrow_mut();
        state.let_in.remove(key);
        let believed = if in_flight == 0 { SHOWN } else { BELIEVED };
        state.learnt = Some((in_flight, Instant::now() + believed));
        state.places = 0;
    }

    /// A pass has ended. Whoever did not ask in it, or must wait for somebody else, holds up nobody.
    pub fn walked(&self, key: &K, blocked: bool) {
        let state = &mut *self.state.borrow_mut();
        let asked = state.waiting.get_mut(key).is_some_and(|waiter| std::mem::take(&mut waiter.asked));
        if blocked || !asked {
            state.waiting.remove(key);
        }
        if blocked {
            state.leave(key);
        }
        state.wake();
    }

    /// It does not need its place any more.
    pub fn leave(&self, key: &K) {
        self.state.borrow_mut().leave(key);
    }
}

impl<K: Ord + Clone, R: Ord + Clone> Default for Line<K, R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Clone, R: Ord + Clone> State<K, R> {
    fn look(&mut self, there: &Places<'_, K>, keeps: bool) {
        let now = Instant::now();
        if !keeps {
            self.let_in.retain(|key, let_in| !(there.shown)(key) && now < let_in.since + SHOWN);
        }
        let mut most = there.most;
        if let Some((learnt, until)) = &mut self.learnt {
            *learnt = there.in_flight.max(*learnt);
            if now >= *until {
                (*learnt, *until) = (*learnt + 1, now + BELIEVED);
            }
            most = most.min(*learnt);
        }
        let not_shown = self.let_in.keys().filter(|key| !(there.shown)(key)).count();
        self.places = most.saturating_sub(there.in_flight + self.let_in.len());
        self.room = there.room.saturating_sub(not_shown);
        for waiter in self.waiting.values_mut() {
            let source = &waiter.claim.source;
            waiter.busy =
                (there.busy)(source) || (!keeps && self.let_in.values().any(|let_in| let_in.claim.source == *source));
        }
    }

    fn free(&self) -> usize {
        self.places.min(self.room)
    }

    /// Who goes first: one of each sender in turn, and of each by rank.
    fn order(&self) -> Vec<K> {
        let mut waiting: Vec<_> = self.waiting.iter().collect();
        waiting.sort_by_key(|(key, waiter)| (waiter.busy, &waiter.claim.rank, *key));
        let mut rounds: BTreeMap<&AccountId, usize> = BTreeMap::new();
        let mut order: Vec<_> = waiting
            .into_iter()
            .map(|(key, waiter)| {
                let Claim { sender, rank, .. } = &waiter.claim;
                let round = rounds.entry(sender).and_modify(|round| *round += 1).or_default();
                (waiter.busy, *round, self.served.get(sender), rank, key)
            })
            .collect();
        order.sort();
        order.into_iter().map(|(.., key)| key.clone()).collect()
    }

    fn enter(&mut self, key: &K) {
        let Some(Waiter { claim, .. }) = self.waiting.remove(key) else { return };
        let turn = self.served.values().max().map_or(0, |last| last + 1);
        self.served.insert(claim.sender.clone(), turn);
        self.let_in.insert(key.clone(), LetIn { since: Instant::now(), claim });
        self.places = self.places.saturating_sub(1);
        self.room = self.room.saturating_sub(1);
    }

    fn leave(&mut self, key: &K) {
        if self.let_in.remove(key).is_some() {
            self.places += 1;
        }
    }

    /// Wakes as many as there are places, and the first, so that it knows.
    fn wake(&mut self) {
        let free = self.free();
        if self.waiting.is_empty() || (free == 0 && self.waiting.values().any(|waiter| waiter.first)) {
            return;
        }
        for (position, key) in self.order().iter().take(free.max(1)).enumerate() {
            let Some(waiter) = self.waiting.get_mut(key) else { continue };
            if !waiter.woken && (position < free || !waiter.first) {
                waiter.woken = true;
                waiter.first = position == 0;
                waiter.claim.wake.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests;
