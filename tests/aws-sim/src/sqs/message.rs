//! One message.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::later;

/// The longest total time that a message may be hidden, from its first receipt (SQS Developer Guide, Visibility
/// timeout).
pub(super) const LONGEST_HIDDEN: Duration = Duration::from_hours(12);

/// The values that ReceiveMessage accepts (SQS API Reference, ReceiveMessage, MessageSystemAttributeNames).
pub(super) const SYSTEM_ATTRIBUTES: [&str; 10] = [
    "All",
    "ApproximateFirstReceiveTimestamp",
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
    "MessageDeduplicationId",
    "MessageGroupId",
    "SenderId",
    "SentTimestamp",
    "SequenceNumber",
];

/// A message attribute: its type, and its value as text or bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) kind: String,
    pub(crate) value: AttributeValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttributeValue {
    Text(String),
    Binary(Vec<u8>),
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    /// The system attribute `AWSTraceHeader`.
    pub(crate) trace: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) sender: String,
    pub(crate) sent: Timestamp,
    pub(crate) visible_from: Timestamp,
    pub(crate) first_received: Option<Timestamp>,
    pub(crate) receive_count: u32,
    /// The handle of the latest receipt.
    pub(crate) handle: Option<String>,
    /// The source queue, if the message was moved here as a dead letter.
    pub(crate) dead_letter_source: Option<String>,
    /// Whether it is a duplicate delivery (SQS delivers at least once): deleting the original does not delete it.
    pub(crate) duplicate: bool,
}

impl Message {
    pub(crate) fn in_flight(&self, now: Timestamp) -> bool {
        self.visible_from > now && self.receive_count > 0
    }

    /// The latest time until which it may be hidden.
    pub(super) fn hidden_at_most_until(&self, now: Timestamp) -> Timestamp {
        later(self.first_received.unwrap_or(now), LONGEST_HIDDEN)
    }

    /// The requested system attributes, as text (SQS API Reference, ReceiveMessage, MessageSystemAttributeNames).
    pub(super) fn system_attributes(&self, wanted: &[String]) -> Value {
        let millis = |time: Timestamp| time.as_millisecond().to_string();
        let all = [
            ("ApproximateFirstReceiveTimestamp", self.first_received.map(millis)),
            ("ApproximateReceiveCount", Some(self.receive_count.to_string())),
            ("AWSTraceHeader", self.trace.clone()),
            ("DeadLetterQueueSourceArn", self.dead_letter_source.clone()),
            ("MessageGroupId", self.group.clone()),
            ("SenderId", Some(self.sender.clone())),
            ("SentTimestamp", Some(millis(self.sent))),
        ];
        let asked = |name: &str| wanted.iter().any(|wanted| wanted == "All" || wanted == name);
        let shown = all.into_iter().filter(|(name, _)| asked(name));
        shown.filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))).collect()
    }

    /// The requested message attributes: by name, by prefix `x.*`, or all.
    pub(super) fn chosen_attributes(&self, wanted: &[String]) -> BTreeMap<String, Attribute> {
        let asked = |name: &str| {
            wanted.iter().any(|wanted| match wanted.strip_suffix(".*") {
                Some(prefix) => name.starts_with(prefix),
                None => wanted == "All" || wanted == name,
            })
        };
        self.attributes
            .iter()
            .filter(|(name, _)| asked(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}
