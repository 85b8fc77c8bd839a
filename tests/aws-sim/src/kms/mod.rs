//! The Key Management Service.

mod actions;
mod aliases;
mod conditions;
mod creation;
mod crypto;
mod describe;
mod document;
mod grants;
mod key;
mod key_grants;
mod lifecycle;
mod metadata;
pub(crate) mod on_behalf;
mod pages;
mod permission;
mod policies;
mod rotation;
mod signing;
mod store;
mod tagging;
mod terms;

use serde_json::Value;

pub(crate) use creation::{managed_key, managed_key_of};
pub(crate) use key::{Key, KeyState};
pub(crate) use permission::{permit, resources};
pub(crate) use store::Kms;

use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

pub(crate) fn route(world: &mut World, caller: &Caller, action: &str, json: &Json) -> Outcome<Value> {
    match action {
        "CreateKey" => creation::create_key(world, caller, json),
        "ReplicateKey" => creation::replicate_key(world, caller, json),
        "DescribeKey" => describe::describe_key(world, caller, json),
        "ListKeys" => describe::list_keys(world, caller, json),
        "CreateAlias" => aliases::create_alias(world, caller, json),
        "UpdateKeyDescription" => lifecycle::update_key_description(world, caller, json),
        "UpdatePrimaryRegion" => lifecycle::update_primary_region(world, caller, json),
        "UpdateAlias" => aliases::update_alias(world, caller, json),
        "DeleteAlias" => aliases::delete_alias(world, caller, json),
        "ListAliases" => aliases::list_aliases(world, caller, json),
        "TagResource" => tagging::tag_resource(world, caller, json),
        "UntagResource" => tagging::untag_resource(world, caller, json),
        "ListResourceTags" => tagging::list_resource_tags(world, caller, json),
        "GetKeyPolicy" => policies::get_key_policy(world, caller, json),
        "PutKeyPolicy" => policies::put_key_policy(world, caller, json),
        "ListKeyPolicies" => policies::list_key_policies(world, caller, json),
        "EnableKeyRotation" => rotation::enable_key_rotation(world, caller, json),
        "DisableKeyRotation" => rotation::disable_key_rotation(world, caller, json),
        "GetKeyRotationStatus" => rotation::get_key_rotation_status(world, caller, json),
        "CreateGrant" => grants::create_grant(world, caller, json),
        "ListGrants" => grants::list_grants(world, caller, json),
        "RevokeGrant" => grants::revoke_grant(world, caller, json),
        "RetireGrant" => grants::retire_grant(world, caller, json),
        "ListRetirableGrants" => grants::list_retirable_grants(world, caller, json),
        "EnableKey" => lifecycle::enable_key(world, caller, json),
        "DisableKey" => lifecycle::disable_key(world, caller, json),
        "ScheduleKeyDeletion" => lifecycle::schedule_key_deletion(world, caller, json),
        "CancelKeyDeletion" => lifecycle::cancel_key_deletion(world, caller, json),
        "Encrypt" => crypto::encrypt(world, caller, json),
        "Decrypt" => crypto::decrypt(world, caller, json),
        "ReEncrypt" => crypto::re_encrypt(world, caller, json),
        "GenerateDataKey" => crypto::generate_data_key(world, caller, json),
        "GenerateDataKeyWithoutPlaintext" => crypto::generate_data_key_without_plaintext(world, caller, json),
        "GenerateRandom" => crypto::generate_random(world, json),
        "Sign" => signing::sign(world, caller, json),
        "Verify" => signing::verify(world, caller, json),
        "GetPublicKey" => signing::get_public_key(world, caller, json),
        // UNSOURCED: the status; as in request.rs.
        _ => Err(Fault::bad("UnknownOperationException", "")),
    }
}
