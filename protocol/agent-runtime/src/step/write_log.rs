//! The write log: what this process has just done, and how long AWS may still hide it.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use protocol::HandoffId;
use tokio::time::Instant;

use super::{StepId, Working};

/// The memory of one process. It only ever delays an act; losing it loses nothing else.
#[derive(Debug, Default)]
pub struct WriteLog {
    entries: RefCell<Entries>,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Entries {
    /// Of one handoff, by step.
    own: BTreeMap<HandoffId, Vec<(Name, Entry)>>,
    /// Of resources that handoffs share, by name.
    shared: BTreeMap<String, Vec<(Name, Entry)>>,
}

/// A step's name, and whether it is the wait of that name.
type Name = (StepId, bool);

/// A step or a wait, and whose resource it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// Its name.
    pub step: StepId,
    /// It is a wait: of the same name as a step, and of its own.
    pub is_wait: bool,
    /// Its resource.
    pub scope: Scope,
}

/// Whose resource it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Of one handoff: forgotten with it.
    Handoff(HandoffId),
    /// The name of a resource that handoffs share, as a key.
    Shared(String),
}

#[derive(Debug, Default, Clone, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    since: Timestamp,
    working: Working,
    unchanged_since: Timestamp,
}

/// Whether a step that sees nothing may act.
#[derive(Debug, PartialEq, Eq)]
pub enum MayAct {
    /// Yes, now.
    Now,
    /// Not before this much time has passed, for this reason.
    After(Duration, &'static str),
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
    log: &'a WriteLog,
    key: LogKey,
    did_nothing: bool,
}

impl InFlight<'_> {
    /// Nothing was done, and nothing is to be shown: AWS has refused it, or no call was made.
    pub fn did_nothing(mut self) {
        self.did_nothing = true;
    }
}

impl LogKey {
    fn name(&self) -> Name {
        (self.step, self.is_wait)
    }
}

impl WriteLog {
    /// Whether a step that sees nothing may act.
    pub fn may_act(&self, key: &LogKey, settle: Duration, look_twice: bool) -> MayAct {
        let now = Instant::now();
        let entry = &mut *self.entry(key);
        if entry.in_flight {
            return MayAct::After(Duration::from_secs(1), "another handoff is making it");
        }
        if let Some(left) = entry.acted.map(|acted| (acted + settle).saturating_duration_since(now))
            && !left.is_zero()
        {
            return MayAct::After(left.min(Duration::from_secs(2)), "waiting for AWS to show it");
        }
        if entry.acts >= TOO_OFTEN {
            // The next pass, after the back-off of a blocked handoff, may act once more.
            entry.acts = TOO_OFTEN - 1;
            return MayAct::NeverShown(TOO_OFTEN);
        }
        let first_absent = *entry.first_absent.get_or_insert(now);
        let left = (first_absent + settle).saturating_duration_since(now);
        if look_twice && !left.is_zero() {
            return MayAct::LookTwice(left);
        }
        MayAct::Now
    }

    /// An act begins; it ends when the guard is dropped.
    pub fn begin(&self, key: LogKey) -> InFlight<'_> {
        self.entry(&key).in_flight = true;
        InFlight { log: self, key, did_nothing: false }
    }

    /// Nothing was seen of it, by another step's read: a look before it is made counts from here.
    pub fn absent(&self, key: &LogKey) {
        self.entry(key).first_absent.get_or_insert_with(Instant::now);
    }

    /// A handoff of which this process keeps nothing any more.
    pub fn forget(&self, handoff: &HandoffId) {
        self.entries.borrow_mut().own.remove(handoff);
    }

    /// How many entries are kept of handoffs, and of resources that they share.
    pub fn entries(&self) -> (usize, usize) {
        let entries = self.entries.borrow();
        (entries.own.values().map(Vec::len).sum(), entries.shared.values().map(Vec::len).sum())
    }

    /// AWS is working on it: since when, and since when without any progress, as far as this process has seen. A database that
    /// is being restored tells no time.
    pub fn working(&self, key: &LogKey, working: &Working, now: Timestamp) -> (Timestamp, Timestamp) {
        let mut entry = self.entry(key);
        let new = || Seen { since: now, working: working.clone(), unchanged_since: now };
        let seen = entry.working.get_or_insert_with(|| Box::new(new()));
        if seen.working != *working {
            **seen = Seen { since: seen.since, ..new() };
        }
        (seen.since, seen.unchanged_since)
    }

    /// The resource is there: what was absent is forgotten. Tells whether this process made it.
    pub fn ready(&self, key: &LogKey) -> bool {
        let entries = &mut *self.entries.borrow_mut();
        let steps = match &key.scope {
            Scope::Handoff(handoff) => entries.own.get_mut(handoff),
            Scope::Shared(resource) => entries.shared.get_mut(resource),
        };
        let mut known = steps.into_iter().flatten();
        known.find(|(name, _)| *name == key.name()).is_some_and(|(_, entry)| {
            (entry.first_absent, entry.working, entry.acts) = (None, None, 0);
            entry.made
        })
    }

    fn entry(&self, key: &LogKey) -> RefMut<'_, Entry> {
        RefMut::map(self.entries.borrow_mut(), |entries| {
            let steps = match &key.scope {
                Scope::Handoff(handoff) => entries.own.entry(handoff.clone()).or_default(),
                Scope::Shared(resource) => entries.shared.entry(resource.clone()).or_default(),
            };
            let known = steps.iter().position(|(known, _)| *known == key.name());
            let known = known.unwrap_or_else(|| {
                steps.push((key.name(), Entry::default()));
                steps.len() - 1
            });
            &mut steps[known].1
        })
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut entry = self.log.entry(&self.key);
        entry.in_flight = false;
        if !self.did_nothing {
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

    fn key() -> LogKey {
        LogKey { step: StepId("key"), is_wait: false, scope: Scope::Shared("alias/orders".to_owned()) }
    }

    #[tokio::test(start_paused = true)]
    async fn act_that_is_not_idempotent_waits_for_a_second_look() {
        let log = WriteLog::default();
        assert_eq!(log.may_act(&key(), SETTLE, true), MayAct::LookTwice(SETTLE));
        tokio::time::sleep(SETTLE).await;
        assert_eq!(log.may_act(&key(), SETTLE, true), MayAct::Now);
        let other = WriteLog::default();
        other.absent(&key());
        tokio::time::sleep(SETTLE).await;
        assert_eq!(other.may_act(&key(), SETTLE, true), MayAct::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn act_under_way_excludes_others_and_aws_has_time_to_show_it() {
        let log = WriteLog::default();
        assert_eq!(log.may_act(&key(), SETTLE, false), MayAct::Now);
        let in_flight = log.begin(key());
        assert!(matches!(log.may_act(&key(), SETTLE, false), MayAct::After(..)));
        drop(in_flight);
        tokio::time::sleep(SETTLE / 2).await;
        assert!(matches!(log.may_act(&key(), SETTLE, false), MayAct::After(..)));
        tokio::time::sleep(SETTLE / 2).await;
        assert_eq!(log.may_act(&key(), SETTLE, false), MayAct::Now);
        assert!(log.ready(&key()), "made by this process");
    }

    #[tokio::test(start_paused = true)]
    async fn act_that_did_nothing_is_neither_waited_for_nor_counted() {
        let log = WriteLog::default();
        for _ in 0..2 * TOO_OFTEN {
            assert_eq!(log.may_act(&key(), SETTLE, false), MayAct::Now);
            log.begin(key()).did_nothing();
        }
        assert!(!log.ready(&key()), "not made by this process");
    }

    #[tokio::test(start_paused = true)]
    async fn act_that_never_shows_is_reported_after_a_number_of_times() {
        let log = WriteLog::default();
        let mut made = 0;
        while log.may_act(&key(), SETTLE, false) == MayAct::Now {
            drop(log.begin(key()));
            made += 1;
            tokio::time::sleep(SETTLE).await;
        }
        assert_eq!(made, TOO_OFTEN);
        assert_eq!(log.may_act(&key(), SETTLE, false), MayAct::Now, "once for each later pass");
    }

    #[tokio::test(start_paused = true)]
    async fn entries_of_a_handoff_are_forgotten_with_it() {
        let log = WriteLog::default();
        let handoff: HandoffId = "0123456789abcdef".parse().unwrap();
        let own = LogKey { step: StepId("copy"), is_wait: false, scope: Scope::Handoff(handoff.clone()) };
        drop(log.begin(own.clone()));
        drop(log.begin(key()));
        assert!(matches!(log.may_act(&own, SETTLE, false), MayAct::After(..)));
        assert_eq!(log.entries(), (1, 1));
        log.forget(&handoff);
        assert_eq!((log.entries(), log.may_act(&own, SETTLE, false)), ((0, 1), MayAct::Now));
    }
}
