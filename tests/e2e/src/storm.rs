//! Everything that may go wrong, at random, and the same again from the same seed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sim::{Call, Disturbance, Gate};
use fastrand::Rng;
use tokio::sync::Notify;

/// Longer than the agents wait for an answer.
const TOO_LATE: Duration = Duration::from_mins(2);
/// A storm passes: what is not done by then is stuck, and shall be seen to be.
const LASTS: usize = 1500;

/// Throttles, fails, loses answers, holds them up, shows what was, and kills the agent that asks.
#[derive(Debug)]
pub struct Storm {
    random: Mutex<Rng>,
    calls: AtomicUsize,
    deaths: AtomicUsize,
    /// Of the agent in account A.
    source: Notify,
    /// Of the agent in account B.
    target: Notify,
}

impl Storm {
    /// The storm of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: Mutex::new(Rng::with_seed(seed)),
            calls: AtomicUsize::new(0),
            deaths: AtomicUsize::new(0),
            source: Notify::new(),
            target: Notify::new(),
        }
    }

    /// How many calls passed through it.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many agents it has killed.
    pub fn deaths(&self) -> usize {
        self.deaths.load(Ordering::Relaxed)
    }

    /// Runs an agent of an account until it ends; `None` when it was killed before.
    pub async fn watch<T>(&self, account: &str, agent: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.death(account).notified() => None,
            ended = agent => Some(ended),
        }
    }

    fn death(&self, account: &str) -> &Notify {
        if account == crate::A { &self.source } else { &self.target }
    }
}

impl Gate for Storm {
    fn judge(&self, call: &Call) -> Disturbance {
        if self.calls.fetch_add(1, Ordering::Relaxed) >= LASTS {
            return Disturbance::None;
        }
        let Ok(mut random) = self.random.lock() else { return Disturbance::None };
        match random.u32(0..100) {
            0..6 => Disturbance::Throttle,
            6..9 => Disturbance::ServerError,
            9..13 => Disturbance::LostAnswer,
            13..16 => Disturbance::LateAnswer(TOO_LATE),
            16..18 => Disturbance::Refuse,
            18..33 => Disturbance::StaleRead(Duration::from_secs(random.u64(1..=30))),
            33..36 => {
                self.deaths.fetch_add(1, Ordering::Relaxed);
                self.death(&call.account).notify_one();
                Disturbance::NeverAnswer { effect: random.bool() }
            }
            _ => Disturbance::None,
        }
    }
}
