//! Receiving messages, with long polls and dead-letter queues.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::message::Message;
use super::{bounded, digest, queue};
use crate::answer::Reply;
use crate::clock::later;
use crate::fault::Outcome;
use crate::json::Json;
use crate::world::{Caller, World};

/// SQS API Reference, ReceiveMessage. With nothing to give, it waits from when the request arrived.
pub(super) fn receive_message(world: &mut World, caller: &Caller, json: &Json, arrived: Timestamp) -> Outcome<Reply> {
    json.only(&[
        "AttributeNames",
        "MaxNumberOfMessages",
        "MessageAttributeNames",
        "MessageSystemAttributeNames",
        "QueueUrl",
        "ReceiveRequestAttemptId",
        "VisibilityTimeout",
        "WaitTimeSeconds",
    ])?;
    let most = bounded(json, "MaxNumberOfMessages", 1, 10)?.unwrap_or(1);
    let seconds = |name: &str, most: i64| {
        let value = bounded(json, name, 0, most);
        value.map(|value| value.and_then(|value| u64::try_from(value).ok()).map(Duration::from_secs))
    };
    let (hide, wait) = (seconds("VisibilityTimeout", 43_200)?, seconds("WaitTimeSeconds", 20)?);
    let mut system = json.texts("MessageSystemAttributeNames")?;
    system.extend(json.texts("AttributeNames")?);
    let wanted = json.texts("MessageAttributeNames")?;

    bury(world, caller, json)?;
    let (now, speed) = (world.now, world.settings.queue_speed.max(1));
    let source = queue(world, caller, json)?;
    let hide = hide.unwrap_or_else(|| source.seconds("VisibilityTimeout")) / speed;
    let wait = wait.unwrap_or_else(|| source.seconds("ReceiveMessageWaitTimeSeconds")) / speed;
    let deadline = later(arrived, wait);
    let most = usize::try_from(most).unwrap_or(1);
    let ready = source.messages.iter().filter(|message| message.visible_from <= now).take(most);
    let ids: Vec<String> = ready.map(|message| message.id.clone()).collect();
    if ids.is_empty() {
        if now >= deadline {
            return Ok(Reply::Json(json!({})));
        }
        let next = source.messages.iter().map(|message| message.visible_from).min();
        return Ok(Reply::Later(next.map_or(deadline, |next| next.min(deadline))));
    }
    let mut handles: Vec<String> = ids.iter().map(|_| format!("AQEB{}", world.ids.hex(80))).collect();
    let source = queue(world, caller, json)?;
    let mut messages = Vec::new();
    for id in ids {
        let handle = handles.pop().unwrap_or_default();
        source.handles.insert(handle.clone(), id.clone());
        if let Some(message) = source.messages.iter_mut().find(|message| message.id == id) {
            message.receive_count += 1;
            message.first_received.get_or_insert(now);
            message.visible_from = later(now, hide);
            message.handle = Some(handle);
            messages.push(shown(message, &system, &wanted));
        }
    }
    Ok(Reply::Json(json!({ "Messages": messages })))
}

/// A message that has been received `maxReceiveCount` times goes to the dead-letter queue when it would be received
/// once more; it keeps the time at which it was sent (SQS Developer Guide, Dead-letter queues).
fn bury(world: &mut World, caller: &Caller, json: &Json) -> Outcome<()> {
    let now = world.now;
    let source = queue(world, caller, json)?;
    let Some((target, most)) = source.redrive() else { return Ok(()) };
    let spent = |message: &mut Message| message.visible_from <= now && message.receive_count >= most;
    let dead: Vec<Message> = source.messages.extract_if(.., spent).collect();
    if let Some(target) = world.sqs.queues.get_mut(&target) {
        target.messages.extend(dead);
        target.forget_old(now);
    }
    Ok(())
}

fn shown(message: &Message, system: &[String], wanted: &[String]) -> Value {
    let mut entry = json!({
        "Body": message.body,
        "MD5OfBody": digest::of_body(&message.body),
        "MessageId": message.id,
        "ReceiptHandle": message.handle,
    });
    if !system.is_empty() {
        entry["Attributes"] = message.system_attributes(system);
    }
    let attributes = message.chosen_attributes(wanted);
    if !attributes.is_empty() {
        entry["MD5OfMessageAttributes"] = json!(digest::of_attributes(&attributes));
        let shown: Map<String, Value> =
            attributes.into_iter().map(|(name, attribute)| (name, attribute.show())).collect();
        entry["MessageAttributes"] = Value::Object(shown);
    }
    entry
}
