//! What this process has just done, and how long AWS may still hide it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::step::StepId;

/// The memory of one process. It only ever delays an act; losing it loses nothing else.
#[derive(Debug, Default)]
pub struct Acts {
    entries: RefCell<BTreeMap<(StepId, String), Entry>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Entry {
    first_absent: Option<Instant>,
    acted: Option<Instant>,
    in_flight: bool,
    made: bool,
    working: Option<Timestamp>,
}

/// May a step that sees nothing act?
#[derive(Debug, PartialEq, Eq)]
pub enum Leave {
    /// Yes, now.
    Granted,
    /// Not before this much time has passed, for this reason.
    Wait(Duration, &'static str),
    /// Not before it has seen nothing again, this much later.
    LookTwice(Duration),
}

/// An act under way; no other pass of this process acts on the same resource meanwhile.
#[derive(Debug)]
pub struct InFlight<'a> {
    acts: &'a Acts,
    key: (StepId, String),
}

impl Acts {
    /// A step sees nothing: may it act?
    pub fn leave(&self, key: &(StepId, String), settle: Duration, look_twice: bool) -> Leave {
        let now = Instant::now();
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(key.clone()).or_default();
        if entry.in_flight {
            return Leave::Wait(Duration::from_secs(1), "another handoff is making it");
        }
        if let Some(left) = entry.acted.map(|acted| (acted + settle).saturating_duration_since(now))
            && !left.is_zero()
        {
            return Leave::Wait(left.min(Duration::from_secs(2)), "waiting for AWS to show it");
        }
        let first_absent = *entry.first_absent.get_or_insert(now);
        let left = (first_absent + settle).saturating_duration_since(now);
        if look_twice && !left.is_zero() {
            return Leave::LookTwice(left);
        }
        Leave::Granted
    }

    /// An act begins; it ends when the guard is dropped.
    pub fn begin(&self, key: (StepId, String)) -> InFlight<'_> {
        let mut entries = self.entries.borrow_mut();
        let entry = entries.entry(key.clone()).or_default();
        entry.in_flight = true;
        entry.made = true;
        InFlight { acts: self, key }
    }

    /// AWS is at it: since when, as far as this process has seen. A database that is being restored tells no time.
    pub fn working(&self, key: &(StepId, String), now: Timestamp) -> Timestamp {
        let mut entries = self.entries.borrow_mut();
        *entries.entry(key.clone()).or_default().working.get_or_insert(now)
    }

    /// The resource is there: what was absent is forgotten. Tells whether this process made it.
    pub fn ready(&self, key: &(StepId, String)) -> bool {
        let mut entries = self.entries.borrow_mut();
        entries.get_mut(key).is_some_and(|entry| {
            entry.first_absent = None;
            entry.working = None;
            entry.made
        })
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.acts.entries.borrow_mut().get_mut(&self.key) {
            entry.in_flight = false;
            entry.acted = Some(Instant::now());
            entry.first_absent = None;
        }
    }
}
