use std::collections::BTreeSet;
use std::pin::pin;
use std::task::{Context, Waker};

use proptest::prelude::*;

use super::*;

/// Rank and source of a claim; sender.
type Who = (u8, u8, u8);

struct World {
    line: Line<usize, u8>,
    all: Vec<Who>,
    wakes: Vec<Rc<Notify>>,
    most: usize,
    room: usize,
    /// Begun by somebody else, and by the line's own.
    strangers: usize,
    flying: BTreeSet<usize>,
    done: BTreeSet<usize>,
}

impl World {
    fn new(all: Vec<Who>, most: usize) -> Self {
        let wakes = all.iter().map(|_| Rc::default()).collect();
        let (flying, done) = (BTreeSet::new(), BTreeSet::new());
        Self { line: Line::new(), all, wakes, most, room: usize::MAX, strangers: 0, flying, done }
    }

    fn with<T>(&self, of: impl FnOnce(&Places<'_, usize>) -> T) -> T {
        let begun = |key: &usize| self.flying.contains(key) || self.done.contains(key);
        of(&Places {
            in_flight: self.strangers + self.flying.len(),
            most: self.most,
            room: self.room,
            shown: &begun,
            busy: &|source| self.flying.iter().any(|key| dbi(self.all[*key].1) == *source),
        })
    }

    fn ask(&self, key: usize) -> Turn {
        let (rank, source, sender) = self.all[key];
        let sender = format!("{sender:012}").parse().unwrap();
        let claim = Claim { sender, rank, source: dbi(source), wake: self.wakes[key].clone() };
        self.with(|places| self.line.ask(&key, claim, places))
    }

    /// A pass: asks, begins if it may, and ends.
    fn pass(&mut self, key: usize) -> Turn {
        let turn = self.ask(key);
        if turn == Turn::In {
            self.flying.insert(key);
        }
        self.line.walked(&key, false);
        turn
    }

    fn end(&mut self, key: usize) {
        self.flying.remove(&key);
        self.done.insert(key);
        self.with(|places| self.line.look(places));
    }

    fn woken(&self) -> Vec<usize> {
        let is_woken = |wake: &Notify| pin!(wake.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        (0..self.all.len()).filter(|key| is_woken(&self.wakes[*key])).collect()
    }
}

fn dbi(source: u8) -> DbiResourceId {
    format!("db-{source:026}").parse().unwrap()
}

fn behind(before: usize) -> Turn {
    Turn::Behind { before, room: false }
}

#[tokio::test(start_paused = true)]
async fn the_first_in_rank_goes_first_and_is_woken_when_a_place_comes_free() {
    let mut world = World::new(vec![(9, 0, 0), (3, 1, 0), (2, 2, 0), (1, 3, 0)], 1);
    assert_eq!(world.pass(0), Turn::In);
    assert_eq!([world.pass(1), world.pass(2), world.pass(3)], [behind(0), behind(0), behind(0)]);
    assert_eq!(world.pass(1), behind(2));
    assert_eq!(world.woken(), [0; 0], "nobody looks for nothing");
    world.end(0);
    assert_eq!(world.woken(), [3]);
    assert_eq!(world.pass(2), behind(1), "the place is kept for whoever is first");
    assert_eq!(world.pass(3), Turn::In);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_blocked_or_does_not_ask_any_more_holds_up_nobody() {
    for blocked in [true, false] {
        let mut world = World::new(vec![(9, 0, 0), (1, 1, 0), (2, 2, 0)], 1);
        assert_eq!([world.pass(0), world.pass(1), world.pass(2)], [Turn::In, behind(0), behind(1)]);
        world.end(0);
        assert_eq!(world.woken(), [1]);
        world.line.walked(&1, blocked);
        assert_eq!(world.woken(), [2]);
        assert_eq!(world.pass(2), Turn::In);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_was_let_in_and_never_shows_gives_its_place_back_after_a_minute() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0)], 1);
    assert_eq!(world.ask(0), Turn::In);
    assert_eq!(world.pass(1), behind(0));
    tokio::time::sleep(SHOWN).await;
    world.with(|places| world.line.look(places));
    assert_eq!((world.woken(), world.pass(1)), (vec![1], Turn::In));
}

#[tokio::test(start_paused = true)]
async fn senders_take_turns() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0), (9, 3, 1)], 1);
    assert_eq!(world.pass(0), Turn::In);
    for key in 1..4 {
        world.pass(key);
    }
    world.end(0);
    assert_eq!(world.woken(), [3], "the one message of the other sender");
}

#[tokio::test(start_paused = true)]
async fn a_second_copy_of_a_source_goes_last() {
    let mut world = World::new(vec![(1, 7, 0), (2, 7, 0), (3, 8, 0)], 2);
    assert_eq!(world.ask(0), Turn::In, "not shown yet");
    assert_eq!(world.pass(1), Turn::In, "nobody else wants the place");
    world.end(1);
    world.all.push((1, 7, 0));
    world.wakes.push(Rc::default());
    world.most = 1;
    assert_eq!([world.pass(3), world.pass(2)], [behind(0), behind(0)]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_teaches_how_many_are_too_many_until_one_ends_or_hours_have_passed() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0)], 20);
    world.strangers = 2;
    assert_eq!(world.ask(0), Turn::In);
    world.line.refused(&0, 2);
    assert_eq!(world.pass(0), behind(0));
    world.strangers = 1;
    world.with(|places| world.line.look(places));
    assert_eq!((world.pass(0), world.pass(1), world.pass(2)), (Turn::In, behind(0), behind(1)));
    tokio::time::sleep(BELIEVED).await;
    assert_eq!((world.pass(1), world.pass(2)), (Turn::In, behind(0)), "the quota may have been raised");
    // A look that shows none in flight is a stale one: it is not believed for long.
    world.strangers = 0;
    world.line.refused(&2, 0);
    world.done.extend(std::mem::take(&mut world.flying));
    assert_eq!(world.pass(2), behind(0));
    tokio::time::sleep(SHOWN).await;
    assert_eq!(world.pass(2), Turn::In);
}

#[tokio::test(start_paused = true)]
async fn room_counts_beside_places_and_is_told_apart() {
    let mut world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0)], 20);
    world.room = 1;
    assert_eq!(world.ask(0), Turn::In);
    assert_eq!(world.pass(1), Turn::Behind { before: 0, room: true }, "its room is taken before it shows");
    world.flying.insert(0);
    world.room = 0;
    assert_eq!(world.pass(2), Turn::Behind { before: 1, room: true });
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_kept_is_kept_until_it_is_left() {
    let line: Line<usize, u8> = Line::keeping();
    let world = World::new(vec![(1, 0, 0), (2, 1, 0), (3, 2, 0)], 1);
    let ask = |key: usize, shown: bool| {
        let claim = Claim {
            sender: "000000000000".parse().unwrap(),
            rank: world.all[key].0,
            source: dbi(0),
            wake: world.wakes[key].clone(),
        };
        line.ask(&key, claim, &Places { in_flight: 0, most: 1, room: 9, shown: &|_| shown, busy: &|_| false })
    };
    for key in [2, 1, 0] {
        let claim = Claim {
            sender: "000000000000".parse().unwrap(),
            rank: world.all[key].0,
            source: dbi(0),
            wake: world.wakes[key].clone(),
        };
        line.enlist(&key, claim);
    }
    assert_eq!(ask(1, false), behind(1), "who comes together is known before the first is let in");
    assert_eq!(ask(0, false), Turn::In);
    tokio::time::sleep(BELIEVED).await;
    assert_eq!((ask(0, true), ask(1, true)), (Turn::In, behind(0)));
    line.leave(&0);
    line.walked(&0, false);
    assert_eq!((world.woken(), ask(1, true)), (vec![1], Turn::In));
    let wake = world.wakes[2].clone();
    line.hold(&2, Claim { sender: "000000000000".parse().unwrap(), rank: 3, source: dbi(0), wake });
    assert_eq!(line.better(&3, |_| true).len(), 1, "the one that was let in");
    line.walked(&1, true);
    assert_eq!(ask(1, true), behind(0), "who has begun before has a place, whoever waits");
}

proptest! {
    /// Whoever waits asks only when it is woken: all come to their turn, never too many at once, and none before its better.
    #[test]
    fn all_come_to_their_turn(
        all in proptest::collection::vec((0..4u8, 0..6u8, 0..3u8), 1..24),
        most in 1..5usize,
        choices in proptest::collection::vec(0..5usize, 400),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(all.clone(), most);
            let mut blocked = BTreeSet::new();
            let mut due: Vec<usize> = (0..all.len()).collect();
            for choice in choices.into_iter().cycle().take(40 * all.len()) {
                due.extend(world.woken());
                if let Some(key) = (!due.is_empty()).then(|| due.remove(choice % due.len())) {
                    if world.flying.contains(&key) || world.done.contains(&key) {
                        continue;
                    }
                    // Now and then somebody is blocked, once, and comes again.
                    if choice == 0 && blocked.insert(key) {
                        world.line.walked(&key, true);
                        due.push(key);
                        continue;
                    }
                    let waiting: Vec<usize> = world.line.state.borrow().waiting.keys().copied().collect();
                    let turn = world.pass(key);
                    let in_flight = world.flying.len();
                    prop_assert!(in_flight <= most, "{in_flight} of {most}");
                    let busy = |key: usize| world.flying.iter().any(|other| *other != key && all[*other].1 == all[key].1);
                    let (rank, _, sender) = all[key];
                    let better = |other: usize| all[other].2 == sender && all[other].0 < rank && !busy(other);
                    let passed_over = waiting.into_iter().filter(|other| *other != key && better(*other)).count();
                    prop_assert!(turn != Turn::In || passed_over <= most - in_flight, "{passed_over} were before it");
                } else if let Some(key) = world.flying.iter().nth(choice % world.flying.len().max(1)).copied() {
                    world.end(key);
                }
            }
            prop_assert_eq!(world.done.len(), all.len(), "waiting for ever: {:?}", world.line);
            Ok(())
        })?;
    }
}
