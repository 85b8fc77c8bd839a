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

/// AWS, as listings of it show it, and what a process knows of it.
struct There {
    cache: Cache,
    region: Region,
    shown: RefCell<BTreeMap<Id, Thing>>,
    listings: Cell<usize>,
}

impl There {
    fn new(shown: &[(u8, Thing)]) -> Self {
        Self {
            cache: cache(),
            region: "us-west-2".parse().unwrap(),
            shown: RefCell::new(shown.iter().map(|(id, thing)| (Id(*id), *thing)).collect()),
            listings: Cell::new(0),
        }
    }

    /// As AWS lists them at the beginning of the call, a second later.
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
        self.cache.with(&self.region, |known| known.saw(&Id(id), read, thing.map(Rc::new)));
    }

    fn begin(&self) -> Moment {
        self.cache.with(&self.region, Known::<Id>::now)
    }

    fn show(&self, id: u8, thing: Thing) {
        self.shown.borrow_mut().insert(Id(id), thing);
    }
}

#[tokio::test(start_paused = true)]
async fn one_listing_serves_all_and_for_how_long_depends_on_what_it_shows() {
    let there = There::new(&[(1, Thing(1, None)), (2, Thing(1, Some(80 * SECOND)))]);
    let (one, two, none) = tokio::join!(there.one(1), there.one(2), there.one(3));
    assert_eq!((one, none), (Some(Thing(1, None)), None));
    assert_eq!((two.unwrap().0, there.listings.get()), (1, 1), "asked together");
    advance(9 * SECOND).await;
    there.one(2).await;
    there.as_of(3, Freshness::Create).await;
    assert_eq!(there.listings.get(), 1);
    advance(SECOND).await;
    there.one(1).await;
    assert_eq!(there.listings.get(), 1, "what stands still is read seldom");
    there.one(2).await;
    assert_eq!(there.listings.get(), 2, "an eighth of what is left has passed");
    advance(6 * SECOND).await;
    there.one(3).await;
    assert_eq!(there.listings.get(), 3, "what is not there is looked for again");
    advance(PollSchedule::default().idle()).await;
    there.as_of(3, Freshness::Create).await;
    assert_eq!(there.listings.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn listings_are_the_further_apart_the_more_handoffs_share_them() {
    let there = There::new(&[(1, Thing(1, None))]);
    there.cache.set_active(41);
    assert_eq!(there.cache.spacing(), 60 * SECOND);
    there.all(Freshness::Recent).await;
    advance(59 * SECOND).await;
    there.all(Freshness::Recent).await;
    there.one(2).await;
    assert_eq!(there.listings.get(), 1);
    there.all(Freshness::Now).await;
    advance(61 * SECOND).await;
    there.all(Freshness::Recent).await;
    assert_eq!(there.listings.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_read_before_an_act_is_given_of_what_it_was_done_to() {
    let there = There::new(&[(1, Thing(1, None)), (2, Thing(1, None))]);
    there.one(1).await;
    there.acted(1);
    there.show(1, Thing(2, None));
    assert_eq!((there.one(2).await.unwrap().0, there.listings.get()), (1, 1), "of the other one it is");
    assert_eq!((there.one(1).await.unwrap().0, there.listings.get()), (2, 2));
    // A listing that began before the act does not serve after it either.
    advance(6 * SECOND).await;
    there.show(1, Thing(3, None));
    tokio::join!(there.all(Freshness::Now), async {
        sleep(SECOND / 2).await;
        there.acted(1);
        there.show(1, Thing(4, None));
    });
    assert_eq!((there.one(1).await.unwrap().0, there.listings.get()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn what_is_newer_stays_whether_it_was_listed_or_read_alone_or_written() {
    let there = There::new(&[(1, Thing(1, None)), (2, Thing(1, None))]);
    there.one(1).await;
    let before = there.begin();
    advance(SECOND).await;
    there.wrote(1, 10);
    assert_eq!(there.all(Freshness::Slow).await, [10, 1]);
    // A read that began before the write, and a listing that did.
    there.saw(1, before, Some(Thing(2, None)));
    assert_eq!(there.one(1).await.unwrap().0, 10);
    advance(6 * SECOND).await;
    tokio::join!(there.all(Freshness::Now), async {
        sleep(SECOND / 2).await;
        there.wrote(1, 11);
    });
    assert_eq!((there.all(Freshness::Slow).await, there.listings.get()), (vec![11, 1], 2));
    // A read that begins after it, that it has gone too; and a listing after that.
    advance(SECOND).await;
    there.saw(1, there.begin(), Some(Thing(3, None)));
    there.saw(2, there.begin(), None);
    assert_eq!((there.all(Freshness::Slow).await, there.one(2).await), (vec![3], None));
    advance(6 * SECOND).await;
    assert_eq!(there.all(Freshness::Now).await, [1, 1]);
    there.saw(1, before, Some(Thing(2, None)));
    assert_eq!(there.one(1).await.unwrap().0, 1, "what was listed since is newer than an old read");
}

#[tokio::test(start_paused = true)]
async fn read_after_a_write_is_newer_though_the_clock_stood_still() {
    let there = There::new(&[(1, Thing(1, None))]);
    there.one(1).await;
    advance(6 * SECOND).await;
    there.wrote(1, 10);
    there.show(1, Thing(11, None));
    assert_eq!(there.all(Freshness::Now).await, [11]);
    advance(6 * SECOND).await;
    let begun = there.begin();
    there.wrote(1, 12);
    there.saw(1, begun, Some(Thing(11, None)));
    assert_eq!(there.one(1).await.unwrap().0, 12);
}

#[tokio::test(start_paused = true)]
async fn listing_that_is_held_does_not_change() {
    let there = There::new(&[(1, Thing(1, None))]);
    let held = there.cache.all(&there.region, Freshness::Recent, async |_| there.list().await).await.unwrap();
    there.wrote(1, 2);
    assert_eq!((held[&Id(1)].0, there.all(Freshness::Slow).await), (1, vec![2]));
    assert_eq!((there.cache.known::<Id>(&there.region).len(), there.listings.get()), (1, 1));
    there.cache.forget(&there.region, &Id(1));
    assert!(there.cache.known::<Id>(&there.region).is_empty());
}

#[tokio::test(start_paused = true)]
async fn listing_that_fails_changes_nothing_and_one_that_is_asked_for_anew_is_made() {
    let there = There::new(&[(1, Thing(1, None))]);
    there.one(1).await;
    advance(6 * SECOND).await;
    let fails = async |_: &Listing<Id>| Err(Fault::fatal("no answer"));
    there.cache.all(&there.region, Freshness::Now, fails).await.unwrap_err();
    assert_eq!((there.one(1).await.unwrap().0, there.listings.get()), (1, 1));
    tokio::join!(there.all(Freshness::Anew), there.all(Freshness::Anew), there.all(Freshness::Anew));
    assert_eq!(there.listings.get(), 3, "those who ask while one is made share the next");
}

#[tokio::test(start_paused = true)]
async fn write_over_what_is_not_known_makes_a_listing_under_way_serve_nobody() {
    let there = There::new(&[(1, Thing(1, None))]);
    there.one(1).await;
    there.acted(1);
    tokio::join!(there.all(Freshness::Anew), async {
        sleep(SECOND / 2).await;
        there.wrote(1, 2);
        there.show(1, Thing(2, None));
    });
    assert_eq!(there.one(1).await.unwrap().0, 2);
}

#[tokio::test(start_paused = true)]
async fn one_read_alone_serves_all_until_it_is_old_or_we_have_acted() {
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
    assert_eq!(cache.peek(&region, &Id(1)).unwrap().0, 1, "what is known of it, however old");
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
    assert_eq!(get(Freshness::Slow).await.unwrap().0, 5, "a read that began before our act does not serve after it");
    cache.put(&region, &Id(1), Thing(9, None));
    assert_eq!(get(Freshness::Now).await.unwrap().0, 9);
    cache.forget(&region, &Id(1));
    assert_eq!(cache.peek(&region, &Id(1)), None);
}

#[tokio::test(start_paused = true)]
async fn question_since_a_time_is_answered_by_a_read_after_it() {
    let there = There::new(&[(1, Thing(1, None))]);
    // The clock stands at 0, and the listing is of as many seconds ago.
    there.one(1).await;
    advance(39 * SECOND).await;
    let ago = |seconds: i64| Freshness::Since(Timestamp::UNIX_EPOCH - SignedDuration::from_secs(seconds));
    there.as_of(1, ago(40)).await;
    assert_eq!(there.listings.get(), 1);
    there.as_of(1, ago(30)).await;
    assert_eq!(there.listings.get(), 2);
}
