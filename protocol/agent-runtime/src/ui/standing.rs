//! The standing of handoffs in summaries.

use std::collections::BTreeMap;

use serde::Serialize;

use super::row::first_open;
use crate::event::{Row, RowState};

/// The standing of one handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Landed or revoked in account A, restored in account B.
    Settled,
    /// AWS or an agent is working on it.
    InFlight,
    /// It waits for another account or in a slot queue.
    Waiting,
    /// It needs operator action.
    Blocked,
    /// It has failed, was rejected or has expired.
    Failed,
    /// It has not been started.
    NotBegun,
}

impl Standing {
    /// In the order in which they are counted.
    pub const ALL: [Self; 6] =
        [Self::Settled, Self::InFlight, Self::Waiting, Self::Blocked, Self::Failed, Self::NotBegun];

    /// The standing according to the first step that is not ready; `None` if that step has a fault, which may be
    /// transient.
    pub fn of(rows: &[Row]) -> Option<Self> {
        match first_open(rows) {
            Some(row) if matches!(row.state, RowState::Blocked | RowState::Failed) => None,
            Some(row) if row.waits => Some(Self::Waiting),
            _ => Some(Self::InFlight),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::InFlight => "in flight",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::NotBegun => "not begun",
        }
    }
}

/// The number of handoffs with each standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Tally(BTreeMap<Standing, usize>);

impl FromIterator<Standing> for Tally {
    fn from_iter<I: IntoIterator<Item = Standing>>(all: I) -> Self {
        let mut counts: BTreeMap<_, _> = Standing::ALL.map(|standing| (standing, 0)).into();
        for standing in all {
            *counts.entry(standing).or_default() += 1;
        }
        Self(counts)
    }
}

impl Tally {
    /// The number of all handoffs.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// The summary text, without standings of count zero.
    pub fn words(&self) -> String {
        let some = self.0.iter().filter(|(_, count)| **count > 0);
        some.map(|(standing, count)| format!("{count} {}", standing.words())).collect::<Vec<_>>().join(", ")
    }
}
