//! The weather: what goes wrong on AWS's side by itself.

use std::time::Duration;

use fastrand::Rng;

use crate::gate::Disturbance;

/// The oldest that a read can be. KMS follows "an eventual consistency model", with a delay "typically less than a few
/// seconds" (KMS Developer Guide, Access AWS KMS, Eventual consistency). UNSOURCED for RDS, and so is the figure.
pub(crate) const OLDEST_READ: Duration = Duration::from_secs(30);

/// How often AWS fails by itself: each of these happens to one request in so many, at random by the world's seed. Zero is
/// never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// One request in so many is throttled.
    pub throttling: u32,
    /// One in so many is answered with HTTP 500.
    pub server_errors: u32,
    /// One in so many is done, and its answer is lost.
    pub lost_answers: u32,
    /// One read of RDS or KMS in so many is up to 30 s old.
    pub stale_reads: u32,
}

impl Weather {
    /// Nothing goes wrong by itself.
    pub fn calm() -> Self {
        Self::default()
    }

    /// Something goes wrong with about one request in five.
    pub fn rough() -> Self {
        Self { throttling: 20, server_errors: 40, lost_answers: 40, stale_reads: 8 }
    }
}

/// Where the weather comes from.
#[derive(Debug)]
pub(crate) struct Sky {
    weather: Weather,
    random: Rng,
}

impl Sky {
    /// The weather has its own randomness: what it does changes no id.
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self { weather, random: Rng::with_seed(seed.rotate_left(32)) }
    }

    pub(crate) fn change(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// What happens to the next request.
    pub(crate) fn next(&mut self) -> Disturbance {
        let Weather { throttling, server_errors, lost_answers, stale_reads } = self.weather;
        let mut one_in = |count: u32| count > 0 && self.random.u32(..count) == 0;
        if one_in(throttling) {
            Disturbance::Throttle
        } else if one_in(server_errors) {
            Disturbance::ServerError
        } else if one_in(lost_answers) {
            Disturbance::LostAnswer
        } else if one_in(stale_reads) {
            let longest = u64::try_from(OLDEST_READ.as_millis()).unwrap_or(u64::MAX);
            Disturbance::StaleRead(Duration::from_millis(self.random.u64(1..=longest)))
        } else {
            Disturbance::None
        }
    }
}
