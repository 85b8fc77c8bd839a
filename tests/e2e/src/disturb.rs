//! Disturbs one exact call to AWS.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sim::{Call, Disturbance, Gate};

/// Counts the calls of both agents, and disturbs the n-th.
#[derive(Debug)]
pub struct Disturb {
    at: usize,
    what: Disturbance,
    calls: AtomicUsize,
}

impl Disturb {
    /// Disturbs the `at`-th call, counted from 1.
    pub fn new(at: usize, what: Disturbance) -> Self {
        Self { at, what, calls: AtomicUsize::new(0) }
    }

    /// How many calls were made.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Gate for Disturb {
    fn judge(&self, _: &Call) -> Disturbance {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call == self.at { self.what } else { Disturbance::None }
    }
}
