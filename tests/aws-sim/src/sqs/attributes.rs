//! Queue attributes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::queue;
use crate::arn::Arn;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::policy::{Kind, Policy};
use crate::world::{Caller, World};

/// Attributes that are numbers: least, most and default (SQS API Reference, SetQueueAttributes).
pub(super) const NUMBERS: [(&str, u64, u64, u64); 6] = [
    ("DelaySeconds", 0, 900, 0),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, 300),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// The other attributes that can be set.
const TEXTS: [&str; 5] = ["KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled"];

/// A queue policy has at most 8192 bytes (SQS Developer Guide, Policy quotas).
const LARGEST_POLICY: usize = 8192;

/// What setting attributes does to the queue's policy.
pub(super) enum PolicyChange {
    Keep,
    Remove,
    Put(Policy),
}

impl PolicyChange {
    /// The queue's policy afterwards.
    pub(super) fn applied(self, present: Option<Policy>) -> Option<Policy> {
        match self {
            Self::Keep => present,
            Self::Remove => None,
            Self::Put(policy) => Some(policy),
        }
    }
}

/// Checks attributes that are about to be set.
pub(super) fn check(world: &World, arn: &Arn, given: &BTreeMap<String, String>) -> Outcome<PolicyChange> {
    let mut policy = PolicyChange::Keep;
    for (name, value) in given {
        let invalid = |why: String| {
            Fault::bad("InvalidAttributeValue", format!("Invalid value for the parameter {name}. Reason: {why}."))
        };
        if let Some((_, least, most, _)) = NUMBERS.iter().find(|(known, ..)| known == name) {
            let number = value.parse::<u64>().ok().filter(|number| (*least..=*most).contains(number));
            number.ok_or_else(|| invalid(format!("must be {least} to {most}")))?;
        } else if !TEXTS.contains(&name.as_str()) {
            return Err(Fault::bad("InvalidAttributeName", format!("Unknown Attribute {name}.")));
        } else if name == "Policy" {
            policy = parsed(world, value).map_err(invalid)?;
        } else if name == "RedrivePolicy" && !value.is_empty() {
            let (target, _) = redrive(value).map_err(invalid)?;
            dead_letter_queue(world, arn, &target).map_err(invalid)?;
        }
    }
    Ok(policy)
}

fn parsed(world: &World, text: &str) -> Result<PolicyChange, String> {
    if text.is_empty() {
        return Ok(PolicyChange::Remove);
    }
    if text.len() > LARGEST_POLICY {
        return Err(format!("a policy has at most {LARGEST_POLICY} bytes"));
    }
    let policy = Policy::parse(text, Kind::Resource)?;
    if let Some(unknown) = policy.principals().find(|named| !world.principals.exists(named)) {
        return Err(format!("the principal {unknown} does not exist"));
    }
    Ok(PolicyChange::Put(policy))
}

/// `{"deadLetterTargetArn": ..., "maxReceiveCount": 1 to 1000}`, the number also as text.
pub(super) fn redrive(text: &str) -> Result<(String, u32), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let target = value["deadLetterTargetArn"].as_str().ok_or("deadLetterTargetArn is required")?;
    let count = &value["maxReceiveCount"];
    let count = count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap_or(10);
    match u32::try_from(count) {
        Ok(count @ 1..=1000) => Ok((target.to_owned(), count)),
        _ => Err("maxReceiveCount must be 1 to 1000".to_owned()),
    }
}

/// It must exist, in the same account and Region (SQS Developer Guide, Dead-letter queues).
fn dead_letter_queue(world: &World, arn: &Arn, target: &str) -> Result<(), String> {
    let parsed = Arn::parse(target).ok_or("deadLetterTargetArn is not an ARN")?;
    if parsed.account != arn.account || parsed.region != arn.region {
        return Err("Dead-letter target owner should be same as the source".to_owned());
    }
    if world.sqs.queues.contains_key(target) { Ok(()) } else { Err("Dead letter target does not exist".to_owned()) }
}

pub(super) fn set_queue_attributes(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Attributes", "QueueUrl"])?;
    let given = json.map("Attributes")?;
    let arn = queue(world, caller, json)?.arn.clone();
    let policy = check(world, &arn, &given)?;
    let now = world.now;
    let queue = queue(world, caller, json)?;
    queue.modified = now;
    queue.policy = policy.applied(queue.policy.take());
    for (name, value) in given {
        // An empty policy takes the present one away (SQS API Reference, SetQueueAttributes).
        if value.is_empty() {
            queue.attributes.remove(&name);
        } else {
            queue.attributes.insert(name, value);
        }
    }
    Ok(Value::Null)
}

/// SQS API Reference, GetQueueAttributes: those asked for, as text.
pub(super) fn get_queue_attributes(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["AttributeNames", "QueueUrl"])?;
    let wanted = json.texts("AttributeNames")?;
    let now = world.now;
    let queue = queue(world, caller, json)?;
    let mut all: BTreeMap<String, String> = queue.attributes.clone();
    for (name, _, _, default) in NUMBERS.iter().filter(|(name, ..)| !name.starts_with("Kms")) {
        all.entry((*name).to_owned()).or_insert_with(|| default.to_string());
    }
    all.entry("SqsManagedSseEnabled".to_owned())
        .or_insert_with(|| (!queue.attributes.contains_key("KmsMasterKeyId")).to_string());
    let (mut visible, mut hidden, mut delayed) = (0, 0, 0);
    for message in &queue.messages {
        if message.visible_from <= now {
            visible += 1;
        } else if message.in_flight(now) {
            hidden += 1;
        } else {
            delayed += 1;
        }
    }
    let computed = [
        ("ApproximateNumberOfMessages", visible.to_string()),
        ("ApproximateNumberOfMessagesDelayed", delayed.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", hidden.to_string()),
        ("CreatedTimestamp", queue.created.as_second().to_string()),
        ("LastModifiedTimestamp", queue.modified.as_second().to_string()),
        ("QueueArn", queue.arn.to_string()),
    ];
    all.extend(computed.map(|(name, value)| (name.to_owned(), value)));
    let known = |name: &String| name == "All" || all.contains_key(name) || TEXTS.contains(&name.as_str());
    if let Some(unknown) = wanted.iter().find(|name| !known(name) && !NUMBERS.iter().any(|(known, ..)| known == name)) {
        return Err(Fault::bad("InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
    }
    let asked = |name: &String| wanted.iter().any(|wanted| wanted == "All" || wanted == name);
    let chosen: Map<String, Value> =
        all.into_iter().filter(|(name, _)| asked(name)).map(|(name, value)| (name, json!(value))).collect();
    Ok(if chosen.is_empty() { json!({}) } else { json!({ "Attributes": chosen }) })
}
