//! The drive of one handoff: passes until one goes through.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::event::{Ending, Event, Sink, Subject};
use crate::exit::Exit;
use crate::fault::{Fault, FaultKind};
use crate::gate::Owner;
use crate::step::pass::{Flow, Halt, Mode, Pass, PassContext};

/// A pass that acted is followed by the next one after this long: AWS shows most acts at once.
const AFTER_AN_ACT: Duration = Duration::from_secs(1);
/// Blocked: looked at again after this long, doubling.
const BLOCKED: Duration = Duration::from_secs(15);
/// Blocked: never looked at later than this.
const BLOCKED_CEILING: Duration = Duration::from_mins(15);
/// Transient: looked at again after this long, doubling.
const TRANSIENT: Duration = Duration::from_secs(1);
/// Transient: never looked at later than this.
const TRANSIENT_CEILING: Duration = Duration::from_mins(1);

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

/// How a drive ended.
#[derive(Debug)]
pub enum End<T> {
    /// A pass went through.
    Done(T),
    /// It was stopped before: the next process goes on.
    Pending,
    /// Somebody must move.
    Blocked(Fault),
    /// It cannot go on.
    Failed(Fault),
}

/// What the drives of one process share.
#[derive(Debug)]
pub struct Drive<'a> {
    /// What all passes share.
    pub context: PassContext<'a>,
    /// Where events go.
    pub events: &'a dyn Sink,
    /// How long to go on.
    pub patience: Patience,
    /// Cancelled when the process shall stop.
    pub shutdown: &'a CancellationToken,
    /// By who is on the other side.
    turns: RefCell<BTreeMap<String, Rc<Semaphore>>>,
}

/// So many passes to one other side are walked at once. Calls take memory and connections, and AWS throttles whoever asks for a
/// thousand things in one second. A Region that does not answer keeps nobody from his turn who goes elsewhere.
const AT_ONCE: usize = 64;

impl<'a> Drive<'a> {
    /// For the drives of one process.
    pub fn new(
        context: PassContext<'a>,
        events: &'a dyn Sink,
        patience: Patience,
        shutdown: &'a CancellationToken,
    ) -> Self {
        Self { context, events, patience, shutdown, turns: RefCell::default() }
    }

    /// Has it been in trouble for too long?
    pub fn is_out_of_patience(&self, since: Instant) -> bool {
        match self.patience {
            Patience::Once => true,
            Patience::Until(patience) => since.elapsed() >= patience,
            Patience::ForEver => false,
        }
    }

    /// Tells of a handoff that is not over: it goes on in the next run, and only when somebody has moved if it is blocked.
    pub fn unfinished(&self, subject: &Subject, blocked: Option<&Fault>) -> Exit {
        let subject = subject.clone();
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

/// Walks the steps of `subject`, which goes to the other side `to`, until a pass goes through. `wake` ends a wait early.
pub async fn drive<T>(
    drive: &Drive<'_>,
    (subject, to, owner): (&Subject, &str, &Owner),
    wake: &Rc<Notify>,
    walk: impl AsyncFn(&Pass<'_>) -> Flow<T>,
) -> End<T> {
    let (mut trouble, mut last) = (Trouble::default(), None);
    let turns =
        drive.turns.borrow_mut().entry(to.to_owned()).or_insert_with(|| Rc::new(Semaphore::new(AT_ONCE))).clone();
    loop {
        let pass = Pass::new(Mode::Act, drive.context, owner, wake);
        let flow = {
            let _turn = tokio::select! {
                biased;
                turn = turns.acquire() => turn,
                () = drive.shutdown.cancelled() => return last.map_or(End::Pending, End::Blocked),
            };
            // Boxed: who waits holds nothing of the calls to come.
            Box::pin(walk(&pass)).instrument(tracing::info_span!("handoff", name = %subject)).await
        };
        let mut looking_twice = false;
        let acted = matches!(flow, Err(Halt::Acted));
        drive.events.take(&Event::Walked { subject: subject.clone(), rows: pass.into_rows() });
        let (wait, fault) = match flow {
            Ok(done) => return End::Done(done),
            Err(Halt::Looked) => return End::Pending,
            Err(Halt::Acted) => (Some(drive.context.schedule.settle(AFTER_AN_ACT)), None),
            Err(Halt::Wait(wait)) => (Some(wait), None),
            Err(Halt::UntilWoken) => (None, None),
            Err(Halt::LookTwice(wait)) => {
                looking_twice = true;
                (Some(wait), None)
            }
            Err(Halt::Fault(fault)) if fault.kind == FaultKind::Fatal => return End::Failed(fault),
            Err(Halt::Fault(fault)) => (Some(trouble.again(fault.kind)), Some(fault)),
        };
        match &fault {
            Some(fault) => {
                let (fault, again) = (fault.into(), wait.unwrap_or_default());
                drive.events.take(&Event::Faulted { subject: subject.clone(), fault, again });
            }
            // Whether an act has helped is known by the next pass.
            None if acted => {}
            None => trouble = Trouble::default(),
        }
        let out_of_patience = match drive.patience {
            // What this pass has begun to look at would never be made by processes that look only once.
            Patience::Once => !looking_twice,
            // Whoever has just mended it sees it go on.
            Patience::Until(patience) => {
                fault.is_some() && trouble.since.is_some_and(|since| since.elapsed() >= patience)
            }
            Patience::ForEver => false,
        };
        if out_of_patience || drive.shutdown.is_cancelled() {
            return fault.map_or(End::Pending, End::Blocked);
        }
        tokio::select! {
            biased;
            () = drive.shutdown.cancelled() => return fault.map_or(End::Pending, End::Blocked),
            () = wake.notified() => {}
            () = sleep(wait) => {}
        }
        last = fault;
    }
}

/// `None`: for ever.
async fn sleep(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}

/// Faults since the last pass without one.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Instant>,
    last: Option<(FaultKind, Duration)>,
}

impl Trouble {
    fn again(&mut self, kind: FaultKind) -> Duration {
        self.since.get_or_insert_with(Instant::now);
        let (first, ceiling) =
            if kind == FaultKind::Transient { (TRANSIENT, TRANSIENT_CEILING) } else { (BLOCKED, BLOCKED_CEILING) };
        let wait = match self.last {
            Some((last, wait)) if last == kind => (wait * 2).min(ceiling),
            _ => first,
        };
        self.last = Some((kind, wait));
        wait
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use aws_smithy_async::time::StaticTimeSource;
    use futures_util::future::join_all;

    use super::*;
    use crate::clock::Clock;
    use crate::gate::Gate;
    use crate::step::schedule::PollSchedule;
    use crate::step::write_log::WriteLog;

    #[derive(Debug)]
    struct Nowhere;

    impl Sink for Nowhere {
        fn take(&self, _: &Event) {}
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_is_looked_at_ever_more_slowly_up_to_a_ceiling() {
        let mut trouble = Trouble::default();
        let blocked: Vec<u64> = (0..8).map(|_| trouble.again(FaultKind::Blocked).as_secs()).collect();
        assert_eq!(blocked, [15, 30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(trouble.again(FaultKind::Transient).as_secs(), 1);
        assert_eq!(trouble.again(FaultKind::Blocked).as_secs(), 15);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_are_walked_at_once_and_the_others_are_next() {
        let clock = Clock::new(StaticTimeSource::from_secs(0).into());
        let (writes, gate) = (WriteLog::default(), Gate::new(1.0));
        let (schedule, shutdown) = (PollSchedule::default(), CancellationToken::new());
        let context = PassContext { writes: &writes, gate: &gate, schedule: &schedule, clock: &clock };
        let drives = Drive::new(context, &Nowhere, Patience::Once, &shutdown);
        let owner = Owner { handoff: "0123456789abcdef".parse().unwrap(), message: None };
        let (now, most) = (Cell::new(0), Cell::new(0));
        let walk = async |_: &Pass<'_>| {
            now.set(now.get() + 1);
            most.set(now.get().max(most.get()));
            tokio::time::sleep(Duration::from_secs(1)).await;
            now.set(now.get() - 1);
            Ok(())
        };
        let wake = Rc::new(Notify::new());
        let began = Instant::now();
        let of = |to| (&Subject::Handoffs, to, &owner);
        let ends = join_all((0..3 * AT_ONCE).map(|_| drive(&drives, of("us-west-2"), &wake, walk))).await;
        assert!(ends.iter().all(|end| matches!(end, End::Done(()))));
        assert_eq!((most.get(), began.elapsed()), (AT_ONCE, Duration::from_secs(3)));
        most.set(0);
        let elsewhere = join_all((0..AT_ONCE).map(|_| drive(&drives, of("eu-west-1"), &wake, walk)));
        tokio::join!(join_all((0..AT_ONCE).map(|_| drive(&drives, of("us-west-2"), &wake, walk))), elsewhere);
        assert_eq!((most.get(), began.elapsed()), (2 * AT_ONCE, Duration::from_secs(4)), "of each other side");
        // Whoever is not walked yet when the process shall stop is not begun.
        shutdown.cancel();
        let ends = join_all((0..3 * AT_ONCE).map(|_| drive(&drives, of("us-west-2"), &wake, walk))).await;
        assert_eq!(ends.iter().filter(|end| matches!(end, End::Done(()))).count(), AT_ONCE);
    }
}
