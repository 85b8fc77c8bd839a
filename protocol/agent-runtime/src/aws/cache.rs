//! The cache: everything that is read from AWS, by resource and Region. One for each process; all its handoffs share what it reads.
//!
//! Each question says how fresh the answer must be ([`Freshness`]). Resources are read one by one, or by listings of a whole
//! Region, which serve all handoffs; those who ask together cause one call. [`get`](Cache::get) and `one` never answer
//! with what was read before this process's own act on the resource. The answer to a call that fails is not remembered.

mod known;

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_smithy_async::future::pagination_stream::PaginationStream;
use jiff::SignedDuration;
use protocol::Region;

use crate::aws::clients::Clients;
use crate::aws::freshness::{Ages, Freshness, Shown};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::poll::schedule::PollSchedule;
use known::Known;
pub(super) use known::Moment;
pub use known::{Listing, Resource};

/// What this process has read from AWS.
#[derive(Debug)]
pub struct Cache {
    /// Of this account.
    pub clients: Clients,
    /// The bounds of polling.
    pub schedule: PollSchedule,
    /// The wall clock.
    pub clock: Clock,
    active: Cell<usize>,
    /// A map from Region to [`Known`] for each kind of resource.
    kinds: RefCell<BTreeMap<TypeId, Box<dyn Any>>>,
}

impl Cache {
    /// Nothing read yet.
    pub fn new(clients: Clients, schedule: &PollSchedule, clock: &Clock) -> Self {
        let (schedule, clock) = (schedule.clone(), clock.clone());
        Self { clients, schedule, clock, active: Cell::default(), kinds: RefCell::default() }
    }

    /// So many handoffs of this process share what is read.
    pub(crate) fn set_active(&self, handoffs: usize) {
        self.active.set(handoffs);
    }

    /// How far apart the listings are kept that all handoffs share.
    pub fn spacing(&self) -> Duration {
        self.schedule.spacing(self.active.get())
    }

    /// One resource, read alone.
    ///
    /// # Errors
    /// The fault of the read.
    pub async fn get<K: Resource>(
        &self,
        region: &Region,
        key: &K,
        freshness: Freshness,
        read: impl AsyncFnOnce() -> Result<K::View, Fault>,
    ) -> Result<Rc<K::View>, Fault> {
        let (reading, asked) =
            self.with(region, |known| (known.reading.entry(key.clone()).or_default().clone(), known.now()));
        let _reading = reading.lock().await;
        let fresh = self.with(region, |known| {
            let serves = self.serves(known, key, (freshness, asked), false);
            serves.then(|| known.all.get(key).cloned()).flatten()
        });
        if let Some(view) = fresh {
            return Ok(view);
        }
        let began = self.with(region, Known::<K>::now);
        let view = Rc::new(read().await?);
        self.with(region, |known| known.saw(key, began, Some(view.clone())));
        Ok(view)
    }

    /// One resource of a listing.
    ///
    /// # Errors
    /// The fault of the listing.
    pub(crate) async fn one<K: Resource>(
        &self,
        region: &Region,
        key: &K,
        freshness: Freshness,
        list: impl AsyncFnOnce(&Listing<K>) -> Result<Listing<K>, Fault>,
    ) -> Result<Option<Rc<K::View>>, Fault> {
        self.list_unless(region, |known, asked| self.serves(known, key, (freshness, asked), true), list).await?;
        Ok(self.peek(region, key))
    }

    /// All resources of a kind.
    ///
    /// # Errors
    /// The fault of the listing.
    pub(crate) async fn all<K: Resource>(
        &self,
        region: &Region,
        freshness: Freshness,
        list: impl AsyncFnOnce(&Listing<K>) -> Result<Listing<K>, Fault>,
    ) -> Result<Rc<Listing<K>>, Fault> {
        let serves = |known: &Known<K>, asked| {
            known.listed.is_some_and(|listed| self.ages(true).serves(freshness, listed, asked, Shown::Absent))
        };
        self.list_unless(region, serves, list).await?;
        Ok(self.known(region))
    }

    /// What is known of one, however old that is, be it from before an act of this process.
    pub fn peek<K: Resource>(&self, region: &Region, key: &K) -> Option<Rc<K::View>> {
        self.with(region, |known: &mut Known<K>| known.all.get(key).cloned())
    }

    /// What is known of all, however old that is.
    pub fn known<K: Resource>(&self, region: &Region) -> Rc<Listing<K>> {
        self.with(region, |known| known.all.clone())
    }

    /// What is known of all, in each Region.
    pub(crate) fn everywhere<K: Resource>(&self) -> Vec<Rc<Listing<K>>> {
        self.regions(|regions| regions.values().map(|known: &Known<K>| known.all.clone()).collect())
    }

    /// This process has made, changed or deleted one: only what is read from now on tells how it is.
    pub fn acted<K: Resource>(&self, region: &Region, key: &K) {
        self.with(region, |known| known.acted(key));
    }

    /// This process has made one what it is now: as good as a read that begins now.
    pub fn put<K: Resource>(&self, region: &Region, key: &K, view: K::View) {
        self.with(region, |known| known.put(key, view));
    }

    /// This process has changed one, over what it knew of it: as old as before, but for this.
    pub fn wrote<K: Resource>(&self, region: &Region, key: &K, change: impl FnOnce(&mut K::View))
    where
        K::View: Clone,
    {
        self.with(region, |known: &mut Known<K>| known.wrote(key, change));
    }

    /// Nothing is kept of it.
    pub fn forget<K: Resource>(&self, region: &Region, key: &K) {
        self.with(region, |known| known.forget(key));
    }

    /// Reads one of a listing alone, and tells so. It does not if what is known is fresh, or if a listing costs no more: since the last
    /// listing as many were read alone as it has pages of this length.
    ///
    /// # Errors
    /// The fault of the read.
    pub(super) async fn read_alone<K: Resource>(
        &self,
        region: &Region,
        key: &K,
        freshness: Freshness,
        page: usize,
        read: impl AsyncFnOnce() -> Result<Option<K::View>, Fault>,
    ) -> Result<bool, Fault> {
        let began = self.with(region, |known| {
            let asked = known.now();
            if self.serves(known, key, (freshness, asked), true) {
                return None;
            }
            known.alone += 1;
            (known.alone * page < known.all.len()).then_some(asked)
        });
        let Some(began) = began else { return Ok(false) };
        let view = read().await?;
        self.with(region, |known| known.saw(key, began, view.map(Rc::new)));
        Ok(true)
    }

    /// Whether what is known of a resource is as fresh as was asked for, then.
    fn serves<K: Resource>(
        &self,
        known: &Known<K>,
        key: &K,
        (freshness, asked): (Freshness, Moment),
        listed: bool,
    ) -> bool {
        let Some((read, view)) = known.newest(key) else { return false };
        let ages = self.ages(listed);
        // As it was foreseen when it was read.
        let then = ages.now - SignedDuration::try_from(read.elapsed()).unwrap_or_default();
        let shown = match view.map(|view| K::busy(view, then)) {
            None => Shown::Absent,
            Some(Some(left)) => Shown::Busy(left),
            Some(None) => Shown::Still,
        };
        ages.serves(freshness, read, asked, shown)
    }

    fn ages(&self, listed: bool) -> Ages<'_> {
        Ages { schedule: &self.schedule, active: self.active.get(), now: self.clock.now(), listed }
    }

    /// Lists all, unless what is known serves.
    async fn list_unless<K: Resource>(
        &self,
        region: &Region,
        serves: impl Fn(&Known<K>, Moment) -> bool,
        list: impl AsyncFnOnce(&Listing<K>) -> Result<Listing<K>, Fault>,
    ) -> Result<(), Fault> {
        let (asked, serving, listing) = self.with(region, |known| {
            let asked = known.now();
            (asked, serves(known, asked), known.listing.clone())
        });
        if serving {
            return Ok(());
        }
        let _listing = listing.lock().await;
        if self.with(region, |known| serves(known, asked)) {
            return Ok(());
        }
        let began = self.with(region, Known::<K>::now);
        let listed = list(&*self.known(region)).await?;
        self.with(region, |known| known.replace(began, listed));
        Ok(())
    }

    fn with<K: Resource, T>(&self, region: &Region, then: impl FnOnce(&mut Known<K>) -> T) -> T {
        self.regions(|regions| then(regions.entry(region.clone()).or_default()))
    }

    #[expect(clippy::expect_used, reason = "each kind is kept under its own type")]
    fn regions<K: Resource, T>(&self, then: impl FnOnce(&mut BTreeMap<Region, Known<K>>) -> T) -> T {
        let mut kinds = self.kinds.borrow_mut();
        let new = || Box::new(BTreeMap::<Region, Known<K>>::new()) as Box<dyn Any>;
        let regions = kinds.entry(TypeId::of::<K>()).or_insert_with(new);
        then(regions.downcast_mut().expect("the kind has this type"))
    }
}

/// Page by page; what has not changed since the last listing is not held twice.
pub(super) async fn read_pages<I, E, K: Resource>(
    mut items: PaginationStream<Result<I, E>>,
    known: &Listing<K>,
    view: impl Fn(&I) -> Option<(K, K::View)>,
) -> Result<Listing<K>, E>
where
    K::View: PartialEq,
{
    let mut listing = Listing::<K>::new();
    while let Some(item) = items.try_next().await? {
        let Some((key, view)) = view(&item) else { continue };
        let same = known.get(&key).filter(|known| ***known == view).cloned();
        listing.insert(key, same.unwrap_or_else(|| Rc::new(view)));
    }
    Ok(listing)
}

#[cfg(test)]
mod tests;
