//! The Simple Queue Service: standard queues.

mod address;
mod attributes;
mod batches;
mod bounds;
mod digest;
mod encryption;
pub(crate) mod message;
mod permission;
mod queue;
mod queues;
mod receiving;
mod sending;
mod store;
mod tagging;
mod visibility;

use jiff::Timestamp;

use crate::answer::Reply;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;
pub(crate) use address::resources;
pub(crate) use permission::permit;
pub(crate) use store::Sqs;

pub(crate) fn route(
    world: &mut World,
    caller: &Caller,
    action: &str,
    json: &Json,
    arrived: Timestamp,
) -> Outcome<Reply> {
    let reply = match action {
        "CreateQueue" => queues::create_queue(world, caller, json),
        "GetQueueUrl" => queues::get_queue_url(world, caller, json),
        "ListQueues" => queues::list_queues(world, caller, json),
        "DeleteQueue" => queues::delete_queue(world, caller, json),
        "PurgeQueue" => queues::purge_queue(world, caller, json),
        "ListDeadLetterSourceQueues" => queues::list_dead_letter_source_queues(world, caller, json),
        "TagQueue" => tagging::tag_queue(world, caller, json),
        "UntagQueue" => tagging::untag_queue(world, caller, json),
        "ListQueueTags" => tagging::list_queue_tags(world, caller, json),
        "GetQueueAttributes" => attributes::get_queue_attributes(world, caller, json),
        "SetQueueAttributes" => attributes::set_queue_attributes(world, caller, json),
        "SendMessage" => sending::send_message(world, caller, json),
        "SendMessageBatch" => batches::send_message_batch(world, caller, json),
        "ReceiveMessage" => return receiving::receive_message(world, caller, json, arrived),
        "DeleteMessage" => visibility::delete_message(world, caller, json),
        "DeleteMessageBatch" => batches::delete_message_batch(world, caller, json),
        "ChangeMessageVisibility" => visibility::change_message_visibility(world, caller, json),
        "ChangeMessageVisibilityBatch" => batches::change_message_visibility_batch(world, caller, json),
        // UNSOURCED: the status; as in request.rs.
        _ => return Err(Fault::bad("UnknownOperationException", "")),
    };
    reply.map(Reply::Json)
}
