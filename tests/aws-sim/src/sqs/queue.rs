//! One queue.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::message::Message;
use crate::arn::Arn;
use crate::clock::later;
use crate::policy::Policy;
use crate::propagation::Propagating;

/// Attributes that are numbers: least, greatest and default value (SQS API Reference, SetQueueAttributes).
pub(super) const NUMBERS: [(&str, u64, u64, u64); 6] = [
    ("DelaySeconds", 0, 900, 0),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, 300),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// A standard queue.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) arn: Arn,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
    /// The attributes that have been set, as text.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The attribute `Policy`, parsed; empty if there is none.
    pub(crate) policy: Propagating<Policy>,
    pub(crate) messages: Vec<Message>,
    /// Each receipt handle ever issued, with its message's id.
    pub(crate) handles: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(super) purged: Option<Timestamp>,
}

impl Queue {
    pub(super) fn url(&self) -> String {
        format!("https://sqs.{}.amazonaws.com/{}/{}", self.arn.region, self.arn.account, self.arn.resource)
    }

    /// A numeric attribute, in seconds or bytes.
    pub(super) fn number(&self, name: &str) -> u64 {
        let default = NUMBERS.iter().find(|(known, ..)| *known == name).map_or(0, |(.., default)| *default);
        self.attributes.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    pub(super) fn forget_old(&mut self, now: Timestamp) {
        let retention = self.seconds("MessageRetentionPeriod");
        self.messages.retain(|message| later(message.sent, retention) > now);
    }

    /// The effective value of an attribute: as set, or the default.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let default = NUMBERS.iter().find(|(known, ..)| *known == name);
        let sse = || (name == "SqsManagedSseEnabled").then(|| "true".to_owned());
        let set = self.attributes.get(name).cloned();
        set.or_else(|| default.map(|(.., default)| default.to_string())).or_else(sse)
    }

    /// The ARN of the dead-letter queue, and `maxReceiveCount`.
    pub(super) fn redrive(&self) -> Option<(String, u32)> {
        redrive(self.attributes.get("RedrivePolicy")?).ok()
    }
}

/// Parses `{"deadLetterTargetArn": ..., "maxReceiveCount": 1 to 1000}`, where the number may be a text. Both are
/// required: the API Reference gives the number a default, but AWS has been seen to refuse its absence
/// (ansible-collections/community.aws#2321).
pub(super) fn redrive(text: &str) -> Result<(String, u32), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let fields = value.as_object().ok_or("a redrive policy is an object")?;
    if let Some(unknown) = fields.keys().find(|key| !matches!(key.as_str(), "deadLetterTargetArn" | "maxReceiveCount"))
    {
        return Err(format!("{unknown} is not part of a redrive policy"));
    }
    let target = value["deadLetterTargetArn"].as_str().ok_or("deadLetterTargetArn is required")?;
    let count = &value["maxReceiveCount"];
    if count.is_null() {
        return Err("Redrive policy does not contain mandatory attribute: maxReceiveCount".to_owned());
    }
    match count.as_u64().or_else(|| count.as_str()?.parse().ok()).map(u32::try_from) {
        Some(Ok(count @ 1..=1000)) => Ok((target.to_owned(), count)),
        _ => Err("maxReceiveCount must be 1 to 1000".to_owned()),
    }
}
