use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::pin::pin;
use std::task::{Context, Waker};

use proptest::prelude::*;
use protocol::DbiResourceId;

use super::slots::{LEARNT_LIMIT_TTL, SHOWN_WITHIN};
use super::*;

/// The rank, source and sender of a claim.
type Who = (u8, u8, u8);

const COPIES: fn() -> PermitKind = || PermitKind::Copy("us-west-2".parse().unwrap());
const UNDER_WAY: fn() -> PermitKind =
    || PermitKind::UnderWay("222222222222".parse().unwrap(), "us-west-2".parse().unwrap());

/// A simulated AWS and the handoffs of one process.
struct World {
    gate: Gate,
    all: Vec<Who>,
    wakes: Vec<Rc<Notify>>,
    supply: FakeSupply,
}

/// What AWS lists.
#[derive(Debug, Default, Clone)]
struct FakeSupply {
    limit: usize,
    bound: Option<Bound>,
    /// Started by other processes.
    others: usize,
    in_flight: BTreeSet<usize>,
    done: BTreeSet<usize>,
    /// The source databases of the copies in flight.
    copying: BTreeSet<u8>,
    about_to_ask: BTreeSet<usize>,
}

impl Supply for FakeSupply {
    fn in_use(&self) -> usize {
        self.others + self.in_flight.len()
    }
    fn limit(&self) -> usize {
        self.limit
    }
    fn bound(&self) -> Option<&Bound> {
        self.bound.as_ref()
    }
    fn shows(&self, resource: &str) -> bool {
        let key = resource.parse().unwrap();
        self.in_flight.contains(&key) || self.done.contains(&key)
    }
    fn is_copying(&self, source: &DbiResourceId) -> bool {
        self.copying.iter().any(|copying| dbi(*copying) == *source)
    }
    fn is_about_to_ask(&self, resource: &str) -> bool {
        self.about_to_ask.contains(&resource.parse().unwrap())
    }
    fn next_free(&self, is_polled: &dyn Fn(&str) -> bool) -> Retry {
        let all = self.in_flight.iter().all(|key| is_polled(&key.to_string()));
        Retry::After(if all && self.others == 0 { Duration::from_hours(1) } else { Duration::from_mins(1) })
    }
}

fn dbi(source: u8) -> DbiResourceId {
    format!("db-{source:026}").parse().unwrap()
}

fn owner(key: usize) -> Owner {
    Owner { handoff: format!("{key:016x}").parse().unwrap(), message: None }
}

/// The text of a claim with this many claims ahead.
fn behind(before: usize) -> String {
    super::behind("a copy slot", before)
}

impl World {
    fn new(all: Vec<Who>, limit: usize) -> Self {
        let wakes = all.iter().map(|_| Rc::default()).collect();
        Self { gate: Gate::new(1.0), all, wakes, supply: FakeSupply { limit, ..FakeSupply::default() } }
    }

    fn claim(&self, key: usize, kind: PermitKind) -> Claim {
        let (rank, source, sender) = self.all[key];
        Claim {
            kind,
            resource: key.to_string(),
            sender: format!("{sender:012}").parse().unwrap(),
            rank: Rank {
                priority: Reverse(-i16::from(rank)),
                size_gib: Reverse(0),
                database: "orders".parse().unwrap(),
                handoff: owner(key).handoff,
            },
            source: dbi(source),
            released_by: "copy",
            after: None,
            claims_again_within: None,
        }
    }

    fn admit(&self, claim: Claim, key: usize) -> Admission {
        self.gate.acquire(&owner(key), claim, &self.wakes[key], &self.supply)
    }

    /// Acquires a permit. Returns `granted`, or what the claim waits for.
    fn ask(&self, key: usize) -> String {
        match self.admit(self.claim(key, COPIES()), key) {
            Admission::Granted => "granted".to_owned(),
            Admission::Queued(queued) => queued.words,
        }
    }

    /// Runs a pass: acquires a permit and starts the copy if granted.
    fn pass(&mut self, key: usize) -> String {
        let answer = self.ask(key);
        if answer == "granted" {
            self.supply.in_flight.insert(key);
            self.supply.copying.insert(self.all[key].1);
        }
        self.gate.pass_ended(&owner(key), false);
        answer
    }

    fn end(&mut self, key: usize) {
        self.supply.in_flight.remove(&key);
        self.supply.done.insert(key);
        self.supply.copying = self.supply.in_flight.iter().map(|key| self.all[*key].1).collect();
        self.gate.refresh(&COPIES(), &self.supply);
    }

    fn woken(&self) -> Vec<usize> {
        let is_woken = |wake: &Notify| pin!(wake.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        (0..self.all.len()).filter(|key| is_woken(&self.wakes[*key])).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn released_permit_wakes_and_goes_to_highest_rank() {
    let mut world = World::new(vec![(9, 0, 0), (3, 1, 0), (2, 2, 0), (1, 3, 0)], 1);
    assert_eq!(world.pass(0), "granted");
    assert_eq!([world.pass(1), world.pass(2), world.pass(3)], [behind(0), behind(0), behind(0)]);
    assert_eq!(world.pass(1), behind(2));
    assert_eq!(world.woken(), [0; 0], "no handoff is woken without a free permit");
    world.end(0);
    assert_eq!(world.woken(), [3]);
    assert_eq!(world.pass(2), behind(1), "the permit is reserved for the first in the queue");
    assert_eq!(world.pass(3), "granted");
}

#[tokio::test(start_paused = true)]
async fn blocked_or_absent_owner_does_not_block_the_queue() {
    for blocked in [true, false] {
        let mut world = World::new(vec![(9, 0, 0), (1, 1, 0), (2, 2, 0)], 1);
        assert_eq!([world.pass(0), world.pass(1), world.pass(2)], ["granted".to_owned(), behind(0), behind(1)]);
        world.end(0);
        assert_eq!(world.woken(), [1]);
        world.gate.pass_ended(&owner(1), blocked);
        assert_eq!(world.woken(), [2]);
        assert_eq!(world.pass(2), "granted");
    }
}

#[tokio::test(start_paused = true)]
async fn permit_expires_when_its_resource_never_appears() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0)], 1);
    assert_eq!(world.ask(0), "granted");
    assert_eq!(world.pass(1), behind(0));
    tokio::time::sleep(SHOWN_WITHIN).await;
    world.gate.refresh(&COPIES(), &world.supply);
    assert_eq!((world.woken(), world.pass(1)), (vec![1], "granted".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn permits_rotate_between_senders() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0), (9, 3, 1)], 1);
    assert_eq!(world.pass(0), "granted");
    for key in 1..4 {
        world.pass(key);
    }
    world.end(0);
    assert_eq!(world.woken(), [3], "the one message of the other sender");
}

#[tokio::test(start_paused = true)]
async fn second_copy_of_a_source_is_queued_last() {
    let mut world = World::new(vec![(1, 7, 0), (2, 7, 0), (3, 8, 0)], 2);
    assert_eq!(world.ask(0), "granted", "not listed yet");
    assert_eq!(world.pass(1), "granted", "no other claim waits");
    world.end(1);
    world.all.push((1, 7, 0));
    world.wakes.push(Rc::default());
    world.supply.limit = 1;
    assert_eq!([world.pass(3), world.pass(2)], [behind(0), behind(0)]);
}

#[tokio::test(start_paused = true)]
async fn refusal_lowers_limit_until_its_time_to_live_ends() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0)], 20);
    world.supply.others = 2;
    assert_eq!(world.ask(0), "granted");
    assert_eq!(world.gate.refused(&owner(0), &COPIES(), &world.supply), Refused::Waits("a copy slot".to_owned()));
    assert_eq!(world.pass(0), behind(0));
    world.supply.others = 1;
    world.gate.refresh(&COPIES(), &world.supply);
    assert_eq!([world.pass(0), world.pass(1), world.pass(2)], ["granted".to_owned(), behind(0), behind(1)]);
    tokio::time::sleep(LEARNT_LIMIT_TTL).await;
    assert_eq!([world.pass(1), world.pass(2)], ["granted".to_owned(), behind(0)], "the quota may have been raised");
    // A listing that shows none in flight is stale: it is used for a short time only, and says nothing about the limit.
    (world.supply.others, world.supply.in_flight) = (0, BTreeSet::new());
    world.supply.done.extend([0, 1]);
    assert_eq!(world.gate.refused(&owner(2), &COPIES(), &world.supply), Refused::Unknown);
    assert_eq!(world.pass(2), behind(0));
    tokio::time::sleep(SHOWN_WITHIN).await;
    assert_eq!(world.pass(2), "granted");
}

#[tokio::test(start_paused = true)]
async fn bound_limits_grants_and_names_what_is_waited_for() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0)], 20);
    let room = |left| Some(Bound { left: Some(left), words: "room".to_owned(), retry_after: Duration::from_mins(20) });
    world.supply.bound = room(1);
    assert_eq!(world.ask(0), "granted");
    assert_eq!(world.pass(1), "room", "the granted permit uses up the bound before AWS lists it");
    world.supply.in_flight.insert(0);
    world.supply.bound = room(0);
    assert_eq!(world.pass(2), "room");
    assert_eq!(world.gate.refused(&owner(2), &COPIES(), &world.supply), Refused::Waits("room".to_owned()));
    let peek = world.gate.peek(&world.claim(2, COPIES()), &world.supply);
    let queued = Queued { words: "room".to_owned(), retry: Retry::After(Duration::from_mins(20)) };
    assert_eq!(peek, Admission::Queued(queued));
}

#[tokio::test(start_paused = true)]
async fn permit_held_until_released_counts_after_aws_lists_resource() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0)], 1);
    let ask = |world: &World, key| world.admit(world.claim(key, UNDER_WAY()), key) == Admission::Granted;
    for key in [2, 1, 0] {
        world.gate.enlist(&owner(key), world.claim(key, UNDER_WAY()), &world.wakes[key]);
    }
    assert!(!ask(&world, 1), "claims queued in advance are ordered before the first grant");
    assert!(ask(&world, 0));
    tokio::time::sleep(LEARNT_LIMIT_TTL).await;
    world.supply.done.insert(0);
    assert!(ask(&world, 0) && !ask(&world, 1));
    world.gate.step_ready(&owner(0), "share");
    assert!(!ask(&world, 1), "another step does not release it");
    world.gate.step_ready(&owner(0), "copy");
    world.gate.pass_ended(&owner(0), false);
    assert_eq!((world.woken(), ask(&world, 1)), (vec![1], true));
    world.gate.occupy(&owner(2), world.claim(2, UNDER_WAY()), &world.wakes[2]);
    world.gate.pass_ended(&owner(1), true);
    assert!(!ask(&world, 1), "a resource in progress holds a permit, even if claims wait");
    for key in 0..3 {
        world.gate.pass_ended(&owner(key), true);
    }
    assert_eq!(world.gate.entries(), 0);
}

#[tokio::test(start_paused = true)]
async fn claim_waits_for_higher_rank_that_may_claim_soon() {
    let mut world = World::new(vec![(1, 0, 0), (5, 1, 0), (7, 2, 0)], 1);
    let copy = |world: &World, key| {
        let claim = Claim { after: Some(UNDER_WAY()), ..world.claim(key, COPIES()) };
        let answer = world.admit(claim, key);
        world.gate.pass_ended(&owner(key), false);
        match answer {
            Admission::Granted => None,
            Admission::Queued(queued) => Some((queued.words, queued.retry)),
        }
    };
    world.gate.occupy(&owner(0), world.claim(0, UNDER_WAY()), &world.wakes[0]);
    assert_eq!(world.gate.peek(&world.claim(1, COPIES()), &world.supply), Admission::Granted);
    world.supply.about_to_ask.insert(0);
    let waits = Some((behind(1), Retry::After(GRACE)));
    assert_eq!((copy(&world, 1), world.woken()), (waits, vec![0]));
    tokio::time::sleep(GRACE / 2).await;
    assert_eq!(copy(&world, 1), Some((behind(1), Retry::After(GRACE / 2))), "the time left has halved");
    assert_eq!(copy(&world, 0), None);
    world.supply.in_flight.insert(0);
    // The claim does not wait for a handoff that has claimed already.
    assert_eq!(copy(&world, 1), Some((behind(0), Retry::After(Duration::from_mins(1)))));
    world.gate.occupy(&owner(0), world.claim(0, COPIES()), &world.wakes[0]);
    assert_eq!(copy(&world, 1), Some((behind(0), Retry::After(Duration::from_hours(1)))), "its owner polls it");
    world.gate.step_ready(&owner(0), "copy");
    world.end(0);
    assert_eq!((world.woken().contains(&1), copy(&world, 1)), (true, None));
    // A handoff that never claims is waited for only this long.
    let world = World::new(vec![(1, 0, 0), (5, 1, 0)], 1);
    let supply = FakeSupply { about_to_ask: [0].into(), ..world.supply.clone() };
    let world = World { supply, ..world };
    world.gate.occupy(&owner(0), world.claim(0, UNDER_WAY()), &world.wakes[0]);
    assert!(copy(&world, 1).is_some());
    tokio::time::sleep(GRACE).await;
    assert_eq!(copy(&world, 1), None);
}

#[tokio::test(start_paused = true)]
async fn queued_claim_retries_within_its_configured_time() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0)], 1);
    world.pass(0);
    world.pass(1);
    let within = Some(Duration::from_secs(90));
    let claim = Claim { claims_again_within: within, ..world.claim(2, COPIES()) };
    let Admission::Queued(queued) = world.admit(claim, 2) else { panic!("no permit is free") };
    assert_eq!((queued.words, queued.retry), (behind(1), Retry::After(Duration::from_secs(90))));
}

proptest! {
    /// Queued handoffs claim only when woken. All are granted, never more at once than allowed, and none before a
    /// higher rank.
    #[test]
    fn every_queued_claim_is_granted_in_rank_order(
        all in proptest::collection::vec((0..4u8, 0..6u8, 0..3u8), 1..24),
        most in 1..5usize,
        choices in proptest::collection::vec(0..5usize, 400),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(all.clone(), most);
            let mut blocked = BTreeSet::new();
            let mut waiting = BTreeSet::new();
            let mut due: Vec<usize> = (0..all.len()).collect();
            for choice in choices.into_iter().cycle().take(40 * all.len()) {
                due.extend(world.woken());
                if let Some(key) = (!due.is_empty()).then(|| due.remove(choice % due.len())) {
                    if world.supply.in_flight.contains(&key) || world.supply.done.contains(&key) {
                        continue;
                    }
                    // Sometimes a handoff is blocked once and retries.
                    if choice == 0 && blocked.insert(key) {
                        world.gate.pass_ended(&owner(key), true);
                        waiting.remove(&key);
                        due.push(key);
                        continue;
                    }
                    let granted = world.pass(key) == "granted";
                    let in_flight = &world.supply.in_flight;
                    prop_assert!(in_flight.len() <= most, "{in_flight:?} of {most}");
                    let busy = |key: usize| in_flight.iter().any(|other| *other != key && all[*other].1 == all[key].1);
                    let (rank, _, sender) = all[key];
                    let better = |other: &usize| all[*other].2 == sender && all[*other].0 < rank && !busy(*other);
                    let passed_over = waiting.iter().filter(|other| **other != key && better(other)).count();
                    prop_assert!(!granted || passed_over <= most - in_flight.len(), "{passed_over} of higher rank were passed over");
                    if granted { waiting.remove(&key) } else { waiting.insert(key) };
                } else if let Some(key) = world.supply.in_flight.iter().nth(choice % world.supply.in_flight.len().max(1)).copied() {
                    world.end(key);
                }
            }
            prop_assert_eq!(world.supply.done.len(), all.len(), "never granted: {:?}", world.gate);
            Ok(())
        })?;
    }
}
