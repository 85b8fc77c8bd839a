//! Authorizing SQS requests.

use super::address::resources;
use crate::access::ResourcePermission;
use crate::caller::Caller;
use crate::context::Context;
use crate::decision::AccessRequest;
use crate::fault::Outcome;
use crate::json::Json;
use crate::world::World;

/// Actions that a queue policy cannot allow to another account (SQS API Reference, each action: "Cross-account
/// permissions don't apply to this action").
const NEVER_ACROSS: [&str; 7] =
    ["CreateQueue", "DeleteQueue", "ListQueueTags", "ListQueues", "SetQueueAttributes", "TagQueue", "UntagQueue"];

/// Refuses a request that the queue's policy and the caller's own do not allow. "To be able to tag a queue on creation,
/// you must have the sqs:CreateQueue and sqs:TagQueue permissions" (SQS API Reference, CreateQueue, tags).
pub(crate) fn permit(world: &World, caller: &Caller, action: &str, json: &Json) -> Outcome<()> {
    let named = resources(caller, json);
    let resource = named.first().map_or("*", String::as_str);
    authorize(world, caller, iam_name(action), resource, json)?;
    if action == "CreateQueue" && json.map("tags").is_ok_and(|tags| !tags.is_empty()) {
        authorize(world, caller, "TagQueue", resource, json)?;
    }
    Ok(())
}

fn authorize(world: &World, caller: &Caller, name: &str, resource: &str, json: &Json) -> Outcome<()> {
    let mut context = world.context(caller, &caller.region);
    add_conditions(&mut context, world, name, resource, json);
    let action = format!("sqs:{name}");
    let resource_permission = resource_permission(world, caller, name, resource);
    world.authorize(caller, &AccessRequest { action: &action, resource, resource_permission, context })
}

fn iam_name(action: &str) -> &str {
    match action {
        // A batch action needs the permission of the single action (SQS Developer Guide, Amazon SQS API permissions).
        "DeleteMessageBatch" => "DeleteMessage",
        "SendMessageBatch" => "SendMessage",
        "ChangeMessageVisibilityBatch" => "ChangeMessageVisibility",
        other => other,
    }
}

/// SQS has no condition keys of its own (Service Authorization Reference, Amazon SQS); for tags see SQS Developer
/// Guide, Attribute-based access control for Amazon SQS.
fn add_conditions(context: &mut Context, world: &World, name: &str, resource: &str, json: &Json) {
    if let Some(queue) = world.sqs.queues.get(resource) {
        for (key, value) in &queue.tags {
            context.set(&format!("aws:ResourceTag/{key}"), value);
        }
    }
    match name {
        "CreateQueue" | "TagQueue" => {
            let (small, large) = (json.map("tags").unwrap_or_default(), json.map("Tags").unwrap_or_default());
            context.set_request_tags(small.iter().chain(&large).map(|(key, value)| (key.as_str(), value.as_str())));
        }
        "UntagQueue" => context.set_all("aws:TagKeys", json.texts("TagKeys").unwrap_or_default()),
        _ => {}
    }
}

/// What the queue's policy permits. The action itself reports that a queue does not exist.
fn resource_permission<'a>(world: &'a World, caller: &Caller, name: &str, resource: &str) -> ResourcePermission<'a> {
    let Some(queue) = world.sqs.queues.get(resource) else { return ResourcePermission::Service };
    if queue.arn.account == caller.account() || !NEVER_ACROSS.contains(&name) {
        return ResourcePermission::Policy(queue.policy.in_effect(world.now));
    }
    ResourcePermission::Nothing
}
