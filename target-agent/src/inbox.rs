//! The inbox: messages become jobs, are kept invisible while they are being begun, and come to one of three ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::Fault;
use agent_runtime::event::{Event, Mailbox, Sink, Subject, Trouble};
use agent_runtime::queue::{Batch, Fate, Held, NEWER, Queue, Received, VISIBILITY};
use protocol::{AccountId, Answer, Digest, HandoffId, Hello, Lack, Message, Receipt, Stage};
use protocol::{Reason, Refusal};

use crate::account::Account;
use crate::config::Settings;
use crate::hello::lack;
use crate::job::Job;

/// No more messages than this are held at once, of all senders together.
const MOST_HELD: usize = 10_000;
/// No more than this of one sender are looked at that have not proved true: whoever floods the inbox keeps his own out. One whose
/// snapshot is not shared, since it was taken back perhaps, counts a tenth: it keeps true ones out no longer.
const MOST_UNVERIFIED: usize = 10;
/// A tenth of one.
const TENTHS: usize = 10;
/// What is still held when it is renewed waits for something. After a kill it comes back in this time; renewed for less, a
/// thousand that wait would cost calls all day.
const WAITING: Duration = Duration::from_hours(1);

/// Account B's inbox, and every job of this process.
#[derive(Debug)]
pub(crate) struct Inbox<'a> {
    account: &'a Account,
    events: &'a dyn Sink,
    queue: Queue,
    /// By handoff and message: until one of them is verified, a forged message keeps no true one out.
    jobs: RefCell<BTreeMap<(HandoffId, Digest), Rc<Job>>>,
}

impl<'a> Inbox<'a> {
    pub(crate) fn new(account: &'a Account, events: &'a dyn Sink) -> Self {
        let queue = Queue::new(&account.clients, &account.settings.inbox);
        Self { account, events, queue, jobs: RefCell::default() }
    }

    /// Adds a job, unless one of that handoff is being driven.
    pub(crate) fn add(&self, job: Job) {
        let key = (job.id().clone(), job.digest().clone());
        let mut jobs = self.jobs.borrow_mut();
        jobs.entry(key).or_insert_with(|| Rc::new(job));
        self.account.settings.pace.crowd.set(jobs.len());
    }

    /// A job's drive has ended.
    pub(crate) fn remove(&self, job: &Job) {
        let mut jobs = self.jobs.borrow_mut();
        jobs.remove(&(job.id().clone(), job.digest().clone()));
        // Another message may be of the same handoff.
        if !jobs.keys().any(|(id, _)| id == job.id()) {
            self.account.forget(job);
        }
        self.account.settings.pace.crowd.set(jobs.len());
    }

    /// Receives messages.
    pub(crate) async fn receive(&self, wait: Duration) -> Batch {
        match self.renew().await {
            Ok(()) => self.queue.each(10, wait, |message| message.id.clone(), async |it| self.begin(it).await).await,
            Err(fault) => Batch { messages: 0, fault: Some(fault) },
        }
    }

    /// Jobs whose steps are walked from now on. Who begins a copy is decided among those that have proved true.
    pub(crate) fn next(&self) -> Vec<Rc<Job>> {
        let jobs = self.jobs.borrow();
        let mut unverified: BTreeMap<&AccountId, usize> = BTreeMap::new();
        let is_unproved = |job: &Job| !job.sender_verified.get() && !job.held.borrow().is_empty() && !job.over.get();
        for job in jobs.values().filter(|job| job.driven.get() && is_unproved(job)) {
            let weighs = if job.unshared.get() { 1 } else { TENTHS };
            *unverified.entry(&job.facts.origin.account).or_default() += weighs;
        }
        let mut next = Vec::new();
        for job in jobs.values().filter(|job| !job.driven.get()) {
            let unverified = unverified.entry(&job.facts.origin.account).or_default();
            if *unverified < MOST_UNVERIFIED * TENTHS || !is_unproved(job) {
                *unverified += TENTHS;
                job.driven.set(true);
                next.push(job.clone());
            }
        }
        next
    }

    /// One message: a job, or one of its other ends.
    async fn begin(&self, message: &Received) -> Result<Fate, Fault> {
        match self.read(message) {
            Ok(Message::Hello(hello)) => Ok(match self.answer(&hello).await {
                Ok(()) => Fate::Done,
                // The hello comes again.
                Err(fault) => {
                    let subject = Subject::Answers(hello.database_arn.account.clone());
                    self.events.take(&Event::Faulted { subject, fault: (&fault).into(), again: VISIBILITY });
                    Fate::Kept
                }
            }),
            Ok(Message::Handoff(handoff)) => {
                let job = Job::begun_by(*handoff);
                if self.is_full_of(&job) {
                    return Ok(Fate::Again(NEWER));
                }
                self.hold(job, message);
                Ok(Fate::Kept)
            }
            Err(Refusal::Newer { version, kind }) => {
                self.events.take(&Event::NewerLeft { mailbox: Mailbox::Inbox, version, kind });
                Ok(Fate::Again(NEWER))
            }
            Err(Refusal::Rejected { reason, detail }) => {
                self.bury(message, Mailbox::Inbox.into(), reason, detail).await?;
                Ok(Fate::Kept)
            }
        }
    }

    /// One sender's messages do not fill the memory for all others.
    fn is_full_of(&self, new: &Job) -> bool {
        let sender = &new.facts.origin.account;
        let of_sender = |job: &&Rc<Job>| job.facts.origin.account == *sender && job.digest() != new.digest();
        self.held().iter().filter(of_sender).count() >= MOST_HELD / self.account.settings.receiver.senders.len().max(1)
    }

    /// Against itself and against the configuration; nothing is asked of AWS.
    fn read(&self, message: &Received) -> Result<Message, Refusal> {
        let read = Message::decode(&message.body)?;
        match &read {
            Message::Handoff(handoff) => self.account.settings.receiver.check(handoff)?,
            Message::Hello(hello) => {
                self.account.settings.receiver.knows(&hello.database_arn.account)?;
                hello.check_time(self.account.clock.now())?;
            }
        }
        Ok(read)
    }

    /// The end of a hello. It is answered first, so that a crash between the two answers it once more.
    async fn answer(&self, hello: &Hello) -> Result<(), Fault> {
        let Settings { receiver, .. } = &self.account.settings;
        let served = receiver.serves(&hello.target_account, &hello.target_region);
        let lack = match served {
            Err(refusal) => Some((Lack::NotForUs, Fault::fatal(refusal.to_string()))),
            Ok(()) => lack(self.account, hello).await?,
        };
        let sender = &hello.database_arn.account;
        let answer = Answer::new(hello, lack.as_ref().map(|(lack, _)| *lack));
        self.account.receipts(sender, &hello.handoff)?.send(&answer.encode()).await?;
        let subject = Subject::handoff(hello.database(), &hello.label);
        let lack = lack.map(|(lack, fault)| (lack, Trouble::from(&fault)));
        self.events.take(&Event::HelloAnswered { subject, account: sender.clone(), lack });
        Ok(())
    }

    /// A message that is being driven is answered by its drive; a redelivery replaces its receipt handle.
    fn hold(&self, new: Job, message: &Received) {
        let known = self.jobs.borrow().get(&(new.id().clone(), new.digest().clone())).cloned();
        let Some(job) = known else {
            new.held.borrow_mut().push(Held::new(message.clone()));
            return self.add(new);
        };
        let mut held = job.held.borrow_mut();
        match held.iter_mut().find(|held| held.received.id == message.id) {
            Some(held) => *held = Held::new(message.clone()),
            None => held.push(Held::new(message.clone())),
        }
        job.wake.notify_one();
    }

    /// The end of a message that is known to be bad.
    pub(crate) async fn bury(
        &self,
        message: &Received,
        subject: Subject,
        reason: Reason,
        detail: String,
    ) -> Result<(), Fault> {
        self.queue.bury(message, reason).await?;
        self.events.take(&Event::Rejected { subject, mailbox: Mailbox::Inbox, reason, detail, mend: None });
        Ok(())
    }

    /// The end of a job whose message was rejected before its copy was begun. Its sender is told if it is one.
    pub(crate) async fn reject(&self, job: &Job, reason: Reason, detail: &str) -> Result<(), Fault> {
        let held = job.held.take();
        if held.is_empty() {
            return Ok(());
        }
        if job.sender_verified.get() {
            let account = self.account.settings.account.clone();
            let receipt = Receipt::new(job.id().clone(), job.digest().clone(), account, Stage::Rejected, Some(reason));
            self.account.receipts(&job.facts.origin.account, job.id())?.send(&receipt.encode()).await?;
        }
        for held in held {
            self.bury(&held.received, job.subject(), reason, detail.to_owned()).await?;
        }
        Ok(())
    }

    /// Keeps held messages invisible.
    async fn renew(&self) -> Result<(), Fault> {
        let mut due = Vec::new();
        for job in self.held() {
            due.extend(job.held.borrow_mut().iter_mut().filter_map(|held| held.due(WAITING)));
        }
        // What SQS does not know any more is received again.
        let lost = self.queue.set_visibility(&due, WAITING).await?;
        for job in self.held() {
            job.held.borrow_mut().retain(|held| !lost.contains(&held.received.handle));
        }
        Ok(())
    }

    /// Hands back what is held: another process need not wait for it.
    pub(crate) async fn hand_back(&self) {
        let held = self.held();
        let handles =
            |job: &Rc<Job>| job.held.borrow().iter().map(|held| held.received.handle.clone()).collect::<Vec<_>>();
        let handles: Vec<String> = held.iter().flat_map(handles).collect();
        if !handles.is_empty()
            && let Err(fault) = self.queue.set_visibility(&handles, Duration::ZERO).await
        {
            tracing::warn!("messages could not be handed back: {}", fault.chain());
        }
    }

    fn held(&self) -> Vec<Rc<Job>> {
        self.jobs.borrow().values().filter(|job| !job.held.borrow().is_empty()).cloned().collect()
    }
}
