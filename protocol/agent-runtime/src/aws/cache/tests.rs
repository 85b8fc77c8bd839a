use std::cell::Cell;

use aws_config::SdkConfig;
use aws_smithy_async::time::StaticTimeSource;
use jiff::Timestamp;
use tokio::time::{advance, sleep};

use super::*;

/// A resource, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Id(u8);

/// A resource: its version, and whether AWS is at work on it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Thing(u32, Option<Duration>);

impl Resource for Id {
    type View = Thing;

    fn busy(view: &Thing, _: Timestamp) -> Option<Duration> {
        view.1
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn cache() -> Cache {
    let clock = Clock::new(StaticTimeSource::from_secs(0).into());
    Cache::new(Clients::new(&SdkConfig::builder().build(), "cache"), &PollSchedule::default(), &clock)
}

/// A simulated AWS and a cache that reads it.
struct World {
    cache: Cache,
    region: Region,
    shown: RefCell<BTreeMap<Id, Thing>>,
    listings: Cell<usize>,
}

impl World {
    fn new(shown: &[(u8, Thing)]) -> Self {
        Self {
            cache: cache(),
            region: "us-west-2".parse().unwrap(),
            shown: RefCell::new(shown.iter().map(|(id, thing)| (Id(*id), *thing)).collect()),
            listings: Cell::new(0),
        }
    }

    /// Returns after one second what AWS showed at the beginning of the call.
    async fn list(&self) -> Result<Listing<Id>, Fault> {
        self.listings.set(self.listings.get() + 1);
        let listing = self.shown.borrow().iter().map(|(key, thing)| (*key, Rc::new(*thing))).collect();
        sleep(SECOND).await;
        Ok(listing)
    }

    async fn as_of(&self, id: u8, freshness: Freshness) -> Option<Thing> {
        let one = self.cache.one(&self.region, &Id(id), freshness, async |_| self.list().await).await;
        one.unwrap().map(|thing| *thing)
    }

    async fn one(&self, id: u8) -> Option<Thing> {
        self.as_of(id, Freshness::Progress).await
    }

    async fn all(&self, freshness: Freshness) -> Vec<u32> {
        let all = self.cache.all(&self.region, freshness, async |_| self.list().await).await.unwrap();
        all.values().map(|thing| thing.0).collect()
    }

    fn acted(&self, id: u8) {
        self.cache.acted(&self.region, &Id(id));
    }

    fn wrote(&self, id: u8, version: u32) {
        self.cache.wrote(&self.region, &Id(id), |thing| thing.0 = version);
    }

    fn saw(&self, id: u8, read: Moment, thing: Option<Thing>) {
        self.cache.with(&self.region, |cached| cached.store_read(&Id(id), read, thing.map(Rc::new)));
    }

    fn begin(&self) -> Moment {
        self.cache.with(&self.region, CachedResources::<Id>::now)
    }

    fn show(&self, id: u8, thing: Thing) {
        self.shown.borrow_mut().insert(Id(id), thing);
    }
}

#[tokio::test(start_paused = true)]
async fn listing_serves_all_and_its_age_limit_depends_on_progress() {
    let world = World::new(&[(1, Thing(1, None)), (2, Thing(1, Some(80 * SECOND)))]);
    let (one, two, none) = tokio::join!(world.one(1), world.one(2), world.one(3));
    assert_eq!((one, none), (Some(Thing(1, None)), None));
    assert_eq!((two.unwrap().0, world.listings.get()), (1, 1), "concurrent queries share one listing");
    advance(9 * SECOND).await;
    world.one(2).await;
    world.as_of(3, Freshness::Create).await;
    assert_eq!(world.listings.get(), 1);
    advance(SECOND).await;
    world.one(1).await;
    assert_eq!(world.listings.get(), 1, "a resource without work in progress is read rarely");
    world.one(2).await;
    assert_eq!(world.listings.get(), 2, "an eighth of the remaining time has passed");
    advance(6 * SECOND).await;
    world.one(3).await;
    assert_eq!(world.listings.get(), 3, "an absent resource is read again");
    advance(PollSchedule::default().idle()).await;
    world.as_of(3, Freshness::Create).await;
    assert_eq!(world.listings.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn time_between_listings_grows_with_active_handoffs() {
    let world = World::new(&[(1, Thing(1, None))]);
    world.cache.set_active(41);
    assert_eq!(world.cache.spacing(), 60 * SECOND);
    world.all(Freshness::Recent).await;
    advance(59 * SECOND).await;
    world.all(Freshness::Recent).await;
    world.one(2).await;
    assert_eq!(world.listings.get(), 1);
    world.all(Freshness::Now).await;
    advance(61 * SECOND).await;
    world.all(Freshness::Recent).await;
    assert_eq!(world.listings.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn data_read_before_own_call_is_not_returned_after_it() {
    let world = World::new(&[(1, Thing(1, None)), (2, Thing(1, None))]);
    world.one(1).await;
    world.acted(1);
    world.show(1, Thing(2, None));
    assert_eq!(
        (world.one(2).await.unwrap().0, world.listings.get()),
        (1, 1),
        "the other resource is still served from the cache"
    );
    assert_eq!((world.one(1).await.unwrap().0, world.listings.get()), (2, 2));
    // A listing that began before the call is not used after it either.
    advance(6 * SECOND).await;
    world.show(1, Thing(3, None));
    tokio::join!(world.all(Freshness::Now), async {
        sleep(SECOND / 2).await;
        world.acted(1);
        world.show(1, Thing(4, None));
    });
    assert_eq!((world.one(1).await.unwrap().0, world.listings.get()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn newest_of_listing_single_read_and_write_is_kept() {
    let world = World::new(&[(1, Thing(1, None)), (2, Thing(1, None))]);
    world.one(1).await;
    let before = world.begin();
    advance(SECOND).await;
    world.wrote(1, 10);
    assert_eq!(world.all(Freshness::Slow).await, [10, 1]);
    // A read and a listing that began before the write do not replace it.
    world.saw(1, before, Some(Thing(2, None)));
    assert_eq!(world.one(1).await.unwrap().0, 10);
    advance(6 * SECOND).await;
    tokio::join!(world.all(Freshness::Now), async {
        sleep(SECOND / 2).await;
        world.wrote(1, 11);
    });
    assert_eq!((world.all(Freshness::Slow).await, world.listings.get()), (vec![11, 1], 2));
    // A read that begins after the write replaces it, also one that finds the resource absent; so does a later listing.
    advance(SECOND).await;
    world.saw(1, world.begin(), Some(Thing(3, None)));
    world.saw(2, world.begin(), None);
    assert_eq!((world.all(Freshness::Slow).await, world.one(2).await), (vec![3], None));
    advance(6 * SECOND).await;
    assert_eq!(world.all(Freshness::Now).await, [1, 1]);
    world.saw(1, before, Some(Thing(2, None)));
    assert_eq!(world.one(1).await.unwrap().0, 1, "the listing is newer than the old read");
}

#[tokio::test(start_paused = true)]
async fn read_after_write_is_newer_even_at_the_same_clock_time() {
    let world = World::new(&[(1, Thing(1, None))]);
    world.one(1).await;
    advance(6 * SECOND).await;
    world.wrote(1, 10);
    world.show(1, Thing(11, None));
    assert_eq!(world.all(Freshness::Now).await, [11]);
    advance(6 * SECOND).await;
    let begun = world.begin();
    world.wrote(1, 12);
    world.saw(1, begun, Some(Thing(11, None)));
    assert_eq!(world.one(1).await.unwrap().0, 12);
}

#[tokio::test(start_paused = true)]
async fn returned_listing_does_not_change_later() {
    let world = World::new(&[(1, Thing(1, None))]);
    let held = world.cache.all(&world.region, Freshness::Recent, async |_| world.list().await).await.unwrap();
    world.wrote(1, 2);
    assert_eq!((held[&Id(1)].0, world.all(Freshness::Slow).await), (1, vec![2]));
    assert_eq!((world.cache.known::<Id>(&world.region).len(), world.listings.get()), (1, 1));
    world.cache.forget(&world.region, &Id(1));
    assert!(world.cache.known::<Id>(&world.region).is_empty());
}

#[tokio::test(start_paused = true)]
async fn failed_listing_changes_nothing_and_anew_forces_a_listing() {
    let world = World::new(&[(1, Thing(1, None))]);
    world.one(1).await;
    advance(6 * SECOND).await;
    let fails = async |_: &Listing<Id>| Err(Fault::fatal("no answer"));
    world.cache.all(&world.region, Freshness::Now, fails).await.unwrap_err();
    assert_eq!((world.one(1).await.unwrap().0, world.listings.get()), (1, 1));
    tokio::join!(world.all(Freshness::Anew), world.all(Freshness::Anew), world.all(Freshness::Anew));
    assert_eq!(world.listings.get(), 3, "queries made during a listing share the next one");
}

#[tokio::test(start_paused = true)]
async fn write_without_cached_data_invalidates_listing_in_flight() {
    let world = World::new(&[(1, Thing(1, None))]);
    world.one(1).await;
    world.acted(1);
    tokio::join!(world.all(Freshness::Anew), async {
        sleep(SECOND / 2).await;
        world.wrote(1, 2);
        world.show(1, Thing(2, None));
    });
    assert_eq!(world.one(1).await.unwrap().0, 2);
}

#[tokio::test(start_paused = true)]
async fn single_read_serves_all_until_it_is_old_or_own_call_is_made() {
    let (cache, region, reads) = (cache(), "us-west-2".parse().unwrap(), Cell::new(0));
    let get = |freshness| {
        cache.get(&region, &Id(1), freshness, async || {
            sleep(SECOND).await;
            reads.set(reads.get() + 1);
            Ok(Thing(reads.get(), None))
        })
    };
    let (one, two) = tokio::join!(get(Freshness::Now), get(Freshness::Now));
    assert_eq!((one.unwrap().0, two.unwrap().0, reads.get()), (1, 1, 1));
    cache.acted(&region, &Id(1));
    assert_eq!(cache.peek(&region, &Id(1)).unwrap().0, 1, "peek returns data of any age");
    assert_eq!(get(Freshness::Slow).await.unwrap().0, 2);
    sleep(59 * SECOND).await;
    assert_eq!(get(Freshness::Recent).await.unwrap().0, 2);
    sleep(SECOND).await;
    assert_eq!(get(Freshness::Recent).await.unwrap().0, 3);
    let (during, ()) = tokio::join!(
        async {
            cache.acted(&region, &Id(1));
            get(Freshness::Slow).await
        },
        async {
            sleep(SECOND / 2).await;
            cache.acted(&region, &Id(1));
        }
    );
    assert_eq!(during.unwrap().0, 4);
    assert_eq!(get(Freshness::Slow).await.unwrap().0, 5, "a read that began before our call is not used after it");
    cache.put(&region, &Id(1), Thing(9, None));
    assert_eq!(get(Freshness::Now).await.unwrap().0, 9);
    cache.forget(&region, &Id(1));
    assert_eq!(cache.peek(&region, &Id(1)), None);
}

#[tokio::test(start_paused = true)]
async fn freshness_since_requires_a_read_after_that_time() {
    let world = World::new(&[(1, Thing(1, None))]);
    // The wall clock stays at 0, so the age of the listing is its age in seconds before 0.
    world.one(1).await;
    advance(39 * SECOND).await;
    let ago = |seconds: i64| Freshness::Since(Timestamp::UNIX_EPOCH - SignedDuration::from_secs(seconds));
    world.as_of(1, ago(40)).await;
    assert_eq!(world.listings.get(), 1);
    world.as_of(1, ago(30)).await;
    assert_eq!(world.listings.get(), 2);
}
