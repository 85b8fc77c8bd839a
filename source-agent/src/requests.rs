//! Requests: each becomes a handoff, is kept invisible while that is begun, and is deleted once its source snapshot stands.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use agent_runtime::event::{Event, Mailbox, Requested, Sink, Subject, Trouble};
use agent_runtime::queue::{self, Fate, Held, NEWER, Queue, Received, VISIBILITY};
use agent_runtime::{Fault, FaultKind};
use jiff::SignedDuration;
use protocol::{HandoffId, Phase, Request};
use protocol::{Reason, Refusal};

use crate::account::Account;
use crate::config::Declared;
use crate::moves::{self, Move};
use crate::receipts::Wakes;
use crate::run::phase;

/// No more requests than this are held at once: one whose database cannot be snapshotted yet keeps its place.
const MOST_HELD: usize = 100;
/// A request for what cannot be is looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// A listing may be older than a request. Only after this is one for a database that is not there a bad one.
const LISTING_SPREADS: SignedDuration = SignedDuration::from_mins(1);
/// A queue that does not answer is asked again after this long.
const OUT_OF_REACH: Duration = Duration::from_secs(15);

/// What one receive brought.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// What nobody in this process drives yet.
    pub(crate) moves: Vec<Move>,
    /// How many messages came.
    pub(crate) messages: usize,
    /// How many of them were buried.
    pub(crate) buried: usize,
    /// What went wrong with one of them, or with the queue.
    pub(crate) fault: Option<Fault>,
}

/// The queue of requests.
pub(crate) struct Requests<'a> {
    account: &'a Account,
    events: &'a dyn Sink,
    queue: Queue,
    wakes: &'a Wakes,
    /// Until their source snapshots stand.
    held: RefCell<BTreeMap<HandoffId, Vec<Held>>>,
}

impl<'a> Requests<'a> {
    /// `None` when none is configured.
    pub(crate) fn new(account: &'a Account, events: &'a dyn Sink, wakes: &'a Wakes) -> Option<Self> {
        let queue = Queue::new(&account.clients, account.settings.requests.as_ref()?);
        Some(Self { account, events, queue, wakes, held: RefCell::default() })
    }

    /// Receives requests. One that cannot be ended keeps no other from being begun.
    pub(crate) async fn receive(&self, wait: Duration) -> Batch {
        let mut batch = Batch::default();
        if let Err(fault) = self.renew().await {
            batch.fault = Some(fault);
            return batch;
        }
        let room = MOST_HELD.saturating_sub(self.held.borrow().values().map(Vec::len).sum());
        if room == 0 {
            tokio::time::sleep(wait).await;
            return batch;
        }
        let batch = RefCell::new(batch);
        let begin = async |message: &Received| self.begin(message, &batch).await;
        let queue::Batch { messages, fault } = self.queue.each(room, wait, |message| message.id.clone(), begin).await;
        Batch { messages, fault, ..batch.into_inner() }
    }

    /// How long after a fault it is asked again; told to a person.
    pub(crate) fn out_of_reach(&self, fault: &Fault) -> Duration {
        self.faulted(fault, OUT_OF_REACH);
        OUT_OF_REACH
    }

    /// One request: a handoff that is begun, one that is already, or no handoff.
    async fn begin(&self, message: &Received, batch: &RefCell<Batch>) -> Result<Fate, Fault> {
        let declared = match self.read(message) {
            Ok(declared) => declared,
            Err(Refusal::Newer { version, kind }) => {
                self.events.take(&Event::NewerLeft { mailbox: Mailbox::Requests, version, kind });
                return Ok(Fate::Again(NEWER));
            }
            Err(Refusal::Rejected { reason, detail }) => {
                batch.borrow_mut().buried += 1;
                return self.bury(message, Mailbox::Requests.into(), reason, detail, None).await.map(|()| Fate::Kept);
            }
        };
        let subject = Subject::handoff(&declared.database, &declared.label);
        let of = match moves::requested(self.account, &declared).await {
            Ok(of) => of,
            Err(fault) if fault.kind != FaultKind::Fatal => return Err(fault),
            Err(_) if self.age(message) < LISTING_SPREADS => return Ok(Fate::Again(LOOK_AGAIN)),
            Err(fault) => {
                batch.borrow_mut().buried += 1;
                let Trouble { reason, what, mend, .. } = (&fault).into();
                let buried = self.bury(message, subject, reason, what, mend).await;
                return buried.map(|()| Fate::Kept);
            }
        };
        let tell = |standing| self.events.take(&Event::Requested { subject: subject.clone(), standing });
        let fate = if of.begun {
            if let Phase::Settled(outcome) = phase(self.account, &of).await? {
                tell(Requested::Over(outcome));
                return Ok(Fate::Done);
            }
            tell(Requested::UnderWay);
            Fate::Done
        } else {
            if self.hold(&of.id, message) {
                tell(Requested::New);
            }
            Fate::Kept
        };
        if self.wakes.add(&of) {
            batch.borrow_mut().moves.push(of);
        }
        Ok(fate)
    }

    /// Against itself and against the configuration; nothing is asked of AWS.
    fn read(&self, message: &Received) -> Result<Declared, Refusal> {
        let request = Request::decode(&message.body)?;
        let untold = || Refusal::because(Reason::BadTimes, "SQS does not tell when it was sent");
        let label = request.label.at(message.sent.ok_or_else(untold)?);
        let label = label.map_err(|error| Refusal::because(Reason::BadTimes, error.to_string()))?;
        self.account.settings.requested(&request, label)
    }

    /// Whether it is a new one: a redelivery replaces its receipt handle.
    fn hold(&self, id: &HandoffId, message: &Received) -> bool {
        let mut all = self.held.borrow_mut();
        let held = all.entry(id.clone()).or_default();
        let known = held.iter().position(|held| held.received.id == message.id);
        match known {
            Some(known) => held[known] = Held::new(message.clone()),
            None => held.push(Held::new(message.clone())),
        }
        known.is_none()
    }

    fn age(&self, message: &Received) -> SignedDuration {
        message.sent.map_or(SignedDuration::MAX, |sent| self.account.clock.now().duration_since(sent))
    }

    /// The end of a request that cannot be fulfilled.
    async fn bury(
        &self,
        message: &Received,
        subject: Subject,
        reason: Reason,
        detail: String,
        mend: Option<String>,
    ) -> Result<(), Fault> {
        self.queue.bury(message, reason).await?;
        self.events.take(&Event::Rejected { subject, mailbox: Mailbox::Requests, reason, detail, mend });
        Ok(())
    }

    /// Keeps held requests invisible.
    async fn renew(&self) -> Result<(), Fault> {
        let due: Vec<String> =
            self.held.borrow_mut().values_mut().flatten().filter_map(|held| held.due(VISIBILITY)).collect();
        // What SQS does not know any more is received again.
        let lost = self.queue.set_visibility(&due, VISIBILITY).await?;
        for held in self.held.borrow_mut().values_mut() {
            held.retain(|held| !lost.contains(&held.received.handle));
        }
        Ok(())
    }

    /// The end of a request: from its source snapshot on AWS holds the state. What cannot be deleted comes again.
    pub(crate) async fn begun(&self, of: &Move) {
        if !self.held.borrow().contains_key(&of.id) {
            return;
        }
        // Any trouble with this read is the next step's to tell.
        let Ok(Some(_)) = self.account.source_snapshot(of).await else { return };
        for held in self.take(&of.id) {
            if let Err(fault) = self.queue.delete(&held.received.handle).await {
                self.faulted(&fault, VISIBILITY);
            }
        }
    }

    /// The end of requests whose handoff cannot go on, and has no source snapshot.
    pub(crate) async fn reject(&self, of: &Move, fault: &Fault) {
        for held in self.take(&of.id) {
            let Trouble { reason, what, mend, .. } = fault.into();
            let buried = self.bury(&held.received, of.subject(), reason, what, mend).await;
            if let Err(fault) = buried {
                self.faulted(&fault, VISIBILITY);
            }
        }
    }

    /// Hands back what has not been begun: another process need not wait for it.
    pub(crate) async fn hand_back(&self) {
        let held = self.held.take();
        let handles: Vec<String> = held.into_values().flatten().map(|held| held.received.handle).collect();
        if let Err(fault) = self.queue.set_visibility(&handles, Duration::ZERO).await {
            tracing::warn!("requests could not be handed back: {}", fault.chain());
        }
    }

    fn faulted(&self, fault: &Fault, again: Duration) {
        let subject = Mailbox::Requests.into();
        self.events.take(&Event::Faulted { subject, fault: fault.into(), again });
    }

    fn take(&self, id: &HandoffId) -> Vec<Held> {
        self.held.borrow_mut().remove(id).unwrap_or_default()
    }
}
