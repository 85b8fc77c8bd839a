//! A pass: one run through the steps of a handoff, from the first.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tracing::Instrument as _;

use super::write_log::{ActDecision, LogKey, Scope, WriteLog};
use super::{Acted, Observed, Step, StepId, Wait};
use crate::aws::cache::Cache;
use crate::event::{Row, RowState, Stall, Verb};
use crate::fault::{Fault, FaultKind};
use crate::gate::{Admission, Claim, Gate, Owner, Queued, Refused, Retry, SupplyAge};
use crate::poll::schedule::remaining;
use crate::poll::{NextPoll, Progress, Working};

/// The longest assumed propagation delay: a refusal this soon after our own change is attributed to it. KMS: "in some
/// cases several minutes" (KMS Developer Guide, Eventual consistency).
pub const MAX_PROPAGATION_DELAY: SignedDuration = SignedDuration::from_mins(15);

/// The mode of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Act on the first step that has to act.
    Act,
    /// Never act; continue with each step's `planned_output`.
    Plan,
    /// Never act; stop at the first step that is not ready.
    Status,
}

/// Why a pass ended before its last step.
#[derive(Debug)]
pub enum Halt {
    /// The next pass is after this long.
    Wait(Duration),
    /// The next pass is when the handoff is woken.
    UntilWoken,
    /// The resource was absent: the next pass is after this long, and acts if it is still absent.
    ObserveTwice(Duration),
    /// A call was made: the next pass follows soon, when AWS shows the result.
    Acted,
    /// A pass in mode [`Status`](Mode::Status) has reached a step that is not ready.
    NotReady,
    /// A fault.
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// The result of a step or pass. Used with `?`, it is the control flow of a handoff.
pub type Flow<T> = Result<T, Halt>;

/// Whether a pass ended with a fault that is not transient.
pub fn is_blocked<T>(flow: &Flow<T>) -> bool {
    matches!(flow, Err(Halt::Fault(fault)) if fault.kind != FaultKind::Transient)
}

/// The context that all passes of a process share.
#[derive(Debug, Clone, Copy)]
pub struct PassContext<'a> {
    /// The calls that this process has made.
    pub writes: &'a WriteLog,
    /// Permits for limited resources.
    pub gate: &'a Gate,
    /// The read cache; it also has the poll schedule and the clock.
    pub cache: &'a Cache,
    /// If set, every step is observed twice, and observing must not change this state.
    pub kept: Option<&'a dyn Kept>,
}

/// The state that a process keeps of its handoffs, without the read cache.
pub trait Kept: fmt::Debug {
    /// A text of the whole state, for comparison.
    fn kept(&self) -> String;
}

/// One run through the steps.
#[derive(Debug)]
pub struct Pass<'a> {
    mode: Mode,
    context: PassContext<'a>,
    owner: &'a Owner,
    /// Wakes the drive of the handoff.
    wake: Rc<Notify>,
    rows: RefCell<Vec<Row>>,
    planning: Cell<bool>,
}

impl<'a> Pass<'a> {
    /// A new pass over the steps of a handoff.
    pub fn new(mode: Mode, context: PassContext<'a>, owner: &'a Owner, wake: &Rc<Notify>) -> Self {
        Self { mode, context, owner, wake: wake.clone(), rows: RefCell::default(), planning: Cell::new(false) }
    }

    /// The rows that the pass has produced.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows.into_inner()
    }

    /// Observes a wait. `Ready` continues the pass; `Working` ends it.
    pub async fn wait<W: Wait>(&self, wait: W) -> Flow<W::Output> {
        let id = wait.id();
        if self.planning.get() {
            self.push(Row::new(id.0, RowState::Todo, wait.describe()));
            return Ok(wait.planned_output());
        }
        let resource = wait.resource();
        let span = tracing::info_span!("wait", id = id.0, resource);
        let key = LogKey { is_wait: true, ..self.key(id, None) };
        match self.observed(|| wait.observe().instrument(span.clone())).await {
            Ok(Progress::Ready(output)) => {
                self.ready(&key, W::VERB, wait.describe());
                Ok(output)
            }
            Ok(Progress::Working(working)) => {
                self.working(&key, working, (W::SLOW, W::STALL_HINT), || wait.planned_output())
            }
            Err(fault) => self.refused(&key, fault, None, || wait.planned_output()),
        }
    }

    /// Observes a step. `Ready` continues the pass; `Working` ends it; `Todo` acts and ends it.
    pub async fn ensure<S: Step>(&self, step: S) -> Flow<S::Output> {
        let id = step.id();
        if self.planning.get() {
            self.push(Row::new(id.0, RowState::Todo, step.describe()));
            return Ok(step.planned_output());
        }
        let resource = step.resource();
        let span = tracing::info_span!("step", id = id.0, resource);
        let key = self.key(id, S::SHARED.then_some(resource));
        let poll = (S::SLOW, S::STALL_HINT);
        match self.observed(|| step.observe().instrument(span.clone())).await {
            Ok(Observed::Ready(output)) => {
                if let Err(fault) = self.occupy(&step).await {
                    return self.refused(&key, fault, None, || step.planned_output());
                }
                self.ready(&key, S::VERB, step.describe());
                Ok(output)
            }
            Ok(Observed::Working(working)) => self.working(&key, working, poll, || step.planned_output()),
            Ok(Observed::Todo) if self.mode == Mode::Act => self.act(&key, &step, span).await,
            Ok(Observed::Todo) => match self.peek(&step).await {
                Ok(Some(working)) => self.working(&key, working, poll, || step.planned_output()),
                Ok(None) => {
                    self.push(Row::new(id.0, RowState::Todo, step.describe()));
                    self.planned_output(|| step.planned_output())
                }
                Err(fault) => self.refused(&key, fault, None, || step.planned_output()),
            },
            Err(fault) => self.refused(&key, fault, step.changed(), || step.planned_output()),
        }
    }

    /// Observes a step. In tests, also checks that observing does not change the state.
    async fn observed<T>(&self, observe: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
        if let Some(kept) = self.context.kept {
            let before = kept.kept();
            let _ = observe().await;
            assert_eq!(before, kept.kept(), "observing a step has changed the state of the process");
        }
        observe().await
    }

    /// Makes a plan describe all following steps without observing them.
    pub fn describe_the_rest(&self) {
        self.planning.set(true);
    }

    /// Records that the resource of a step was seen absent by another read. This counts as the first of two
    /// observations.
    pub fn absent(&self, step: StepId) {
        self.context.writes.absent(&self.key(step, None));
    }

    /// Releases all permits of the handoff.
    pub fn release_permits(&self) {
        if self.mode == Mode::Act {
            self.context.gate.pass_ended(self.owner, true);
        }
    }

    /// Acts on a step, if the write log allows it and its permit is granted.
    async fn act<S: Step>(&self, key: &LogKey, step: &S, span: tracing::Span) -> Flow<S::Output> {
        let PassContext { writes, gate, cache, .. } = self.context;
        let Cache { schedule, clock, .. } = cache;
        let (id, poll) = (key.step, (S::SLOW, S::STALL_HINT));
        let claim = step.claim();
        // Read first: between the write log's decision and the start of the call there must be no await.
        let supply = match claim {
            Some(_) => step.supply(SupplyAge::Recent).await,
            None => Ok(None),
        };
        let supply = match supply {
            Ok(supply) => supply,
            Err(fault) => return self.refused(key, fault, step.changed(), || step.planned_output()),
        };
        match writes.may_act(key, schedule.settle(S::PROPAGATION_DELAY), S::OBSERVE_TWICE) {
            ActDecision::Now => {}
            ActDecision::After(left, why) => {
                self.push(Row::new(id.0, RowState::Working, why.to_owned()));
                return Err(Halt::Wait(left));
            }
            ActDecision::ObserveTwice(left) => {
                let text = format!(
                    "absent; one created just now may not be visible yet: reading again in {} s",
                    left.as_secs()
                );
                self.push(Row::new(id.0, RowState::Working, text));
                return Err(Halt::ObserveTwice(left));
            }
            ActDecision::NeverShown(acts) => {
                let what =
                    format!("AWS accepted this call {acts} times, but its result is not visible: {}", step.describe());
                let fix = "check the resource in the console and in CloudTrail: somebody may be undoing the change";
                return self.refused(key, Fault::blocked(what).hint(fix), None, || step.planned_output());
            }
        }
        if let (Some(claim), Some(supply)) = (&claim, &supply)
            && let Admission::Queued(queued) = gate.acquire(self.owner, claim.clone(), &self.wake, supply.as_ref())
        {
            return self.working(key, waits(queued, clock.now()), poll, || step.planned_output());
        }
        self.push(Row::new(id.0, RowState::Acting(S::VERB), step.describe()));
        span.in_scope(|| tracing::info!("acting: {}", step.describe()));
        let in_flight = writes.begin(key.clone());
        let acted = step.act().instrument(span).await;
        match &acted {
            // A call without a response may have taken effect.
            Ok(Acted::Done) => drop(in_flight),
            Err(fault) if fault.kind == FaultKind::Transient => drop(in_flight),
            Ok(Acted::Nothing | Acted::Limited(_)) | Err(_) => in_flight.did_nothing(),
        }
        match acted {
            Ok(Acted::Done) if S::SLOW => Err(Halt::Wait(cache.spacing().max(schedule.slow()))),
            Ok(Acted::Done) => Err(Halt::Acted),
            Ok(Acted::Nothing) => {
                if let Some(claim) = &claim {
                    gate.release(self.owner, &claim.kind);
                }
                Err(Halt::Acted)
            }
            Ok(Acted::Limited(fault)) => self.limited(key, step, claim.as_ref(), fault).await,
            Err(fault) => self.refused(key, fault, step.changed(), || step.planned_output()),
        }
    }

    /// Handles a call that AWS refused because a limit is reached: waits if it is the limit of the step's permit, else
    /// reports the fault.
    async fn limited<S: Step>(&self, key: &LogKey, step: &S, claim: Option<&Claim>, fault: Fault) -> Flow<S::Output> {
        let supply = match step.supply(SupplyAge::Now).await {
            Ok(supply) => supply,
            Err(fault) => return self.refused(key, fault, step.changed(), || step.planned_output()),
        };
        if let (Some(claim), Some(supply)) = (claim, supply)
            && let Refused::Waits(words) = self.context.gate.refused(self.owner, &claim.kind, supply.as_ref())
        {
            tracing::debug!(step = key.step.0, error = fault.chain(), "a limit is reached");
            let poll = (false, "see the error message of the refusal");
            return self.working(key, Working::waiting_for(words), poll, || step.planned_output());
        }
        self.refused(key, fault, step.changed(), || step.planned_output())
    }

    /// Records in the gate that the resource of a step exists, and wakes claims that can now be granted.
    async fn occupy<S: Step>(&self, step: &S) -> Result<(), Fault> {
        let Some(claim) = step.claim().filter(|_| self.mode == Mode::Act) else { return Ok(()) };
        let gate = self.context.gate;
        if gate.is_waited_for(&claim.kind)
            && let Some(supply) = step.supply(SupplyAge::Known).await?
        {
            gate.refresh(&claim.kind, supply.as_ref());
        }
        gate.occupy(self.owner, claim, &self.wake);
        Ok(())
    }

    /// For a read-only pass: what a step waits for, if its permit would not be granted.
    async fn peek<S: Step>(&self, step: &S) -> Result<Option<Working>, Fault> {
        let Some(claim) = step.claim() else { return Ok(None) };
        let Some(supply) = step.supply(SupplyAge::Recent).await? else { return Ok(None) };
        Ok(match self.context.gate.peek(&claim, supply.as_ref()) {
            Admission::Granted => None,
            Admission::Queued(queued) => Some(waits(queued, self.context.cache.clock.now())),
        })
    }

    fn key(&self, step: StepId, shared: Option<String>) -> LogKey {
        let scope = shared.map_or_else(|| Scope::Handoff(self.owner.handoff.clone()), Scope::Shared);
        LogKey { step, is_wait: false, scope }
    }

    fn ready(&self, key: &LogKey, verb: Verb, text: String) {
        let state = if self.context.writes.ready(key) { RowState::Made(verb) } else { RowState::Found };
        if self.mode == Mode::Act && key.is_wait {
            self.context.gate.step_ready(self.owner, key.step.0);
        }
        self.push(Row::new(key.step.0, state, text));
    }

    fn planned_output<T>(&self, output: impl FnOnce() -> T) -> Flow<T> {
        if self.mode == Mode::Plan {
            self.planning.set(true);
            return Ok(output());
        }
        Err(Halt::NotReady)
    }

    fn working<T>(
        &self,
        key: &LogKey,
        mut working: Working,
        (slow, hint): (bool, &'static str),
        output: impl FnOnce() -> T,
    ) -> Flow<T> {
        let PassContext { writes, cache: Cache { schedule, clock, .. }, .. } = self.context;
        let now = clock.now();
        let reported = working.since;
        let (since, unchanged_since) = writes.working(key, &working, now);
        working.since.get_or_insert(since);
        let unchanged = now.duration_since(unchanged_since);
        let lasts = Duration::try_from(unchanged).unwrap_or_default();
        let remaining = remaining(&working, now, lasts);
        let is_scheduled = working.next == NextPoll::Scheduled;
        let halt = match working.next {
            NextPoll::Scheduled => Halt::Wait(schedule.next_poll(&working, slow, now, lasts)),
            NextPoll::At(time) => Halt::Wait(time.duration_since(now).try_into().unwrap_or_default()),
            NextPoll::WhenWoken => Halt::UntilWoken,
        };
        self.push(Row {
            percent: working.percent,
            remaining,
            since: reported,
            waits: working.waits,
            // A wait with a known end, or one that is woken, cannot stall.
            stalled: (is_scheduled && unchanged >= schedule.stall_after).then_some(Stall { lasts, hint }),
            ..Row::new(key.step.0, RowState::Working, working.state)
        });
        if self.mode == Mode::Act { Err(halt) } else { self.planned_output(output) }
    }

    fn refused<T>(
        &self,
        key: &LogKey,
        fault: Fault,
        changed: Option<Timestamp>,
        output: impl FnOnce() -> T,
    ) -> Flow<T> {
        let step = key.step;
        let is_propagating = changed
            .is_some_and(|changed| self.context.cache.clock.now().duration_since(changed) < MAX_PROPAGATION_DELAY);
        if fault.kind == FaultKind::Blocked && fault.is_refusal() && is_propagating {
            tracing::debug!(step = step.0, error = fault.chain(), "refused soon after our own change");
            let state = format!("refused, perhaps because our recent change has not propagated yet: {fault}");
            let working = Working { since: changed, ..Working::new(state) };
            return self.working(key, working, (false, "see the error message of the refusal"), output);
        }
        let state = if fault.kind == FaultKind::Fatal { RowState::Failed } else { RowState::Blocked };
        self.push(Row::new(step.0, state, fault.to_string()));
        Err(Halt::Fault(fault.at(step)))
    }

    /// Adds a row. A step and the wait for its resource share one row, which shows the one that is not ready.
    fn push(&self, row: Row) {
        let mut rows = self.rows.borrow_mut();
        match rows.last_mut().filter(|last| last.step == row.step) {
            Some(_) if row.state.is_ready() || row.state == RowState::Todo => {}
            Some(last) => *last = row,
            None => rows.push(row),
        }
    }
}

/// A queued claim, as the progress of a step.
fn waits(queued: Queued, now: Timestamp) -> Working {
    let next = match queued.retry {
        Retry::WhenWoken => NextPoll::WhenWoken,
        Retry::Scheduled => NextPoll::Scheduled,
        Retry::After(time) => now.checked_add(time).map_or(NextPoll::WhenWoken, NextPoll::At),
    };
    Working { next, ..Working::waiting_for(queued.words) }
}

#[cfg(test)]
mod tests {
    use aws_config::SdkConfig;
    use aws_smithy_async::time::StaticTimeSource;

    use super::*;
    use crate::aws::clients::Clients;
    use crate::clock::Clock;
    use crate::poll::schedule::PollSchedule;

    /// Counts observations. `is_kept`: whether the count is part of the compared state.
    #[derive(Debug, Default)]
    struct Count {
        observed: Cell<u32>,
        is_kept: bool,
    }

    impl Kept for Count {
        fn kept(&self) -> String {
            if self.is_kept { self.observed.get().to_string() } else { String::new() }
        }
    }

    struct Counts<'a>(&'a Count);

    impl Wait for Counts<'_> {
        type Output = ();

        fn id(&self) -> StepId {
            StepId("count")
        }

        fn resource(&self) -> String {
            String::new()
        }

        fn describe(&self) -> String {
            String::new()
        }

        async fn observe(&self) -> Result<Progress<()>, Fault> {
            self.0.observed.set(self.0.observed.get() + 1);
            Ok(Progress::Ready(()))
        }

        fn planned_output(&self) {}
    }

    async fn observe_twice(count: &Count) -> Flow<()> {
        let clients = Clients::new(&SdkConfig::builder().build(), "pass");
        let clock = Clock::new(StaticTimeSource::from_secs(0).into());
        let (writes, gate, cache) =
            (WriteLog::default(), Gate::new(1.0), Cache::new(clients, &PollSchedule::default(), &clock));
        let context = PassContext { writes: &writes, gate: &gate, cache: &cache, kept: Some(count) };
        let owner = Owner { handoff: "0123456789abcdef".parse().unwrap(), message: None };
        Pass::new(Mode::Act, context, &owner, &Rc::default()).wait(Counts(count)).await
    }

    #[tokio::test(start_paused = true)]
    async fn observing_twice_may_change_state_that_is_not_compared() {
        let count = Count::default();
        observe_twice(&count).await.unwrap();
        assert_eq!(count.observed.get(), 2);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic = "observing a step has changed the state of the process"]
    async fn observing_twice_panics_when_it_changes_compared_state() {
        let _ = observe_twice(&Count { is_kept: true, ..Count::default() }).await;
    }
}
