//! The read cache: everything that this process has read from AWS, by resource and Region. All handoffs of the process
//! share it.
//!
//! Each query says how fresh the answer must be ([`Freshness`]). Resources are read individually, or by listings of a
//! whole Region, which serve all handoffs; concurrent queries cause one call. [`get`](Cache::get) and `one` never
//! return data that was read before this process's own call that changed the resource. Failed calls are not cached.

mod resources;

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
use resources::CachedResources;
pub(super) use resources::Moment;
pub use resources::{Listing, Resource};

/// The read cache of one process.
#[derive(Debug)]
pub struct Cache {
    /// The clients of this account.
    pub clients: Clients,
    /// The poll schedule.
    pub schedule: PollSchedule,
    /// The wall clock.
    pub clock: Clock,
    active: Cell<usize>,
    /// A map from Region to [`CachedResources`] for each kind of resource.
    kinds: RefCell<BTreeMap<TypeId, Box<dyn Any>>>,
}

impl Cache {
    /// An empty cache.
    pub fn new(clients: Clients, schedule: &PollSchedule, clock: &Clock) -> Self {
        let (schedule, clock) = (schedule.clone(), clock.clone());
        Self { clients, schedule, clock, active: Cell::default(), kinds: RefCell::default() }
    }

    /// Sets the number of active handoffs, which share the cache.
    pub(crate) fn set_active(&self, handoffs: usize) {
        self.active.set(handoffs);
    }

    /// The minimum time between two listings that all handoffs share.
    pub fn spacing(&self) -> Duration {
        self.schedule.spacing(self.active.get())
    }

    /// Gets one resource, read individually if the cached data is not fresh enough.
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
            self.with(region, |cached| (cached.reading.entry(key.clone()).or_default().clone(), cached.now()));
        let _reading = reading.lock().await;
        let fresh = self.with(region, |cached| {
            let serves = self.serves(cached, key, (freshness, asked), false);
            serves.then(|| cached.all.get(key).cloned()).flatten()
        });
        if let Some(view) = fresh {
            return Ok(view);
        }
        let began = self.with(region, CachedResources::<K>::now);
        let view = Rc::new(read().await?);
        self.with(region, |cached| cached.store_read(key, began, Some(view.clone())));
        Ok(view)
    }

    /// Gets one resource from a listing, which is read again if it is not fresh enough.
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
        self.list_unless(region, |cached, asked| self.serves(cached, key, (freshness, asked), true), list).await?;
        Ok(self.peek(region, key))
    }

    /// Gets all resources of a kind in a Region.
    ///
    /// # Errors
    /// The fault of the listing.
    pub(crate) async fn all<K: Resource>(
        &self,
        region: &Region,
        freshness: Freshness,
        list: impl AsyncFnOnce(&Listing<K>) -> Result<Listing<K>, Fault>,
    ) -> Result<Rc<Listing<K>>, Fault> {
        let serves = |cached: &CachedResources<K>, asked| {
            cached.listed.is_some_and(|listed| self.ages(true).serves(freshness, listed, asked, Shown::Absent))
        };
        self.list_unless(region, serves, list).await?;
        Ok(self.known(region))
    }

    /// Returns the cached data of one resource, however old, even from before a call of this process that changed it.
    pub fn peek<K: Resource>(&self, region: &Region, key: &K) -> Option<Rc<K::View>> {
        self.with(region, |cached: &mut CachedResources<K>| cached.all.get(key).cloned())
    }

    /// Returns the cached data of all resources, however old.
    pub fn known<K: Resource>(&self, region: &Region) -> Rc<Listing<K>> {
        self.with(region, |cached| cached.all.clone())
    }

    /// Returns the cached data of all resources in each Region, however old.
    pub(crate) fn everywhere<K: Resource>(&self) -> Vec<Rc<Listing<K>>> {
        self.regions(|regions| regions.values().map(|cached: &CachedResources<K>| cached.all.clone()).collect())
    }

    /// Invalidates a resource that this process has created, changed or deleted: only later reads are used.
    pub fn acted<K: Resource>(&self, region: &Region, key: &K) {
        self.with(region, |cached| cached.acted(key));
    }

    /// Stores a resource as this process has written it, like a read that begins now.
    pub fn put<K: Resource>(&self, region: &Region, key: &K, view: K::View) {
        self.with(region, |cached| cached.put(key, view));
    }

    /// Applies a change that this process has made to the cached resource. The age of the cached data does not change.
    pub fn wrote<K: Resource>(&self, region: &Region, key: &K, change: impl FnOnce(&mut K::View))
    where
        K::View: Clone,
    {
        self.with(region, |cached: &mut CachedResources<K>| cached.wrote(key, change));
    }

    /// Removes a resource from the cache.
    pub fn forget<K: Resource>(&self, region: &Region, key: &K) {
        self.with(region, |cached| cached.forget(key));
    }

    /// Reads one resource of a listing individually, and returns whether it did. It does not if the cached data is
    /// fresh, or if a listing costs no more: that is, if the number of individual reads since the last listing has
    /// reached the number of its pages, which have `page` resources each.
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
        let began = self.with(region, |cached| {
            let asked = cached.now();
            if self.serves(cached, key, (freshness, asked), true) {
                return None;
            }
            cached.alone += 1;
            (cached.alone * page < cached.all.len()).then_some(asked)
        });
        let Some(began) = began else { return Ok(false) };
        let view = read().await?;
        self.with(region, |cached| cached.store_read(key, began, view.map(Rc::new)));
        Ok(true)
    }

    /// Whether the cached data of a resource was fresh enough for a query made at `asked`.
    fn serves<K: Resource>(
        &self,
        cached: &CachedResources<K>,
        key: &K,
        (freshness, asked): (Freshness, Moment),
        listed: bool,
    ) -> bool {
        let Some((read, view)) = cached.newest(key) else { return false };
        let ages = self.ages(listed);
        // The remaining time as estimated when it was read.
        let then = ages.now - SignedDuration::try_from(read.elapsed()).unwrap_or_default();
        let shown = match view.map(|view| K::busy(view, then)) {
            None => Shown::Absent,
            Some(Some(left)) => Shown::Busy(left),
            Some(None) => Shown::Idle,
        };
        ages.serves(freshness, read, asked, shown)
    }

    fn ages(&self, listed: bool) -> Ages<'_> {
        Ages { schedule: &self.schedule, active: self.active.get(), now: self.clock.now(), listed }
    }

    /// Reads a listing, unless the cached data is fresh enough.
    async fn list_unless<K: Resource>(
        &self,
        region: &Region,
        serves: impl Fn(&CachedResources<K>, Moment) -> bool,
        list: impl AsyncFnOnce(&Listing<K>) -> Result<Listing<K>, Fault>,
    ) -> Result<(), Fault> {
        let (asked, serving, listing) = self.with(region, |cached| {
            let asked = cached.now();
            (asked, serves(cached, asked), cached.listing.clone())
        });
        if serving {
            return Ok(());
        }
        let _listing = listing.lock().await;
        if self.with(region, |cached| serves(cached, asked)) {
            return Ok(());
        }
        let began = self.with(region, CachedResources::<K>::now);
        let listed = list(&*self.known(region)).await?;
        self.with(region, |cached| cached.replace(began, listed));
        Ok(())
    }

    fn with<K: Resource, T>(&self, region: &Region, then: impl FnOnce(&mut CachedResources<K>) -> T) -> T {
        self.regions(|regions| then(regions.entry(region.clone()).or_default()))
    }

    #[expect(clippy::expect_used, reason = "the map key is the type of the value")]
    fn regions<K: Resource, T>(&self, then: impl FnOnce(&mut BTreeMap<Region, CachedResources<K>>) -> T) -> T {
        let mut kinds = self.kinds.borrow_mut();
        let new = || Box::new(BTreeMap::<Region, CachedResources<K>>::new()) as Box<dyn Any>;
        let regions = kinds.entry(TypeId::of::<K>()).or_insert_with(new);
        then(regions.downcast_mut().expect("the map key is the type of the value"))
    }
}

/// Reads a listing page by page. Resources that have not changed since `known`, the last listing, share its memory.
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
