//! Keys come into being: CreateKey, ReplicateKey, and the keys that AWS makes itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::key::{Key, KeyState};
use super::policies::{Document, checked_policy};
use super::{named_without_alias, tagging};
use crate::arn::Arn;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::tags::Tags;
use crate::world::{Caller, World};

/// KMS API Reference, CreateKey. It has no client token: each call makes another key.
pub(super) fn create_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&[
        "BypassPolicyLockoutSafetyCheck",
        "CustomerMasterKeySpec",
        "Description",
        "KeySpec",
        "KeyUsage",
        "MultiRegion",
        "Origin",
        "Policy",
        "Tags",
    ])?;
    let only = [
        ("KeySpec", "SYMMETRIC_DEFAULT"),
        ("CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"),
        ("KeyUsage", "ENCRYPT_DECRYPT"),
        ("Origin", "AWS_KMS"),
    ];
    for (name, supported) in only {
        if json.text(name)?.is_some_and(|value| value != supported) {
            return Err(Fault::bad("UnsupportedOperationException", format!("{name} must be {supported} here.")));
        }
    }
    let multi_region = json.flag("MultiRegion")?.unwrap_or(false);
    // The id of a multi-Region key begins with mrk- (KMS Developer Guide, Multi-Region keys in AWS KMS).
    let id = if multi_region { format!("mrk-{}", world.ids.hex(32)) } else { world.ids.uuid() };
    let arn = Arn::new("kms", &caller.region, caller.account(), format!("key/{id}"));
    let (policy, tags, description) = described(world, caller, json, &arn)?;
    let key = Key {
        material: world.ids.bytes(),
        state: KeyState::Enabled,
        primary: multi_region.then(|| caller.region.clone()),
        managed_by_aws: false,
        policy,
        description,
        tags,
        created: world.now,
        grants: BTreeMap::new(),
        arn,
    };
    Ok(json!({ "KeyMetadata": add(world, key) }))
}

/// KMS API Reference, ReplicateKey: called in the primary's Region, one related key in each Region.
pub(super) fn replicate_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["BypassPolicyLockoutSafetyCheck", "Description", "KeyId", "Policy", "ReplicaRegion", "Tags"])?;
    let region = json.required("ReplicaRegion")?.to_owned();
    let primary = named_without_alias(world, caller, json)?;
    let unsupported = |message: String| Fault::bad("UnsupportedOperationException", message);
    if primary.primary.as_deref() != Some(primary.arn.region.as_str()) {
        return Err(unsupported(format!("{} is not a multi-Region primary key.", primary.arn)));
    }
    primary.must_be_enabled()?;
    if !crate::request::is_region(&region) {
        return Err(Fault::validation(format!("{region} is not a Region.")));
    }
    let arn = Arn { region, ..primary.arn.clone() };
    let (material, home, id) = (primary.material, primary.primary.clone(), primary.arn.to_string());
    // Also while the old replica is pending deletion (same page).
    if world.kms.keys.contains_key(&arn.to_string()) {
        return Err(Fault::bad(
            "AlreadyExistsException",
            format!("A related key of {id} already exists in {}.", arn.region),
        ));
    }
    // Policy, tags and description are the replica's own; the default policy when none is given (same page).
    let (policy, tags, description) = described(world, caller, json, &arn)?;
    let until = later(world.now, world.settings.paced(world.settings.durations.key_creation));
    let shown = policy.text.clone();
    let key = Key {
        arn,
        material,
        state: KeyState::Creating { until },
        primary: home,
        managed_by_aws: false,
        policy,
        description,
        created: world.now,
        grants: BTreeMap::new(),
        tags: tags.clone(),
    };
    let metadata = add(world, key);
    Ok(json!({ "ReplicaKeyMetadata": metadata, "ReplicaPolicy": shown, "ReplicaTags": tagging::shown(&tags) }))
}

/// The AWS managed key `aws/rds` of an account and Region, made on its first use.
pub(crate) fn managed_key(world: &mut World, account: &str, region: &str) -> String {
    let alias = Arn::new("kms", region, account, "alias/aws/rds").to_string();
    if let Some(existing) = world.kms.aliases.get(&alias) {
        return existing.clone();
    }
    let arn = Arn::new("kms", region, account, format!("key/{}", world.ids.uuid()));
    let key = Key {
        material: world.ids.bytes(),
        state: KeyState::Enabled,
        primary: None,
        managed_by_aws: true,
        policy: Document::of_managed_key(account, region),
        description: "Default key that protects my RDS database volumes when no other key is defined".to_owned(),
        tags: Tags::new(),
        created: world.now,
        grants: BTreeMap::new(),
        arn: arn.clone(),
    };
    add(world, key);
    world.kms.aliases.insert(alias, arn.to_string());
    arn.to_string()
}

/// The parameters that CreateKey and ReplicateKey share.
fn described(world: &World, caller: &Caller, json: &Json, arn: &Arn) -> Outcome<(Document, Tags, String)> {
    let policy = match json.text("Policy")? {
        Some(text) => {
            let bypass = json.flag("BypassPolicyLockoutSafetyCheck")?.unwrap_or(false);
            checked_policy(world, caller, text, arn, bypass)?
        }
        None => Document::default_for(caller.account()),
    };
    let tags = tagging::parsed(json)?;
    let description = json.text("Description")?.unwrap_or_default().to_owned();
    if description.chars().count() > 8192 {
        return Err(Fault::validation("Description has at most 8192 characters"));
    }
    Ok((policy, tags, description))
}

fn add(world: &mut World, key: Key) -> Value {
    let arn = key.arn.to_string();
    world.kms.keys.insert(arn.clone(), key);
    world.kms.keys.get(&arn).map_or(Value::Null, |key| key.metadata(&world.kms))
}
