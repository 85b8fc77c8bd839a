//! Queue attributes.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::address::queue;
use super::queue::{NUMBERS, Queue, redrive};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::policy::{Kind, Policy};
use crate::world::World;

/// The other attributes that can be set.
const TEXTS: [&str; 5] = ["KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled"];

/// A queue policy has at most 8192 bytes (SQS Developer Guide, Policy quotas).
const LARGEST_POLICY: usize = 8192;

/// Checks attributes before they are set; returns the policy, if it is among them (SQS API Reference,
/// SetQueueAttributes).
pub(super) fn check(world: &World, arn: &Arn, given: &BTreeMap<String, String>) -> Outcome<Option<Policy>> {
    let mut policy = None;
    for (name, value) in given {
        let invalid = |why: String| {
            Fault::bad("InvalidAttributeValue", format!("Invalid value for the parameter {name}. Reason: {why}."))
        };
        // RedrivePolicy has another code: seen in practice (crossplane-contrib/provider-aws#443).
        let no_redrive =
            |why: String| Fault::value(format!("Value {value} for parameter RedrivePolicy is invalid. Reason: {why}."));
        if let Some((_, least, most, _)) = NUMBERS.iter().find(|(known, ..)| known == name) {
            let number = value.parse::<u64>().ok().filter(|number| (*least..=*most).contains(number));
            number.ok_or_else(|| invalid(format!("must be {least} to {most}")))?;
        } else if !TEXTS.contains(&name.as_str()) {
            return Err(Fault::bad("InvalidAttributeName", format!("Unknown Attribute {name}.")));
        } else if name == "Policy" {
            policy = Some(parsed(world, value).map_err(invalid)?);
        } else if name == "RedrivePolicy" && !value.is_empty() {
            let (target, _) = redrive(value).map_err(no_redrive)?;
            dead_letter_queue(world, arn, &target).map_err(no_redrive)?;
        } else if name == "RedriveAllowPolicy" && !value.is_empty() {
            RedriveAllowed::parse(value).map_err(invalid)?;
        } else if name == "SqsManagedSseEnabled" && !matches!(value.as_str(), "true" | "false") {
            return Err(invalid("must be true or false".to_owned()));
        }
    }
    let set = |name: &str| given.get(name).map(String::as_str).unwrap_or_default();
    // "Only one server-side encryption option is supported per queue" (SQS API Reference, SetQueueAttributes). The code
    // has been seen in practice: test_sse_kms_and_sqs_are_mutually_exclusive of localstack/localstack, recorded from
    // AWS.
    if !set("KmsMasterKeyId").is_empty() && set("SqsManagedSseEnabled") == "true" {
        let message = "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.";
        return Err(Fault::bad("InvalidAttributeName", message));
    }
    Ok(policy)
}

/// Sets attributes that have been checked. An empty text removes an attribute (SQS API Reference, SetQueueAttributes,
/// for policies); each kind of encryption disables the other.
pub(super) fn set(queue: &mut Queue, given: BTreeMap<String, String>) {
    for (name, value) in given {
        match (name.as_str(), value.as_str()) {
            ("KmsMasterKeyId", key) if !key.is_empty() => {
                queue.attributes.insert("SqsManagedSseEnabled".to_owned(), "false".to_owned());
            }
            ("SqsManagedSseEnabled", "true") => drop(queue.attributes.remove("KmsMasterKeyId")),
            _ => {}
        }
        if value.is_empty() {
            queue.attributes.remove(&name);
        } else {
            queue.attributes.insert(name, value);
        }
    }
}

fn parsed(world: &World, text: &str) -> Result<Policy, String> {
    if text.is_empty() {
        return Ok(Policy::empty());
    }
    if text.len() > LARGEST_POLICY {
        return Err(format!("a policy has at most {LARGEST_POLICY} bytes"));
    }
    let policy = Policy::parse(text, Kind::Resource)?;
    if let Some(unknown) = policy.principals().find(|named| !world.principals.exists(named)) {
        return Err(format!("the principal {unknown} does not exist"));
    }
    // SQS Developer Guide, Policy quotas.
    let (statements, principals, conditions) = policy.extent();
    if statements > 20 || principals > 50 || conditions > 10 {
        return Err("a policy has at most 20 statements, 50 principals and 10 conditions".to_owned());
    }
    Ok(policy)
}

/// Checks that the target exists, in the same account and Region (SQS Developer Guide, Dead-letter queues).
fn dead_letter_queue(world: &World, arn: &Arn, target: &str) -> Result<(), String> {
    let parsed = Arn::parse(target).ok_or("deadLetterTargetArn is not an ARN")?;
    if parsed.account != arn.account || parsed.region != arn.region {
        return Err("Dead-letter target owner should be same as the source".to_owned());
    }
    let target = world.sqs.queues.get(target).ok_or("Dead letter target does not exist")?;
    let allowed = target.attributes.get("RedriveAllowPolicy").map(|text| RedriveAllowed::parse(text)).transpose()?;
    match allowed {
        Some(RedriveAllowed::NoQueue) => Err("The dead-letter queue admits no source queue".to_owned()),
        Some(RedriveAllowed::Named(sources)) if !sources.contains(&arn.to_string()) => {
            Err("The dead-letter queue does not admit this source queue".to_owned())
        }
        _ => Ok(()),
    }
}

/// A `RedriveAllowPolicy`: the source queues of a dead-letter queue (SQS API Reference, SetQueueAttributes).
enum RedriveAllowed {
    AllQueues,
    NoQueue,
    Named(Vec<String>),
}

impl RedriveAllowed {
    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let sources = value["sourceQueueArns"].as_array().map(Vec::as_slice).unwrap_or_default();
        let sources: Vec<String> = sources.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        match (value["redrivePermission"].as_str(), sources.len()) {
            (Some("allowAll"), 0) => Ok(Self::AllQueues),
            (Some("denyAll"), 0) => Ok(Self::NoQueue),
            (Some("byQueue"), 1..=10) => Ok(Self::Named(sources)),
            _ => Err("redrivePermission must be allowAll, denyAll, or byQueue with 1 to 10 sourceQueueArns".to_owned()),
        }
    }
}

/// SQS API Reference, SetQueueAttributes: Attributes is required. UNSOURCED: that an empty map is refused too.
pub(super) fn set_queue_attributes(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Attributes", "QueueUrl"])?;
    let given = json.map("Attributes")?;
    let arn = queue(world, caller, json)?.arn.clone();
    if given.is_empty() {
        return Err(Fault::missing("Attributes"));
    }
    let policy = check(world, &arn, &given)?;
    let (now, lag) = (world.now, world.settings.scaled(world.settings.lags.authorization));
    let queue = queue(world, caller, json)?;
    queue.modified = now;
    if let Some(policy) = policy {
        queue.policy.put(policy, now, lag);
    }
    set(queue, given);
    Ok(Value::Null)
}

/// SQS API Reference, GetQueueAttributes: the requested attributes, as text.
pub(super) fn get_queue_attributes(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["AttributeNames", "QueueUrl"])?;
    let wanted = json.texts("AttributeNames")?;
    let now = world.now;
    let queue = queue(world, caller, json)?;
    let mut all: BTreeMap<String, String> = queue.attributes.clone();
    if let Some(text) = all.get_mut("RedrivePolicy")
        && let Ok((target, count)) = redrive(text)
    {
        // The count is returned as a number, also if it was set as a text (AWS CLI Command Reference,
        // get-queue-attributes, Examples).
        *text = json!({ "deadLetterTargetArn": target, "maxReceiveCount": count }).to_string();
    }
    for (name, _, _, default) in NUMBERS.iter().filter(|(name, ..)| !name.starts_with("Kms")) {
        all.entry((*name).to_owned()).or_insert_with(|| default.to_string());
    }
    all.entry("SqsManagedSseEnabled".to_owned()).or_insert_with(|| "true".to_owned());
    if all.contains_key("KmsMasterKeyId") {
        all.entry("KmsDataKeyReusePeriodSeconds".to_owned()).or_insert_with(|| "300".to_owned());
    }
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
