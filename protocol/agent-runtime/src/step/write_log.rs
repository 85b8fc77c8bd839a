//! The write log: the calls that this process has made, and the propagation delay during which AWS may not show their
//! results.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use protocol::HandoffId;
use tokio::time::Instant;

use super::StepId;
use crate::poll::Working;

/// The write log of one process, in memory. It can only delay calls; losing it is harmless.
#[derive(Debug, Default)]
pub struct WriteLog {
    entries: RefCell<Entries>,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Entries {
    /// Resources of one handoff, by step.
    own: BTreeMap<HandoffId, Vec<(Name, Entry)>>,
    /// Resources that handoffs share, by name.
    shared: BTreeMap<String, Vec<(Name, Entry)>>,
}

/// A step's name, and whether it is the wait of that name.
type Name = (StepId, bool);

/// A step or a wait, and its resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// The name of the step or wait.
    pub step: StepId,
    /// Whether it is a wait. A wait may have the same name as a step.
    pub is_wait: bool,
    /// Its resource.
    pub scope: Scope,
}

/// Which handoffs a resource belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One handoff: the entry is dropped with it.
    Handoff(HandoffId),
    /// A resource that handoffs share, such as a key; by its name.
    Shared(String),
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Entry {
    first_absent: Option<Instant>,
    acted: Option<Instant>,
    in_flight: bool,
    made: bool,
    working: Option<Box<Seen>>,
    /// Calls since it was last seen ready.
    acts: u32,
}

/// Work in progress, as this process has seen it.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    since: Timestamp,
    working: Working,
    unchanged_since: Timestamp,
}

/// Whether a step whose resource is absent may act.
#[derive(Debug, PartialEq, Eq)]
pub enum ActDecision {
    /// Yes, now.
    Now,
    /// Not before this much time has passed, for this reason.
    After(Duration, &'static str),
    /// Only after the resource was observed as absent once more, this much later.
    ObserveTwice(Duration),
    /// The call was made this often and its result never became visible: report it to the operator.
    NeverShown(u32),
}

/// How many accepted calls without a visible result are reported. Revoking grants is the one step that legitimately
/// acts more than once.
const MAX_UNSEEN_ACTS: u32 = 25;

/// A call in flight. While it exists, no other pass of this process acts on the same resource.
#[derive(Debug)]
pub struct InFlight<'a> {
    log: &'a WriteLog,
    key: LogKey,
    did_nothing: bool,
}

impl InFlight<'_> {
    /// Records that the call had no effect: AWS refused it, or no call was made.
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
    /// Decides whether a step whose resource is absent may act. `settle` is the propagation delay.
    pub fn may_act(&self, key: &LogKey, settle: Duration, observe_twice: bool) -> ActDecision {
        let now = Instant::now();
        let entry = &mut *self.entry(key);
        if entry.in_flight {
            return ActDecision::After(Duration::from_secs(1), "another handoff is creating it");
        }
        if let Some(left) = entry.acted.map(|acted| (acted + settle).saturating_duration_since(now))
            && !left.is_zero()
        {
            return ActDecision::After(left.min(Duration::from_secs(2)), "waiting for AWS to show it");
        }
        if entry.acts >= MAX_UNSEEN_ACTS {
            // The next pass, after the backoff of a blocked handoff, may act once more.
            entry.acts = MAX_UNSEEN_ACTS - 1;
            return ActDecision::NeverShown(MAX_UNSEEN_ACTS);
        }
        let first_absent = *entry.first_absent.get_or_insert(now);
        let left = (first_absent + settle).saturating_duration_since(now);
        if observe_twice && !left.is_zero() {
            return ActDecision::ObserveTwice(left);
        }
        ActDecision::Now
    }

    /// Records the start of a call. The call ends when the guard is dropped.
    pub fn begin(&self, key: LogKey) -> InFlight<'_> {
        self.entry(&key).in_flight = true;
        InFlight { log: self, key, did_nothing: false }
    }

    /// Records that another step's read found the resource absent. This counts as the first of two observations.
    pub fn absent(&self, key: &LogKey) {
        self.entry(key).first_absent.get_or_insert_with(Instant::now);
    }

    /// Drops the entries of a handoff.
    pub fn forget(&self, handoff: &HandoffId) {
        self.entries.borrow_mut().own.remove(handoff);
    }

    /// The number of entries of handoffs, and of shared resources.
    pub fn entries(&self) -> (usize, usize) {
        let entries = self.entries.borrow();
        (entries.own.values().map(Vec::len).sum(), entries.shared.values().map(Vec::len).sum())
    }

    /// Records work in progress. Returns since when it has been seen, and since when without progress, by this process.
    /// For a database that is being restored AWS reports no start time.
    pub fn working(&self, key: &LogKey, working: &Working, now: Timestamp) -> (Timestamp, Timestamp) {
        let mut entry = self.entry(key);
        let new = || Seen { since: now, working: working.clone(), unchanged_since: now };
        let seen = entry.working.get_or_insert_with(|| Box::new(new()));
        if seen.working != *working {
            **seen = Seen { since: seen.since, ..new() };
        }
        (seen.since, seen.unchanged_since)
    }

    /// Records that the resource is ready. Returns whether this process made it.
    pub fn ready(&self, key: &LogKey) -> bool {
        let entries = &mut *self.entries.borrow_mut();
        let steps = match &key.scope {
            Scope::Handoff(handoff) => entries.own.get_mut(handoff),
            Scope::Shared(resource) => entries.shared.get_mut(resource),
        };
        let mut entries = steps.into_iter().flatten();
        entries.find(|(name, _)| *name == key.name()).is_some_and(|(_, entry)| {
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
            let index = steps.iter().position(|(name, _)| *name == key.name());
            let index = index.unwrap_or_else(|| {
                steps.push((key.name(), Entry::default()));
                steps.len() - 1
            });
            &mut steps[index].1
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

    const PROPAGATION_DELAY: Duration = Duration::from_mins(1);

    fn key() -> LogKey {
        LogKey { step: StepId("key"), is_wait: false, scope: Scope::Shared("alias/orders".to_owned()) }
    }

    #[tokio::test(start_paused = true)]
    async fn non_idempotent_act_waits_for_second_observation() {
        let log = WriteLog::default();
        assert_eq!(log.may_act(&key(), PROPAGATION_DELAY, true), ActDecision::ObserveTwice(PROPAGATION_DELAY));
        tokio::time::sleep(PROPAGATION_DELAY).await;
        assert_eq!(log.may_act(&key(), PROPAGATION_DELAY, true), ActDecision::Now);
        let other = WriteLog::default();
        other.absent(&key());
        tokio::time::sleep(PROPAGATION_DELAY).await;
        assert_eq!(other.may_act(&key(), PROPAGATION_DELAY, true), ActDecision::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn act_in_flight_excludes_others_until_propagation_delay_ends() {
        let log = WriteLog::default();
        assert_eq!(log.may_act(&key(), PROPAGATION_DELAY, false), ActDecision::Now);
        let in_flight = log.begin(key());
        assert!(matches!(log.may_act(&key(), PROPAGATION_DELAY, false), ActDecision::After(..)));
        drop(in_flight);
        tokio::time::sleep(PROPAGATION_DELAY / 2).await;
        assert!(matches!(log.may_act(&key(), PROPAGATION_DELAY, false), ActDecision::After(..)));
        tokio::time::sleep(PROPAGATION_DELAY / 2).await;
        assert_eq!(log.may_act(&key(), PROPAGATION_DELAY, false), ActDecision::Now);
        assert!(log.ready(&key()), "made by this process");
    }

    #[tokio::test(start_paused = true)]
    async fn act_without_effect_causes_no_delay_and_is_not_counted() {
        let log = WriteLog::default();
        for _ in 0..2 * MAX_UNSEEN_ACTS {
            assert_eq!(log.may_act(&key(), PROPAGATION_DELAY, false), ActDecision::Now);
            log.begin(key()).did_nothing();
        }
        assert!(!log.ready(&key()), "not made by this process");
    }

    #[tokio::test(start_paused = true)]
    async fn act_that_never_becomes_visible_is_reported_after_maximum() {
        let log = WriteLog::default();
        let mut made = 0;
        while log.may_act(&key(), PROPAGATION_DELAY, false) == ActDecision::Now {
            drop(log.begin(key()));
            made += 1;
            tokio::time::sleep(PROPAGATION_DELAY).await;
        }
        assert_eq!(made, MAX_UNSEEN_ACTS);
        assert_eq!(
            log.may_act(&key(), PROPAGATION_DELAY, false),
            ActDecision::Now,
            "one more call for each later pass"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn forget_drops_the_entries_of_a_handoff() {
        let log = WriteLog::default();
        let handoff: HandoffId = "0123456789abcdef".parse().unwrap();
        let own = LogKey { step: StepId("copy"), is_wait: false, scope: Scope::Handoff(handoff.clone()) };
        drop(log.begin(own.clone()));
        drop(log.begin(key()));
        assert!(matches!(log.may_act(&own, PROPAGATION_DELAY, false), ActDecision::After(..)));
        assert_eq!(log.entries(), (1, 1));
        log.forget(&handoff);
        assert_eq!((log.entries(), log.may_act(&own, PROPAGATION_DELAY, false)), ((0, 1), ActDecision::Now));
    }
}
