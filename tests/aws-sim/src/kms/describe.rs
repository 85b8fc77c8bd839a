//! Describing and listing keys.

use serde_json::{Value, json};

use super::actions::named_key;
use super::creation::managed_key;
use super::key::Key;
use super::pages::{listing, marker};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::Outcome;
use crate::json::Json;
use crate::world::World;

pub(super) fn describe_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "GrantTokens"])?;
    // An AWS managed key is created when its alias is first used (KMS API Reference, DescribeKey).
    if json.required("KeyId")? == "alias/aws/rds" {
        managed_key(world, caller.account(), &caller.region);
    }
    let arn = named_key(world, caller, "DescribeKey", json)?.arn.to_string();
    let metadata = world.kms.keys.get(&arn).map(|key| key.metadata(&world.kms));
    Ok(json!({ "KeyMetadata": metadata }))
}

pub(super) fn list_keys(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Limit", "Marker"])?;
    let limit = json.bounded("Limit", 1, 1000, 100)?;
    let marker = marker("Keys", json)?;
    let prefix = Arn::new("kms", &caller.region, caller.account(), "key/").to_string();
    let keys = world.kms.keys.range(prefix.clone()..).take_while(|(arn, _)| arn.starts_with(&prefix));
    let items = keys.map(|(arn, key)| (arn.clone(), (arn, key))).collect();
    let show = |(arn, key): (&String, &Key)| json!({ "KeyArn": arn, "KeyId": key.id() });
    Ok(listing("Keys", items, limit, marker.as_deref(), show))
}
