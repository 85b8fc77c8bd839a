//! Enabling, disabling and deleting keys.

use std::time::Duration;

use serde_json::{Value, json};

use super::key::KeyState;
use super::named_without_alias;
use crate::clock::{epoch_seconds, later};
use crate::fault::Outcome;
use crate::json::Json;
use crate::world::{Caller, World};

pub(super) fn days(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or(0) * 86_400)
}

pub(super) fn enable_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    switch(world, caller, json, KeyState::Enabled, "kms:EnableKey")
}

pub(super) fn disable_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    switch(world, caller, json, KeyState::Disabled, "kms:DisableKey")
}

/// Neither works while the key is being created or pending deletion (KMS Developer Guide, Key states table).
fn switch(world: &mut World, caller: &Caller, json: &Json, to: KeyState, action: &str) -> Outcome<Value> {
    json.only(&["KeyId"])?;
    let key = named_without_alias(world, caller, json)?;
    key.must_be_customers(caller, action)?;
    if !matches!(key.state, KeyState::Enabled | KeyState::Disabled) {
        return Err(key.invalid_state());
    }
    key.state = to;
    Ok(Value::Null)
}

/// KMS API Reference, ScheduleKeyDeletion: after 7 to 30 days; a primary waits for its replicas to be deleted first.
pub(super) fn schedule_key_deletion(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "PendingWindowInDays"])?;
    let window = json.bounded("PendingWindowInDays", 7, 30, 30)?;
    let key = named_without_alias(world, caller, json)?;
    key.must_be_customers(caller, "kms:ScheduleKeyDeletion")?;
    key.must_not_be_pending_deletion()?;
    let arn = key.arn.to_string();
    let primary = key.primary.as_deref() == Some(key.arn.region.as_str());
    let related = world.kms.keys.get(&arn).map_or(0, |key| world.kms.related(key).count());
    let at = later(world.now, days(window));
    let state = if primary && related > 1 {
        KeyState::PendingReplicaDeletion { window }
    } else {
        KeyState::PendingDeletion { at, window }
    };
    named_without_alias(world, caller, json)?.state = state;
    let mut answer = json!({ "KeyId": arn, "KeyState": state.name(), "PendingWindowInDays": window });
    if matches!(state, KeyState::PendingDeletion { .. }) {
        answer["DeletionDate"] = epoch_seconds(at);
    }
    Ok(answer)
}

/// The key is disabled afterwards (KMS API Reference, CancelKeyDeletion).
pub(super) fn cancel_key_deletion(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId"])?;
    let key = named_without_alias(world, caller, json)?;
    if key.must_not_be_pending_deletion().is_ok() {
        return Err(key.invalid_state());
    }
    key.state = KeyState::Disabled;
    Ok(json!({ "KeyId": key.arn.to_string() }))
}
