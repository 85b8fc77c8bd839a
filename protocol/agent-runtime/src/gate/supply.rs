//! How much there is of what is limited.

use std::fmt;
use std::time::Duration;

use protocol::DbiResourceId;

/// When a request that was not granted is to be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// When another handoff of this process releases a permit: it is woken then.
    WhenWoken,
    /// As often as work without progress is polled.
    Scheduled,
    /// After this time.
    After(Duration),
}

/// Another limit than the number of permits: how many more may be granted, and what is waited for when that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// So many more may be granted; `None` is no limit, or an unknown one.
    pub left: Option<usize>,
    /// What is waited for, for a person.
    pub words: String,
    /// When there may be more.
    pub retry_after: Duration,
}

/// How much there is of one kind, as AWS shows it and as the limits say. Everything was read before: nothing here calls AWS.
pub trait Supply: fmt::Debug {
    /// So many are in use, as AWS shows it, whoever uses them.
    fn in_use(&self) -> usize;
    /// So many may be in use.
    fn limit(&self) -> usize;
    /// The tightest of the other limits.
    fn bound(&self) -> Option<&Bound> {
        None
    }
    /// Whether AWS shows the resource that the holder of a permit makes.
    fn shows(&self, resource: &str) -> bool;
    /// Whether a copy of this source database is in flight.
    fn is_copying(&self, source: &DbiResourceId) -> bool {
        let _ = source;
        false
    }
    /// Whether the holder of a permit of [`Claim::after`](crate::gate::Claim::after) may ask for this kind any moment, by the
    /// resource of that permit.
    fn is_about_to_ask(&self, resource: &str) -> bool {
        let _ = resource;
        false
    }
    /// When something that is in use may come free of which `is_polled` does not hold: whoever polls it wakes the first in the
    /// queue.
    fn next_free(&self, is_polled: &dyn Fn(&str) -> bool) -> Retry;
}
