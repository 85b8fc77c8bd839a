//! The state of the handoffs that a process drives, for the progress bars.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::row::first_open;
use super::standing::{Standing, Tally};
use crate::event::{Row, Subject};

/// The handoffs that a process drives or has driven.
#[derive(Debug, Default)]
pub(crate) struct Wave(BTreeMap<Subject, Member>);

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) standing: Standing,
    /// The row at which its last pass ended.
    pub(crate) at: Option<Row>,
    /// When that step is expected to end at its current rate.
    ends: Option<Timestamp>,
    driven: bool,
}

impl Wave {
    /// Adds a handoff whose drive starts.
    pub(crate) fn add(&mut self, subject: &Subject) {
        let new = || Member { standing: Standing::NotBegun, at: None, ends: None, driven: true };
        let member = self.0.entry(subject.clone()).or_insert_with(new);
        member.driven = true;
        if member.standing == Standing::Failed {
            *member = new();
        }
    }

    /// Records the end of a drive: the standing of the handoff is still counted.
    pub(crate) fn drop(&mut self, subject: &Subject) {
        if let Some(member) = self.0.get_mut(subject) {
            *member = Member { standing: member.standing, at: None, ends: None, driven: false };
        }
    }

    /// Removes handoffs that are not listed and not driven.
    pub(crate) fn keep(&mut self, handoffs: &[Subject]) {
        let listed: BTreeSet<&Subject> = handoffs.iter().collect();
        self.0.retain(|subject, member| member.driven || listed.contains(subject));
    }

    /// Records the rows of a pass.
    pub(crate) fn walked(&mut self, subject: &Subject, rows: &[Row], now: Timestamp) {
        let Some(member) = self.0.get_mut(subject) else { return };
        // The handoff has ended; this pass only reports its end.
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

    /// Sets the standing of a handoff.
    pub(crate) fn stands(&mut self, subject: &Subject, standing: Standing) {
        if let Some(member) = self.0.get_mut(subject) {
            member.standing = standing;
        }
    }

    /// The handoffs with this standing, by name.
    pub(crate) fn all(&self, standing: Standing) -> impl Iterator<Item = (&Subject, &Member)> {
        self.0.iter().filter(move |(_, member)| member.standing == standing)
    }

    pub(crate) fn tally(&self) -> Tally {
        self.0.values().map(|member| member.standing).collect()
    }

    /// When the last of the current steps is expected to end. Later steps are not included.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        self.all(Standing::InFlight).filter_map(|(_, member)| member.ends).max()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
