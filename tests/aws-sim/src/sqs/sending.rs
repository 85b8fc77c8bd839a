//! Sending messages.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::message::{Attribute, AttributeValue, Message};
use super::{bounded, digest, queue};
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::{Caller, World};

/// SQS API Reference, SendMessage.
pub(super) fn send_message(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["DelaySeconds", "MessageAttributes", "MessageBody", "QueueUrl"])?;
    let body =
        json.text("MessageBody")?.filter(|body| !body.is_empty()).ok_or_else(|| Fault::missing("MessageBody"))?;
    let attributes = attributes(json)?;
    let delay = bounded(json, "DelaySeconds", 0, 900)?;
    if let Some(wrong) = body.chars().find(|character| !permitted(*character)) {
        return Err(Fault::bad(
            "InvalidMessageContents",
            format!("Invalid binary character '{:#x}' was found in the message body.", u32::from(wrong)),
        ));
    }
    let (id, now) = (world.ids.uuid(), world.now);
    let queue = queue(world, caller, json)?;
    let most = queue.number("MaximumMessageSize");
    let size = body.len() + attributes.iter().map(|(name, attribute)| name.len() + attribute.size()).sum::<usize>();
    if u64::try_from(size).is_ok_and(|size| size > most) {
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
    queue.messages.push(Message {
        id,
        body: body.to_owned(),
        attributes,
        sender: caller.principal.id.clone(),
        sent: now,
        visible_from: later(now, delay),
        first_received: None,
        receive_count: 0,
        handle: None,
    });
    Ok(answer)
}

/// The characters that XML 1.0 allows (SQS API Reference, SendMessage, MessageBody).
fn permitted(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// At most 10, named by letters, digits, `_-.`, typed String, Number or Binary (SQS Developer Guide, Message metadata).
fn attributes(json: &Json) -> Outcome<BTreeMap<String, Attribute>> {
    let given = json.object_map("MessageAttributes")?;
    if given.len() > 10 {
        return Err(Fault::value("Number of message attributes exceeds the allowed maximum [10]."));
    }
    given.into_iter().map(|(name, given)| attribute(&name, &given).map(|attribute| (name, attribute))).collect()
}

fn attribute(name: &str, given: &Json) -> Outcome<Attribute> {
    given.only(&["BinaryListValues", "BinaryValue", "DataType", "StringListValues", "StringValue"])?;
    let invalid = |why: &str| Fault::value(format!("The message attribute '{name}' is invalid. Reason: {why}."));
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let reserved = ["aws.", "amazon."].iter().any(|prefix| name.to_lowercase().starts_with(prefix));
    let edges = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > 256 || reserved || edges || !name.bytes().all(permitted) {
        return Err(invalid("its name is not valid"));
    }
    let kind = given.text("DataType")?.unwrap_or_default().to_owned();
    let value = match kind.split('.').next() {
        Some("String" | "Number") => given.text("StringValue")?.map(|text| AttributeValue::Text(text.to_owned())),
        Some("Binary") => {
            given.text("BinaryValue")?.and_then(|text| STANDARD.decode(text).ok()).map(AttributeValue::Binary)
        }
        _ => return Err(invalid("its type must be String, Number or Binary")),
    };
    let value = value.filter(|value| value.size() > 0).ok_or_else(|| invalid("it must have a value of its type"))?;
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
