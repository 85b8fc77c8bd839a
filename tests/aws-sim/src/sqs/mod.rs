//! The Simple Queue Service: standard queues.

mod attributes;
mod batches;
mod digest;
mod encryption;
pub(crate) mod message;
mod permission;
mod queues;
mod receiving;
mod sending;
mod tagging;
mod visibility;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::answer::Reply;
use crate::arn::{Arn, is_account};
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::{Caller, World};
pub(crate) use permission::permit;
use queues::Queue;

/// All queues, by ARN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sqs {
    pub(crate) queues: BTreeMap<String, Queue>,
    /// When queues that are there no more were deleted, by ARN.
    deleted: BTreeMap<String, Timestamp>,
}

impl Sqs {
    /// Messages past their retention are gone.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        for queue in self.queues.values_mut() {
            queue.forget_old(now);
        }
    }
}

/// The ARN of the queue that a request names, by URL or by name. Of the URL only the path counts.
fn named(caller: &Caller, json: &Json) -> Option<String> {
    if let Some(url) = json.text("QueueUrl").ok().flatten() {
        let path = url.split_once("://").map_or(url, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        let (account, name) = path.trim_matches('/').split_once('/')?;
        let plain = is_account(account) && !name.is_empty() && !name.contains('/');
        return plain.then(|| Arn::new("sqs", &caller.region, account, name).to_string());
    }
    let name = json.text("QueueName").ok().flatten()?;
    let owner = json.text("QueueOwnerAWSAccountId").ok().flatten().unwrap_or(caller.account());
    Some(Arn::new("sqs", &caller.region, owner, name).to_string())
}

pub(crate) fn resources(caller: &Caller, json: &Json) -> Vec<String> {
    named(caller, json).into_iter().collect()
}

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

/// The queue that the request's URL names (SQS API Reference, Common Errors, MissingParameter; SendMessage, InvalidAddress, with
/// this text jegesh/python-sqs-listener#30).
fn queue<'a>(world: &'a mut World, caller: &Caller, json: &Json) -> Outcome<&'a mut Queue> {
    let url = json.text("QueueUrl")?.ok_or_else(|| Fault::missing("QueueUrl"))?;
    let arn = named(caller, json);
    let arn = arn.ok_or_else(|| Fault::bad("InvalidAddress", format!("The address {url} is not valid.")))?;
    world.sqs.queues.get_mut(&arn).ok_or_else(absent)
}

/// SQS API Reference, SendMessage and GetQueueUrl, QueueDoesNotExist.
fn absent() -> Fault {
    Fault::bad("QueueDoesNotExist", "The specified queue does not exist.")
}

/// A number within bounds (SQS API Reference, the parameter), in SQS's words (aws/aws-sdk-java#197).
fn bounded(json: &Json, name: &str, least: i64, most: i64) -> Outcome<Option<i64>> {
    match json.number(name)? {
        Some(value) if !(least..=most).contains(&value) => Err(Fault::value(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}, if provided."
        ))),
        other => Ok(other),
    }
}
