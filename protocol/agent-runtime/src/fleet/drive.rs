//! The drive of one handoff: repeats passes until one completes.

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

/// The delay after a pass that made a call: AWS shows most changes at once.
const AFTER_AN_ACT: Duration = Duration::from_secs(1);

/// The concurrency limit: how many passes to one other side run at once. Calls take memory and connections, and AWS
/// throttles a client that makes a thousand requests in one second. With a limit for each other side, a Region that
/// does not answer delays no handoff to another one.
pub(super) const CONCURRENT_PASSES: usize = 64;

/// How long a drive continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// One pass.
    Once,
    /// Until passes have ended with nothing but faults for this long.
    Until(Duration),
    /// Until it has completed or failed.
    Unlimited,
}

impl Patience {
    /// Whether to give up after failing for this long.
    pub fn is_over(self, failing_for: Duration) -> bool {
        match self {
            Self::Once => true,
            Self::Until(patience) => failing_for >= patience,
            Self::Unlimited => false,
        }
    }
}

/// How a drive ended.
#[derive(Debug)]
pub enum End<T> {
    /// A pass completed.
    Done(T),
    /// It was stopped before: the next run continues.
    Pending,
    /// It needs operator action.
    Blocked(Fault),
    /// It cannot continue.
    Failed(Fault),
}

/// The options of a run.
#[derive(Debug, Clone, Copy)]
pub struct RunOptions<'a> {
    /// Where events go.
    pub events: &'a dyn Sink,
    /// How long to continue.
    pub patience: Patience,
    /// Cancelled when the process must stop.
    pub shutdown: &'a CancellationToken,
    /// For tests: observes every step twice, and checks that observing changes nothing but the read cache.
    pub observe_twice: bool,
}

impl RunOptions<'_> {
    /// Emits the event of an unfinished handoff and returns its exit code. The next run continues it; a blocked one
    /// needs operator action first.
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
    /// Repeats `pass`, which belongs to `subject` and goes to `other_side`, until one completes. `wake` ends a wait
    /// early.
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
        let limit = self.pass_limits.borrow_mut().entry(other_side).or_insert_with(new).clone();
        loop {
            let (flow, rows) = {
                let _permit = tokio::select! {
                    biased;
                    permit = limit.acquire() => permit,
                    () = shutdown.cancelled() => return last.map_or(End::Pending, End::Blocked),
                };
                // Boxed, so that a waiting drive does not hold the memory of the calls.
                Box::pin(pass()).instrument(tracing::info_span!("handoff", name = %subject)).await
            };
            let observes_twice = matches!(flow, Err(Halt::ObserveTwice(_)));
            let acted = matches!(flow, Err(Halt::Acted));
            events.take(&Event::Walked { subject: subject.clone(), rows });
            let (wait, fault) = match flow {
                Ok(done) => return End::Done(done),
                Err(Halt::NotReady) => return End::Pending,
                Err(Halt::Acted) => (Some(self.cache.schedule.settle(AFTER_AN_ACT)), None),
                Err(Halt::Wait(wait) | Halt::ObserveTwice(wait)) => (Some(wait), None),
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
                // The next pass shows whether the call has removed the fault.
                None if acted => {}
                None => backoff.succeeded(),
            }
            let is_over = match patience {
                // Processes that observe only once would never create the resource that this pass has observed once.
                Patience::Once => !observes_twice,
                // An operator who has just fixed the fault sees the handoff continue.
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

/// Sleeps; `None` sleeps forever.
async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
