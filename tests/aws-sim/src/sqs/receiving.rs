//! Receiving messages, with long polls and dead-letter queues.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::address::queue;
use super::bounds::bounded;
use super::message::{Message, SYSTEM_ATTRIBUTES};
use super::{digest, encryption};
use crate::answer::Reply;
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// SQS API Reference, ReceiveMessage. Without a visible message it waits; the wait time begins when the request
/// arrived.
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

    if let Some(unknown) = system.iter().find(|name| !SYSTEM_ATTRIBUTES.contains(&name.as_str())) {
        return Err(Fault::bad("InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
    }
    let arn = queue(world, caller, json)?.arn.to_string();
    encryption::check(world, caller, &arn, &encryption::TO_RECEIVE)?;

    move_dead_letters(world, caller, json)?;
    let (now, limit) = (world.now, world.settings.quotas.messages_in_flight);
    let speed = world.settings.queue_speed.max(1);
    let source = queue(world, caller, json)?;
    let hide = hide.unwrap_or_else(|| source.seconds("VisibilityTimeout")) / speed;
    let wait = wait.unwrap_or_else(|| source.seconds("ReceiveMessageWaitTimeSeconds")) / speed;
    let deadline = later(arrived, wait);
    let room = limit.saturating_sub(source.messages.iter().filter(|message| message.in_flight(now)).count());
    // "Amazon SQS returns the OverLimit error message" on short polling, and no messages on long polling (SQS Developer
    // Guide, Message quotas).
    if room == 0 && wait.is_zero() {
        return Err(Fault::bad("OverLimit", format!("There are {limit} messages in flight.")));
    }
    let most = usize::try_from(most).unwrap_or(1).min(room);
    let visible = source.messages.iter().enumerate().filter(|(_, message)| message.visible_from <= now);
    let ready: Vec<usize> = visible.map(|(index, _)| index).take(most).collect();
    if ready.is_empty() {
        if now >= deadline {
            return Ok(Reply::Json(json!({})));
        }
        let next = source.messages.iter().map(|message| message.visible_from).filter(|from| *from > now).min();
        return Ok(Reply::Later(next.map_or(deadline, |next| next.min(deadline))));
    }
    let handles: Vec<String> = ready.iter().map(|_| format!("AQEB{}", world.ids.hex(80))).collect();
    let duplicate: Vec<Option<bool>> = ready.iter().map(|_| redelivery(world)).collect();
    let source = queue(world, caller, json)?;
    let mut messages = Vec::new();
    for ((index, handle), duplicate) in ready.into_iter().zip(handles).zip(duplicate) {
        let Some(message) = source.messages.get_mut(index) else { continue };
        message.receive_count += 1;
        message.first_received.get_or_insert(now);
        message.visible_from = later(now, hide);
        message.handle = Some(handle.clone());
        messages.push(shown(message, &system, &wanted));
        source.handles.insert(handle, message.id.clone());
        if let Some(at_once) = duplicate.filter(|_| !message.duplicate) {
            let visible_from = if at_once { now } else { message.visible_from };
            let copy = Message { duplicate: true, handle: None, visible_from, ..message.clone() };
            source.messages.push(copy);
        }
    }
    Ok(Reply::Json(json!({ "Messages": messages })))
}

/// Whether a message that is received now is delivered once more, and if so whether at once (true) or after its
/// visibility timeout (SQS Developer Guide, Amazon SQS at-least-once delivery).
fn redelivery(world: &mut World) -> Option<bool> {
    let one_in = world.settings.duplicates?;
    let hit = u32::from_be_bytes(world.ids.bytes()).checked_rem(one_in) == Some(0);
    hit.then(|| world.ids.bytes::<1>()[0].is_multiple_of(2))
}

/// Moves visible messages that have been received `maxReceiveCount` times to the dead-letter queue; they keep the time
/// at which they were sent (SQS Developer Guide, Dead-letter queues).
fn move_dead_letters(world: &mut World, caller: &Caller, json: &Json) -> Outcome<()> {
    let now = world.now;
    let source = queue(world, caller, json)?;
    let Some((target, most)) = source.redrive() else { return Ok(()) };
    let spent = |message: &mut Message| message.visible_from <= now && message.receive_count >= most;
    let (arn, mut dead) = (source.arn.to_string(), source.messages.extract_if(.., spent).collect::<Vec<_>>());
    for message in &mut dead {
        message.dead_letter_source = Some(arn.clone());
    }
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
    let attributes = message.system_attributes(system);
    if attributes != json!({}) {
        entry["Attributes"] = attributes;
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
