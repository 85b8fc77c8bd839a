//! What is visible at once and takes effect later.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;

/// A value that its owner sees as he last put it, while AWS still judges by the one before (KMS Developer Guide, AWS KMS
/// eventual consistency).
#[derive(Clone, Debug)]
pub(crate) struct Lagging<T> {
    first: T,
    /// Each with the time from which it is in effect, in order.
    changes: Vec<(Timestamp, T)>,
}

impl<T> Lagging<T> {
    /// A value that is in effect at once.
    pub(crate) fn new(first: T) -> Self {
        Self { first, changes: Vec::new() }
    }

    /// What was put last.
    pub(crate) fn shown(&self) -> &T {
        self.changes.last().map_or(&self.first, |(_, value)| value)
    }

    /// What is judged by.
    pub(crate) fn in_effect(&self, now: Timestamp) -> &T {
        let past = self.changes.iter().rev().find(|(from, _)| *from <= now);
        past.map_or(&self.first, |(_, value)| value)
    }

    /// Takes effect after `lag`.
    pub(crate) fn put(&mut self, value: T, now: Timestamp, lag: Duration) {
        self.changes.push((later(now, lag), value));
        // What has been replaced for good is forgotten.
        for (_, value) in self.changes.extract_if(.., |(from, _)| *from <= now) {
            self.first = value;
        }
    }
}
