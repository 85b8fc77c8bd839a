//! Key policies.

use std::convert::identity;

use serde_json::{Value, json};

use super::actions::named_key;
use super::document::Document;
use super::pages::{listing, marker};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::policy::{Kind, Policy};
use crate::verdict::Verdict;
use crate::world::World;

/// A key policy document: 32 KB (KMS Developer Guide, Resource quotas).
const LARGEST: usize = 32_768;

/// Parses a policy for the key: it must be well formed, name only principals that exist, and allow the caller to change
/// it again (KMS API Reference, PutKeyPolicy, Policy).
pub(super) fn checked_policy(world: &World, caller: &Caller, text: &str, arn: &Arn, bypass: bool) -> Outcome<Document> {
    if text.len() > LARGEST {
        return Err(Fault::bad("LimitExceededException", format!("A key policy has at most {LARGEST} bytes.")));
    }
    let malformed = |message: String| Fault::bad("MalformedPolicyDocumentException", message);
    let rules = Policy::parse(text, Kind::Resource)
        .map_err(|wrong| malformed(format!("Policy contains a statement that is not valid: {wrong}.")))?;
    if let Some(unknown) = rules.principals().find(|named| !world.principals.exists(named)) {
        return Err(malformed(format!("Policy contains a statement with one or more invalid principals: {unknown}.")));
    }
    let mut context = world.context(caller, &caller.region);
    context.set("kms:CallerAccount", caller.account());
    let may = rules.judge(&caller.principal, "kms:PutKeyPolicy", &arn.to_string(), &context);
    if !bypass && matches!(may, Verdict::NoMatch | Verdict::Denied) {
        return Err(malformed(
            "The new key policy will not allow you to update the key policy in the future.".to_owned(),
        ));
    }
    Ok(Document { text: text.to_owned(), rules })
}

/// "The only valid value is default" (KMS API Reference, PutKeyPolicy, PolicyName). UNSOURCED: the code.
fn only_default(json: &Json) -> Outcome<()> {
    match json.text("PolicyName")? {
        None | Some("default") => Ok(()),
        Some(_) => {
            Err(Fault::bad("NotFoundException", "No such policy exists: the only valid policy name is default."))
        }
    }
}

pub(super) fn get_key_policy(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "PolicyName"])?;
    only_default(json)?;
    let key = named_key(world, caller, "GetKeyPolicy", json)?;
    Ok(json!({ "Policy": as_returned(&key.policy.shown().text), "PolicyName": "default" }))
}

/// The document as KMS returns it: the same rules, but with lists in another order, and a list of one element as a
/// string. Seen in practice by everybody who compares policies (aws/aws-cli#9456, and Terraform's provider since).
fn as_returned(text: &str) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    if let Some(statements) = document.get_mut("Statement").and_then(Value::as_array_mut) {
        for statement in statements {
            for element in ["Action", "Resource"] {
                match statement.get_mut(element) {
                    Some(Value::Array(items)) if items.len() == 1 => statement[element] = items.remove(0),
                    Some(Value::Array(items)) => items.reverse(),
                    _ => {}
                }
            }
        }
    }
    document.to_string()
}

/// Replaces the whole document, without optimistic locking (KMS API Reference, PutKeyPolicy).
pub(super) fn put_key_policy(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["BypassPolicyLockoutSafetyCheck", "KeyId", "Policy", "PolicyName"])?;
    only_default(json)?;
    let text = json.required("Policy")?;
    let bypass = json.flag("BypassPolicyLockoutSafetyCheck")?.unwrap_or(false);
    let arn = named_key(world, caller, "PutKeyPolicy", json)?.arn.clone();
    let document = checked_policy(world, caller, text, &arn, bypass)?;
    let (now, lag) = (world.now, world.settings.scaled(world.settings.lags.authorization));
    named_key(world, caller, "PutKeyPolicy", json)?.policy.put(document, now, lag);
    Ok(Value::Null)
}

/// A key has one policy, with the name default (KMS API Reference, ListKeyPolicies).
pub(super) fn list_key_policies(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "Limit", "Marker"])?;
    let limit = json.bounded("Limit", 1, 1000, 100)?;
    let marker = marker("PolicyNames", json)?;
    named_key(world, caller, "ListKeyPolicies", json)?;
    Ok(listing("PolicyNames", vec![("default".to_owned(), json!("default"))], limit, marker.as_deref(), identity))
}
