//! Aliases: names of keys within an account and Region.

use serde_json::{Value, json};

use super::key::listing;
use super::{Kms, named_key};
use crate::arn::Arn;
use crate::clock::epoch_seconds;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::{Caller, World};

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

/// The target must be a customer managed key of the same account and Region, and not on its way to deletion.
fn target(world: &mut World, caller: &Caller, json: &Json) -> Outcome<String> {
    let named = json.required("TargetKeyId")?;
    if named.contains("alias/") {
        return Err(Fault::validation("TargetKeyId must be a key id or key ARN"));
    }
    let arn = world.kms.resolve(caller, named)?;
    let key = world.kms.keys.get(&arn).ok_or_else(|| Fault::bad("NotFoundException", arn.clone()))?;
    if key.arn.account != caller.account() {
        return Err(Fault::bad("NotFoundException", format!("Key '{arn}' does not exist")));
    }
    key.must_be_customers(caller, "kms:CreateAlias")?;
    key.must_not_be_pending_deletion()?;
    Ok(arn)
}

pub(super) fn create_alias(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["AliasName", "TargetKeyId"])?;
    let alias = alias_arn(caller, json)?;
    if world.kms.aliases.contains_key(&alias) {
        return Err(Fault::bad("AlreadyExistsException", format!("An alias with the name {alias} already exists")));
    }
    let target = target(world, caller, json)?;
    // KMS Developer Guide, Resource quotas: 50 aliases per key.
    if world.kms.aliases.values().filter(|key| **key == target).count() >= 50 {
        return Err(Fault::bad("LimitExceededException", "A key has at most 50 aliases."));
    }
    world.kms.aliases.insert(alias, target);
    Ok(Value::Null)
}

pub(super) fn update_alias(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["AliasName", "TargetKeyId"])?;
    let alias = alias_arn(caller, json)?;
    let target = target(world, caller, json)?;
    let Some(present) = world.kms.aliases.get_mut(&alias) else { return Err(absent(&alias)) };
    *present = target;
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
        Some(_) => Some(named_key(world, caller, json)?.arn.to_string()),
        None => None,
    };
    let limit = json.bounded("Limit", 1, 100, 50)?;
    let prefix = Arn::new("kms", &caller.region, caller.account(), "alias/").to_string();
    let aliases = world.kms.aliases.range(prefix.clone()..).take_while(|(arn, _)| arn.starts_with(&prefix));
    let chosen = aliases.filter(|(_, key)| of_key.as_ref().is_none_or(|wanted| wanted == *key));
    let items = chosen.map(|(arn, key)| (arn.clone(), shown(&world.kms, arn, key))).collect();
    Ok(listing("Aliases", items, limit, json.text("Marker")?))
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

fn absent(alias: &str) -> Fault {
    Fault::bad("NotFoundException", format!("Alias {alias} is not found."))
}
