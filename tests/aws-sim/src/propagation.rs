//! Values whose changes are visible at once and take effect after a propagation delay.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;

/// A value that is shown as last set, while AWS still judges by the previous one until the propagation delay has passed
/// (KMS Developer Guide, AWS KMS eventual consistency).
#[derive(Clone, Debug)]
pub(crate) struct Propagating<T> {
    first: T,
    /// Each new value with the time from which it is in effect, in order.
    changes: Vec<(Timestamp, T)>,
}

impl<T> Propagating<T> {
    /// A value that is in effect at once.
    pub(crate) fn new(first: T) -> Self {
        Self { first, changes: Vec::new() }
    }

    /// The value last set.
    pub(crate) fn shown(&self) -> &T {
        self.changes.last().map_or(&self.first, |(_, value)| value)
    }

    /// The value in effect at `now`.
    pub(crate) fn in_effect(&self, now: Timestamp) -> &T {
        let past = self.changes.iter().rev().find(|(from, _)| *from <= now);
        past.map_or(&self.first, |(_, value)| value)
    }

    /// Sets a value that takes effect after `lag`.
    pub(crate) fn put(&mut self, value: T, now: Timestamp, lag: Duration) {
        self.changes.push((later(now, lag), value));
        // Values that are no longer in effect are dropped.
        for (_, value) in self.changes.extract_if(.., |(from, _)| *from <= now) {
            self.first = value;
        }
    }
}
