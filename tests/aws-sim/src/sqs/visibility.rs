//! Deleting a received message, and changing its visibility timeout.

use std::time::Duration;

use serde_json::Value;

use super::address::queue;
use super::bounds::bounded;
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

pub(super) fn delete_message(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueUrl", "ReceiptHandle"])?;
    delete(world, caller, json, json)?;
    Ok(Value::Null)
}

pub(super) fn change_message_visibility(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueUrl", "ReceiptHandle", "VisibilityTimeout"])?;
    change(world, caller, json, json)?;
    Ok(Value::Null)
}

/// SQS API Reference, DeleteMessage: ReceiptHandle is required (Common Errors, MissingParameter).
fn handle(entry: &Json) -> Outcome<&str> {
    entry.text("ReceiptHandle")?.ok_or_else(|| Fault::missing("ReceiptHandle"))
}

/// SQS API Reference, DeleteMessage and ChangeMessageVisibility, ReceiptHandleIsInvalid.
fn invalid(handle: &str) -> Fault {
    Fault::bad(
        "ReceiptHandleIsInvalid",
        format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
    )
}

/// Deleting a deleted message succeeds. The handle of an earlier receipt may not delete the message (SQS API Reference,
/// DeleteMessage): stricter reading, it does not, although the answer is success.
pub(super) fn delete(world: &mut World, caller: &Caller, request: &Json, entry: &Json) -> Outcome<()> {
    let handle = handle(entry)?;
    let queue = queue(world, caller, request)?;
    if !queue.handles.contains_key(handle) {
        return Err(invalid(handle));
    }
    queue.messages.retain(|message| message.handle.as_deref() != Some(handle));
    Ok(())
}

/// SQS API Reference, ChangeMessageVisibility: the timeout counts from now; in total at most 12 hours from the first
/// receipt.
pub(super) fn change(world: &mut World, caller: &Caller, request: &Json, entry: &Json) -> Outcome<()> {
    let handle = handle(entry)?;
    let seconds = bounded(entry, "VisibilityTimeout", 0, 43_200)?.ok_or_else(|| Fault::missing("VisibilityTimeout"))?;
    let (now, speed) = (world.now, world.settings.queue_speed.max(1));
    let queue = queue(world, caller, request)?;
    if !queue.handles.contains_key(handle) {
        return Err(invalid(handle));
    }
    let message = queue.messages.iter_mut().find(|message| message.handle.as_deref() == Some(handle));
    let Some(message) = message else {
        let message = format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
        );
        return Err(Fault::value(message));
    };
    if !message.in_flight(now) {
        return Err(Fault::bad("MessageNotInflight", "The specified message isn't in flight."));
    }
    let hide = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    if seconds > 0 && later(now, hide) > message.hidden_at_most_until(now) {
        return Err(Fault::value("Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"));
    }
    message.visible_from = later(now, hide / speed);
    Ok(())
}
