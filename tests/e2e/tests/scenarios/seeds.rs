//! Randomized fault runs: all faults combined, at random, from a seed.
//!
//! `SEEDS=5000 cargo test -p e2e --test scenarios -- seeds::` runs seeds 1 to 5000, `SEED=42` runs that seed alone. A
//! seed that fails is reduced to the fewest disturbances that still fail in the same way, which are printed as a file
//! for tests/e2e/corpus. `--nocapture` shows the progress of the reduction.

use std::cell::Cell;
use std::mem::discriminant;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::Call;
use e2e::{
    A, B, Case, InjectedFault, Lab, RandomFaults, World, differences, reduce, reduce_kinds, renumbered,
    without_unused_keys,
};

use crate::sample::is_exhaustive;

/// The result of a randomized fault run.
struct FaultRun {
    world: String,
    calls: Vec<Call>,
}

/// Runs one handoff under these faults. An agent that has not settled is started again, as by a supervisor.
async fn run_with_faults(seed: u64, faults: Arc<RandomFaults>) -> FaultRun {
    // In every third world policy changes propagate within two minutes; in every second one messages are duplicated.
    let authorization_lag = Duration::from_secs(if seed.is_multiple_of(3) { seed % 120 } else { 0 });
    let duplicates = seed.is_multiple_of(2).then_some(4);
    let lab = Lab::new(World { seed, authorization_lag, duplicates, ..World::quick() }).await;
    lab.pass_through(Some(faults.clone()));
    let source = async {
        while faults.watch(A, lab.source(&["run"])).await.is_none_or(|ran| {
            assert_ne!(ran.exit, Exit::Failed, "{}", ran.out);
            ran.exit != Exit::Settled
        }) {}
    };
    let target = async {
        while faults.watch(B, lab.target(&["run"])).await.is_none_or(|ran| {
            assert_ne!(ran.exit, Exit::Failed, "{}", ran.out);
            ran.exit != Exit::Settled || lab.restored("orders-cutover-1").is_none()
        }) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    Lab::in_time(async { tokio::join!(source, target) }).await;
    lab.pass_through(None);
    let (mut source, mut target) = lab.settle().await;
    // A received message may be delivered once more.
    while lab.cloud.fingerprint().contains(" messages [\"") {
        (source, target) = Lab::in_time(lab.settle()).await;
    }
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    let (offered, accepted) = lab.digests().await;
    assert!(
        offered.is_some() && offered == accepted,
        "A offered and B accepted different messages: {offered:?} {accepted:?}"
    );
    FaultRun { world: lab.cloud.fingerprint(), calls: lab.cloud.calls() }
}

/// Removes from a fingerprint what a fault run may leave: at most one unused key per process; and the tag `published`,
/// which is missing if a process was killed between sending the message and writing the tag, and account B had landed
/// its copy before the next process ran.
fn without_allowed_leftovers(world: &str, processes: usize) -> String {
    let published = "\"rds-handoff:published=<time> sha256=<hex>\", ";
    without_unused_keys(world, processes).replace(published, "")
}

/// Runs a future on its own runtime with a paused clock.
fn on_own_clock<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(Box::pin(work))
}

/// The world that a handoff without faults leaves. All tests share the result.
fn clean() -> &'static str {
    static CLEAN: OnceLock<String> = OnceLock::new();
    let run = async || {
        let lab = Lab::new(World::quick()).await;
        lab.run_handoffs(&["orders-cutover-1"]).await;
        lab.settle().await;
        without_allowed_leftovers(&lab.cloud.fingerprint(), 0)
    };
    CLEAN.get_or_init(|| on_own_clock(run()))
}

/// Runs a case. The error is the message of its failure.
fn run_case(case: &Case) -> (Arc<RandomFaults>, Result<FaultRun, String>) {
    let faults = Arc::new(case.random_faults());
    let result = catch_unwind(AssertUnwindSafe(|| {
        let run = on_own_clock(run_with_faults(case.seed, faults.clone()));
        let left = without_allowed_leftovers(&run.world, faults.kills() + 1);
        assert_eq!(differences(&left, clean()), "");
        run
    }));
    let result = result.map_err(|why| {
        let text = why.downcast_ref::<String>().cloned();
        text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    (faults, result)
}

/// The maximum number of runs for the reduction of one seed.
const TRIES: usize = 300;

/// What two failures must have in common to count as the same: the broken invariant, or else the first line up to the
/// first number.
fn failure_kind(why: &str) -> &str {
    let line = why.lines().next().unwrap_or_default();
    match line.split_once("broke the invariant ").and_then(|(_, what)| what.split_once(':')) {
        Some((invariant, _)) => invariant,
        None => line.split(|letter: char| letter.is_ascii_digit()).next().unwrap_or_default(),
    }
}

/// Runs a case that is expected to fail, and prints nothing: a backtrace takes longer than the run.
fn run_case_quietly(case: &Case) -> Option<String> {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let printing = take_hook();
        set_hook(Box::new(move |why| {
            if !QUIET.get() {
                printing(why);
            }
        }));
    });
    QUIET.set(true);
    let (_, result) = run_case(case);
    QUIET.set(false);
    result.err()
}

/// Returns the fewest disturbances that fail in the same way, as far as [`TRIES`] runs find them.
fn reduced(seed: u64, injected: &[InjectedFault], why: &str) -> Case {
    let mut tries = 0;
    let mut smallest = Case { seed, injected: None };
    let mut fails = |kept: &[InjectedFault]| {
        // Without some disturbances fewer calls are retried, so the remaining calls may have other numbers. Try both.
        let numbered = renumbered(injected, kept);
        let same = numbered == kept;
        for injected in [Some(numbered), Some(kept.to_vec()).filter(|_| !same)].into_iter().flatten() {
            tries += 1;
            if tries > TRIES {
                return false;
            }
            let case = Case { seed, injected: Some(injected) };
            if run_case_quietly(&case).is_some_and(|failure| failure_kind(&failure) == failure_kind(why)) {
                println!("seed {seed}, try {tries} of {TRIES}: {} disturbances fail", kept.len());
                smallest = case;
                return true;
            }
        }
        false
    };
    if fails(injected) {
        let kinds = reduce_kinds(injected, |(_, what)| discriminant(what), &mut fails);
        reduce(&kinds, TRIES, fails);
    }
    if tries > TRIES {
        println!("seed {seed}: the limit of tries is reached; fewer disturbances may be enough");
    }
    smallest
}

/// Runs a case. If it fails, panics with the reduced case.
fn must_pass(case: &Case) -> Arc<RandomFaults> {
    let (faults, result) = run_case(case);
    let Err(why) = result else { return faults };
    let reduced = reduced(case.seed, &faults.injected(), &why);
    let failure = run_case_quietly(&reduced);
    panic!("seed {} fails:\n{why}\nreduced, for tests/e2e/corpus:\n{reduced}which fails with: {failure:?}", case.seed);
}

/// The number of tests that share the seeds.
const SHARDS: u64 = 8;

fn run_seeds_of(shard: u64) {
    let (mut calls, mut kills, mut seeds) = (0, 0, 0);
    for seed in seeds_to_run().filter(|seed| seed % SHARDS == shard) {
        let faults = must_pass(&Case { seed, injected: None });
        (calls, kills, seeds) = (calls + faults.calls(), kills + faults.kills(), seeds + 1);
    }
    println!("{seeds} seeds: {calls} calls, {kills} agents killed");
}

/// The seed `SEED`; or the seeds from 1 to `SEEDS`, by default to 24, or to 200 with `EXHAUSTIVE=1`.
#[expect(clippy::disallowed_methods, reason = "the environment selects the seeds")]
fn seeds_to_run() -> impl Iterator<Item = u64> {
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
            run_seeds_of($shard);
        }
    )+};
}
#[rustfmt::skip]
shards!(
    randomized_faults_change_no_result_1 0, randomized_faults_change_no_result_2 1,
    randomized_faults_change_no_result_3 2, randomized_faults_change_no_result_4 3,
    randomized_faults_change_no_result_5 4, randomized_faults_change_no_result_6 5,
    randomized_faults_change_no_result_7 6, randomized_faults_change_no_result_8 7);

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
        if let (_, Err(why)) = run_case(&case) {
            panic!("{name}: {why}");
        }
    }
}

#[test]
fn seed_run_twice_makes_identical_calls() {
    for seed in [2, 3] {
        let case = Case { seed, injected: None };
        let (faults, first) = run_case(&case);
        let listed = Case { seed, injected: Some(faults.injected()) };
        let [first, again, listed] = [first, run_case(&case).1, run_case(&listed).1].map(|result| {
            let calls = result.unwrap_or_else(|why| panic!("seed {seed}: {why}")).calls;
            calls.iter().map(|call| format!("{call:?}")).collect::<Vec<_>>()
        });
        let first_difference =
            |others: &[String]| format!("{:?}", first.iter().zip(others).find(|(one, other)| one != other));
        assert!(first == again, "seed {seed}: {}", first_difference(&again));
        assert!(first == listed, "seed {seed} with its disturbances listed: {}", first_difference(&listed));
    }
}
