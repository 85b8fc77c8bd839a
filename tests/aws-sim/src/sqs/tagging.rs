//! Tags of queues.

use serde_json::{Value, json};

use super::address::queue;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::tags::{self, Tags};
use crate::world::World;

/// SQS Developer Guide, Cost allocation tags: the format is that of other services. More than 50 tags "isn't
/// recommended"; that they are refused is UNSOURCED, as is the code: stricter reading.
pub(super) fn check(tags: &Tags) -> Outcome<()> {
    tags::check(tags).map_err(|wrong| Fault::value(wrong))
}

/// SQS API Reference, TagQueue: Tags is required. UNSOURCED: that an empty map is refused too.
pub(super) fn tag_queue(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueUrl", "Tags"])?;
    let added = json.map("Tags")?;
    let queue = queue(world, caller, json)?;
    if added.is_empty() {
        return Err(Fault::missing("Tags"));
    }
    let mut tags = queue.tags.clone();
    tags.extend(added);
    check(&tags)?;
    queue.tags = tags;
    Ok(Value::Null)
}

/// SQS API Reference, UntagQueue: TagKeys is required. UNSOURCED: that an empty list is refused too.
pub(super) fn untag_queue(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueUrl", "TagKeys"])?;
    let gone = json.texts("TagKeys")?;
    let queue = queue(world, caller, json)?;
    if gone.is_empty() {
        return Err(Fault::missing("TagKeys"));
    }
    queue.tags.retain(|key, _| !gone.contains(key));
    Ok(Value::Null)
}

pub(super) fn list_queue_tags(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueUrl"])?;
    let tags = &queue(world, caller, json)?.tags;
    Ok(if tags.is_empty() { json!({}) } else { json!({ "Tags": tags }) })
}
