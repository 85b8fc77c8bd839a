//! The queue that a request names.

use super::queue::Queue;
use crate::arn::{Arn, is_account};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// The ARN of the queue that a request names, by URL or by name. Only the path of the URL is used.
pub(super) fn named(caller: &Caller, json: &Json) -> Option<String> {
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

/// The queue that the request's URL names (SQS API Reference, Common Errors, MissingParameter; SendMessage,
/// InvalidAddress, with this text jegesh/python-sqs-listener#30).
pub(super) fn queue<'a>(world: &'a mut World, caller: &Caller, json: &Json) -> Outcome<&'a mut Queue> {
    let url = json.text("QueueUrl")?.ok_or_else(|| Fault::missing("QueueUrl"))?;
    let arn = named(caller, json);
    let arn = arn.ok_or_else(|| Fault::bad("InvalidAddress", format!("The address {url} is not valid.")))?;
    world.sqs.queues.get_mut(&arn).ok_or_else(absent)
}

/// SQS API Reference, SendMessage and GetQueueUrl, QueueDoesNotExist.
pub(super) fn absent() -> Fault {
    Fault::bad("QueueDoesNotExist", "The specified queue does not exist.")
}
