//! Storms: all that may go wrong at once, at random, from a seed.
//!
//! `SEEDS=5000 cargo test -p e2e --test scenarios -- seeds::` weathers as many of them, `SEED=42` that one alone. A seed that fails
//! is reduced to the fewest disturbances that still fail in the same way, which are told as a file for tests/e2e/corpus.
//! `--nocapture` shows how far that is.

use std::cell::Cell;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::Call;
use e2e::{A, B, Case, Dealt, Lab, Storm, World, differences, reduce, reduce_kinds, renumbered, without_unused_keys};

use crate::sample::is_exhaustive;

/// What a storm has left behind.
struct Weathered {
    world: String,
    calls: Vec<Call>,
}

/// An agent that has not succeeded is started again, as by a supervisor.
async fn weather(seed: u64, storm: Arc<Storm>) -> Weathered {
    // In every third world AWS is slow to judge by what was changed, for up to two minutes; in every second one messages come twice.
    let authorization_lag = Duration::from_secs(if seed.is_multiple_of(3) { seed % 120 } else { 0 });
    let duplicates = seed.is_multiple_of(2).then_some(4);
    let lab = Lab::new(World { seed, authorization_lag, duplicates, ..World::quick() }).await;
    lab.pass_through(Some(storm.clone()));
    let source = async {
        while storm.watch(A, lab.source(&["run"])).await.is_none_or(|ran| {
            assert_ne!(ran.exit, Exit::Failed, "{}", ran.out);
            ran.exit != Exit::Settled
        }) {}
    };
    let target = async {
        while storm.watch(B, lab.target(&["run"])).await.is_none_or(|ran| {
            assert_ne!(ran.exit, Exit::Failed, "{}", ran.out);
            ran.exit != Exit::Settled || lab.restored("orders-cutover-1").is_none()
        }) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    Lab::in_time(async { tokio::join!(source, target) }).await;
    lab.pass_through(None);
    let (mut source, mut target) = lab.settle().await;
    // What is received may come once more.
    while lab.cloud.fingerprint().contains(" messages [\"") {
        (source, target) = Lab::in_time(lab.settle()).await;
    }
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    let (offered, accepted) = lab.digests().await;
    assert!(offered.is_some() && offered == accepted, "one message: {offered:?} {accepted:?}");
    Weathered { world: lab.cloud.fingerprint(), calls: lab.cloud.calls() }
}

/// What a storm may leave: at most one unused key for each process. And a process that dies between sending the message and
/// writing that down finds that account B has landed when it comes again: then nobody needs to know.
fn without_debris(world: &str, processes: usize) -> String {
    let published = "\"rds-handoff:published=<time> sha256=<hex>\", ";
    without_unused_keys(world, processes).replace(published, "")
}

/// Runs something on a paused clock of its own.
fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(Box::pin(work))
}

/// The world that is left where nothing goes wrong. All tests share it.
fn clean() -> &'static str {
    static CLEAN: OnceLock<String> = OnceLock::new();
    let run = async || {
        let lab = Lab::new(World::quick()).await;
        lab.move_all(&["orders-cutover-1"]).await;
        lab.settle().await;
        without_debris(&lab.cloud.fingerprint(), 0)
    };
    CLEAN.get_or_init(|| alone(run()))
}

/// Plays a case; the error is why it fails.
fn play(case: &Case) -> (Arc<Storm>, Result<Weathered, String>) {
    let storm = Arc::new(case.storm());
    let played = catch_unwind(AssertUnwindSafe(|| {
        let weathered = alone(weather(case.seed, storm.clone()));
        let left = without_debris(&weathered.world, storm.deaths() + 1);
        assert_eq!(differences(&left, clean()), "");
        weathered
    }));
    let told = played.map_err(|why| {
        let text = why.downcast_ref::<String>().cloned();
        text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    (storm, told)
}

/// A seed is not reduced for ever.
const TRIES: usize = 300;

/// What a failure is known by: the invariant that is broken, or else how its first line begins, up to the first number.
fn sort_of(why: &str) -> &str {
    let line = why.lines().next().unwrap_or_default();
    match line.split_once("broke the invariant ").and_then(|(_, what)| what.split_once(':')) {
        Some((invariant, _)) => invariant,
        None => line.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default(),
    }
}

/// Plays a case of which it is expected that it fails: nothing is printed of that. A backtrace takes longer than a storm.
fn play_quietly(case: &Case) -> Option<String> {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |why| {
            if !QUIET.get() {
                loud(why);
            }
        }));
    });
    QUIET.set(true);
    let (_, played) = play(case);
    QUIET.set(false);
    played.err()
}

/// The fewest disturbances that fail in the same way, as far as so many tries lead.
fn least(seed: u64, dealt: &[Dealt], why: &str) -> Case {
    let mut tries = 0;
    let mut smallest = Case { seed, dealt: None };
    let mut fails = |kept: &[Dealt]| {
        // The calls that are left have other numbers when some are not retried any more, or the same for another reason.
        let numbered = renumbered(dealt, kept);
        let same = numbered == kept;
        for dealt in [Some(numbered), Some(kept.to_vec()).filter(|_| !same)].into_iter().flatten() {
            tries += 1;
            if tries > TRIES {
                return false;
            }
            let case = Case { seed, dealt: Some(dealt) };
            if play_quietly(&case).is_some_and(|told| sort_of(&told) == sort_of(why)) {
                println!("seed {seed}, try {tries} of {TRIES}: {} disturbances fail", kept.len());
                smallest = case;
                return true;
            }
        }
        false
    };
    if fails(dealt) {
        let kinds = reduce_kinds(dealt, |(_, what)| discriminant(what), &mut fails);
        reduce(&kinds, TRIES, fails);
    }
    if tries > TRIES {
        println!("seed {seed}: out of tries, fewer may do");
    }
    smallest
}

/// Plays a case, and says what it fails by at least.
fn must_pass(case: &Case) -> Arc<Storm> {
    let (storm, played) = play(case);
    let Err(why) = played else { return storm };
    let least = least(case.seed, &storm.dealt(), &why);
    let told = play_quietly(&least);
    panic!("seed {} fails:\n{why}\nthe least that fails so, for tests/e2e/corpus:\n{least}with: {told:?}", case.seed);
}

/// How many tests share the seeds.
const SHARDS: u64 = 8;

fn weather_all(shard: u64) {
    let (mut calls, mut deaths, mut weathered) = (0, 0, 0);
    for seed in wanted().filter(|seed| seed % SHARDS == shard) {
        let storm = must_pass(&Case { seed, dealt: None });
        (calls, deaths, weathered) = (calls + storm.calls(), deaths + storm.deaths(), weathered + 1);
    }
    println!("{weathered} seeds: {calls} calls, {deaths} agents killed");
}

/// One that is asked for, or as many as are, or 24; 200 where everything is to be tested.
#[expect(clippy::disallowed_methods, reason = "whoever runs the test says how many")]
fn wanted() -> impl Iterator<Item = u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let usual = if is_exhaustive() { 200 } else { 24 };
    match number("SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("SEEDS").unwrap_or(usual),
    }
}

macro_rules! shards {
    ($($name:ident $shard:literal),+) => {$(
        #[test]
        fn $name() {
            weather_all($shard);
        }
    )+};
}
#[rustfmt::skip]
shards!(randomized_faults_change_no_result_1 0, randomized_faults_change_no_result_2 1, randomized_faults_change_no_result_3 2, randomized_faults_change_no_result_4 3,
        randomized_faults_change_no_result_5 4, randomized_faults_change_no_result_6 5, randomized_faults_change_no_result_7 6, randomized_faults_change_no_result_8 7);

#[test]
fn corpus_cases_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let name = file.display();
        let case: Case =
            std::fs::read_to_string(&file).unwrap().parse().unwrap_or_else(|line| panic!("{name}: {line}"));
        if let (_, Err(why)) = play(&case) {
            panic!("{name}: {why}");
        }
    }
}

#[test]
fn seed_run_twice_makes_identical_calls() {
    for seed in [2, 3] {
        let case = Case { seed, dealt: None };
        let (storm, first) = play(&case);
        let listed = Case { seed, dealt: Some(storm.dealt()) };
        let [first, again, listed] = [first, play(&case).1, play(&listed).1].map(|played| {
            let calls = played.unwrap_or_else(|why| panic!("seed {seed}: {why}")).calls;
            calls.iter().map(|call| format!("{call:?}")).collect::<Vec<_>>()
        });
        let apart = |others: &[String]| format!("{:?}", first.iter().zip(others).find(|(one, other)| one != other));
        assert!(first == again, "seed {seed}: {}", apart(&again));
        assert!(first == listed, "seed {seed}, its disturbances listed: {}", apart(&listed));
    }
}
