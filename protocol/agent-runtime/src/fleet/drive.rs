//! The drive of one handoff: passes until one goes through.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Fleet;
use super::backoff::{Backoff, BackoffPolicy};
use super::tracked::Tracked;
use crate::event::{Ending, Event, Row, Sink, Subject};
use crate::exit::Exit;
use crate::fault::{Fault, FaultKind};
use crate::step::pass::{Flow, Halt};

/// A pass that acted is followed by the next one after this long: AWS shows most acts at once.
const AFTER_AN_ACT: Duration = Duration::from_secs(1);

/// So many passes to one other side are walked at once. Calls take memory and connections, and AWS throttles whoever asks for a
/// thousand things in one second. A Region that does not answer holds up no handoff that goes elsewhere.
pub(super) const CONCURRENT_PASSES: usize = 64;

/// How long a drive goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// For one pass.
    Once,
    /// Until nothing but faults was seen for this long.
    Until(Duration),
    /// Until it is done or has failed.
    ForEver,
}

impl Patience {
    /// Whether what has been failing for so long is given up.
    pub fn is_over(self, failing_for: Duration) -> bool {
        match self {
            Self::Once => true,
            Self::Until(patience) => failing_for >= patience,
            Self::ForEver => false,
        }
    }
}

/// How a drive ended.
#[derive(Debug)]
pub enum End<T> {
    /// A pass went through.
    Done(T),
    /// It was stopped before: the next process goes on.
    Pending,
    /// Somebody must act.
    Blocked(Fault),
    /// It cannot go on.
    Failed(Fault),
}

/// How a run goes on and ends.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions<'a> {
    /// Where events go.
    pub events: &'a dyn Sink,
    /// How long to go on.
    pub patience: Patience,
    /// Cancelled when the process shall stop.
    pub shutdown: &'a CancellationToken,
    /// Observes every step twice, and checks that this changes nothing but what was read: for tests.
    pub observe_twice: bool,
}

impl RunOptions<'_> {
    /// Tells of a handoff that is not over: it goes on in the next run, and only when somebody has acted if it is blocked.
    pub(super) fn unfinished(&self, subject: Subject, blocked: Option<&Fault>) -> Exit {
        if let Some(fault) = blocked {
            self.events.take(&Event::GivenUp { subject, fault: fault.into() });
            return Exit::Blocked;
        }
        if self.shutdown.is_cancelled() {
            self.events.take(&Event::Ended { subject, ending: Ending::Stopped });
        }
        Exit::Pending
    }
}

impl<H: Tracked> Fleet<H> {
    /// Repeats `pass`, which is of `subject` and towards `other_side`, until one goes through. `wake` ends a wait early.
    pub(super) async fn drive<T>(
        &self,
        options: &RunOptions<'_>,
        (subject, other_side): (&Subject, String),
        wake: &Notify,
        pass: impl AsyncFn() -> (Flow<T>, Vec<Row>),
    ) -> End<T> {
        let RunOptions { events, patience, shutdown, .. } = *options;
        let (mut backoff, mut last) = (Backoff::default(), None);
        let new = || Rc::new(Semaphore::new(CONCURRENT_PASSES));
        let turns = self.turns.borrow_mut().entry(other_side).or_insert_with(new).clone();
        loop {
            let (flow, rows) = {
                let _turn = tokio::select! {
                    biased;
                    turn = turns.acquire() => turn,
                    () = shutdown.cancelled() => return last.map_or(End::Pending, End::Blocked),
                };
                // Boxed: who waits holds nothing of the calls to come.
                Box::pin(pass()).instrument(tracing::info_span!("handoff", name = %subject)).await
            };
            let looks_twice = matches!(flow, Err(Halt::LookTwice(_)));
            let acted = matches!(flow, Err(Halt::Acted));
            events.take(&Event::Walked { subject: subject.clone(), rows });
            let (wait, fault) = match flow {
                Ok(done) => return End::Done(done),
                Err(Halt::Looked) => return End::Pending,
                Err(Halt::Acted) => (Some(self.cache.schedule.settle(AFTER_AN_ACT)), None),
                Err(Halt::Wait(wait) | Halt::LookTwice(wait)) => (Some(wait), None),
                Err(Halt::UntilWoken) => (None, None),
                Err(Halt::Fault(fault)) if fault.kind == FaultKind::Fatal => return End::Failed(fault),
                Err(Halt::Fault(fault)) => {
                    let is_transient = fault.kind == FaultKind::Transient;
                    let policy = if is_transient { BackoffPolicy::Transient } else { BackoffPolicy::Blocked };
                    (Some(backoff.failed(policy)), Some(fault))
                }
            };
            match &fault {
                Some(fault) => {
                    let (subject, fault, again) = (subject.clone(), fault.into(), wait.unwrap_or_default());
                    events.take(&Event::Faulted { subject, fault, again });
                }
                // Whether an act has helped is known by the next pass.
                None if acted => {}
                None => backoff.succeeded(),
            }
            let is_over = match patience {
                // What this pass has begun to look at would never be made by processes that look only once.
                Patience::Once => !looks_twice,
                // Whoever has just fixed it sees it go on.
                _ => fault.is_some() && backoff.lasts().is_some_and(|lasts| patience.is_over(lasts)),
            };
            if is_over || shutdown.is_cancelled() {
                return fault.map_or(End::Pending, End::Blocked);
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return fault.map_or(End::Pending, End::Blocked),
                () = wake.notified() => {}
                () = sleep(wait) => {}
            }
            last = fault;
        }
    }
}

/// `None`: for ever.
async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
