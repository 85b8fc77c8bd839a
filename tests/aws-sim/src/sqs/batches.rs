//! Several messages in one call, each with its own outcome.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{queue, visibility};
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::{Caller, World};

pub(super) fn delete_message_batch(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    each(world, caller, json, &["Id", "ReceiptHandle"], visibility::delete)
}

pub(super) fn change_message_visibility_batch(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    each(world, caller, json, &["Id", "ReceiptHandle", "VisibilityTimeout"], visibility::change)
}

/// 1 to 10 entries with distinct ids of letters, digits, hyphens and underscores (SQS API Reference,
/// DeleteMessageBatch).
fn each(
    world: &mut World,
    caller: &Caller,
    json: &Json,
    known: &[&str],
    act: impl Fn(&mut World, &Caller, &Json, &Json) -> Outcome<()>,
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
            Ok(()) => successful.push(json!({ "Id": id })),
            Err(fault) => {
                failed.push(json!({ "Code": fault.code, "Id": id, "Message": fault.message, "SenderFault": fault.status < 500 }));
            }
        }
    }
    Ok(json!({ "Failed": failed, "Successful": successful }))
}
