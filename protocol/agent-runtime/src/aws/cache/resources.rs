//! The cached resources of one kind in one Region: the last listing, plus individual reads, writes and invalidations
//! since.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The key of a kind of resource within a Region.
pub trait Resource: Ord + Clone + fmt::Debug + 'static {
    /// What is cached of one resource.
    type View: fmt::Debug + 'static;

    /// The estimated time that AWS still needed for the resource at the time `then`; zero if unknown. `None` if no work
    /// is in progress.
    fn busy(view: &Self::View, then: Timestamp) -> Option<Duration> {
        let _ = (view, then);
        None
    }
}

/// All resources of a kind in a Region.
pub type Listing<K> = BTreeMap<K, Rc<<K as Resource>::View>>;

/// The time of a read, write or call, with a sequence number, because two events can have the same clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::aws) struct Moment {
    order: u64,
    at: Instant,
}

impl Moment {
    pub(in crate::aws) fn elapsed(&self) -> Duration {
        self.at.elapsed()
    }
}

/// The cached resources of one kind in one Region.
#[derive(Debug)]
pub(super) struct CachedResources<K: Resource> {
    /// The sequence number of the last [`Moment`].
    moments: u64,
    /// When the last listing began.
    pub(super) listed: Option<Moment>,
    /// The newest data of each resource.
    pub(super) all: Rc<Listing<K>>,
    /// Resources that were read, written or changed since the last listing.
    updates: BTreeMap<K, Update>,
    /// The number of individual reads since the last listing.
    pub(super) alone: usize,
    /// Locked while listing, so that concurrent queries cause one listing.
    pub(super) listing: Rc<Mutex<()>>,
    /// One lock for each resource; locked while it is read individually.
    pub(super) reading: BTreeMap<K, Rc<Mutex<()>>>,
}

/// What this process has read, written or changed of one resource since the last listing.
#[derive(Debug, Clone, Copy)]
struct Update {
    /// When this process last created, changed or deleted it: earlier reads are not used.
    acted: Option<Moment>,
    seen: Option<Seen>,
}

/// The last individual read or write of a resource.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// When it was read.
    read: Moment,
    /// When the cached data was last updated by a read or write: newer than any listing that began before.
    known: Moment,
}

impl<K: Resource> CachedResources<K> {
    /// Returns a new moment, after all earlier ones.
    pub(super) fn now(&mut self) -> Moment {
        self.moments += 1;
        Moment { order: self.moments, at: Instant::now() }
    }

    /// Returns the newest data of a resource and when it was read; `None` if nothing usable is cached.
    pub(super) fn newest(&self, key: &K) -> Option<(Moment, Option<&Rc<K::View>>)> {
        let read = match self.updates.get(key) {
            Some(update) => update.seen?.read,
            None => self.listed?,
        };
        Some((read, self.all.get(key)))
    }

    /// Invalidates the resource: only later reads are used.
    pub(super) fn acted(&mut self, key: &K) {
        let acted = Some(self.now());
        self.updates.insert(key.clone(), Update { acted, seen: None });
    }

    /// Stores an individual read that began at `read`, unless a listing, write or call since then is newer.
    pub(super) fn store_read(&mut self, key: &K, read: Moment, view: Option<Rc<K::View>>) {
        let changed = self.updates.get(key).and_then(Update::last).max(self.listed);
        if changed.is_none_or(|changed| changed <= read) {
            self.store(key, Seen { read, known: read }, view);
        }
    }

    /// Stores the resource as this process has written it.
    pub(super) fn put(&mut self, key: &K, view: K::View) {
        let now = self.now();
        self.store(key, Seen { read: now, known: now }, Some(Rc::new(view)));
    }

    /// Applies a change that this process has made to the cached data. If nothing usable is cached, invalidates the
    /// resource.
    pub(super) fn wrote(&mut self, key: &K, change: impl FnOnce(&mut K::View))
    where
        K::View: Clone,
    {
        let Some((read, Some(view))) = self.newest(key) else { return self.acted(key) };
        let mut view = K::View::clone(view);
        change(&mut view);
        let known = self.now();
        self.store(key, Seen { read, known }, Some(Rc::new(view)));
    }

    /// Removes the resource.
    pub(super) fn forget(&mut self, key: &K) {
        self.updates.remove(key);
        self.reading.remove(key);
        Rc::make_mut(&mut self.all).remove(key);
    }

    fn store(&mut self, key: &K, seen: Seen, view: Option<Rc<K::View>>) {
        self.updates.entry(key.clone()).or_insert(Update { acted: None, seen: None }).seen = Some(seen);
        let all = Rc::make_mut(&mut self.all);
        match view {
            Some(view) => drop(all.insert(key.clone(), view)),
            None => drop(all.remove(key)),
        }
    }

    /// Stores a listing. Reads, writes and calls that happened after it began are kept, because they are newer.
    pub(super) fn replace(&mut self, began: Moment, mut listing: Listing<K>) {
        self.updates.retain(|_, update| update.last() >= Some(began));
        for (key, update) in &self.updates {
            match (update.seen, self.all.get(key)) {
                (None, _) => {}
                (Some(_), Some(view)) => drop(listing.insert(key.clone(), view.clone())),
                (Some(_), None) => drop(listing.remove(key)),
            }
        }
        (self.listed, self.all, self.alone) = (Some(began), Rc::new(listing), 0);
    }
}

impl<K: Resource> Default for CachedResources<K> {
    fn default() -> Self {
        Self {
            moments: 0,
            listed: None,
            all: Rc::default(),
            updates: BTreeMap::new(),
            alone: 0,
            listing: Rc::default(),
            reading: BTreeMap::new(),
        }
    }
}

impl Update {
    fn last(&self) -> Option<Moment> {
        self.acted.max(self.seen.map(|seen| seen.known))
    }
}
