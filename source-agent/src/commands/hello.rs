//! `hello`: asks every target account whether it is ready for the declared handoffs, and does nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use agent_runtime::aws::queue::{Queue, Received};
use agent_runtime::event::{Event, Sink};
use agent_runtime::text::setting;
use agent_runtime::{Exit, Fault, FaultKind};
use futures_util::future::join_all;
use jiff::SignedDuration;
use protocol::{Digest, QueueArn, Reply};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::discover;
use crate::handoff::Handoff;
use crate::steps::hello_message;

/// The longest wait of a receive that SQS allows.
const LONG_POLL: Duration = Duration::from_secs(20);
/// The upper limit of `--patience`. A `run` at the same time keeps an answer that no handoff asked for in the queue
/// this long.
const MAX_WAIT: SignedDuration = SignedDuration::from_mins(10);
/// After a transient fault the receive is retried after this long.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Sends a hello for each handoff that needs one, and waits for the answers.
pub(crate) async fn hello(
    account: &Account,
    events: &dyn Sink,
    patience: SignedDuration,
    shutdown: &CancellationToken,
) -> Exit {
    let found = match discover::find(account).await {
        Ok(found) => found,
        Err(fault) => {
            events.take(&Event::Refused((&fault).into()));
            return Exit::Blocked;
        }
    };
    found.refused.iter().for_each(|fault| events.take(&Event::Refused(fault.into())));
    let mut worst = if found.refused.is_empty() { Exit::Settled } else { Exit::Usage };
    let mut waiting = BTreeMap::new();
    for of in &found.all {
        match send_hello(account, of).await {
            Ok(digest) => waiting.extend(digest.map(|digest| (digest, of))),
            Err(fault) => {
                events.take(&Event::GivenUp { subject: of.subject(), fault: (&fault).into() });
                worst = worst.max(Exit::Blocked);
            }
        }
    }
    if waiting.is_empty() && worst == Exit::Settled {
        events.take(&Event::NoHelloNeeded);
    }
    let patience = patience.min(MAX_WAIT);
    let mut answers = Answers { account, events, waiting, others: Vec::new() };
    let until = Instant::now() + Duration::try_from(patience).unwrap_or_default();
    let received = tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(Exit::Pending),
        received = answers.receive(until) => received,
    };
    answers.release_others().await;
    match received {
        Ok(exit) => worst = worst.max(exit),
        Err(fault) => {
            events.take(&Event::Refused((&fault).into()));
            worst = worst.max(Exit::Blocked);
        }
    }
    for of in answers.waiting.values().filter(|_| !shutdown.is_cancelled()) {
        let fault = Fault::blocked(format!("account {} has not answered in {}", of.route.account, setting(patience)));
        let fault = fault.hint("ask its operators whether their agent runs; then run `hello` again");
        events.take(&Event::GivenUp { subject: of.subject(), fault: (&fault).into() });
        worst = worst.max(Exit::Blocked);
    }
    worst
}

/// Sends the hello of one handoff. `None` if the handoff needs none any more.
async fn send_hello(account: &Account, of: &Handoff) -> Result<Option<Digest>, Fault> {
    let (engine, version, size) = match account.source_snapshot(of).await? {
        Some(source) if source.facts.needs_no_hello() => return Ok(None),
        Some(source) => (source.view.engine.clone(), source.view.engine_version.clone(), source.view.size_gib),
        None => {
            let database = account.cache.database(&of.database.region, &of.database.database).await?;
            let Some(database) = database else { return Ok(None) };
            (database.engine.clone(), database.engine_version.clone(), database.size_gib)
        }
    };
    let hello = hello_message(of, &engine, &version, size, account.clock.now(), account.nonce());
    Queue::new(&account.clients, &of.inbox).send(&hello.encode()).await?;
    Ok(Some(hello.digest()))
}

/// Receives answers from the receipts queues. Other messages are left for `run`.
struct Answers<'a> {
    account: &'a Account,
    events: &'a dyn Sink,
    waiting: BTreeMap<Digest, &'a Handoff>,
    /// Messages that are not for this command. They stay invisible until its end, or they would be received again and
    /// again.
    others: Vec<(QueueArn, String)>,
}

impl Answers<'_> {
    /// Receives until every hello is answered or the time is up. A receive is never cancelled, because it may have made
    /// a message invisible already.
    async fn receive(&mut self, until: Instant) -> Result<Exit, Fault> {
        let mut worst = Exit::Settled;
        while !self.waiting.is_empty() && Instant::now() < until {
            let wait = LONG_POLL.min(until.saturating_duration_since(Instant::now()));
            let queues: BTreeSet<QueueArn> = self.waiting.values().map(|of| of.receipts.clone()).collect();
            let polls = queues.iter().map(async |arn| {
                let received = Queue::new(&self.account.clients, arn).receive(10, wait).await;
                (arn, received)
            });
            for (arn, received) in join_all(polls).await {
                match received {
                    Ok(received) => {
                        for message in received {
                            worst = worst.max(self.handle(arn, message).await);
                        }
                    }
                    Err(fault) if fault.kind == FaultKind::Transient => tokio::time::sleep(RETRY_AFTER).await,
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(worst)
    }

    /// Handles one message: an answer to one of our hellos is deleted, any other message is kept for
    /// [`Self::release_others`].
    async fn handle(&mut self, queue: &QueueArn, message: Received) -> Exit {
        let answer = match Reply::decode(&message.body) {
            Ok(Reply::Answer(answer)) => Some(answer),
            _ => None,
        };
        let answered = answer.and_then(|answer| {
            let of = self.waiting.get(&answer.digest).filter(|of| of.route.account == answer.target_account)?;
            Some((*of, answer))
        });
        let Some((of, answer)) = answered else {
            self.others.push((queue.clone(), message.handle));
            return Exit::Settled;
        };
        if let Err(fault) = Queue::new(&self.account.clients, queue).delete(&message.handle).await {
            // It will be received again, and `run` deletes it.
            tracing::warn!("an answer could not be deleted: {}", fault.told());
        }
        self.waiting.remove(&answer.digest);
        let (subject, account) = (of.subject(), of.route.account.clone());
        self.events.take(&Event::AnswerReceived { subject, account, lack: answer.lack });
        if answer.lack.is_none() { Exit::Settled } else { Exit::Blocked }
    }

    /// Makes the other messages visible again, so that `run` can receive them at once.
    async fn release_others(&self) {
        for (queue, handle) in &self.others {
            let queue = Queue::new(&self.account.clients, queue);
            if let Err(fault) = queue.set_visibility(std::slice::from_ref(handle), Duration::ZERO).await {
                tracing::warn!("a message could not be made visible again: {}", fault.told());
            }
        }
    }
}
