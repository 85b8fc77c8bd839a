//! What this process has just done, and how long AWS may still hide it.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::step::{StepId, Working};

/// The memory of one process. It only ever delays an act; losing it loses nothing else.
#[derive(Debug, Default)]
pub struct Acts {
    /// By resource.
    entries: RefCell<BTreeMap<String, Vec<(StepId, Entry)>>>,
}

#[derive(Debug, Default, Clone)]
struct Entry {
    first_absent: Option<Instant>,
    acted: Option<Instant>,
    in_flight: bool,
    made: bool,
    working: Option<Box<Seen>>,
    /// Acts since it was last seen ready.
    acts: u32,
}

/// Work of AWS, as far as this process has seen it.
#[derive(Debug, Clone)]
struct Seen {
    since: Timestamp,
    working: Working,
    unchanged_since: Timestamp,
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
    /// It was done so often, and never seen, that a person should look.
    NeverShown(u32),
}

/// So many acts that AWS accepts and never shows are too many. Revoking grants is the one step that acts more than once by
/// right.
const TOO_OFTEN: u32 = 25;

/// An act under way; no other pass of this process acts on the same resource meanwhile.
#[derive(Debug)]
pub struct InFlight<'a> {
    acts: &'a Acts,
    key: (StepId, String),
    refused: bool,
}

impl InFlight<'_> {
    /// AWS has refused it: nothing was done, and nothing is to be shown.
    pub fn refused(mut self) {
        self.refused = true;
    }
}

impl Acts {
    /// A step sees nothing: may it act?
    pub fn leave(&self, key: &(StepId, String), settle: Duration, look_twice: bool) -> Leave {
        let now = Instant::now();
        let entry = &mut *self.entry(key);
        if entry.in_flight {
            return Leave::Wait(Duration::from_secs(1), "another handoff is making it");
        }
        if let Some(left) = entry.acted.map(|acted| (acted + settle).saturating_duration_since(now))
            && !left.is_zero()
        {
            return Leave::Wait(left.min(Duration::from_secs(2)), "waiting for AWS to show it");
        }
        if entry.acts >= TOO_OFTEN {
            // The next look, when the drive is blocked, may act once more.
            entry.acts = TOO_OFTEN - 1;
            return Leave::NeverShown(TOO_OFTEN);
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
        self.entry(&key).in_flight = true;
        InFlight { acts: self, key, refused: false }
    }

    /// Nothing was seen of it, by another step's look: a look before it is made counts from here.
    pub fn absent(&self, key: &(StepId, String)) {
        self.entry(key).first_absent.get_or_insert_with(Instant::now);
    }

    /// A resource that no step of this process looks at any more.
    pub fn forget(&self, resource: &str) {
        self.entries.borrow_mut().remove(resource);
    }

    /// AWS is at it: since when, and since when without any progress, as far as this process has seen. A database that is being
    /// restored tells no time.
    pub fn working(&self, key: &(StepId, String), working: &Working, now: Timestamp) -> (Timestamp, Timestamp) {
        let mut entry = self.entry(key);
        let new = || Seen { since: now, working: working.clone(), unchanged_since: now };
        let seen = entry.working.get_or_insert_with(|| Box::new(new()));
        if seen.working != *working {
            **seen = Seen { since: seen.since, ..new() };
        }
        (seen.since, seen.unchanged_since)
    }

    /// The resource is there: what was absent is forgotten. Tells whether this process made it.
    pub fn ready(&self, key: &(StepId, String)) -> bool {
        let mut entries = self.entries.borrow_mut();
        let mut known = entries.get_mut(&key.1).into_iter().flatten();
        known.find(|(step, _)| *step == key.0).is_some_and(|(_, entry)| {
            (entry.first_absent, entry.working, entry.acts) = (None, None, 0);
            entry.made
        })
    }

    fn entry(&self, (step, resource): &(StepId, String)) -> RefMut<'_, Entry> {
        RefMut::map(self.entries.borrow_mut(), |entries| {
            let steps = entries.entry(resource.clone()).or_default();
            let known = steps.iter().position(|(known, _)| known == step);
            let known = known.unwrap_or_else(|| {
                steps.push((*step, Entry::default()));
                steps.len() - 1
            });
            &mut steps[known].1
        })
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut entry = self.acts.entry(&self.key);
        entry.in_flight = false;
        if !self.refused {
            entry.made = true;
            entry.acts += 1;
            entry.acted = Some(Instant::now());
            entry.first_absent = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_mins(1);

    fn key() -> (StepId, String) {
        (StepId("key"), "alias/orders".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_idempotent_is_looked_for_twice() {
        let acts = Acts::default();
        assert_eq!(acts.leave(&key(), SETTLE, true), Leave::LookTwice(SETTLE));
        tokio::time::sleep(SETTLE).await;
        assert_eq!(acts.leave(&key(), SETTLE, true), Leave::Granted);
        let other = Acts::default();
        other.absent(&key());
        tokio::time::sleep(SETTLE).await;
        assert_eq!(other.leave(&key(), SETTLE, true), Leave::Granted);
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_act_aws_has_time_to_show_it_and_nobody_else_acts_meanwhile() {
        let acts = Acts::default();
        assert_eq!(acts.leave(&key(), SETTLE, false), Leave::Granted);
        let in_flight = acts.begin(key());
        assert!(matches!(acts.leave(&key(), SETTLE, false), Leave::Wait(..)));
        drop(in_flight);
        tokio::time::sleep(SETTLE / 2).await;
        assert!(matches!(acts.leave(&key(), SETTLE, false), Leave::Wait(..)));
        tokio::time::sleep(SETTLE / 2).await;
        assert_eq!(acts.leave(&key(), SETTLE, false), Leave::Granted);
        assert!(acts.ready(&key()), "made by this process");
    }

    #[tokio::test(start_paused = true)]
    async fn what_aws_refused_is_neither_waited_for_nor_counted() {
        let acts = Acts::default();
        for _ in 0..2 * TOO_OFTEN {
            assert_eq!(acts.leave(&key(), SETTLE, false), Leave::Granted);
            acts.begin(key()).refused();
        }
        assert!(!acts.ready(&key()), "not made by this process");
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_shows_is_not_made_for_ever_without_a_word() {
        let acts = Acts::default();
        let mut made = 0;
        while acts.leave(&key(), SETTLE, false) == Leave::Granted {
            drop(acts.begin(key()));
            made += 1;
            tokio::time::sleep(SETTLE).await;
        }
        assert_eq!(made, TOO_OFTEN);
        assert_eq!(acts.leave(&key(), SETTLE, false), Leave::Granted, "once for each later look");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_looks_at_any_more_is_forgotten() {
        let acts = Acts::default();
        drop(acts.begin(key()));
        assert!(matches!(acts.leave(&key(), SETTLE, false), Leave::Wait(..)));
        acts.forget(&key().1);
        assert_eq!(acts.leave(&key(), SETTLE, false), Leave::Granted);
    }
}
