//! Sampling and sharding of exhaustive tests.
//!
//! `cargo test` runs a sample of the points. Each kind of fault has another sample, so that every run has every kind.
//! `EXHAUSTIVE=1 cargo test` runs all points. Each exhaustive test is split into shards, which are separate tests:
//! libtest runs as many of them at once as there are processors.

use std::ops::RangeInclusive;

/// The number of shards of an exhaustive test.
pub(crate) const SHARDS: usize = 4;

/// Whether all points are to be run.
#[expect(clippy::disallowed_methods, reason = "the environment selects how many points are run")]
pub(crate) fn is_exhaustive() -> bool {
    std::env::var("EXHAUSTIVE").is_ok_and(|value| value == "1")
}

/// The points of one shard: of all points if exhaustive, else of a sample of every `every`-th point from number
/// `first % every` on.
pub(crate) fn points(all: RangeInclusive<usize>, every: usize, first: usize, shard: usize) -> Vec<usize> {
    let (every, first) = if is_exhaustive() { (1, 0) } else { (every, first % every) };
    all.skip(first).step_by(every).skip(shard).step_by(SHARDS).collect()
}

/// Defines a test for each shard: `sharded!(kill_at_each_call(Moment::After) in first 0, second 1, third 2, fourth
/// 3);`. Work without arguments gets only the shard: `sharded!(remove_permissions() in ...);`.
macro_rules! sharded {
    ($work:ident() in $($name:ident $shard:literal),+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            Box::pin($work($shard)).await;
        }
    )+};
    ($work:ident $arguments:tt in $($name:ident $shard:literal),+) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            Box::pin($work($arguments, $shard)).await;
        }
    )+};
}
pub(crate) use sharded;

#[test]
fn shards_cover_each_sampled_point_exactly_once() {
    let mut sampled: Vec<usize> = (0..SHARDS).flat_map(|shard| points(1..=100, 10, 13, shard)).collect();
    sampled.sort_unstable();
    let expected: Vec<usize> =
        if is_exhaustive() { (1..=100).collect() } else { (1..=100).filter(|at| at % 10 == 4).collect() };
    assert_eq!(sampled, expected);
}
