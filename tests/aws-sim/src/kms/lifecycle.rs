//! Enabling, disabling and deleting keys, and changing the primary of multi-Region keys.

use serde_json::{Value, json};

use super::actions::{key, named_key};
use super::key::KeyState;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::{days, epoch_seconds, later};
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

pub(super) fn enable_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    switch(world, caller, json, KeyState::Enabled, "EnableKey")
}

pub(super) fn disable_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    switch(world, caller, json, KeyState::Disabled, "DisableKey")
}

fn switch(world: &mut World, caller: &Caller, json: &Json, to: KeyState, action: &str) -> Outcome<Value> {
    json.only(&["KeyId"])?;
    named_key(world, caller, action, json)?.state = to;
    Ok(Value::Null)
}

pub(super) fn update_key_description(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Description", "KeyId"])?;
    let description = json.required("Description")?.to_owned();
    super::creation::check_description(&description)?;
    named_key(world, caller, "UpdateKeyDescription", json)?.description = description;
    Ok(Value::Null)
}

/// KMS API Reference, UpdatePrimaryRegion: called in the Region of the present primary, for a Region that has a
/// replica.
pub(super) fn update_primary_region(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "PrimaryRegion"])?;
    let region = json.required("PrimaryRegion")?.to_owned();
    if !crate::request::is_region(&region) {
        return Err(Fault::validation(format!("{region} is not a Region.")));
    }
    let until = later(world.now, world.settings.scaled(world.settings.durations.key_creation));
    let present = named_key(world, caller, "UpdatePrimaryRegion", json)?;
    if present.primary.as_ref() != Some(&present.arn.region) {
        let message = format!("{} is not a multi-Region primary key.", present.arn);
        return Err(Fault::bad("UnsupportedOperationException", message));
    }
    let old = present.arn.clone();
    // The code is UNSOURCED.
    if old.region == region {
        return Err(Fault::bad("UnsupportedOperationException", format!("{old} is the primary key already.")));
    }
    let next = Arn { region: region.clone(), ..old.clone() };
    let there = Caller { region: region.clone(), ..caller.clone() };
    key(world, &there, "UpdatePrimaryRegion", &next.to_string())?;
    let rotation = world.kms.keys.get_mut(&old.to_string()).and_then(|key| key.rotation.take());
    for key in world
        .kms
        .keys
        .values_mut()
        .filter(|key| key.arn.account == old.account && key.id() == next.name_of("key").unwrap_or_default())
    {
        key.primary = Some(region.clone());
        if key.arn == old || key.arn == next {
            key.state = KeyState::Updating { until };
        }
        if key.arn == next {
            key.rotation = rotation;
        }
    }
    Ok(Value::Null)
}

/// KMS API Reference, ScheduleKeyDeletion: after 7 to 30 days; a primary waits for its replicas to be deleted first.
pub(super) fn schedule_key_deletion(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "PendingWindowInDays"])?;
    let window = json.bounded("PendingWindowInDays", 7, 30, 30)?;
    let key = named_key(world, caller, "ScheduleKeyDeletion", json)?;
    let arn = key.arn.to_string();
    let primary = key.primary.as_deref() == Some(key.arn.region.as_str());
    let related = world.kms.keys.get(&arn).map_or(0, |key| world.kms.related(key).count());
    let at = later(world.now, days(window));
    let state = if primary && related > 1 {
        KeyState::PendingReplicaDeletion { window }
    } else {
        KeyState::PendingDeletion { at, window }
    };
    named_key(world, caller, "ScheduleKeyDeletion", json)?.state = state;
    let mut answer = json!({ "KeyId": arn, "KeyState": state.name(), "PendingWindowInDays": window });
    if matches!(state, KeyState::PendingDeletion { .. }) {
        answer["DeletionDate"] = epoch_seconds(at);
    }
    Ok(answer)
}

/// The key is disabled afterwards (KMS API Reference, CancelKeyDeletion).
pub(super) fn cancel_key_deletion(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId"])?;
    let key = named_key(world, caller, "CancelKeyDeletion", json)?;
    key.state = KeyState::Disabled;
    Ok(json!({ "KeyId": key.arn.to_string() }))
}
