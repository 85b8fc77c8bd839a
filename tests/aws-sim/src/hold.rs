//! Never answering one request, so that its client can be killed at that point.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Call, Disturbance};

/// When a request is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before its effect.
    Before,
    /// After its effect, before its answer.
    After,
}

/// Which request is held.
#[derive(Debug)]
pub(crate) struct Hold {
    number: u32,
    moment: Moment,
    /// If set, only requests of principals whose ARN contains this text are counted.
    of: Option<String>,
    seen: AtomicU32,
}

impl Hold {
    /// Holds the `number`-th request, counted from 1.
    pub(crate) fn new(number: u32, moment: Moment, of: Option<String>) -> Self {
        Self { number, moment, of, seen: AtomicU32::new(0) }
    }

    /// Counts a request and decides whether it is held.
    pub(crate) fn judge(&self, call: &Call) -> Disturbance {
        if self.of.as_ref().is_some_and(|of| !call.principal.contains(of)) {
            return Disturbance::None;
        }
        if self.seen.fetch_add(1, Ordering::Relaxed) + 1 != self.number {
            return Disturbance::None;
        }
        Disturbance::NeverAnswer { effect: self.moment == Moment::After }
    }

    /// Prints that the request is being held now.
    #[expect(clippy::print_stdout, reason = "the process that started the simulator waits for this line")]
    pub(crate) fn announce(&self, call: &Call) {
        // stdout is flushed at the end of a line.
        println!("holding request {}: {} of {}", self.number, call.action, call.principal);
    }
}
