//! The Key Management Service.

mod actions;
mod aliases;
mod conditions;
mod creation;
mod crypto;
mod grants;
mod key;
mod key_grants;
mod lifecycle;
pub(crate) mod on_behalf;
mod permission;
mod policies;
mod rotation;
mod signing;
mod tagging;
mod terms;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

pub(crate) use creation::{managed_key, managed_key_of};
pub(crate) use key::{Key, KeyState};
pub(crate) use permission::{permit, resources};

use crate::arn::Arn;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::{Caller, World};

/// All keys and aliases, of all accounts and Regions, by ARN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kms {
    pub(crate) keys: BTreeMap<String, Key>,
    /// Alias ARN to key ARN.
    pub(crate) aliases: BTreeMap<String, String>,
    /// Every grant token ever given: the key's ARN and the grant's id.
    tokens: BTreeMap<String, (String, String)>,
}

impl Kms {
    /// The ARN of the key that `named` means to `caller`: an id, an ARN, an alias name or an alias ARN. Ids and alias
    /// names are looked up in the caller's own account (KMS API Reference, DescribeKey, KeyId).
    pub(crate) fn resolve(&self, caller: &Caller, named: &str) -> Outcome<String> {
        let arn = match Arn::parse(named) {
            Some(arn) if arn.service != "kms" => {
                return Err(Fault::bad("InvalidArnException", format!("{named} is not a valid ARN")));
            }
            // A key can be reached only at the endpoint of its own Region.
            Some(arn) if arn.region != caller.region => {
                return Err(Fault::bad("NotFoundException", format!("Invalid arn {}", arn.region)));
            }
            Some(arn) => arn,
            None if named.starts_with("arn:") => {
                return Err(Fault::bad("InvalidArnException", format!("{named} is not a valid ARN")));
            }
            None if named.starts_with("alias/") => Arn::new("kms", &caller.region, caller.account(), named),
            None => Arn::new("kms", &caller.region, caller.account(), format!("key/{named}")),
        };
        let text = arn.to_string();
        if arn.name_of("alias").is_some() {
            let found = self.aliases.get(&text).cloned();
            return found.ok_or_else(|| Fault::bad("NotFoundException", format!("Alias {text} is not found.")));
        }
        if self.keys.contains_key(&text) {
            return Ok(text);
        }
        Err(Fault::bad("NotFoundException", format!("Key '{text}' does not exist")))
    }

    /// Keys that share id and material: a primary and its replicas, in the order of their Regions.
    pub(crate) fn related<'a>(&'a self, key: &'a Key) -> impl Iterator<Item = &'a Key> {
        let prefix = "arn:aws:kms:".to_owned();
        let all = self.keys.range(prefix..).map(|(_, other)| other);
        all.filter(move |other| other.arn.account == key.arn.account && other.id() == key.id())
    }

    /// When a key next changes its state by itself.
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.keys.values().filter_map(Key::changes_at).min()
    }

    /// Lets happen what is due.
    pub(crate) fn happen(&mut self, now: Timestamp) {
        let due = |key: &&mut Key| key.changes_at().is_some_and(|at| at <= now);
        let mut gone = Vec::new();
        for key in self.keys.values_mut().filter(due) {
            match key.state {
                KeyState::Creating { .. } | KeyState::Updating { .. } => key.state = KeyState::Enabled,
                KeyState::PendingDeletion { .. } => gone.push(key.arn.clone()),
                _ => {}
            }
        }
        for arn in gone {
            let text = arn.to_string();
            let Some(key) = self.keys.remove(&text) else { continue };
            self.aliases.retain(|_, target| *target != text);
            // The primary's waiting period begins when its last replica has been deleted (KMS Developer Guide,
            // Deleting multi-Region keys).
            let mut related =
                self.keys.values_mut().filter(|other| other.arn.account == arn.account && other.id() == key.id());
            if let (Some(primary), None) = (related.next(), related.next())
                && let KeyState::PendingReplicaDeletion { window } = primary.state
            {
                primary.state = KeyState::PendingDeletion { at: later(now, lifecycle::days(window)), window };
            }
        }
    }
}

pub(crate) fn route(world: &mut World, caller: &Caller, action: &str, json: &Json) -> Outcome<Value> {
    match action {
        "CreateKey" => creation::create_key(world, caller, json),
        "ReplicateKey" => creation::replicate_key(world, caller, json),
        "DescribeKey" => key::describe_key(world, caller, json),
        "ListKeys" => key::list_keys(world, caller, json),
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
