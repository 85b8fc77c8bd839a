//! Sending messages.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::address::queue;
use super::bounds::bounded;
use super::message::{Attribute, AttributeValue, Message};
use super::{digest, encryption};
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// The parameters of a message, without the queue URL.
pub(super) const PARAMETERS: [&str; 6] = [
    "DelaySeconds",
    "MessageAttributes",
    "MessageBody",
    "MessageDeduplicationId",
    "MessageGroupId",
    "MessageSystemAttributes",
];

/// SQS API Reference, SendMessage.
pub(super) fn send_message(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&[PARAMETERS.as_slice(), &["QueueUrl"]].concat())?;
    let arn = queue(world, caller, json)?.arn.to_string();
    encryption::check(world, caller, &arn, &encryption::TO_SEND)?;
    send(world, caller, json, json)
}

/// Puts the message that `entry` describes into the request's queue (SQS API Reference, SendMessage: MessageBody has at
/// least one character; InvalidMessageContents).
pub(super) fn send(world: &mut World, caller: &Caller, request: &Json, entry: &Json) -> Outcome<Value> {
    let body =
        entry.text("MessageBody")?.filter(|body| !body.is_empty()).ok_or_else(|| Fault::missing("MessageBody"))?;
    let attributes = attributes(entry)?;
    let trace = trace(entry)?;
    let delay = bounded(entry, "DelaySeconds", 0, 900)?;
    if let Some(wrong) = body.chars().find(|character| !permitted(*character)) {
        return Err(Fault::bad(
            "InvalidMessageContents",
            format!("Invalid binary character '{:#x}' was found in the message body.", u32::from(wrong)),
        ));
    }
    // "This parameter applies only to FIFO queues" (SQS API Reference, SendMessage, MessageDeduplicationId).
    if entry.text("MessageDeduplicationId")?.is_some() {
        let message = "The request include parameter MessageDeduplicationId which is not valid for this queue type";
        return Err(Fault::value(message));
    }
    let group = entry.text("MessageGroupId")?.map(str::to_owned);
    let printable = |byte: u8| byte.is_ascii_graphic();
    // Fair queues: a message group on a standard queue does not order messages (SQS API Reference, SendMessage,
    // MessageGroupId).
    if group.as_ref().is_some_and(|group| !(1..=128).contains(&group.len()) || !group.bytes().all(printable)) {
        return Err(Fault::value("MessageGroupId has 1 to 128 letters, digits and punctuation"));
    }
    let (id, now) = (world.ids.uuid(), world.now);
    let queue = queue(world, caller, request)?;
    let most = queue.number("MaximumMessageSize");
    // SQS API Reference, SetQueueAttributes, MaximumMessageSize.
    if u64::try_from(size(body, &attributes)).is_ok_and(|size| size > most) {
        return Err(Fault::value(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )));
    }
    let delay =
        delay.and_then(|delay| u64::try_from(delay).ok()).map_or(queue.seconds("DelaySeconds"), Duration::from_secs);
    let mut answer = json!({ "MD5OfMessageBody": digest::of_body(body), "MessageId": id });
    if !attributes.is_empty() {
        answer["MD5OfMessageAttributes"] = json!(digest::of_attributes(&attributes));
    }
    if let Some((name, attribute)) = &trace {
        let system = BTreeMap::from([(name.clone(), attribute.clone())]);
        answer["MD5OfMessageSystemAttributes"] = json!(digest::of_attributes(&system));
    }
    queue.messages.push(Message {
        id,
        body: body.to_owned(),
        attributes,
        trace: trace.and_then(|(_, attribute)| match attribute.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }),
        group,
        sender: caller.principal.id.clone(),
        sent: now,
        visible_from: later(now, delay),
        first_received: None,
        receive_count: 0,
        handle: None,
        dead_letter_source: None,
        duplicate: false,
    });
    Ok(answer)
}

/// A message's size: body, and attributes with their names and types (SQS Developer Guide, Message quotas).
fn size(body: &str, attributes: &BTreeMap<String, Attribute>) -> usize {
    body.len() + attributes.iter().map(|(name, attribute)| name.len() + attribute.size()).sum::<usize>()
}

/// The size of the message in an entry that has not been checked.
pub(super) fn size_of(entry: &Json) -> usize {
    let body = entry.text("MessageBody").ok().flatten().unwrap_or_default();
    size(body, &attributes(entry).unwrap_or_default())
}

/// The only system attribute that can be sent; it does not count towards the message size (SQS API Reference,
/// SendMessage, MessageSystemAttributes).
fn trace(json: &Json) -> Outcome<Option<(String, Attribute)>> {
    let given = json.object_map("MessageSystemAttributes")?.into_iter().next();
    let Some((name, given)) = given else { return Ok(None) };
    let attribute = attribute(&name, &given)?;
    if name != "AWSTraceHeader" || attribute.kind != "String" {
        return Err(Fault::value(format!(
            "The message system attribute '{name}' is not a string called AWSTraceHeader."
        )));
    }
    Ok(Some((name, attribute)))
}

/// The characters that XML 1.0 allows (SQS API Reference, SendMessage, MessageBody).
fn permitted(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// At most 10, named by letters, digits, `_-.`, with type String, Number or Binary (SQS Developer Guide, Message
/// metadata).
fn attributes(json: &Json) -> Outcome<BTreeMap<String, Attribute>> {
    let given = json.object_map("MessageAttributes")?;
    if given.len() > 10 {
        return Err(Fault::value("Number of message attributes exceeds the allowed maximum [10]."));
    }
    given.into_iter().map(|(name, given)| attribute(&name, &given).map(|attribute| (name, attribute))).collect()
}

/// Parses an attribute (SQS Developer Guide, Message metadata; SQS API Reference, MessageAttributeValue: lists are "not
/// implemented"). The code has been seen in practice: softwaremill/elasticmq#373.
fn attribute(name: &str, given: &Json) -> Outcome<Attribute> {
    given.only(&["BinaryListValues", "BinaryValue", "DataType", "StringListValues", "StringValue"])?;
    let reason = |why: &str| format!("The message attribute '{name}' is invalid. Reason: {why}.");
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let reserved = ["aws.", "amazon."].iter().any(|prefix| name.to_lowercase().starts_with(prefix));
    let edges = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > 256 || reserved || edges || !name.bytes().all(in_name) {
        return Err(Fault::value(reason("its name is not valid")));
    }
    if given.raw("StringListValues").is_some() || given.raw("BinaryListValues").is_some() {
        return Err(Fault::value(reason("list values are not supported")));
    }
    let kind = given.text("DataType")?.unwrap_or_default().to_owned();
    if kind.len() > 256 {
        return Err(Fault::value(reason("its type has at most 256 characters")));
    }
    let value = match kind.split('.').next() {
        Some("String" | "Number") => given.text("StringValue")?.map(|text| AttributeValue::Text(text.to_owned())),
        Some("Binary") => {
            given.text("BinaryValue")?.and_then(|text| STANDARD.decode(text).ok()).map(AttributeValue::Binary)
        }
        _ => return Err(Fault::value(reason("its type must be String, Number or Binary"))),
    };
    let value = value
        .filter(|value| value.size() > 0)
        .ok_or_else(|| Fault::value(reason("it must have a value of its type")))?;
    if let AttributeValue::Text(text) = &value {
        if !text.chars().all(permitted) {
            return Err(Fault::value(reason("its value has a character that is not allowed")));
        }
        // "Between 10^-128 and 10^+126" (same page).
        if kind.starts_with("Number") && !text.parse::<f64>().is_ok_and(|number| number.abs() <= 1e126) {
            return Err(Fault::value(reason("its value is not a number")));
        }
    }
    Ok(Attribute { kind, value })
}

impl AttributeValue {
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Attribute {
    fn size(&self) -> usize {
        self.kind.len() + self.value.size()
    }

    pub(super) fn show(&self) -> Value {
        match &self.value {
            AttributeValue::Text(text) => json!({ "DataType": self.kind, "StringValue": text }),
            AttributeValue::Binary(bytes) => json!({ "BinaryValue": STANDARD.encode(bytes), "DataType": self.kind }),
        }
    }
}
