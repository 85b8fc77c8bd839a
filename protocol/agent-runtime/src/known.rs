//! What a process knows of the resources of one kind in each Region: the last listing, and what it has seen or done since.
//!
//! One listing serves all handoffs, and how old it may be depends on who asks. What waits for progress accepts an older one the
//! longer it has to wait; what stands still accepts one from minutes ago; and nobody accepts what was read before this
//! process's own act on the very resource.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use protocol::Region;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::fault::Fault;

/// A resource in a listing.
pub trait Listed: Clone {
    /// For how long AWS was still at it at that time, at a guess: zero when that cannot be told. `None` when it stands still.
    fn busy(&self, then: Timestamp) -> Option<Duration>;
}

/// All resources of a kind in a Region.
pub type Listing<K, V> = BTreeMap<K, Rc<V>>;

/// How old what one asks for may be.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Never read again sooner than this.
    pub soon: Duration,
    /// What is not there is looked for again this seldom.
    pub absent: Duration,
    /// What stands still is read again this seldom.
    pub idle: Duration,
}

/// All resources of one kind.
#[derive(Debug)]
pub struct Known<K, V> {
    regions: RefCell<BTreeMap<Region, Rc<InRegion<K, V>>>>,
    clock: Clock,
}

#[derive(Debug)]
struct InRegion<K, V> {
    /// Held while listing, so that whoever asks together causes one listing.
    reading: Mutex<()>,
    state: RefCell<State<K, V>>,
}

#[derive(Debug)]
struct State<K, V> {
    /// When the last listing began.
    listed: Option<Instant>,
    /// The newest that is known of each.
    all: Rc<Listing<K, V>>,
    /// Of which more is known than the last listing tells.
    own: BTreeMap<K, Own>,
}

/// What this process has seen, or done, of one resource since the last listing.
#[derive(Debug, Clone, Copy)]
struct Own {
    /// It has made, changed or deleted it: what was read before does not count.
    acted: Option<Instant>,
    seen: Option<Seen>,
}

/// A resource as it was read alone, or written.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// When it was read.
    read: Instant,
    /// When this process has written on it what it has: newer than any listing that began before.
    known: Instant,
}

impl<K: Ord + Clone, V: Listed> Known<K, V> {
    /// Nothing read yet.
    pub fn new(clock: Clock) -> Self {
        Self { regions: RefCell::default(), clock }
    }

    /// One resource.
    ///
    /// # Errors
    /// The fault of the listing.
    pub async fn one(
        &self,
        region: &Region,
        key: &K,
        bounds: Bounds,
        list: impl AsyncFnOnce() -> Result<Listing<K, V>, Fault>,
    ) -> Result<Option<Rc<V>>, Fault> {
        let here = self.here(region);
        let serves = |state: &State<K, V>| {
            state.newest(key).is_some_and(|(read, view)| self.is_fresh(read, view.map(Rc::as_ref), bounds))
        };
        here.read_unless(serves, list).await?;
        let state = here.state.borrow();
        Ok(state.all.get(key).cloned())
    }

    /// All resources, for a survey, as they were at most `oldest` ago.
    ///
    /// # Errors
    /// The fault of the listing.
    pub async fn all(
        &self,
        region: &Region,
        oldest: Duration,
        list: impl AsyncFnOnce() -> Result<Listing<K, V>, Fault>,
    ) -> Result<Rc<Listing<K, V>>, Fault> {
        let here = self.here(region);
        here.read_unless(|state| state.listed.is_some_and(|listed| listed.elapsed() <= oldest), list).await?;
        let state = here.state.borrow();
        Ok(state.all.clone())
    }

    /// Lists them, if that was not begun since `asked`.
    ///
    /// # Errors
    /// The fault of the listing.
    pub async fn since(
        &self,
        region: &Region,
        asked: Instant,
        list: impl AsyncFnOnce() -> Result<Listing<K, V>, Fault>,
    ) -> Result<(), Fault> {
        self.here(region).read_unless(|state| state.listed.is_some_and(|listed| listed >= asked), list).await
    }

    /// As they are known now.
    pub fn now(&self, region: &Region) -> Rc<Listing<K, V>> {
        self.here(region).state.borrow().all.clone()
    }

    /// As they are known now, in each Region.
    pub fn everywhere(&self) -> Vec<Rc<Listing<K, V>>> {
        self.regions.borrow().values().map(|here| here.state.borrow().all.clone()).collect()
    }

    /// This process has made, changed or deleted one: only what is read from now on tells how it is.
    pub fn acted(&self, region: &Region, key: &K) {
        let own = Own { acted: Some(Instant::now()), seen: None };
        self.here(region).state.borrow_mut().own.insert(key.clone(), own);
    }

    /// This process has read one alone, beginning then.
    pub fn saw(&self, region: &Region, key: &K, read: Instant, view: Option<V>) {
        let here = self.here(region);
        let state = &mut *here.state.borrow_mut();
        // What was listed, written or done since that look began is newer.
        if state.changed(key).is_none_or(|changed| changed <= read) {
            state.know(key, Seen { read, known: read }, view);
        }
    }

    /// What this process has written on one, over what it knew of it.
    pub fn wrote(&self, region: &Region, key: &K, change: impl FnOnce(&mut V)) {
        let here = self.here(region);
        let state = &mut *here.state.borrow_mut();
        let Some((read, Some(view))) = state.newest(key) else { return };
        let mut view = V::clone(view);
        change(&mut view);
        state.know(key, Seen { read, known: Instant::now() }, Some(view));
    }

    /// How long ago a resource was read.
    pub fn age(&self, region: &Region, key: &K) -> Option<Duration> {
        self.here(region).state.borrow().newest(key).map(|(read, _)| read.elapsed())
    }

    fn here(&self, region: &Region) -> Rc<InRegion<K, V>> {
        self.regions.borrow_mut().entry(region.clone()).or_default().clone()
    }

    fn is_fresh(&self, read: Instant, view: Option<&V>, bounds: Bounds) -> bool {
        // As it was foreseen when it was read.
        let then = self.clock.now() - SignedDuration::try_from(read.elapsed()).unwrap_or_default();
        let limit = match view.map(|view| view.busy(then)) {
            None => bounds.absent,
            Some(Some(left)) => bounds.soon.max(left / 8),
            Some(None) => bounds.idle,
        };
        read.elapsed() <= limit
    }
}

impl<K: Ord + Clone, V> InRegion<K, V> {
    /// Lists all, unless what is known serves.
    async fn read_unless(
        &self,
        serves: impl Fn(&State<K, V>) -> bool,
        list: impl AsyncFnOnce() -> Result<Listing<K, V>, Fault>,
    ) -> Result<(), Fault> {
        if serves(&self.state.borrow()) {
            return Ok(());
        }
        let _reading = self.reading.lock().await;
        if !serves(&self.state.borrow()) {
            let began = Instant::now();
            let listing = list().await?;
            self.state.borrow_mut().replace(began, listing);
        }
        Ok(())
    }
}

impl<K, V> Default for InRegion<K, V> {
    fn default() -> Self {
        let state = State { listed: None, all: Rc::default(), own: BTreeMap::new() };
        Self { reading: Mutex::new(()), state: RefCell::new(state) }
    }
}

impl<K: Ord + Clone, V> State<K, V> {
    /// The newest that is known of a resource, and when it was read.
    fn newest(&self, key: &K) -> Option<(Instant, Option<&Rc<V>>)> {
        let read = match self.own.get(key) {
            Some(own) => own.seen?.read,
            None => self.listed?,
        };
        Some((read, self.all.get(key)))
    }

    /// When it was listed, read alone, written or acted on last.
    fn changed(&self, key: &K) -> Option<Instant> {
        self.own.get(key).and_then(Own::last).max(self.listed)
    }

    fn know(&mut self, key: &K, seen: Seen, view: Option<V>) {
        self.own.entry(key.clone()).or_insert(Own { acted: None, seen: None }).seen = Some(seen);
        let all = Rc::make_mut(&mut self.all);
        match view {
            Some(view) => drop(all.insert(key.clone(), Rc::new(view))),
            None => drop(all.remove(key)),
        }
    }

    /// A listing is newer than all that was known when it began, and older than the rest.
    fn replace(&mut self, began: Instant, mut listing: Listing<K, V>) {
        self.own.retain(|_, own| own.last() >= Some(began));
        for (key, own) in &self.own {
            match (own.seen, self.all.get(key)) {
                (None, _) => {}
                (Some(_), Some(view)) => drop(listing.insert(key.clone(), view.clone())),
                (Some(_), None) => drop(listing.remove(key)),
            }
        }
        (self.listed, self.all) = (Some(began), Rc::new(listing));
    }
}

impl Own {
    fn last(&self) -> Option<Instant> {
        self.acted.max(self.seen.map(|seen| seen.known))
    }
}

#[cfg(test)]
mod tests;
