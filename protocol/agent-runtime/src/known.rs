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
use tokio::time::Instant;

use crate::clock::Clock;
use crate::fault::Fault;
use crate::shared::Shared;

/// A resource in a listing.
pub trait Listed: Clone {
    /// For how long AWS was still at it at that time, at a guess: zero when that cannot be told. `None` when it stands still.
    fn busy(&self, then: Timestamp) -> Option<Duration>;
}

/// All resources of a kind in a Region.
pub type Listing<K, V> = BTreeMap<K, Rc<V>>;

/// What is known of one resource apart from the listing.
#[derive(Debug)]
struct Own<V> {
    /// This process has made, changed or deleted it: what was read before does not count.
    acted: Option<Instant>,
    seen: Option<Seen<V>>,
}

/// A resource as it was read alone, or written.
#[derive(Debug, Clone)]
struct Seen<V> {
    /// When it was read.
    read: Instant,
    /// When this process has written on it what it has: newer than any listing that began before.
    known: Instant,
    view: Option<Rc<V>>,
}

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

/// Listings of one kind.
#[derive(Debug)]
pub struct Known<K, V> {
    listings: Shared<Region, Listing<K, V>>,
    own: RefCell<BTreeMap<(Region, K), Own<V>>>,
    clock: Clock,
}

impl<K: Ord + Clone, V: Listed> Known<K, V> {
    /// Nothing read yet.
    pub fn new(clock: Clock) -> Self {
        Self { listings: Shared::new(), own: RefCell::default(), clock }
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
        let place = (region.clone(), key.clone());
        if let Some((read, view)) = self.newest(region, key)
            && self.is_fresh(read, view.as_deref(), bounds)
        {
            return Ok(view);
        }
        let good =
            |listing: &Listing<K, V>, began| self.serves(&place, began, listing.get(key).map(Rc::as_ref), bounds);
        Ok(self.listings.get_if(region, good, list).await?.get(key).cloned())
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
        let good = |_: &Listing<K, V>, began: Instant| began.elapsed() <= oldest;
        let mut listing = self.listings.get_if(region, good, list).await?;
        let Some((began, _)) = self.listings.peek(region) else { return Ok(listing) };
        for ((other, key), own) in &*self.own.borrow() {
            if other != region {
                continue;
            }
            match own.seen.as_ref().filter(|seen| seen.known > began).map(|seen| &seen.view) {
                Some(Some(view)) => drop(Rc::make_mut(&mut listing).insert(key.clone(), view.clone())),
                Some(None) => drop(Rc::make_mut(&mut listing).remove(key)),
                None => {}
            }
        }
        Ok(listing)
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
        self.listings.get_if(region, |_, began| began >= asked, list).await.map(drop)
    }

    /// How many there were in the last listing.
    pub fn count(&self, region: &Region) -> usize {
        self.listings.peek(region).map_or(0, |(_, listing)| listing.len())
    }

    /// This process has made, changed or deleted one: only what is read from now on tells how it is.
    pub fn acted(&self, region: &Region, key: &K) {
        let own = Own { acted: Some(Instant::now()), seen: None };
        self.own.borrow_mut().insert((region.clone(), key.clone()), own);
    }

    /// This process has read one alone, beginning then.
    pub fn saw(&self, region: &Region, key: &K, read: Instant, view: Option<V>) {
        let own = self
            .own
            .borrow()
            .get(&(region.clone(), key.clone()))
            .map(|own| own.acted.max(own.seen.as_ref().map(|seen| seen.known)));
        // What it has written, or done, since that look began is newer.
        if own.flatten().is_some_and(|newer| newer > read) {
            return;
        }
        self.know(region, key, Seen { read, known: read, view: view.map(Rc::new) });
    }

    /// What this process has written on one, over what it knew of it.
    pub fn wrote(&self, region: &Region, key: &K, change: impl FnOnce(&mut V)) {
        let Some((read, Some(view))) = self.newest(region, key) else { return };
        let mut view = V::clone(&view);
        change(&mut view);
        self.know(region, key, Seen { read, known: Instant::now(), view: Some(Rc::new(view)) });
    }

    fn know(&self, region: &Region, key: &K, seen: Seen<V>) {
        let mut own = self.own.borrow_mut();
        own.entry((region.clone(), key.clone())).or_insert(Own { acted: None, seen: None }).seen = Some(seen);
    }

    /// How long ago a resource was read.
    pub fn age(&self, region: &Region, key: &K) -> Option<Duration> {
        self.newest(region, key).map(|(read, _)| read.elapsed())
    }

    /// The newest that is known of a resource, and when it was read.
    fn newest(&self, region: &Region, key: &K) -> Option<(Instant, Option<Rc<V>>)> {
        let own = self.own.borrow();
        let own = own.get(&(region.clone(), key.clone()));
        let listed = self.listings.peek(region).map(|(began, listing)| (began, listing.get(key).cloned()));
        let listed = listed.filter(|(began, _)| own.and_then(|own| own.acted).is_none_or(|acted| *began > acted));
        match (own.and_then(|own| own.seen.as_ref()), listed) {
            (Some(seen), Some((began, _))) if seen.known > began => Some((seen.read, seen.view.clone())),
            (Some(seen), None) => Some((seen.read, seen.view.clone())),
            (_, listed) => listed,
        }
    }

    /// Is a listing that began then still good for whoever asks for this resource?
    fn serves(&self, place: &(Region, K), began: Instant, view: Option<&V>, bounds: Bounds) -> bool {
        let own = self.own.borrow();
        let newer = own.get(place).and_then(|own| own.acted.max(own.seen.as_ref().map(|seen| seen.known)));
        newer.is_none_or(|newer| began > newer) && self.is_fresh(began, view, bounds)
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
