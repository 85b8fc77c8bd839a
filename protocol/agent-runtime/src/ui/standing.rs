//! How handoffs stand among each other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::row::first_open;
use crate::event::{Row, RowState};

/// How one handoff stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Landed or revoked in account A, restored in account B.
    Settled,
    /// AWS or an agent is at it.
    InFlight,
    /// Another account, or a place in a line, is waited for.
    Waiting,
    /// Somebody must move.
    Blocked,
    /// It has failed, was rejected or has expired.
    Failed,
    /// Nothing has been done for it yet.
    NotBegun,
}

impl Standing {
    /// In the order in which they are counted.
    pub const ALL: [Self; 6] =
        [Self::Settled, Self::InFlight, Self::Waiting, Self::Blocked, Self::Failed, Self::NotBegun];

    /// By the first step that is not ready; `None` where that says nothing of the handoff: a fault may pass.
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

/// How many handoffs stand how.
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
    /// All of them.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// For a person: what there is none of is left out.
    pub fn words(&self) -> String {
        let some = self.0.iter().filter(|(_, count)| **count > 0);
        some.map(|(standing, count)| format!("{count} {}", standing.words())).collect::<Vec<_>>().join(", ")
    }
}
