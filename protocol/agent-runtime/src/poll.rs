//! Work that goes on without us, as AWS or the other account reports it, and when it is polled.

pub mod schedule;

use std::fmt;

use jiff::Timestamp;

/// What a wait sees of its resource.
#[derive(Debug)]
pub enum Progress<T> {
    /// AWS, or the other account, is working on it.
    Working(Working),
    /// It is as it should be; carries what later steps need.
    Ready(T),
}

/// When work is polled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextPoll {
    /// By the schedule, from the progress that AWS reports.
    Scheduled,
    /// At this time, when it is known to be over or to have changed.
    At(Timestamp),
    /// Not before something wakes the handoff.
    WhenWoken,
}

/// Work that goes on without us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// For a person: `copying`, `waiting for account 222222222222`.
    pub state: String,
    /// As AWS reports it.
    pub percent: Option<u8>,
    /// When the work began, as AWS reports it.
    pub since: Option<Timestamp>,
    /// When it is polled next.
    pub next: NextPoll,
    /// Nobody works on it: another account, or a permit, is waited for.
    pub waits: bool,
}

impl Working {
    /// Work of which nothing more is known.
    pub fn new(state: impl Into<String>) -> Self {
        Self { state: state.into(), percent: None, since: None, next: NextPoll::Scheduled, waits: false }
    }

    /// Nobody works on it: `what` is waited for.
    pub fn waiting_for(what: impl fmt::Display) -> Self {
        Self { waits: true, ..Self::new(format!("waiting for {what}")) }
    }
}
