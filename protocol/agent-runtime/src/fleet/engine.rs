//! The engine: finds handoffs, drives them and polls the mailboxes until no work is left.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Fleet;
use super::agent::Agent;
use super::drive::{End, Patience, RunOptions};
use super::mailbox::{Brought, Handled, MailboxSpec, Polled};
use super::tracked::{Stage, Tracked};
use crate::aws::clients::Clients;
use crate::aws::queue::{Batch, Disposition, Held, Queue, Received};
use crate::event::{Event, Subject};
use crate::exit::Exit;
use crate::fault::{Fault, FaultKind};
use crate::gate::Owner;
use crate::step::pass::{Mode, Pass, is_blocked};

/// The longest wait of an SQS receive call.
const LONG_POLL: Duration = Duration::from_secs(20);
/// A poll that returns soon, when only messages already in the queue matter.
const SHORT_POLL: Duration = Duration::from_secs(1);
/// How many batches are read at most before the handoffs are driven: a sender that never stops must not keep the agent
/// from its work.
const DRAINED: usize = 3;

impl<H: Tracked> Fleet<H> {
    /// Runs until no work is left, or with `--watch` until it is stopped.
    pub async fn run<A: Agent<Handoff = H>>(&self, agent: &A, clients: &Clients, options: &RunOptions<'_>) -> Exit {
        loop {
            let began = Instant::now();
            let exit = match self.round(agent, clients, options, began).await {
                Ok(exit) => exit,
                Err(fault) => {
                    options.events.take(&Event::Refused((&fault).into()));
                    if fault.kind == FaultKind::Fatal { Exit::Failed } else { Exit::Blocked }
                }
            };
            let pause = agent.repeats_after(exit, began.elapsed()).filter(|_| options.patience == Patience::Unlimited);
            let Some(pause) = pause.filter(|_| exit != Exit::Usage && !options.shutdown.is_cancelled()) else {
                return exit;
            };
            tokio::select! {
                biased;
                () = options.shutdown.cancelled() => return exit,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round: discovers the handoffs and drives them and those that mailboxes deliver.
    async fn round<A: Agent<Handoff = H>>(
        &self,
        agent: &A,
        clients: &Clients,
        options: &RunOptions<'_>,
        began: Instant,
    ) -> Result<Exit, Fault> {
        let discover = async || (agent.discover().await.map_err(Into::into), Vec::new());
        let of = (&Subject::Handoffs, String::new());
        let discovered = match self.drive(options, of, &Notify::new(), discover).await {
            End::Done(discovered) => discovered,
            End::Pending => return Ok(Exit::Pending),
            End::Blocked(fault) | End::Failed(fault) => return Err(fault),
        };
        let specs = agent.mailboxes().into_iter().filter(|spec| !spec.brings_work || discovered.takes_more);
        let mut mailboxes: Vec<Polled> = specs.map(|spec| Polled::new(clients, spec)).collect();
        for handoff in discovered.handoffs {
            self.track(handoff, None);
        }
        for (at, mailbox) in mailboxes.iter_mut().enumerate().filter(|(_, mailbox)| !mailbox.spec.brings_work) {
            for _ in 0..DRAINED {
                let brought = self.receive(agent, at, (&mailbox.spec, &mailbox.queue), SHORT_POLL).await;
                let is_done = brought.messages == 0 || brought.fault.is_some();
                self.polled(mailbox, brought, options);
                if is_done {
                    break;
                }
            }
        }
        let exit = self.work(agent, &mut mailboxes, options, began).await;
        self.release_held(&mailboxes).await;
        let owners: Vec<Owner> = self.records.borrow().keys().cloned().collect();
        for owner in owners {
            if let Some(handoff) = self.untrack(&owner, false) {
                agent.forget(&handoff);
            }
        }
        Ok(exit.max(discovered.exit))
    }

    /// Drives the tracked handoffs and those that mailboxes deliver, until all have ended and each mailbox that brings
    /// work was found empty.
    async fn work<A: Agent<Handoff = H>>(
        &self,
        agent: &A,
        mailboxes: &mut [Polled],
        options: &RunOptions<'_>,
        began: Instant,
    ) -> Exit {
        let RunOptions { patience, shutdown, .. } = *options;
        let is_once = patience == Patience::Once;
        let wait = if is_once { SHORT_POLL } else { LONG_POLL };
        // At the end of a round, a started receive call is awaited: it may already have made a message invisible. On
        // shutdown the call is dropped: the message is redelivered after its visibility timeout.
        let stop = shutdown.child_token();
        let queues: Vec<(MailboxSpec, Queue)> =
            mailboxes.iter().map(|mailbox| (mailbox.spec.clone(), mailbox.queue.clone())).collect();
        let (mut walking, mut polling) = (FuturesUnordered::new(), FuturesUnordered::new());
        let poll = |at: usize, pause: Duration| {
            let (spec, queue) = &queues[at];
            self.poll(agent, at, (spec, queue), (pause, wait), &stop)
        };
        for (at, (spec, _)) in queues.iter().enumerate() {
            if spec.brings_work || !is_once {
                polling.push(poll(at, Duration::ZERO));
            }
        }
        let mut worst = Exit::Settled;
        loop {
            if !shutdown.is_cancelled() {
                let admitted = agent.admit(&self.records.borrow());
                walking.extend(admitted.into_iter().map(|owner| self.walk(agent, owner, options)));
            }
            // With `--watch` a round without work ends when the next discovery is due.
            let is_time = patience != Patience::Unlimited
                || agent.repeats_after(worst, began.elapsed()).is_some_and(|pause| pause.is_zero());
            let is_idle = |mailbox: &Polled| !mailbox.open || mailbox.empty && is_time;
            let mut work = mailboxes.iter().filter(|mailbox| mailbox.spec.brings_work);
            if walking.is_empty() && (shutdown.is_cancelled() || work.all(is_idle)) {
                break;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled(), if !shutdown.is_cancelled() => {}
                Some(exit) = walking.next() => {
                    worst = worst.max(exit);
                    // Wait for the current poll: it may deliver messages that are made visible again now.
                    for mailbox in &mut *mailboxes {
                        mailbox.empty = false;
                    }
                }
                () = self.changed.notified() => {}
                Some((at, brought)) = polling.next() => {
                    let Some(brought) = brought else { continue };
                    let mailbox = &mut mailboxes[at];
                    let (exit, pause) = self.polled(mailbox, brought, options);
                    worst = worst.max(exit);
                    if mailbox.open && !stop.is_cancelled() {
                        polling.push(poll(at, pause));
                    }
                }
            }
        }
        stop.cancel();
        while !shutdown.is_cancelled()
            && let Some((at, brought)) = polling.next().await
        {
            if let Some(brought) = brought {
                worst = worst.max(self.polled(&mut mailboxes[at], brought, options).0);
            }
        }
        worst
    }

    /// Drives a handoff to its end in this process.
    async fn walk<A: Agent<Handoff = H>>(&self, agent: &A, owner: Owner, options: &RunOptions<'_>) -> Exit {
        let (handoff, wake) = {
            let mut records = self.records.borrow_mut();
            let Some(record) = records.get_mut(&owner) else { return Exit::Settled };
            record.stage = Stage::Walking;
            (record.handoff.clone(), record.wake.clone())
        };
        let (handoff, owner) = (&*handoff, &owner);
        let subject = handoff.subject();
        options.events.take(&Event::Driven(subject.clone()));
        let walk = async || {
            let pass = Pass::new(Mode::Act, self.passes(options.observe_twice), owner, &wake);
            let flow = agent.walk(&pass, handoff).await;
            self.gate.pass_ended(owner, is_blocked(&flow));
            (flow, pass.into_rows())
        };
        let end = self.drive(options, (&subject, handoff.other_side()), &wake, walk).await;
        // Boxed, so that a waiting drive does not hold the memory of the ending.
        let exit = Box::pin(async {
            match end {
                End::Done(done) => {
                    let (exit, ending) = agent.ended(handoff, done);
                    options.events.take(&Event::Ended { subject: subject.clone(), ending });
                    exit
                }
                End::Pending => options.unfinished(subject.clone(), None),
                End::Blocked(fault) => options.unfinished(subject.clone(), Some(&fault)),
                End::Failed(fault) => {
                    let failed = |fault: &Fault| {
                        options.events.take(&Event::Failed { subject: subject.clone(), fault: fault.into() });
                    };
                    failed(&fault);
                    let of = (&subject, handoff.other_side());
                    let report = async || {
                        let pass = Pass::new(Mode::Act, self.passes(options.observe_twice), owner, &wake);
                        (agent.report_failure(&pass, handoff, &fault).await, pass.into_rows())
                    };
                    if let End::Blocked(fault) | End::Failed(fault) = self.drive(options, of, &wake, report).await {
                        failed(&fault);
                    }
                    Exit::Failed
                }
            }
        })
        .await;
        let keep = matches!(exit, Exit::Pending | Exit::Blocked);
        if let Some(handoff) = self.untrack(owner, keep) {
            agent.forget(&handoff);
        }
        // A failed handoff is driven again in each round, but shown only once.
        if exit != Exit::Failed {
            options.events.take(&Event::Dropped(subject));
        }
        exit
    }

    /// Polls a mailbox once, after a pause. `None` if it was stopped before the poll started.
    async fn poll<A: Agent<Handoff = H>>(
        &self,
        agent: &A,
        at: usize,
        mailbox: (&MailboxSpec, &Queue),
        (pause, wait): (Duration, Duration),
        stop: &CancellationToken,
    ) -> (usize, Option<Brought>) {
        tokio::select! {
            biased;
            () = stop.cancelled() => return (at, None),
            () = tokio::time::sleep(pause) => {}
        }
        if self.room(at, mailbox.0) == 0 {
            tokio::select! {
                biased;
                () = stop.cancelled() => return (at, None),
                () = tokio::time::sleep(wait) => return (at, Some(Brought::default())),
            }
        }
        (at, Some(self.receive(agent, at, mailbox, wait).await))
    }

    /// Receives messages once, and handles them.
    async fn receive<A: Agent<Handoff = H>>(
        &self,
        agent: &A,
        at: usize,
        (spec, queue): (&MailboxSpec, &Queue),
        wait: Duration,
    ) -> Brought {
        if let Err(fault) = self.renew(at, spec, queue).await {
            return Brought { fault: Some(fault), ..Brought::default() };
        }
        let rejected = RefCell::new(0);
        let handle = async |message: &Received| {
            Ok(match agent.handle(spec, message).await? {
                Handled::Done(handoff) => {
                    if let Some(handoff) = handoff {
                        self.wake(&handoff);
                    }
                    Disposition::Done
                }
                Handled::Again(after) => Disposition::Again(after),
                Handled::Left => Disposition::Kept,
                Handled::Rejected => {
                    *rejected.borrow_mut() += 1;
                    Disposition::Kept
                }
                Handled::Begins { handoff, hold } => {
                    self.track(*handoff, hold.then(|| (at, Held::new(message.clone()))));
                    if hold { Disposition::Kept } else { Disposition::Done }
                }
            })
        };
        let group = |message: &Received| agent.group(message);
        let Batch { messages, fault } = queue.each(self.room(at, spec), wait, group, handle).await;
        Brought { messages, fault, rejected: rejected.into_inner() }
    }

    /// Processes the result of a poll. Returns the best possible exit code of the run, and the pause before the next
    /// poll.
    fn polled(&self, mailbox: &mut Polled, brought: Brought, options: &RunOptions<'_>) -> (Exit, Duration) {
        let Polled { spec, backoff, .. } = mailbox;
        let Brought { messages, fault, rejected } = brought;
        let mut exit = if spec.rejections_fail && rejected > 0 { Exit::Failed } else { Exit::Settled };
        mailbox.empty = messages == 0 && fault.is_none();
        let Some(fault) = fault else {
            backoff.succeeded();
            self.unreachable.borrow_mut().remove(&spec.queue);
            return (exit, Duration::ZERO);
        };
        let pause = backoff.failed(spec.backoff);
        if !spec.brings_work {
            tracing::info!(queue = %spec.queue, "{}", fault.chain());
            if fault.kind != FaultKind::Transient {
                self.unreachable.borrow_mut().insert(spec.queue.clone(), (&fault).into());
            }
            return (exit, pause);
        }
        if messages > 0 && fault.kind != FaultKind::Transient {
            // A message could not be handled. It is redelivered after its visibility timeout.
            exit = exit.max(Exit::Blocked);
        }
        let is_fatal = fault.kind == FaultKind::Fatal && spec.ends_with_fatal_fault;
        if is_fatal || backoff.lasts().is_some_and(|lasts| options.patience.is_over(lasts)) {
            // Active handoffs have their own patience.
            exit = exit.max(if is_fatal { Exit::Failed } else { Exit::Blocked });
            mailbox.open = false;
        }
        options.events.take(&Event::Faulted { subject: spec.kind.into(), fault: (&fault).into(), again: pause });
        (exit, pause)
    }

    /// Returns how many more messages of a mailbox may be held.
    fn room(&self, at: usize, spec: &MailboxSpec) -> usize {
        let Some(most) = spec.most_held else { return 10 };
        let records = self.records.borrow();
        let held: usize =
            records.values().map(|record| record.held.iter().filter(|(mailbox, _)| *mailbox == at).count()).sum();
        most.saturating_sub(held)
    }

    /// Extends the visibility timeout of the held messages of a mailbox. A message whose receipt handle SQS no longer
    /// accepts is dropped here and received again.
    async fn renew(&self, at: usize, spec: &MailboxSpec, queue: &Queue) -> Result<(), Fault> {
        let mut due = Vec::new();
        for record in self.records.borrow_mut().values_mut() {
            let held = record.held.iter_mut().filter(|(mailbox, _)| *mailbox == at);
            due.extend(held.filter_map(|(_, held)| held.due(spec.keep_for)));
        }
        let lost = queue.set_visibility(&due, spec.keep_for).await?;
        if !lost.is_empty() {
            for record in self.records.borrow_mut().values_mut() {
                record.held.retain(|(_, held)| !lost.contains(&held.received.handle));
            }
        }
        Ok(())
    }

    /// Makes the held messages visible again, so that another process need not wait for them.
    async fn release_held(&self, mailboxes: &[Polled]) {
        for (at, mailbox) in mailboxes.iter().enumerate() {
            let handles: Vec<String> = {
                let records = self.records.borrow();
                let held = records.values().flat_map(|record| &record.held).filter(|(mailbox, _)| *mailbox == at);
                held.map(|(_, held)| held.received.handle.clone()).collect()
            };
            if !handles.is_empty()
                && let Err(fault) = mailbox.queue.set_visibility(&handles, Duration::ZERO).await
            {
                tracing::warn!(queue = %mailbox.spec.queue, "held messages could not be made visible again: {}", fault.chain());
            }
        }
    }
}
