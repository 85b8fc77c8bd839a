//! A wave: the handoffs of one command, and how each stands among them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::report::{Row, RowState};

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

/// The first step that is not ready.
pub fn first_open(rows: &[Row]) -> Option<&Row> {
    rows.iter().find(|row| !matches!(row.state, RowState::Made | RowState::Found))
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

/// What is known of the handoffs that a process drives.
#[derive(Debug, Default)]
pub(crate) struct Wave(BTreeMap<String, Member>);

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) standing: Standing,
    /// Where its last pass ended.
    pub(crate) at: Option<Row>,
    /// When that step will be over, if it goes on as it went so far.
    ends: Option<Timestamp>,
}

impl Wave {
    /// A handoff is driven from now on.
    pub(crate) fn add(&mut self, subject: &str) {
        let new = || Member { standing: Standing::NotBegun, at: None, ends: None };
        let member = self.0.entry(subject.to_owned()).or_insert_with(new);
        if member.standing == Standing::Failed {
            *member = new();
        }
    }

    /// What a pass has seen.
    pub(crate) fn walked(&mut self, subject: &str, rows: &[Row], now: Timestamp) {
        let Some(member) = self.0.get_mut(subject) else { return };
        // It has ended, and is only told of.
        if matches!(member.standing, Standing::Settled | Standing::Failed) || rows.is_empty() {
            return;
        }
        if let Some(standing) = Standing::of(rows) {
            member.standing = standing;
            member.at = first_open(rows).or(rows.last()).cloned();
            let remaining = member.at.as_ref().and_then(|row| row.remaining);
            member.ends = remaining.and_then(|remaining| now.checked_add(remaining).ok());
        }
    }

    /// What is known otherwise.
    pub(crate) fn stands(&mut self, subject: &str, standing: Standing) {
        if let Some(member) = self.0.get_mut(subject) {
            member.standing = standing;
        }
    }

    /// Those that stand so, by name.
    pub(crate) fn all(&self, standing: Standing) -> impl Iterator<Item = (&String, &Member)> {
        self.0.iter().filter(move |(_, member)| member.standing == standing)
    }

    pub(crate) fn tally(&self) -> Tally {
        self.0.values().map(|member| member.standing).collect()
    }

    /// When the slowest step is over of which anything is known. What comes after it takes its own time.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        self.all(Standing::InFlight).filter_map(|(_, member)| member.ends).max()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
