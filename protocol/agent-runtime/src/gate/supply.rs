//! The supply of a kind of permit: how many resources are in use, and how many are allowed.

use std::fmt;
use std::time::Duration;

use protocol::DbiResourceId;

/// How old the data behind a [`Supply`] may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupplyAge {
    /// From the cache, without an AWS call.
    Known,
    /// From the last listing, which all waiting handoffs share.
    Recent,
    /// Read from AWS now: a call failed because the cached data was outdated.
    Now,
}

/// When to repeat a claim that was not granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// When this handoff is woken, because another handoff of this process released a permit.
    WhenWoken,
    /// By the poll schedule, as for work without progress.
    Scheduled,
    /// After this time.
    After(Duration),
}

/// A limit besides the number of permits: how many more may be granted, and what to wait for when none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// How many more may be granted; `None` if there is no limit or it is unknown.
    pub left: Option<usize>,
    /// What a claim waits for, as display text.
    pub words: String,
    /// When to check the limit again.
    pub retry_after: Duration,
}

/// The supply of one kind of permit: how many resources are in use and how many are allowed. All data was read before:
/// no method calls AWS.
pub trait Supply: fmt::Debug {
    /// How many are in use according to AWS, by any process.
    fn in_use(&self) -> usize;
    /// How many may be in use.
    fn limit(&self) -> usize;
    /// The tightest additional limit.
    fn bound(&self) -> Option<&Bound> {
        None
    }
    /// Whether AWS lists the resource of a permit.
    fn shows(&self, resource: &str) -> bool;
    /// Whether a copy of this source database is in flight.
    fn is_copying(&self, source: &DbiResourceId) -> bool {
        let _ = source;
        false
    }
    /// Whether the holder of a [`Claim::after`](crate::gate::Claim::after) permit may claim this kind at any moment.
    /// `resource` is the resource of the permit that it holds.
    fn is_about_to_ask(&self, resource: &str) -> bool {
        let _ = resource;
        false
    }
    /// When a resource in use for which `is_polled` is false may become free. For polled resources the polling handoff
    /// wakes the first in the queue.
    fn next_free(&self, is_polled: &dyn Fn(&str) -> bool) -> Retry;
}
