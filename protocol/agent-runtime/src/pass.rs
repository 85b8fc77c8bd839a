//! A pass: one walk over the steps of a handoff, from the first.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::Instrument as _;

use crate::acts::{Acts, Leave};
use crate::clock::Clock;
use crate::event::{Row, RowState, Stall};
use crate::fault::{Fault, FaultKind};
use crate::pace::Pace;
use crate::step::{Observed, Step, StepId, Working};

/// A refusal this soon after our own change means that AWS is still spreading it. KMS: "in some cases several minutes" (KMS
/// Developer Guide, Eventual consistency).
pub const SPREADING: SignedDuration = SignedDuration::from_mins(15);

/// What a pass may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Act on the first step that has something to do.
    Act,
    /// Never act; go on with what each step foresees.
    Plan,
    /// Never act; stop at the first step that is not ready.
    Look,
}

/// Why a pass ended before its last step.
#[derive(Debug)]
pub enum Halt {
    /// Look again after this long.
    Wait(Duration),
    /// Nothing was there: look again after this long, and act if there is still nothing.
    LookTwice(Duration),
    /// Something was done: look again at once, or when AWS shows it.
    Acted,
    /// A pass that does not act has come to what is not ready.
    Looked,
    /// A fault.
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// With `?`, the whole control flow of a handoff.
pub type Flow<T> = Result<T, Halt>;

/// Did the pass end with a fault that does not pass by itself?
pub fn is_blocked<T>(flow: &Flow<T>) -> bool {
    matches!(flow, Err(Halt::Fault(fault)) if fault.kind != FaultKind::Transient)
}

/// One walk over the steps.
#[derive(Debug)]
pub struct Pass<'a> {
    mode: Mode,
    acts: &'a Acts,
    pace: &'a Pace,
    clock: &'a Clock,
    rows: RefCell<Vec<Row>>,
    foreseen: Cell<bool>,
}

impl<'a> Pass<'a> {
    /// A new walk.
    pub fn new(mode: Mode, acts: &'a Acts, pace: &'a Pace, clock: &'a Clock) -> Self {
        Self { mode, acts, pace, clock, rows: RefCell::default(), foreseen: Cell::new(false) }
    }

    /// What the walk has seen so far.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows.into_inner()
    }

    /// Observes a step. Ready goes on; Working ends the pass; Todo acts and ends it.
    pub async fn ensure<S: Step>(&self, step: S) -> Flow<S::Output> {
        let row = |state, text| Row::new(S::ID.0, state, text);
        if self.foreseen.get() {
            self.push(row(RowState::Todo, step.describe()));
            return Ok(step.foresee());
        }
        let key = (S::ID, step.resource());
        let span = tracing::info_span!("step", id = S::ID.0, resource = key.1);
        match step.observe().instrument(span.clone()).await {
            Ok(Observed::Ready(output)) => {
                let state = if self.acts.ready(&key) { RowState::Made } else { RowState::Found };
                self.push(row(state, step.describe()));
                Ok(output)
            }
            Ok(Observed::Working(working)) => {
                self.working(&key, Working { slow: S::SLOW, ..working }, S::STALL_HINT, || step.foresee())
            }
            Ok(Observed::Todo) if self.mode == Mode::Act => {
                let settle = self.pace.settle(S::SETTLE);
                match self.acts.leave(&key, settle, S::LOOK_TWICE) {
                    Leave::Wait(left, why) => {
                        self.push(row(RowState::Working, why.to_owned()));
                        Err(Halt::Wait(left))
                    }
                    Leave::LookTwice(left) => {
                        self.push(row(
                            RowState::Working,
                            format!("none; one made just now may not show yet: looking again in {} s", left.as_secs()),
                        ));
                        Err(Halt::LookTwice(left))
                    }
                    Leave::NeverShown(acts) => {
                        let what = format!("AWS took this {acts} times, and does not show it: {}", step.describe());
                        let mend = "look at the resource in the console and in CloudTrail: somebody may undo it";
                        self.refused(&key, Fault::blocked(what).hint(mend), None, || step.foresee())
                    }
                    Leave::Granted => {
                        self.push(row(RowState::Acting, step.describe()));
                        span.in_scope(|| tracing::info!("acting: {}", step.describe()));
                        let in_flight = self.acts.begin(key.clone());
                        let acted = step.act().instrument(span).await;
                        match &acted {
                            // What got no answer may have been done all the same.
                            Err(fault) if fault.kind != FaultKind::Transient => in_flight.refused(),
                            _ => drop(in_flight),
                        }
                        match acted {
                            Ok(()) if S::SLOW => Err(Halt::Wait(self.pace.spacing().max(self.pace.slow()))),
                            Ok(()) => Err(Halt::Acted),
                            Err(fault) => self.refused(&key, fault, step.changed(), || step.foresee()),
                        }
                    }
                }
            }
            Ok(Observed::Todo) => {
                self.push(row(RowState::Todo, step.describe()));
                self.foresee(|| step.foresee())
            }
            Err(fault) => self.refused(&key, fault, step.changed(), || step.foresee()),
        }
    }

    /// In a plan, what follows is described from here on.
    pub fn describe_the_rest(&self) {
        self.foreseen.set(true);
    }

    fn foresee<T>(&self, output: impl FnOnce() -> T) -> Flow<T> {
        if self.mode == Mode::Plan {
            self.foreseen.set(true);
            return Ok(output());
        }
        Err(Halt::Looked)
    }

    fn working<T>(
        &self,
        key: &(StepId, String),
        mut working: Working,
        hint: &'static str,
        output: impl FnOnce() -> T,
    ) -> Flow<T> {
        let now = self.clock.now();
        let told = working.since;
        let (since, unchanged_since) = self.acts.working(key, &working, now);
        working.since.get_or_insert(since);
        let unchanged = now.duration_since(unchanged_since);
        let lasts = Duration::try_from(unchanged).unwrap_or_default();
        let step = key.0;
        let again = self.pace.look_again(&working, now, lasts);
        let remaining = crate::pace::remaining(&working, now, lasts);
        self.push(Row {
            percent: working.percent,
            remaining,
            since: told,
            waits: working.waits,
            // What is known to be over then does not stall.
            stalled: (working.until.is_none() && unchanged >= self.pace.stall_after).then_some(Stall { lasts, hint }),
            ..Row::new(step.0, RowState::Working, working.state)
        });
        if self.mode == Mode::Act { Err(Halt::Wait(again)) } else { self.foresee(output) }
    }

    fn refused<T>(
        &self,
        key: &(StepId, String),
        fault: Fault,
        changed: Option<Timestamp>,
        output: impl FnOnce() -> T,
    ) -> Flow<T> {
        let step = key.0;
        if let Some(what) = fault.awaited() {
            tracing::debug!(step = step.0, error = fault.chain(), "somebody was quicker");
            return self.working(key, Working::waiting_for(what), "see the refusal itself", output);
        }
        let spreading = changed.is_some_and(|changed| self.clock.now().duration_since(changed) < SPREADING);
        if fault.kind == FaultKind::Blocked && fault.is_refusal() && spreading {
            tracing::debug!(step = step.0, error = fault.chain(), "refused soon after our own change");
            let state = format!("refused, perhaps since AWS is still spreading a change of ours: {fault}");
            return self.working(
                key,
                Working { since: changed, ..Working::new(state) },
                "see the refusal itself",
                output,
            );
        }
        let state = if fault.kind == FaultKind::Fatal { RowState::Failed } else { RowState::Blocked };
        self.push(Row::new(step.0, state, fault.to_string()));
        Err(Halt::Fault(fault.at(step)))
    }

    fn push(&self, row: Row) {
        self.rows.borrow_mut().push(row);
    }
}
