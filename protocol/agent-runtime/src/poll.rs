//! Polling of work that AWS or the other account does.

pub mod schedule;

use std::fmt;

use jiff::Timestamp;

/// What a wait observes of its resource.
#[derive(Debug)]
pub enum Progress<T> {
    /// AWS, or the other account, is working on it.
    Working(Working),
    /// It is as required; carries what later steps need.
    Ready(T),
}

/// When work is polled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextPoll {
    /// By the schedule, from the progress that AWS reports.
    Scheduled,
    /// At this time, when it has ended or changed.
    At(Timestamp),
    /// When the handoff is woken.
    WhenWoken,
}

/// Work in progress at AWS or in the other account, or a wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// The display text: `copying`, `waiting for account 222222222222`.
    pub state: String,
    /// The progress in percent, as AWS reports it.
    pub percent: Option<u8>,
    /// When the work began, as AWS reports it.
    pub since: Option<Timestamp>,
    /// When it is polled next.
    pub next: NextPoll,
    /// Whether this is a wait for another account or a permit, without work in progress.
    pub waits: bool,
}

impl Working {
    /// Work with this text and no further data.
    pub fn new(state: impl Into<String>) -> Self {
        Self { state: state.into(), percent: None, since: None, next: NextPoll::Scheduled, waits: false }
    }

    /// A wait for `what`.
    pub fn waiting_for(what: impl fmt::Display) -> Self {
        Self { waits: true, ..Self::new(format!("waiting for {what}")) }
    }
}
