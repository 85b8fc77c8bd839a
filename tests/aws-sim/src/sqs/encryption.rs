//! Queues that are encrypted with a KMS key.

use super::queue::Queue;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::allowed;
use crate::kms::{KeyState, managed_key_of};
use crate::principal::Principal;
use crate::world::World;

/// The permissions to send. Release notes say that Decrypt is no longer needed, the page on key management lists both:
/// stricter reading (SQS Developer Guide, Key management).
pub(super) const TO_SEND: [&str; 2] = ["kms:GenerateDataKey", "kms:Decrypt"];
pub(super) const TO_RECEIVE: [&str; 1] = ["kms:Decrypt"];

/// Refuses when the queue's key cannot be used, or the caller may not use it through SQS. Each request generates a new
/// data key: SQS's reuse of data keys is not simulated. SQS API Reference, SendMessage and ReceiveMessage, Errors: one
/// code for each reason why a key cannot be used.
pub(super) fn check(world: &mut World, caller: &Caller, queue: &str, actions: &[&str]) -> Outcome<()> {
    let Some(queue) = world.sqs.queues.get(queue) else { return Ok(()) };
    let Some(named) = queue.attributes.get("KmsMasterKeyId").cloned() else { return Ok(()) };
    let owner = owner(queue);
    if named == "alias/aws/sqs" {
        managed_key_of(world, "sqs", owner.account(), &owner.region);
    }
    let arn = world.kms.resolve(&owner, &named);
    let arn = arn.map_err(|_| Fault::bad("KmsNotFound", format!("The key {named} does not exist.")))?;
    // The key was found just before. InternalFailure: SQS API Reference, Common Errors.
    let key = world.kms.keys.get(&arn).ok_or_else(|| Fault::internal("the key has gone"))?;
    match key.state {
        KeyState::Enabled | KeyState::Updating { .. } => {}
        KeyState::Disabled => return Err(Fault::bad("KmsDisabled", format!("{arn} is disabled."))),
        other => return Err(Fault::bad("KmsInvalidState", format!("{arn} is {}.", other.name()))),
    }
    if key.spec.signs() {
        return Err(Fault::bad("KmsInvalidKeyUsage", format!("{arn} is a signing key.")));
    }
    if !allowed(world, caller, key, actions, &["sqs"]) {
        return Err(Fault::bad("KmsAccessDenied", format!("{} may not use {arn}.", caller.principal.arn)));
    }
    Ok(())
}

/// The root user of the queue's account, in which key ids and aliases are resolved.
fn owner(queue: &Queue) -> Caller {
    Caller {
        principal: Principal::root(&queue.arn.account),
        session: None,
        region: queue.arn.region.clone(),
        plain: false,
    }
}
