//! Batch actions: several messages in one call, each with its own result.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::address::queue;
use super::{encryption, sending, visibility};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// All entries together have at most 1 MiB, the limit of a single message (SQS API Reference, SendMessageBatch).
const LARGEST: usize = 1_048_576;

/// SQS API Reference, SendMessageBatch, BatchRequestTooLong.
pub(super) fn send_message_batch(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    let arn = queue(world, caller, json)?.arn.to_string();
    encryption::check(world, caller, &arn, &encryption::TO_SEND)?;
    let size: usize = json.objects("Entries")?.iter().map(sending::size_of).sum();
    if size > LARGEST {
        let message = format!("Batch requests cannot be longer than {LARGEST} bytes. You have sent {size} bytes.");
        return Err(Fault::bad("BatchRequestTooLong", message));
    }
    each(world, caller, json, &[sending::PARAMETERS.as_slice(), &["Id"]].concat(), sending::send)
}

pub(super) fn delete_message_batch(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    each(world, caller, json, &["Id", "ReceiptHandle"], |world, caller, request, entry| {
        visibility::delete(world, caller, request, entry).map(|()| json!({}))
    })
}

pub(super) fn change_message_visibility_batch(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    each(world, caller, json, &["Id", "ReceiptHandle", "VisibilityTimeout"], |world, caller, request, entry| {
        visibility::change(world, caller, request, entry).map(|()| json!({}))
    })
}

/// 1 to 10 entries with distinct ids of letters, digits, hyphens and underscores (SQS API Reference,
/// DeleteMessageBatch).
fn each(
    world: &mut World,
    caller: &Caller,
    json: &Json,
    known: &[&str],
    act: impl Fn(&mut World, &Caller, &Json, &Json) -> Outcome<Value>,
) -> Outcome<Value> {
    json.only(&["Entries", "QueueUrl"])?;
    queue(world, caller, json)?;
    let entries = json.objects("Entries")?;
    match entries.len() {
        0 => return Err(Fault::bad("EmptyBatchRequest", "There should be at least one entry in the request.")),
        1..=10 => {}
        count => {
            let message = format!("Maximum number of entries per request are 10. You have sent {count}.");
            return Err(Fault::bad("TooManyEntriesInBatchRequest", message));
        }
    }
    let mut ids = BTreeSet::new();
    for entry in &entries {
        entry.only(known)?;
        let id = entry.text("Id")?.unwrap_or_default();
        let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=80).contains(&id.len()) || !id.bytes().all(permitted) {
            return Err(Fault::bad(
                "InvalidBatchEntryId",
                "A batch entry id has 1 to 80 letters, digits, hyphens and underscores.",
            ));
        }
        if !ids.insert(id) {
            return Err(Fault::bad("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
        }
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in &entries {
        let id = entry.text("Id")?.unwrap_or_default();
        match act(world, caller, json, entry) {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                successful.push(answer);
            }
            Err(fault) => {
                failed.push(json!({ "Code": fault.code, "Id": id, "Message": fault.message, "SenderFault": fault.status < 500 }));
            }
        }
    }
    Ok(json!({ "Failed": failed, "Successful": successful }))
}
