//! Random fault injection.

use std::time::Duration;

use fastrand::Rng;

use crate::gate::Disturbance;

/// The greatest age of a stale read. KMS follows "an eventual consistency model", with a delay "typically less than a
/// few seconds" (KMS Developer Guide, Access AWS KMS, Eventual consistency). UNSOURCED for RDS, and so is the figure.
pub(crate) const OLDEST_READ: Duration = Duration::from_secs(30);

/// The rates of random faults: with N, one request in N has the fault, chosen by the seed. Zero is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// One request in N is throttled.
    pub throttling: u32,
    /// One request in N is answered with HTTP 500.
    pub server_errors: u32,
    /// One request in N takes effect, and its answer is lost.
    pub lost_answers: u32,
    /// One read of RDS or KMS in N is answered from a state up to 30 s old.
    pub stale_reads: u32,
}

impl Weather {
    /// No random faults.
    pub fn calm() -> Self {
        Self::default()
    }

    /// Faults in about one request in five.
    pub fn rough() -> Self {
        Self { throttling: 20, server_errors: 40, lost_answers: 40, stale_reads: 8 }
    }
}

/// Chooses the random faults.
#[derive(Debug)]
pub(crate) struct FaultInjector {
    weather: Weather,
    random: Rng,
}

impl FaultInjector {
    /// Has its own random number generator, so that faults do not change any id.
    pub(crate) fn new(weather: Weather, seed: u64) -> Self {
        Self { weather, random: Rng::with_seed(seed.rotate_left(32)) }
    }

    pub(crate) fn change(&mut self, weather: Weather) {
        self.weather = weather;
    }

    /// The fault of the next request.
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
