//! The inbox: messages become jobs, are kept invisible while they are being begun, and come to one of three ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::Fault;
use agent_runtime::events::Screen;
use agent_runtime::queue::{Held, NEWER, Queue, Received, VISIBILITY};
use protocol::trust::{Reason, Refusal};
use protocol::{Answer, Digest, Handoff, HandoffId, Hello, Lack, Message, Receipt, Stage};

use crate::account::Account;
use crate::config::Settings;
use crate::hello::lack;
use crate::job::Job;

/// No more messages than this are held at once.
const MOST_HELD: usize = 20;
/// Nor more than this of one sender.
const MOST_OF_ONE: usize = 10;

/// What one receive brought.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// New jobs.
    pub(crate) jobs: Vec<Rc<Job>>,
    /// How many messages came.
    pub(crate) messages: usize,
    /// What went wrong with one of them, or with the queue.
    pub(crate) fault: Option<Fault>,
}

/// Account B's inbox, and every job of this process.
#[derive(Debug)]
pub(crate) struct Inbox<'a> {
    account: &'a Account,
    screen: &'a Screen,
    queue: Queue,
    /// By handoff and message: until one of them is verified, a forged message keeps no true one out.
    jobs: RefCell<BTreeMap<(HandoffId, Digest), Rc<Job>>>,
}

impl<'a> Inbox<'a> {
    pub(crate) fn new(account: &'a Account, screen: &'a Screen) -> Self {
        let queue = Queue::new(&account.clients, &account.settings.inbox);
        Self { account, screen, queue, jobs: RefCell::default() }
    }

    /// Adds a job, unless one of that handoff is being driven.
    pub(crate) fn add(&self, job: Job) -> Option<Rc<Job>> {
        let mut jobs = self.jobs.borrow_mut();
        let key = (job.id().clone(), job.digest().clone());
        if jobs.contains_key(&key) {
            return None;
        }
        let job = Rc::new(job);
        jobs.insert(key, job.clone());
        self.account.settings.pace.crowd.set(jobs.len());
        Some(job)
    }

    /// A job's drive has ended.
    pub(crate) fn remove(&self, job: &Job) {
        let mut jobs = self.jobs.borrow_mut();
        jobs.remove(&(job.id().clone(), job.digest().clone()));
        self.account.settings.pace.crowd.set(jobs.len());
    }

    /// Receives messages. A message that cannot be ended does not keep another one from its job.
    pub(crate) async fn receive(&self, wait: Duration) -> Batch {
        let mut batch = Batch::default();
        if let Err(fault) = self.renew().await {
            batch.fault = Some(fault);
            return batch;
        }
        let held: usize = self.held().iter().map(|job| job.held.borrow().len()).sum();
        let room = MOST_HELD.saturating_sub(held);
        if room == 0 {
            tokio::time::sleep(wait).await;
            return batch;
        }
        let received = match self.queue.receive(room, wait).await {
            Ok(received) => received,
            Err(fault) => {
                batch.fault = Some(fault);
                return batch;
            }
        };
        batch.messages = received.len();
        for message in &received {
            match self.begin(message).await {
                Ok(job) => batch.jobs.extend(job),
                Err(fault) => batch.fault = Some(fault),
            }
        }
        batch
    }

    /// One message: a job, or one of its other ends.
    async fn begin(&self, message: &Received) -> Result<Option<Rc<Job>>, Fault> {
        match self.read(message) {
            Ok(Message::Hello(hello)) => {
                // An answer that cannot be sent keeps no other message from being begun. The hello comes again.
                if let Err(fault) = self.answer(&hello, message).await {
                    let subject = format!("answers to account {}", hello.database_arn.account);
                    self.screen.fault(&subject, &fault, VISIBILITY);
                }
                Ok(None)
            }
            Ok(Message::Handoff(handoff)) if self.is_full_of(&handoff) => {
                // One sender's messages do not take the places of all others.
                self.queue.set_visibility(std::slice::from_ref(&message.handle), NEWER).await?;
                Ok(None)
            }
            Ok(Message::Handoff(handoff)) => Ok(self.hold(*handoff, message)),
            Err(Refusal::Newer { version, kind }) => {
                let text = format!("a message of version {version}, kind {kind} is left for a newer agent");
                self.screen.say("inbox", "message", "newer", &text);
                self.queue.set_visibility(std::slice::from_ref(&message.handle), NEWER).await?;
                Ok(None)
            }
            Err(Refusal::Rejected { reason, detail }) => {
                self.bury(message, "inbox", reason, &detail).await?;
                Ok(None)
            }
        }
    }

    fn is_full_of(&self, handoff: &Handoff) -> bool {
        let sender = &handoff.database_arn.account;
        let of_sender = |job: &&Rc<Job>| job.facts.origin.account == *sender && job.facts.id != handoff.handoff;
        self.held().iter().filter(of_sender).count() >= MOST_OF_ONE
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
    async fn answer(&self, hello: &Hello, message: &Received) -> Result<(), Fault> {
        let Settings { receiver, .. } = &self.account.settings;
        let served = receiver.serves(&hello.target_account, &hello.target_region);
        let lack = match served {
            Err(refusal) => Some((Lack::NotForUs, Fault::fatal(refusal.to_string()))),
            Ok(()) => lack(self.account, hello).await?,
        };
        let sender = &hello.database_arn.account;
        let answer = Answer::new(hello, lack.as_ref().map(|(lack, _)| *lack));
        self.account.receipts(sender, &hello.handoff)?.send(&answer.encode()).await?;
        let subject = format!("{}/{}", hello.database(), hello.label);
        match lack {
            None => {
                let text = format!("account {sender} asks whether this account is ready: it is");
                self.screen.say(&subject, "message", "hello", &text);
            }
            Some((lack, fault)) => {
                let text =
                    format!("account {sender} was told that this account is not ready, {lack}: {}", fault.chain());
                self.screen.say_with(&subject, "message", "unready", &text, fault.mend());
            }
        }
        self.queue.delete(&message.handle).await
    }

    /// A message that is being driven is answered by its drive; a redelivery replaces its receipt handle.
    fn hold(&self, handoff: Handoff, message: &Received) -> Option<Rc<Job>> {
        let driven = self.jobs.borrow().get(&(handoff.handoff.clone(), handoff.digest())).cloned();
        let Some(job) = driven else { return self.add(Job::begun_by(handoff, Some(Held::new(message.clone())))) };
        let mut held = job.held.borrow_mut();
        match held.iter_mut().find(|held| held.received.id == message.id) {
            Some(held) => *held = Held::new(message.clone()),
            None => held.push(Held::new(message.clone())),
        }
        job.wake.notify_one();
        None
    }

    /// The end of a message that is known to be bad.
    pub(crate) async fn bury(
        &self,
        message: &Received,
        subject: &str,
        reason: Reason,
        detail: &str,
    ) -> Result<(), Fault> {
        self.queue.bury(message, reason).await?;
        let text = format!("a message was rejected and put into the dead-letter queue: {reason}: {detail}");
        self.screen.say(subject, "message", "rejected", &text);
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
            self.bury(&held.received, &job.subject(), reason, detail).await?;
        }
        Ok(())
    }

    /// Keeps held messages invisible.
    async fn renew(&self) -> Result<(), Fault> {
        let mut due = Vec::new();
        for job in self.held() {
            due.extend(job.held.borrow_mut().iter_mut().filter_map(Held::due));
        }
        // What SQS does not know any more is received again.
        let lost = self.queue.set_visibility(&due, VISIBILITY).await?;
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
