//! A filter that passes only events that were not shown before.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::row::progress;
use crate::event::{Ending, Event, Row, RowState, Subject, Trouble};
use crate::fault::FaultKind;

/// Remembers what was shown last. A step, a stall and a fault are shown once until something else is shown; an end is
/// shown once.
///
/// [`Event::Dropped`] removes what is kept of a handoff's passes, but not its end: an agent with `--watch` finds ended
/// handoffs again in each round. [`Event::Listed`] removes the ends of handoffs that AWS no longer shows.
#[derive(Debug, Default)]
pub(crate) struct Once {
    seen: BTreeMap<Subject, Seen>,
    ended: BTreeSet<(Subject, Ending)>,
}

/// What was shown last of one subject.
#[derive(Debug, Default)]
struct Seen {
    steps: Vec<(&'static str, Shown)>,
    stalls: Vec<(&'static str, Shown)>,
    fault: Option<Shown>,
}

/// The hash of a shown text. Thousands of texts would take too much memory.
type Shown = u64;

impl Once {
    /// Passes new events to `to`. [`Event::Walked`] is replaced with an event for each changed step.
    pub(crate) fn pass_new(&mut self, event: &Event, to: &dyn Fn(&Event)) {
        match event {
            Event::Walked { subject, rows } => self.walked(subject, rows, to),
            Event::Faulted { subject, fault, .. } => {
                if self.is_new_fault(subject, fault) {
                    to(event);
                }
            }
            Event::Ended { subject, ending } => {
                if self.ended.insert((subject.clone(), ending.clone())) {
                    to(event);
                }
            }
            Event::Dropped(subject) => {
                self.seen.remove(subject);
                to(event);
            }
            Event::Listed(handoffs) => {
                let listed: BTreeSet<&Subject> = handoffs.iter().collect();
                let stays = |subject: &Subject| !matches!(subject, Subject::Handoff { .. }) || listed.contains(subject);
                self.seen.retain(|subject, _| stays(subject));
                self.ended.retain(|(subject, _)| stays(subject));
                to(event);
            }
            _ => to(event),
        }
    }

    fn walked(&mut self, subject: &Subject, rows: &[Row], to: &dyn Fn(&Event)) {
        let seen = self.seen.entry(subject.clone()).or_default();
        for row in rows {
            // A fault is shown by its own event.
            if matches!(row.state, RowState::Blocked | RowState::Failed) {
                continue;
            }
            if let Some(stall) = row.stalled
                && is_new(&mut seen.stalls, row.step, &(&row.text, row.percent))
            {
                to(&Event::Stalled { subject: subject.clone(), row: row.clone(), stall });
            }
            if is_new(&mut seen.steps, row.step, &(row.state, progress(row))) {
                to(&Event::Step { subject: subject.clone(), row: row.clone() });
            }
        }
        // A pass that acts may end with the same fault again, which is not shown again.
        if !rows.iter().any(|row| matches!(row.state, RowState::Blocked | RowState::Acting(_))) {
            seen.fault = None;
        }
    }

    /// Whether a fault must be shown. Transient faults are not shown.
    fn is_new_fault(&mut self, subject: &Subject, fault: &Trouble) -> bool {
        if fault.kind == FaultKind::Transient {
            return false;
        }
        let now = shown(&fault.what);
        self.seen.entry(subject.clone()).or_default().fault.replace(now) != Some(now)
    }
}

fn is_new(steps: &mut Vec<(&'static str, Shown)>, step: &'static str, what: &impl Hash) -> bool {
    let now = shown(what);
    if let Some((_, last)) = steps.iter_mut().find(|(other, _)| *other == step) {
        return std::mem::replace(last, now) != now;
    }
    steps.push((step, now));
    true
}

fn shown(what: &impl Hash) -> Shown {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}
