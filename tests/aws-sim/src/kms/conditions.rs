//! The condition keys of KMS: those of a request, and those of a key (KMS Developer Guide, AWS KMS condition keys; the
//! keys of each action: Service Authorization Reference, AWS Key Management Service).

use serde_json::Value;

use super::key::Key;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::context::Context;
use crate::fault::Outcome;
use crate::json::Json;
use crate::world::World;

/// Actions that have no condition keys of KMS.
const WITHOUT: [&str; 4] = ["GenerateRandom", "ListAliases", "ListKeys", "ListRetirableGrants"];
/// Actions that have an encryption context.
const ON_DATA: [&str; 6] =
    ["Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"];
const SIGNING: [&str; 2] = ["Sign", "Verify"];

/// The parameter with the encryption context for one of the permissions that a request needs.
pub(super) fn encryption_parameter(name: &str) -> &'static str {
    match name {
        "ReEncryptFrom" => "SourceEncryptionContext",
        "ReEncryptTo" => "DestinationEncryptionContext",
        _ => "EncryptionContext",
    }
}

/// Sets the condition keys of a direct request of `action` for `name`, one of the permissions that it needs.
pub(super) fn of_request(
    context: &mut Context,
    world: &World,
    caller: &Caller,
    action: &str,
    name: &str,
    json: &Json,
) -> Outcome<()> {
    if WITHOUT.contains(&name) {
        return Ok(());
    }
    context.set("kms:CallerAccount", caller.account());
    // Each with the actions that have the condition key.
    let parameters = [
        ("BypassPolicyLockoutSafetyCheck", "kms:BypassPolicyLockoutSafetyCheck", &["CreateKey", "PutKeyPolicy"][..]),
        ("GranteePrincipal", "kms:GranteePrincipal", &["CreateGrant"]),
        ("RetiringPrincipal", "kms:RetiringPrincipal", &["CreateGrant"]),
        ("PendingWindowInDays", "kms:ScheduleKeyDeletionPendingWindowInDays", &["ScheduleKeyDeletion"]),
        ("PrimaryRegion", "kms:PrimaryRegion", &["UpdatePrimaryRegion"]),
        ("ReplicaRegion", "kms:ReplicaRegion", &["ReplicateKey"]),
        ("RotationPeriodInDays", "kms:RotationPeriodInDays", &["EnableKeyRotation"]),
        ("MessageType", "kms:MessageType", &SIGNING),
        ("SigningAlgorithm", "kms:SigningAlgorithm", &SIGNING),
    ];
    for (parameter, key, actions) in parameters {
        match json.raw(parameter).filter(|_| actions.contains(&name)) {
            Some(Value::String(text)) => context.set(key, &text),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => context.set(key, &value),
            _ => {}
        }
    }
    if matches!(name, "CreateKey" | "TagResource") {
        let tags = json.objects("Tags")?;
        let read =
            |tag: &Json| Ok((tag.required("TagKey")?.to_owned(), tag.text("TagValue")?.unwrap_or_default().to_owned()));
        let tags = tags.iter().map(read).collect::<Outcome<Vec<_>>>()?;
        context.set_request_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }
    match name {
        "CreateKey" => of_new_key(context, world, caller, action, json)?,
        "UntagResource" => context.set_all("aws:TagKeys", json.texts("TagKeys")?),
        "CreateGrant" => {
            context.set_all("kms:GrantOperations", json.texts("Operations")?);
            let constraints = json.raw("Constraints");
            let kinds = constraints.as_ref().and_then(Value::as_object).into_iter().flatten();
            for (kind, _) in kinds.take(1) {
                context.set("kms:GrantConstraintType", kind);
            }
        }
        _ => {}
    }
    // UNSOURCED: that it is false, and not absent, when no service calls; the stricter reading of a policy that denies
    // it.
    if matches!(name, "CreateGrant" | "ListGrants" | "RevokeGrant") {
        context.set("kms:GrantIsForAWSResource", "false");
    }
    if ON_DATA.contains(&name) {
        context.set("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
        let encryption = json.map(encryption_parameter(name))?;
        for (key, value) in &encryption {
            context.set(&format!("kms:EncryptionContext:{key}"), value);
        }
        if !encryption.is_empty() {
            context.set_all("kms:EncryptionContextKeys", encryption.into_keys().collect());
        }
    }
    if ON_DATA.contains(&name) || SIGNING.contains(&name) || matches!(name, "DescribeKey" | "GetPublicKey") {
        let parameter = match name {
            "ReEncryptFrom" => "SourceKeyId",
            "ReEncryptTo" => "DestinationKeyId",
            _ => "KeyId",
        };
        let named = json.text(parameter)?.unwrap_or_default();
        let alias = Arn::parse(named).map_or_else(|| named.to_owned(), |arn| arn.resource);
        if alias.starts_with("alias/") {
            context.set("kms:RequestAlias", &alias);
        }
    }
    Ok(())
}

/// Sets the properties of the key to be created, including defaults; a replica has those of its primary.
fn of_new_key(context: &mut Context, world: &World, caller: &Caller, action: &str, json: &Json) -> Outcome<()> {
    context.set("kms:KeyOrigin", json.text("Origin")?.unwrap_or("AWS_KMS"));
    if action == "ReplicateKey" {
        let primary = json.text("KeyId")?.and_then(|named| world.kms.resolve(caller, named).ok());
        if let Some(primary) = primary.and_then(|arn| world.kms.keys.get(&arn)) {
            context.set("kms:KeySpec", primary.spec.name());
            context.set("kms:KeyUsage", primary.spec.usage());
        }
        context.set("kms:MultiRegion", "true");
        context.set("kms:MultiRegionKeyType", "REPLICA");
        return Ok(());
    }
    let spec = json.text("KeySpec")?.or(json.text("CustomerMasterKeySpec")?);
    context.set("kms:KeySpec", spec.unwrap_or("SYMMETRIC_DEFAULT"));
    context.set("kms:KeyUsage", json.text("KeyUsage")?.unwrap_or("ENCRYPT_DECRYPT"));
    let multi_region = json.flag("MultiRegion")?.unwrap_or(false);
    context.set("kms:MultiRegion", &multi_region);
    if multi_region {
        context.set("kms:MultiRegionKeyType", "PRIMARY");
    }
    Ok(())
}

/// Sets the condition keys of a key.
pub(super) fn of_key(context: &mut Context, world: &World, key: &Key) {
    for (name, value) in &key.tags {
        context.set(&format!("aws:ResourceTag/{name}"), value);
    }
    context.set("kms:KeySpec", key.spec.name());
    context.set("kms:KeyUsage", key.spec.usage());
    context.set("kms:KeyOrigin", "AWS_KMS");
    context.set("kms:MultiRegion", &key.primary.is_some());
    if let Some(primary) = &key.primary {
        context.set("kms:MultiRegionKeyType", if *primary == key.arn.region { "PRIMARY" } else { "REPLICA" });
    }
    let arn = key.arn.to_string();
    let aliases = world.kms.aliases.iter().filter(|(_, target)| **target == arn);
    let names: Vec<String> = aliases.filter_map(|(alias, _)| Arn::parse(alias)).map(|alias| alias.resource).collect();
    if !names.is_empty() {
        context.set_all("kms:ResourceAliases", names);
    }
}
