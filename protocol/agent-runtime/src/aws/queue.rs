//! An SQS queue: long polling, visibility timeouts, and deleting or dead-lettering messages.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageAttributeValue,
    MessageSystemAttributeName,
};
use futures_util::future::join_all;
use jiff::Timestamp;
use protocol::Reason;
use protocol::wire::envelope::REASON_ATTRIBUTE;
use protocol::{QueueArn, names};
use tokio::time::Instant;

use crate::aws::clients::Clients;
use crate::fault::{AwsResult as _, Fault, FaultKind};

/// The visibility timeout of a received message, unless it is extended.
pub const VISIBILITY: Duration = Duration::from_mins(10);
/// How long a message of a newer version stays invisible before it is read again.
pub const NEWER: Duration = Duration::from_mins(15);
/// SQS limits invisibility to 12 h from the first receive; ours is not extended beyond this.
const LONGEST: Duration = Duration::from_mins(11 * 60 + 50);

/// A queue, accessed with the credentials of this process.
#[derive(Debug, Clone)]
pub struct Queue {
    arn: QueueArn,
    url: String,
    client: aws_sdk_sqs::Client,
}

/// A message, as received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The message id, which is the same for each receive.
    pub id: String,
    /// Its body.
    pub body: String,
    /// The receipt handle of this receive.
    pub handle: String,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// How often it was received, including this time.
    pub times: u32,
}

/// A message that is kept invisible while its handoff is being started.
#[derive(Debug, Clone)]
pub struct Held {
    /// The message, as received last.
    pub received: Received,
    first: Instant,
    renewed: Instant,
    /// The visibility timeout set at `renewed`.
    lasts: Duration,
}

impl Held {
    /// A message that was just received.
    pub fn new(received: Received) -> Self {
        let now = Instant::now();
        Self { received, first: now, renewed: now, lasts: VISIBILITY }
    }

    /// Returns the receipt handle if the visibility timeout is due to be set to `again`: when half of the current
    /// timeout has passed, and unless the limit of SQS would be exceeded.
    pub fn due(&mut self, again: Duration) -> Option<String> {
        if self.renewed.elapsed() < self.lasts / 2 || self.first.elapsed() + again >= LONGEST {
            return None;
        }
        (self.renewed, self.lasts) = (Instant::now(), again);
        Some(self.received.handle.clone())
    }
}

/// What to do with a received message after handling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Delete it: it is handled.
    Done,
    /// Leave it as it is: it was already deleted, is held, or is redelivered after its visibility timeout.
    Kept,
    /// Make it visible again after this long.
    Again(Duration),
}

/// The result of one receive call.
#[derive(Debug, Default)]
pub struct Batch {
    /// The number of received messages.
    pub messages: usize,
    /// A fault of one of them, or of the queue.
    pub fault: Option<Fault>,
}

impl Batch {
    /// Records a fault. A transient fault does not replace another one.
    fn add(&mut self, fault: Fault) {
        if self.fault.as_ref().is_none_or(|known| known.kind == FaultKind::Transient) {
            self.fault = Some(fault);
        }
    }
}

impl Queue {
    /// A queue by its ARN.
    pub fn new(clients: &Clients, arn: &QueueArn) -> Self {
        Self { url: arn.url(), client: clients.sqs(&arn.region), arn: arn.clone() }
    }

    /// The queue's ARN.
    pub fn arn(&self) -> &QueueArn {
        &self.arn
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When SQS does not accept it.
    pub async fn send(&self, body: &str) -> Result<(), Fault> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.op("sqs:SendMessage").map(drop).map_err(|fault| self.explained(fault))
    }

    /// Receives at most ten messages, waiting up to `wait`.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn receive(&self, most: usize, wait: Duration) -> Result<Vec<Received>, Fault> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(most.clamp(1, 10)).unwrap_or(10))
            .wait_time_seconds(i32::try_from(wait.as_secs().min(20)).unwrap_or(20))
            .visibility_timeout(seconds(VISIBILITY))
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .send()
            .await
            .op("sqs:ReceiveMessage")
            .map_err(|fault| self.explained(fault))?;
        Ok(received.messages().iter().filter_map(Received::of).collect())
    }

    /// Receives messages and handles them concurrently; messages with the same group, as returned by `of`, are handled
    /// one after the other. A message whose handling fails does not affect the others.
    pub async fn each<T: Ord>(
        &self,
        most: usize,
        wait: Duration,
        of: impl Fn(&Received) -> T,
        end: impl AsyncFn(&Received) -> Result<Disposition, Fault>,
    ) -> Batch {
        let mut batch = Batch::default();
        let received = match self.receive(most, wait).await {
            Ok(received) => received,
            Err(fault) => return Batch { fault: Some(fault), ..batch },
        };
        batch.messages = received.len();
        let mut groups: BTreeMap<T, Vec<&Received>> = BTreeMap::new();
        for message in &received {
            groups.entry(of(message)).or_default().push(message);
        }
        let ended = groups.values().map(async |group| {
            let mut results = Vec::new();
            for message in group {
                results.push((&message.handle, end(message).await));
            }
            results
        });
        let (mut done, mut again) = (Vec::new(), BTreeMap::<Duration, Vec<String>>::new());
        for (handle, disposition) in join_all(ended).await.into_iter().flatten() {
            match disposition {
                Ok(Disposition::Done) => done.push(handle.clone()),
                Ok(Disposition::Again(after)) => again.entry(after).or_default().push(handle.clone()),
                Ok(Disposition::Kept) => {}
                Err(fault) => batch.add(fault),
            }
        }
        if let Err(fault) = self.delete_all(&done).await {
            batch.add(fault);
        }
        for (after, handles) in again {
            if let Err(fault) = self.set_visibility(&handles, after).await {
                batch.add(fault);
            }
        }
        batch
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn delete(&self, handle: &str) -> Result<(), Fault> {
        let deleted = self.client.delete_message().queue_url(&self.url).receipt_handle(handle).send().await;
        deleted.op("sqs:DeleteMessage").map(drop)
    }

    /// Deletes messages, ten in each call. A message that SQS does not delete is received again.
    ///
    /// # Errors
    /// When SQS does not answer.
    fn malformed_batch(&self, operation: &str, error: &dyn std::error::Error) -> Fault {
        Fault::fatal(format!("a batch for {operation} on {} could not be built: {error}", self.url))
            .hint("this is a defect of the agent: report it with this text")
    }

    async fn delete_all(&self, handles: &[String]) -> Result<(), Fault> {
        for batch in handles.chunks(10) {
            let entries = batch.iter().enumerate().map(|(index, handle)| {
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build()
            });
            let entries = entries
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| self.malformed_batch("sqs:DeleteMessage", &error))?;
            let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = call.send().await.op("sqs:DeleteMessage")?;
            for failed in answer.failed() {
                tracing::warn!(queue = %self.arn, code = failed.code(), "a message could not be deleted");
            }
        }
        Ok(())
    }

    /// Makes messages visible again after `visibility`. Returns the handles that SQS no longer accepts. That is no
    /// fault: such a message is received again.
    ///
    /// # Errors
    /// When SQS does not answer.
    pub async fn set_visibility(&self, handles: &[String], visibility: Duration) -> Result<Vec<String>, Fault> {
        let mut lost = Vec::new();
        for batch in handles.chunks(10) {
            let entries = batch.iter().enumerate().map(|(index, handle)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(seconds(visibility))
                    .build()
            });
            let entries = entries
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| self.malformed_batch("sqs:ChangeMessageVisibility", &error))?;
            let answer = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await
                .op("sqs:ChangeMessageVisibility")?;
            for failed in answer.failed() {
                tracing::warn!(queue = %self.arn, code = failed.code(), "a message could not be kept invisible");
                lost.extend(failed.id().parse().ok().and_then(|index: usize| batch.get(index)).cloned());
            }
        }
        Ok(lost)
    }

    /// Moves an invalid message to this queue's dead-letter queue: sends it there unchanged, with the reason as an
    /// attribute, then deletes it. A crash between the two leaves it in both queues, so it is never lost.
    ///
    /// # Errors
    /// When SQS does not accept it.
    pub async fn dead_letter(&self, message: &Received, reason: Reason) -> Result<(), Fault> {
        let dead = names::dead_letters(&self.arn)
            .map_err(|error| Fault::fatal(format!("queue {} cannot have a dead-letter queue: {error}", self.arn)))?;
        let reason = MessageAttributeValue::builder().data_type("String").string_value(reason.as_str()).build();
        let reason =
            reason.map_err(|error| Fault::fatal(format!("a message attribute could not be built: {error}")))?;
        self.client
            .send_message()
            .queue_url(dead.url())
            .message_body(&message.body)
            .message_attributes(REASON_ATTRIBUTE, reason)
            .send()
            .await
            .op("sqs:SendMessage")
            .map_err(|fault| {
                fault.or_hint(|| format!("create {dead}: each queue of the agents needs a dead-letter queue"))
            })?;
        self.delete(&message.handle).await
    }

    fn explained(&self, fault: Fault) -> Fault {
        if !fault.is_refusal() {
            return fault;
        }
        fault.or_hint(|| {
            format!(
                "queue {} must allow the agent's role: its owner, account {}, allows it in the queue's policy, and this \
                 account in the role's own policy",
                self.arn, self.arn.account
            )
        })
    }
}

impl Received {
    fn of(message: &Message) -> Option<Self> {
        let attribute = |name| message.attributes().and_then(|attributes| attributes.get(&name));
        Some(Self {
            id: message.message_id().unwrap_or_default().to_owned(),
            body: message.body().unwrap_or_default().to_owned(),
            handle: message.receipt_handle()?.to_owned(),
            sent: attribute(MessageSystemAttributeName::SentTimestamp)
                .and_then(|millis| Timestamp::from_millisecond(millis.parse().ok()?).ok()),
            times: attribute(MessageSystemAttributeName::ApproximateReceiveCount)
                .and_then(|times| times.parse().ok())
                .unwrap_or(1),
        })
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(43_200)
}
