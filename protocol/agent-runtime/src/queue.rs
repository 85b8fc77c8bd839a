//! An SQS queue: long polling, visibility, and the three ends of a message.

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

use crate::clients::Clients;
use crate::fault::{AwsResult as _, Fault, FaultKind};

/// How long a received message stays invisible unless it is renewed.
pub const VISIBILITY: Duration = Duration::from_mins(10);
/// A message of a newer version is left alone for this long.
pub const NEWER: Duration = Duration::from_mins(15);
/// SQS lets no message be invisible for more than 12 h from its first receive; ours are renewed no longer than this.
const LONGEST: Duration = Duration::from_mins(11 * 60 + 50);

/// A queue, through the credentials of this process.
#[derive(Debug, Clone)]
pub struct Queue {
    arn: QueueArn,
    url: String,
    client: aws_sdk_sqs::Client,
}

/// A message, as received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The message; the same at each receive of it.
    pub id: String,
    /// Its body.
    pub body: String,
    /// Stands for this receive of it.
    pub handle: String,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// How often it was received, this time among them.
    pub times: u32,
}

/// A message that is kept invisible while it is being begun.
#[derive(Debug, Clone)]
pub struct Held {
    /// The message, as received last.
    pub received: Received,
    first: Instant,
    renewed: Instant,
    /// For how long it is invisible since then.
    lasts: Duration,
}

impl Held {
    /// Just received.
    pub fn new(received: Received) -> Self {
        let now = Instant::now();
        Self { received, first: now, renewed: now, lasts: VISIBILITY }
    }

    /// Its handle, if it is to be made invisible for so long: at half of its time, until SQS's own limit is near.
    pub fn due(&mut self, again: Duration) -> Option<String> {
        if self.renewed.elapsed() < self.lasts / 2 || self.first.elapsed() + again >= LONGEST {
            return None;
        }
        (self.renewed, self.lasts) = (Instant::now(), again);
        Some(self.received.handle.clone())
    }
}

/// What becomes of a received message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done with, and deleted.
    Done,
    /// It has come to an end already, or is held.
    Kept,
    /// It comes again after this long.
    Again(Duration),
}

/// What one receive brought.
#[derive(Debug, Default)]
pub struct Batch {
    /// How many messages came.
    pub messages: usize,
    /// What went wrong with one of them, or with the queue.
    pub fault: Option<Fault>,
}

impl Batch {
    /// One that passes by itself hides no other.
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

    /// Which one.
    pub fn arn(&self) -> &QueueArn {
        &self.arn
    }

    /// Sends a body.
    ///
    /// # Errors
    /// When SQS does not take it.
    pub async fn send(&self, body: &str) -> Result<(), Fault> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.op("sqs:SendMessage").map(drop).map_err(|fault| self.explained(fault))
    }

    /// Waits up to `wait` for at most ten messages.
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

    /// Receives messages and looks at them at the same time, but one after the other where `of` tells the same of them. One that
    /// cannot be ended keeps no other from its end.
    pub async fn each<T: Ord>(
        &self,
        most: usize,
        wait: Duration,
        of: impl Fn(&Received) -> T,
        end: impl AsyncFn(&Received) -> Result<Fate, Fault>,
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
            let mut fates = Vec::new();
            for message in group {
                fates.push((&message.handle, end(message).await));
            }
            fates
        });
        let (mut done, mut again) = (Vec::new(), BTreeMap::<Duration, Vec<String>>::new());
        for (handle, fate) in join_all(ended).await.into_iter().flatten() {
            match fate {
                Ok(Fate::Done) => done.push(handle.clone()),
                Ok(Fate::Again(after)) => again.entry(after).or_default().push(handle.clone()),
                Ok(Fate::Kept) => {}
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

    /// Deletes messages, ten with each call. What SQS does not delete is received again.
    ///
    /// # Errors
    /// When SQS does not answer.
    async fn delete_all(&self, handles: &[String]) -> Result<(), Fault> {
        for batch in handles.chunks(10) {
            let entries = batch.iter().enumerate().map(|(index, handle)| {
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle).build()
            });
            let entries = entries
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| Fault::fatal(format!("a batch of messages could not be built: {error}")))?;
            let call = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = call.send().await.op("sqs:DeleteMessage")?;
            for failed in answer.failed() {
                tracing::warn!(queue = %self.arn, code = failed.code(), "a message could not be deleted");
            }
        }
        Ok(())
    }

    /// Makes messages visible again after `visibility`. Returns the handles that SQS does not know any more, which is no fault:
    /// such a message is received again.
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
                .map_err(|error| Fault::fatal(format!("a batch of messages could not be built: {error}")))?;
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

    /// The end of a message that is known to be bad: verbatim, with the reason, into this queue's own dead-letter queue; then
    /// deleted. A crash between the two leaves it twice, never lost.
    ///
    /// # Errors
    /// When SQS does not take it.
    pub async fn bury(&self, message: &Received, reason: Reason) -> Result<(), Fault> {
        let dead = names::dead_letters(&self.arn)
            .map_err(|error| Fault::fatal(format!("queue {} can have no dead-letter queue: {error}", self.arn)))?;
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
            .map_err(|fault| fault.or_hint(|| format!("every queue of ours has a dead-letter queue: create {dead}")))?;
        self.delete(&message.handle).await
    }

    fn explained(&self, fault: Fault) -> Fault {
        if !fault.is_refusal() {
            return fault;
        }
        fault.or_hint(|| {
            format!(
                "queue {} must let the agent's role in: its owner, account {}, allows it in the queue's policy, and this \
                 account in the role's own",
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
