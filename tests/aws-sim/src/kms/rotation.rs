//! Automatic rotation. Rotation of the material cannot be observed by clients, so only the setting is stored.

use serde_json::{Value, json};

use super::actions::named_key;
use super::key::{Key, Rotation};
use crate::caller::Caller;
use crate::clock::{days, epoch_seconds, later};
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// Only symmetric keys, and of related multi-Region keys only the primary (KMS API Reference, EnableKeyRotation).
fn must_rotate(key: &Key, reading: bool) -> Outcome<()> {
    if key.spec.signs() {
        let message = format!("{} is asymmetric: its material is not rotated.", key.arn);
        return Err(Fault::bad("UnsupportedOperationException", message));
    }
    if !reading && key.primary.as_ref().is_some_and(|primary| *primary != key.arn.region) {
        let message = format!("{} is a replica: rotation is set on its primary key.", key.arn);
        return Err(Fault::bad("UnsupportedOperationException", message));
    }
    Ok(())
}

/// KMS API Reference, EnableKeyRotation: every 90 to 2560 days, by default 365.
pub(super) fn enable_key_rotation(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "RotationPeriodInDays"])?;
    let days = json.bounded("RotationPeriodInDays", 90, 2560, 365)?;
    let since = world.now;
    let key = named_key(world, caller, "EnableKeyRotation", json)?;
    must_rotate(key, false)?;
    key.rotation = Some(Rotation { days, since });
    Ok(Value::Null)
}

pub(super) fn disable_key_rotation(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId"])?;
    let key = named_key(world, caller, "DisableKeyRotation", json)?;
    must_rotate(key, false)?;
    key.rotation = None;
    Ok(Value::Null)
}

/// A replica has its primary's setting (KMS Developer Guide, Multi-Region keys in AWS KMS, Shared properties); AWS
/// managed keys are rotated every year (KMS API Reference, GetKeyRotationStatus).
pub(super) fn get_key_rotation_status(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId"])?;
    let key = &*named_key(world, caller, "GetKeyRotationStatus", json)?;
    must_rotate(key, true)?;
    let (arn, own) = (key.arn.clone(), key.rotation);
    let managed = key.managed_by_aws.then_some(Rotation { days: 365, since: key.created });
    let primary = key.primary.clone().map(|region| crate::arn::Arn { region, ..arn.clone() }.to_string());
    let primary = primary.and_then(|primary| world.kms.keys.get(&primary)).and_then(|primary| primary.rotation);
    let Some(rotation) = own.or(managed).or(primary) else {
        return Ok(json!({ "KeyId": arn.to_string(), "KeyRotationEnabled": false }));
    };
    Ok(json!({
        "KeyId": arn.to_string(),
        "KeyRotationEnabled": true,
        "NextRotationDate": epoch_seconds(later(rotation.since, days(rotation.days))),
        "RotationPeriodInDays": rotation.days,
    }))
}
