use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_smithy_async::time::StaticTimeSource;
use protocol::DbiResourceId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::agent::{Agent, Discovered};
use super::drive::{CONCURRENT_PASSES, Patience, RunOptions};
use super::mailbox::{Handled, MailboxSpec};
use super::*;
use crate::aws::clients::Clients;
use crate::clock::Clock;
use crate::event::{Ending, Event, Sink, Subject};
use crate::exit::Exit;
use crate::fault::Fault;
use crate::gate::SupplyAge;
use crate::gate::{Claim, PermitKind, Rank, Retry, Supply};
use crate::poll::schedule::PollSchedule;
use crate::poll::{Progress, Working};
use crate::step::pass::Flow;
use crate::step::{Acted, Observed, Step, StepId, Wait};

/// A handoff: its number and its other side.
#[derive(Debug)]
struct Numbered(u64, &'static str);

impl Tracked for Numbered {
    type Memory = ();

    fn owner(&self) -> Owner {
        Owner { handoff: format!("{:016x}", self.0).parse().unwrap(), message: None }
    }

    fn subject(&self) -> Subject {
        Subject::handoff(&format!("db{}", self.0).parse().unwrap(), &"cutover-1".parse().unwrap())
    }

    fn other_side(&self) -> String {
        self.1.to_owned()
    }

    fn first_claim(&self) -> Option<Claim> {
        Some(claim(self))
    }
}

fn claim(of: &Numbered) -> Claim {
    Claim {
        kind: PermitKind::UnderWay("222222222222".parse().unwrap(), "us-west-2".parse().unwrap()),
        resource: of.0.to_string(),
        sender: "111111111111".parse().unwrap(),
        rank: Rank {
            priority: Reverse(0),
            size_gib: Reverse(0),
            database: "orders".parse().unwrap(),
            handoff: of.owner().handoff,
        },
        source: DbiResourceId::clone(&"db-ABC".parse().unwrap()),
        released_by: "make",
        after: None,
        claims_again_within: None,
    }
}

/// The created resources and when they were created.
type Made = RefCell<BTreeMap<u64, Instant>>;

/// A supply with this limit.
#[derive(Debug)]
struct AtMost(usize);

impl Supply for AtMost {
    fn in_use(&self) -> usize {
        0
    }
    fn limit(&self) -> usize {
        self.0
    }
    fn shows(&self, _: &str) -> bool {
        false
    }
    fn next_free(&self, _: &dyn Fn(&str) -> bool) -> Retry {
        Retry::WhenWoken
    }
}

struct Make<'a>(&'a Numbered, &'a Made);

impl Step for Make<'_> {
    type Output = ();

    fn id(&self) -> StepId {
        StepId("make")
    }
    fn resource(&self) -> String {
        self.0.0.to_string()
    }
    fn describe(&self) -> String {
        "made".to_owned()
    }
    async fn observe(&self) -> Result<Observed<()>, Fault> {
        Ok(if self.1.borrow().contains_key(&self.0.0) { Observed::Ready(()) } else { Observed::Todo })
    }
    async fn act(&self) -> Result<Acted, Fault> {
        self.1.borrow_mut().insert(self.0.0, Instant::now());
        Ok(Acted::Done)
    }
    fn planned_output(&self) {}
    fn claim(&self) -> Option<Claim> {
        Some(claim(self.0))
    }
    async fn supply(&self, _: SupplyAge) -> Result<Option<Box<dyn Supply>>, Fault> {
        Ok(Some(Box::new(AtMost(20))))
    }
}

struct Complete<'a>(&'a Numbered, &'a Made);

impl Wait for Complete<'_> {
    type Output = ();

    fn id(&self) -> StepId {
        StepId("make")
    }
    fn resource(&self) -> String {
        self.0.0.to_string()
    }
    fn describe(&self) -> String {
        "complete".to_owned()
    }
    async fn observe(&self) -> Result<Progress<()>, Fault> {
        let is_complete = self.1.borrow()[&self.0.0].elapsed() >= Duration::from_mins(1);
        Ok(if is_complete { Progress::Ready(()) } else { Progress::Working(Working::new("being made")) })
    }
    fn planned_output(&self) {}
}

/// An agent that discovers `each` handoffs in each round and creates one resource for each.
struct Maker {
    each: u64,
    rounds: Cell<u64>,
    made: Made,
    most: Cell<usize>,
    stop: CancellationToken,
    stop_after: u64,
}

impl Agent for Maker {
    type Handoff = Numbered;
    type Done = ();

    async fn discover(&self) -> Result<Discovered<Numbered>, Fault> {
        let round = self.rounds.replace(self.rounds.get() + 1);
        if round == self.stop_after {
            self.stop.cancel();
            return Ok(Discovered { handoffs: Vec::new(), exit: Exit::Settled, takes_more: true });
        }
        let handoffs =
            (round * self.each..(round + 1) * self.each).map(|number| Numbered(number, "us-west-2")).collect();
        Ok(Discovered { handoffs, exit: Exit::Settled, takes_more: true })
    }

    async fn handle(&self, _: &MailboxSpec, _: &Received) -> Result<Handled<Numbered>, Fault> {
        Ok(Handled::Left)
    }

    async fn walk(&self, pass: &Pass<'_>, of: &Numbered) -> Flow<()> {
        pass.ensure(Make(of, &self.made)).await?;
        pass.wait(Complete(of, &self.made)).await?;
        // The number of resources being created never exceeds the permits.
        let now = self.made.borrow().values().filter(|since| since.elapsed() < Duration::from_mins(1)).count();
        self.most.set(now.max(self.most.get()));
        Ok(())
    }

    async fn report_failure(&self, _: &Pass<'_>, _: &Numbered, _: &Fault) -> Flow<()> {
        Ok(())
    }

    fn mailboxes(&self) -> Vec<MailboxSpec> {
        Vec::new()
    }

    fn ended(&self, _: &Numbered, (): ()) -> (Exit, Ending) {
        (Exit::Settled, Ending::Stopped)
    }

    fn forget(&self, _: &Numbered) {}

    fn repeats_after(&self, _: Exit, _: Duration) -> Option<Duration> {
        Some(Duration::from_mins(20))
    }
}

/// Collects the subjects of ended handoffs.
#[derive(Debug, Default)]
struct Ends(RefCell<BTreeSet<Subject>>);

impl Sink for Ends {
    fn take(&self, event: &Event) {
        if let Event::Ended { subject, .. } = event {
            self.0.borrow_mut().insert(subject.clone());
        }
    }
}

fn fleet() -> (Fleet<Numbered>, Clients) {
    let clock = Clock::new(StaticTimeSource::from_secs(0).into());
    let clients = Clients::new(&SdkConfig::builder().build(), "fleet");
    (Fleet::new(&Rc::new(Cache::new(clients.clone(), &PollSchedule::default(), &clock))), clients)
}

#[tokio::test(start_paused = true)]
async fn watching_process_keeps_no_entries_of_2000_ended_handoffs() {
    let ((fleet, clients), ends, stop) = (fleet(), Ends::default(), CancellationToken::new());
    let maker = Maker {
        each: 500,
        rounds: Cell::new(0),
        made: Made::default(),
        most: Cell::new(0),
        stop: stop.clone(),
        stop_after: 4,
    };
    let options = RunOptions { events: &ends, patience: Patience::Unlimited, shutdown: &stop, observe_twice: false };
    let exit = fleet.run(&maker, &clients, &options).await;
    assert_eq!((exit, maker.made.borrow().len(), ends.0.borrow().len()), (Exit::Settled, 2_000, 2_000));
    assert_eq!(fleet.entries(), 0);
    assert_eq!(fleet.cache.spacing(), Duration::ZERO);
    assert!(maker.most.get() <= 20, "{} under way", maker.most.get());
}

#[tokio::test(start_paused = true)]
async fn stopped_process_keeps_no_entries_of_active_handoffs() {
    let ((fleet, clients), ends, stop) = (fleet(), Ends::default(), CancellationToken::new());
    let maker = Maker {
        each: 50,
        rounds: Cell::new(0),
        made: Made::default(),
        most: Cell::new(0),
        stop: stop.clone(),
        stop_after: 9,
    };
    let options = RunOptions { events: &ends, patience: Patience::Unlimited, shutdown: &stop, observe_twice: true };
    let signal = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(fleet.entries() > 50, "records, permits and writes: {}", fleet.entries());
        stop.cancel();
    };
    let (exit, ()) = tokio::join!(fleet.run(&maker, &clients, &options), signal);
    assert_eq!((exit, fleet.entries(), ends.0.borrow().len()), (Exit::Pending, 0, 50), "all are reported as stopped");
}

#[tokio::test(start_paused = true)]
async fn passes_to_one_other_side_share_a_concurrency_limit() {
    let ((fleet, _), ends, shutdown) = (fleet(), Ends::default(), CancellationToken::new());
    let options = RunOptions { events: &ends, patience: Patience::Once, shutdown: &shutdown, observe_twice: true };
    let (now, most, wake) = (Cell::new(0), Cell::new(0), Notify::new());
    let pass = async || {
        now.set(now.get() + 1);
        most.set(now.get().max(most.get()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        now.set(now.get() - 1);
        (Ok(()), Vec::new())
    };
    let began = Instant::now();
    let (fleet, options, wake, pass) = (&fleet, &options, &wake, &pass);
    let drive = |to: &'static str| fleet.drive(options, (&Subject::Handoffs, to.to_owned()), wake, pass);
    let all = |to, count: usize| futures_util::future::join_all((0..count).map(move |_| drive(to)));
    all("us-west-2", 3 * CONCURRENT_PASSES).await;
    assert_eq!((most.replace(0), began.elapsed()), (CONCURRENT_PASSES, Duration::from_secs(3)));
    tokio::join!(all("us-west-2", CONCURRENT_PASSES), all("eu-west-1", CONCURRENT_PASSES));
    assert_eq!(
        (most.get(), began.elapsed()),
        (2 * CONCURRENT_PASSES, Duration::from_secs(4)),
        "the limit is for each other side"
    );
    // A pass that has not started when the process stops is not started.
    shutdown.cancel();
    let ends = all("us-west-2", 3 * CONCURRENT_PASSES).await;
    let done = ends.iter().filter(|end| matches!(end, super::drive::End::Done(()))).count();
    assert_eq!(done, CONCURRENT_PASSES);
}
