use std::cell::Cell;

use aws_smithy_async::time::StaticTimeSource;
use tokio::time::{advance, sleep};

use super::*;

/// A resource: its version, and whether AWS is at work on it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Thing(u32, Option<Duration>);

impl Listed for Thing {
    fn busy(&self, _: Timestamp) -> Option<Duration> {
        self.1
    }
}

const BOUNDS: Bounds =
    Bounds { soon: Duration::from_secs(5), absent: Duration::from_secs(10), idle: Duration::from_hours(1) };
const SECOND: Duration = Duration::from_secs(1);

/// AWS, as listings of it show it, and what a process knows of it.
struct There {
    known: Known<u8, Thing>,
    region: Region,
    shown: RefCell<BTreeMap<u8, Thing>>,
    listings: Cell<usize>,
}

impl There {
    fn new(shown: &[(u8, Thing)]) -> Self {
        Self {
            known: Known::new(Clock::new(StaticTimeSource::from_secs(0).into())),
            region: "us-west-2".parse().unwrap(),
            shown: RefCell::new(shown.iter().copied().collect()),
            listings: Cell::new(0),
        }
    }

    /// As AWS lists them at the beginning of the call, a second later.
    async fn list(&self) -> Result<Listing<u8, Thing>, Fault> {
        self.listings.set(self.listings.get() + 1);
        let listing = self.shown.borrow().iter().map(|(key, thing)| (*key, Rc::new(*thing))).collect();
        sleep(SECOND).await;
        Ok(listing)
    }

    async fn one(&self, key: u8) -> Option<Thing> {
        let one = self.known.one(&self.region, &key, BOUNDS, async || self.list().await).await;
        one.unwrap().map(|thing| *thing)
    }

    async fn all(&self, oldest: Duration) -> Vec<u32> {
        let all = self.known.all(&self.region, oldest, async || self.list().await).await.unwrap();
        all.values().map(|thing| thing.0).collect()
    }

    fn show(&self, key: u8, thing: Thing) {
        self.shown.borrow_mut().insert(key, thing);
    }
}

#[tokio::test(start_paused = true)]
async fn one_listing_serves_all_and_how_long_depends_on_what_it_shows() {
    let there = There::new(&[(1, Thing(1, None)), (2, Thing(1, Some(80 * SECOND)))]);
    let (one, two, none) = tokio::join!(there.one(1), there.one(2), there.one(3));
    assert_eq!((one, none), (Some(Thing(1, None)), None));
    assert_eq!((two.unwrap().0, there.listings.get()), (1, 1), "asked together");
    advance(9 * SECOND).await;
    assert_eq!((there.one(2).await.unwrap().0, there.one(3).await, there.listings.get()), (1, None, 1));
    advance(SECOND).await;
    there.one(1).await;
    assert_eq!(there.listings.get(), 1, "what stands still is read seldom");
    there.one(2).await;
    assert_eq!(there.listings.get(), 2, "an eighth of what is left has passed");
    advance(11 * SECOND).await;
    there.one(3).await;
    assert_eq!(there.listings.get(), 3, "what is not there is looked for again");
}

#[tokio::test(start_paused = true)]
async fn nothing_that_was_read_before_an_act_is_believed_of_what_it_was_done_to() {
    let there = There::new(&[(1, Thing(1, None)), (2, Thing(1, None))]);
    there.one(1).await;
    there.known.acted(&there.region, &1);
    assert_eq!(there.known.age(&there.region, &1), None);
    there.show(1, Thing(2, None));
    assert_eq!((there.one(2).await.unwrap().0, there.listings.get()), (1, 1), "of the other one it is");
    assert_eq!((there.one(1).await.unwrap().0, there.listings.get()), (2, 2));
    // A listing that began before the act does not serve after it either.
    there.show(1, Thing(3, None));
    tokio::join!(there.all(Duration::ZERO), async {
        sleep(SECOND / 2).await;
        there.known.acted(&there.region, &1);
        there.show(1, Thing(4, None));
    });
    assert_eq!((there.one(1).await.unwrap().0, there.listings.get()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn what_is_newer_stays_whether_it_was_listed_or_read_alone_or_written() {
    let there = There::new(&[(1, Thing(1, None)), (2, Thing(1, None))]);
    there.one(1).await;
    let before = Instant::now();
    advance(SECOND).await;
    there.known.wrote(&there.region, &1, |thing| thing.0 = 10);
    assert_eq!(there.all(10 * SECOND).await, [10, 1]);
    // A look that began before the write, and a listing that did.
    there.known.saw(&there.region, &1, before, Some(Thing(2, None)));
    assert_eq!(there.one(1).await.unwrap().0, 10);
    tokio::join!(there.all(Duration::ZERO), async {
        sleep(SECOND / 2).await;
        there.known.wrote(&there.region, &1, |thing| thing.0 = 11);
    });
    assert_eq!((there.all(10 * SECOND).await, there.listings.get()), (vec![11, 1], 2));
    // A look that begins after it, that it has gone too; and a listing after that.
    advance(SECOND).await;
    there.known.saw(&there.region, &1, Instant::now(), Some(Thing(3, None)));
    there.known.saw(&there.region, &2, Instant::now(), None);
    assert_eq!((there.all(10 * SECOND).await, there.one(2).await), (vec![3], None));
    advance(SECOND).await;
    assert_eq!(there.all(Duration::ZERO).await, [1, 1]);
    there.known.saw(&there.region, &1, before, Some(Thing(2, None)));
    assert_eq!(there.one(1).await.unwrap().0, 1, "what was listed since is newer than an old look");
}

#[tokio::test(start_paused = true)]
async fn what_is_held_of_a_listing_does_not_change() {
    let there = There::new(&[(1, Thing(1, None))]);
    let list = async || there.list().await;
    let held = there.known.all(&there.region, SECOND, list).await.unwrap();
    there.known.wrote(&there.region, &1, |thing| thing.0 = 2);
    assert_eq!((held[&1].0, there.all(10 * SECOND).await), (1, vec![2]));
    assert_eq!((there.known.now(&there.region).len(), there.listings.get()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_fails_changes_nothing() {
    let there = There::new(&[(1, Thing(1, None))]);
    there.one(1).await;
    let fails = async || Err(Fault::fatal("no answer"));
    there.known.all(&there.region, Duration::ZERO, fails).await.unwrap_err();
    assert_eq!((there.one(1).await.unwrap().0, there.listings.get()), (1, 1));
    let now = Instant::now();
    there.known.since(&there.region, now, async || there.list().await).await.unwrap();
    there.known.since(&there.region, now, async || there.list().await).await.unwrap();
    assert_eq!(there.listings.get(), 2, "once for all who ask since then");
}
