//! Creating, finding, listing, purging and deleting queues.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::address::{absent, named, queue};
use super::bounds::bounded;
use super::queue::Queue;
use super::{attributes, tagging};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::pages::page;
use crate::policy::Policy;
use crate::propagation::Propagating;
use crate::world::World;

/// How long the name of a deleted queue cannot be reused, and the least time between two purges.
const MINUTE: Duration = Duration::from_mins(1);

/// SQS API Reference, CreateQueue. The same name with the same attributes returns the existing queue.
pub(super) fn create_queue(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Attributes", "QueueName", "tags"])?;
    let name = json.text("QueueName")?.ok_or_else(|| Fault::missing("QueueName"))?;
    if name.rsplit_once('.').is_some_and(|(_, kind)| kind == "fifo") {
        return Err(Fault::bad("UnsupportedOperation", "There are no FIFO queues here."));
    }
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !(1..=80).contains(&name.len()) || !name.bytes().all(permitted) {
        let message = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(Fault::value(message));
    }
    let arn = Arn::new("sqs", &caller.region, caller.account(), name);
    let given = json.map("Attributes")?;
    let policy = attributes::check(world, &arn, &given)?;
    if let Some(existing) = world.sqs.queues.get(&arn.to_string()) {
        // Only attributes in the request are compared (same page).
        if given.iter().all(|(name, value)| existing.attribute(name).unwrap_or_default() == *value) {
            return Ok(json!({ "QueueUrl": existing.url() }));
        }
        let message =
            format!("A queue already exists with the same name and a different value for attribute(s) of {name}");
        return Err(Fault::bad("QueueNameExists", message));
    }
    // "You must wait 60 seconds after deleting a queue" (same page, QueueDeletedRecently).
    let deleted = world.sqs.deleted.get(&arn.to_string());
    if deleted.is_some_and(|deleted| world.now < later(*deleted, MINUTE)) {
        let message =
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.";
        return Err(Fault::bad("QueueDeletedRecently", message));
    }
    let tags = json.map("tags")?;
    tagging::check(&tags)?;
    let mut queue = Queue {
        created: world.now,
        modified: world.now,
        // The policy of a new queue takes effect at once.
        policy: Propagating::new(policy.unwrap_or_else(Policy::empty)),
        attributes: BTreeMap::new(),
        messages: Vec::new(),
        handles: BTreeMap::new(),
        tags,
        purged: None,
        arn: arn.clone(),
    };
    attributes::set(&mut queue, given);
    let url = queue.url();
    world.sqs.queues.insert(arn.to_string(), queue);
    Ok(json!({ "QueueUrl": url }))
}

/// SQS API Reference, DeleteQueue: its messages are deleted too.
pub(super) fn delete_queue(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueUrl"])?;
    let arn = queue(world, caller, json)?.arn.to_string();
    world.sqs.queues.remove(&arn);
    world.sqs.deleted.insert(arn, world.now);
    Ok(Value::Null)
}

/// SQS API Reference, PurgeQueue: once in 60 seconds.
pub(super) fn purge_queue(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueUrl"])?;
    let now = world.now;
    let queue = queue(world, caller, json)?;
    if queue.purged.is_some_and(|purged| now < later(purged, MINUTE)) {
        let message = format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.arn.resource);
        return Err(Fault::bad("PurgeQueueInProgress", message));
    }
    queue.purged = Some(now);
    queue.messages.clear();
    Ok(Value::Null)
}

/// SQS API Reference, GetQueueUrl: QueueName is required.
pub(super) fn get_queue_url(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["QueueName", "QueueOwnerAWSAccountId"])?;
    json.text("QueueName")?.ok_or_else(|| Fault::missing("QueueName"))?;
    let queue = named(caller, json).and_then(|arn| world.sqs.queues.get(&arn)).ok_or_else(absent)?;
    Ok(json!({ "QueueUrl": queue.url() }))
}

pub(super) fn list_queues(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["MaxResults", "NextToken", "QueueNamePrefix"])?;
    let prefix = json.text("QueueNamePrefix")?.unwrap_or_default();
    let own = |queue: &Queue| {
        queue.arn.account == caller.account()
            && queue.arn.region == caller.region
            && queue.arn.resource.starts_with(prefix)
    };
    listing(world, json, "QueueUrls", own)
}

/// The queues that have this one as their dead-letter queue (SQS API Reference, ListDeadLetterSourceQueues).
pub(super) fn list_dead_letter_source_queues(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["MaxResults", "NextToken", "QueueUrl"])?;
    let target = queue(world, caller, json)?.arn.to_string();
    listing(world, json, "queueUrls", |queue| queue.redrive().is_some_and(|(arn, _)| arn == target))
}

/// "The default value for MaxResults is 1000 ... You must set MaxResults to receive a value for NextToken" (SQS API
/// Reference, ListQueues).
fn listing(world: &World, json: &Json, name: &str, wanted: impl Fn(&Queue) -> bool) -> Outcome<Value> {
    let limit = bounded(json, "MaxResults", 1, 1000)?;
    let own = world.sqs.queues.iter().filter(|(_, queue)| wanted(queue));
    let items = own.map(|(arn, queue)| (arn.clone(), queue.url())).collect();
    let most = usize::try_from(limit.unwrap_or(1000)).unwrap_or(1);
    let (urls, next) = page(items, most, json.text("NextToken")?);
    let mut answer = json!({ name: urls });
    if let Some(next) = next.filter(|_| limit.is_some()) {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}
