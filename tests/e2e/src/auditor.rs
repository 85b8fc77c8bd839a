//! The auditor: it looks at the simulated AWS at each call that changes something, and holds invariants that no order of events
//! may break. Every Lab has one. End states are not enough: what was open for a minute too long has been open.
//!
//! A call of an agent that breaks an invariant ends the scenario, with the call, the invariant, and what was found. What an
//! administrator does is an administrator's business: what is broken after such a call stands, and is not held against the
//! agents that find it so. Whoever calls under an agent's role counts as an agent.

mod invariant;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sim::{Call, Observer, View};
use tokio::sync::Notify;

use invariant::Findings;
use rules::Before;

pub use invariant::Invariant;
pub(crate) use invariant::Limits;

/// Who is watched, what is known, and what has been broken.
#[derive(Debug, Clone, Default)]
struct State {
    /// The roles of agents, as they stand in the ARN of a session: account and name.
    agents: BTreeSet<(String, String)>,
    /// The processes that run, by account.
    running: BTreeMap<String, Vec<Limits>>,
    exempt: BTreeMap<Invariant, &'static str>,
    /// The handoff keys that agents have made, by ARN.
    keys: BTreeSet<String>,
    /// What administrators have left broken.
    standing: Findings,
    before: Before,
    broken: Option<String>,
}

/// Observes one simulated AWS.
#[derive(Debug, Default)]
pub(crate) struct Auditor {
    state: Mutex<State>,
    broken: Notify,
}

/// An agent process, as long as it runs.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    auditor: &'a Auditor,
    account: String,
}

impl Auditor {
    /// One that knows what this one knows.
    pub(crate) fn fork(&self) -> Arc<Self> {
        let state = State { running: BTreeMap::new(), broken: None, ..self.state().clone() };
        Arc::new(Self { state: Mutex::new(state), broken: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls under this role are an agent's from now on.
    pub(crate) fn watch(&self, account: &str, role: &str) {
        self.state().agents.insert((account.to_owned(), role.to_owned()));
    }

    /// An agent of an account runs until this is dropped.
    pub(crate) fn runs(&self, account: &str, limits: Limits) -> Running<'_> {
        self.state().running.entry(account.to_owned()).or_default().push(limits);
        Running { auditor: self, account: account.to_owned() }
    }

    /// This invariant is not held from now on, for this reason.
    pub(crate) fn exempt(&self, invariant: Invariant, reason: &'static str) {
        self.state().exempt.insert(invariant, reason);
    }

    /// What was broken first, if anything.
    pub(crate) fn found(&self) -> Option<String> {
        self.state().broken.clone()
    }

    /// The same, and forgets it.
    pub(crate) fn take(&self) -> Option<String> {
        self.state().broken.take()
    }

    /// Runs something until it ends or something is broken.
    pub(crate) async fn until_broken<T>(&self, work: impl Future<Output = T>) -> Result<T, String> {
        let broken = async {
            loop {
                let more = self.broken.notified();
                if let Some(broken) = self.found() {
                    return broken;
                }
                more.await;
            }
        };
        tokio::select! {
            biased;
            broken = broken => Err(broken),
            done = work => Ok(done),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(limits) = self.auditor.state().running.get_mut(&self.account) {
            limits.pop();
        }
    }
}

impl State {
    fn is_agents(&self, call: &Call) -> bool {
        let role = call.principal.split_once(":assumed-role/").and_then(|(_, session)| session.split('/').next());
        role.is_some_and(|role| self.agents.contains(&(call.account.clone(), role.to_owned())))
    }

    fn judge(&mut self, call: &Call, world: View<'_>) {
        let agents = self.is_agents(call);
        let before = std::mem::take(&mut self.before);
        if agents {
            self.keys.extend(before.new_keys(world));
        }
        let standing = self.standing(world);
        let mut found = if agents { &standing - &self.standing } else { Findings::new() };
        if agents {
            before.foreign(call, world, &self.keys, &mut found);
            before.record(call, world, &mut found);
            if let Some([limits]) = self.running.get(&call.account).map(Vec::as_slice) {
                rules::limits(call, world, *limits, &mut found);
            }
        }
        // What has been told once is not told of each call that follows.
        self.standing = standing;
        found.retain(|(invariant, _)| !self.exempt.contains_key(invariant));
        if let (Some((invariant, what)), None) = (found.first(), &self.broken) {
            self.broken = Some(format!("{} broke the invariant {invariant:?}: {what}", Named(call)));
        }
    }

    fn standing(&self, world: View<'_>) -> Findings {
        let mut found = Findings::new();
        rules::access(world, &self.keys, &mut found);
        rules::once(world, &mut found);
        found
    }
}

/// A call, as a person is told of it.
struct Named<'a>(&'a Call);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Call { number, principal, action, region, resources, .. } = self.0;
        write!(f, "call {number}, {action} in {region} on {resources:?} by {principal},")
    }
}

impl Observer for Auditor {
    fn before(&self, call: &Call, world: View<'_>) {
        if is_looked_at(call) {
            let mut state = self.state();
            state.before = if state.is_agents(call) { Before::of(call, world, &state.keys) } else { Before::default() };
        }
    }

    fn after(&self, call: &Call, world: View<'_>) {
        let mut state = self.state();
        if is_looked_at(call) {
            state.judge(call, world);
        } else if rules::is_of_queues(call) && state.is_agents(call) {
            let what = "no queue is an agent's own".to_owned();
            if !state.exempt.contains_key(&Invariant::Foreign) && state.broken.is_none() {
                state.broken = Some(format!("{} broke the invariant {:?}: {what}", Named(call), Invariant::Foreign));
            }
        }
        if state.broken.is_some() {
            self.broken.notify_waiters();
        }
    }
}

/// Messages open nothing and make nothing.
fn is_looked_at(call: &Call) -> bool {
    matches!(call.service.as_str(), "rds" | "kms")
}
