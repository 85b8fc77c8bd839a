//! Aliases: names of keys within an account and Region.

use std::convert::identity;

use serde_json::{Value, json};

use super::actions::{key, named_key};
use super::pages::{listing, marker};
use super::store::Kms;
use crate::arn::Arn;
use crate::authorization::denied;
use crate::caller::Caller;
use crate::clock::epoch_seconds;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// `alias/` and 1 to 250 letters, digits and `/_-`; `alias/aws/` is AWS's own (KMS API Reference, CreateAlias).
fn alias_arn(caller: &Caller, json: &Json) -> Outcome<String> {
    let name = json.required("AliasName")?;
    let invalid = |message: &str| Fault::bad("InvalidAliasNameException", format!("{name}: {message}"));
    let rest =
        name.strip_prefix("alias/").ok_or_else(|| Fault::validation(format!("{name} must begin with alias/")))?;
    if !(1..=250).contains(&rest.len())
        || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte))
    {
        return Err(invalid("an alias has 1 to 250 letters, digits, slashes, underscores and hyphens"));
    }
    if rest.starts_with("aws/") {
        return Err(Fault::bad(
            "NotAuthorizedException",
            format!("{name}: alias/aws/ is reserved for AWS managed keys"),
        ));
    }
    Ok(Arn::new("kms", &caller.region, caller.account(), name).to_string())
}

/// The target must be a key of the same account and Region.
fn target(world: &mut World, caller: &Caller, action: &str, json: &Json) -> Outcome<String> {
    let named = json.required("TargetKeyId")?;
    // Neither action lists InvalidArnException. The text has been seen in practice.
    if named.starts_with("alias/") || named.contains(":alias/") {
        return Err(Fault::validation("Aliases must refer to keys. Not aliases"));
    }
    Ok(key(world, caller, action, named)?.arn.to_string())
}

/// KMS Developer Guide, Resource quotas: 50 aliases per key.
fn must_be_below_quota(world: &World, target: &str) -> Outcome<()> {
    if world.kms.aliases.values().filter(|key| *key == target).count() < 50 {
        return Ok(());
    }
    Err(Fault::bad("LimitExceededException", "A key has at most 50 aliases."))
}

/// KMS API Reference, CreateAlias: "must be unique in the account and Region".
pub(super) fn create_alias(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["AliasName", "TargetKeyId"])?;
    let alias = alias_arn(caller, json)?;
    if world.kms.aliases.contains_key(&alias) {
        return Err(Fault::bad("AlreadyExistsException", format!("An alias with the name {alias} already exists")));
    }
    let target = target(world, caller, "CreateAlias", json)?;
    must_be_below_quota(world, &target)?;
    world.kms.aliases.insert(alias, target);
    Ok(Value::Null)
}

/// The old and the new key must be of the same type and usage (KMS API Reference, UpdateAlias). The code of that
/// refusal is UNSOURCED.
pub(super) fn update_alias(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["AliasName", "TargetKeyId"])?;
    let alias = alias_arn(caller, json)?;
    let target = target(world, caller, "UpdateAlias", json)?;
    let Some(present) = world.kms.aliases.get(&alias) else { return Err(absent(&alias)) };
    let spec = |arn: &String| world.kms.keys.get(arn).map(|key| key.spec);
    if spec(present) != spec(&target) {
        return Err(Fault::validation(format!("{target} is not of the same type and usage as {present}")));
    }
    if *present != target {
        must_be_below_quota(world, &target)?;
    }
    world.kms.aliases.insert(alias, target);
    Ok(Value::Null)
}

pub(super) fn delete_alias(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["AliasName"])?;
    let alias = alias_arn(caller, json)?;
    world.kms.aliases.remove(&alias).map(|_| Value::Null).ok_or_else(|| absent(&alias))
}

pub(super) fn list_aliases(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "Limit", "Marker"])?;
    let of_key = match json.text("KeyId")? {
        Some(_) => {
            let arn = named_key(world, caller, "ListAliases", json)?.arn.clone();
            if arn.account != caller.account() {
                // "Cross-account use: No" (KMS API Reference, ListAliases). UNSOURCED: the code.
                let because = "because no resource-based policy allows the kms:ListAliases action";
                return Err(denied(&caller.principal, "kms:ListAliases", &arn.to_string(), because));
            }
            Some(arn.to_string())
        }
        None => None,
    };
    let limit = json.bounded("Limit", 1, 100, 50)?;
    let marker = marker("Aliases", json)?;
    let prefix = Arn::new("kms", &caller.region, caller.account(), "alias/").to_string();
    let aliases = world.kms.aliases.range(prefix.clone()..).take_while(|(arn, _)| arn.starts_with(&prefix));
    let chosen = aliases.filter(|(_, key)| of_key.as_ref().is_none_or(|wanted| wanted == *key));
    let items = chosen.map(|(arn, key)| (arn.clone(), shown(&world.kms, arn, key))).collect();
    Ok(listing("Aliases", items, limit, marker.as_deref(), identity))
}

fn shown(kms: &Kms, alias: &str, key: &str) -> Value {
    let name = alias.splitn(6, ':').last();
    let mut entry = json!({ "AliasArn": alias, "AliasName": name });
    if let Some(key) = kms.keys.get(key) {
        entry["TargetKeyId"] = json!(key.id());
        entry["CreationDate"] = epoch_seconds(key.created);
    }
    entry
}

/// KMS API Reference, UpdateAlias and DeleteAlias, Errors.
fn absent(alias: &str) -> Fault {
    Fault::bad("NotFoundException", format!("Alias {alias} is not found."))
}
