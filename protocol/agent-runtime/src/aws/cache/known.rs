//! What is known of the resources of one kind in one Region: the last listing, and what was read alone, written or done since.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// The key of a kind of resource within a Region.
pub trait Resource: Ord + Clone + fmt::Debug + 'static {
    /// What is known of one.
    type View: fmt::Debug + 'static;

    /// For how long AWS was still at work on it at that time, at a guess: zero when that cannot be told. `None` when it stands still.
    fn busy(view: &Self::View, then: Timestamp) -> Option<Duration> {
        let _ = (view, then);
        None
    }
}

/// All resources of a kind in a Region.
pub type Listing<K> = BTreeMap<K, Rc<<K as Resource>::View>>;

/// When something was read, written or done: in the order in which it was, since a clock may stand still between two of them.
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

/// The resources of one kind in one Region.
#[derive(Debug)]
pub(super) struct Known<K: Resource> {
    /// How many moments there were.
    moments: u64,
    /// When the last listing began.
    pub(super) listed: Option<Moment>,
    /// The newest that is known of each.
    pub(super) all: Rc<Listing<K>>,
    /// Of which more is known than the last listing tells.
    own: BTreeMap<K, Own>,
    /// How many were read alone since the last listing.
    pub(super) alone: usize,
    /// Held while listing, so that those who ask together cause one listing.
    pub(super) listing: Rc<Mutex<()>>,
    /// Each is held while its resource is read alone.
    pub(super) reading: BTreeMap<K, Rc<Mutex<()>>>,
}

/// What this process has seen, or done, of one resource since the last listing.
#[derive(Debug, Clone, Copy)]
struct Own {
    /// It has made, changed or deleted it: what was read before does not count.
    acted: Option<Moment>,
    seen: Option<Seen>,
}

/// A resource as it was read alone, or written.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// When it was read.
    read: Moment,
    /// When this process has written on it what it has: newer than any listing that began before.
    known: Moment,
}

impl<K: Resource> Known<K> {
    /// After all that was before.
    pub(super) fn now(&mut self) -> Moment {
        self.moments += 1;
        Moment { order: self.moments, at: Instant::now() }
    }

    /// The newest that is known of a resource, and when it was read.
    pub(super) fn newest(&self, key: &K) -> Option<(Moment, Option<&Rc<K::View>>)> {
        let read = match self.own.get(key) {
            Some(own) => own.seen?.read,
            None => self.listed?,
        };
        Some((read, self.all.get(key)))
    }

    /// Only what is read from now on tells how it is.
    pub(super) fn acted(&mut self, key: &K) {
        let acted = Some(self.now());
        self.own.insert(key.clone(), Own { acted, seen: None });
    }

    /// One was read alone, beginning then. What was listed, written or done since is newer.
    pub(super) fn saw(&mut self, key: &K, read: Moment, view: Option<Rc<K::View>>) {
        let changed = self.own.get(key).and_then(Own::last).max(self.listed);
        if changed.is_none_or(|changed| changed <= read) {
            self.know(key, Seen { read, known: read }, view);
        }
    }

    /// This process has made it what it is now.
    pub(super) fn put(&mut self, key: &K, view: K::View) {
        let now = self.now();
        self.know(key, Seen { read: now, known: now }, Some(Rc::new(view)));
    }

    /// This process has changed it, over what it knew of it. Where it knew nothing, only what is read from now on tells how it is.
    pub(super) fn wrote(&mut self, key: &K, change: impl FnOnce(&mut K::View))
    where
        K::View: Clone,
    {
        let Some((read, Some(view))) = self.newest(key) else { return self.acted(key) };
        let mut view = K::View::clone(view);
        change(&mut view);
        let known = self.now();
        self.know(key, Seen { read, known }, Some(Rc::new(view)));
    }

    /// Nothing is kept of it.
    pub(super) fn forget(&mut self, key: &K) {
        self.own.remove(key);
        self.reading.remove(key);
        Rc::make_mut(&mut self.all).remove(key);
    }

    fn know(&mut self, key: &K, seen: Seen, view: Option<Rc<K::View>>) {
        self.own.entry(key.clone()).or_insert(Own { acted: None, seen: None }).seen = Some(seen);
        let all = Rc::make_mut(&mut self.all);
        match view {
            Some(view) => drop(all.insert(key.clone(), view)),
            None => drop(all.remove(key)),
        }
    }

    /// A listing is newer than all that was known when it began, and older than the rest.
    pub(super) fn replace(&mut self, began: Moment, mut listing: Listing<K>) {
        self.own.retain(|_, own| own.last() >= Some(began));
        for (key, own) in &self.own {
            match (own.seen, self.all.get(key)) {
                (None, _) => {}
                (Some(_), Some(view)) => drop(listing.insert(key.clone(), view.clone())),
                (Some(_), None) => drop(listing.remove(key)),
            }
        }
        (self.listed, self.all, self.alone) = (Some(began), Rc::new(listing), 0);
    }
}

impl<K: Resource> Default for Known<K> {
    fn default() -> Self {
        Self {
            moments: 0,
            listed: None,
            all: Rc::default(),
            own: BTreeMap::new(),
            alone: 0,
            listing: Rc::default(),
            reading: BTreeMap::new(),
        }
    }
}

impl Own {
    fn last(&self) -> Option<Moment> {
        self.acted.max(self.seen.map(|seen| seen.known))
    }
}
