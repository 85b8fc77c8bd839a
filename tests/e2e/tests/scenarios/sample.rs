//! How much of an exhaustive test is run, and how it is cut into shards.
//!
//! `cargo test` takes a sample of the points, each kind another one, so that every kind is met in every run.
//! `EXHAUSTIVE=1 cargo test` takes all of them. Each exhaustive test is cut into shards, which are tests of their own: libtest
//! runs as many of them at once as there are processors.

use std::ops::RangeInclusive;

/// How many shards an exhaustive test has.
pub(crate) const SHARDS: usize = 4;

/// Whether all points are asked for.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says how much of them")]
pub(crate) fn is_exhaustive() -> bool {
    std::env::var("EXHAUSTIVE").is_ok_and(|value| value == "1")
}

/// The points of one shard: all, or of a sample each `every`-th, of which the first one is number `first`.
pub(crate) fn points(all: RangeInclusive<usize>, every: usize, first: usize, shard: usize) -> Vec<usize> {
    let (every, first) = if is_exhaustive() { (1, 0) } else { (every, first % every) };
    all.skip(first).step_by(every).skip(shard).step_by(SHARDS).collect()
}

/// Makes a test of each shard: `sharded!(kill_at_each_call(Moment::After) in first 0, second 1, third 2, fourth 3);`. Work without
/// arguments is given none: `sharded!(take_away() in ...);`.
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
