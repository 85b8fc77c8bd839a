//! One KMS key, and showing it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::grants::Grant;
use super::policies::Document;
use super::{Kms, named_key};
use crate::arn::Arn;
use crate::clock::epoch_seconds;
use crate::envelope::Material;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::pages::page;
use crate::tags::Tags;
use crate::world::{Caller, World};

/// A key of one account in one Region.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) arn: Arn,
    pub(crate) material: Material,
    pub(crate) state: KeyState,
    /// The primary's Region when the key is multi-Region.
    pub(crate) primary: Option<String>,
    /// Made by AWS for a service, as `aws/rds`.
    pub(crate) managed_by_aws: bool,
    pub(crate) policy: Document,
    pub(crate) description: String,
    pub(crate) tags: Tags,
    pub(crate) created: Timestamp,
    /// By id.
    pub(crate) grants: BTreeMap<String, Grant>,
}

/// KMS Developer Guide, Key states of AWS KMS keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    Creating { until: Timestamp },
    Enabled,
    Disabled,
    PendingDeletion { at: Timestamp, window: i64 },
    PendingReplicaDeletion { window: i64 },
}

impl KeyState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Creating { .. } => "Creating",
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion { .. } => "PendingDeletion",
            Self::PendingReplicaDeletion { .. } => "PendingReplicaDeletion",
        }
    }
}

impl Key {
    pub(crate) fn id(&self) -> &str {
        self.arn.name_of("key").unwrap_or_default()
    }

    pub(crate) fn changes_at(&self) -> Option<Timestamp> {
        match self.state {
            KeyState::Creating { until } => Some(until),
            KeyState::PendingDeletion { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Refuses what needs an enabled key.
    pub(crate) fn must_be_enabled(&self) -> Outcome<()> {
        match self.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(Fault::bad("DisabledException", format!("{} is disabled.", self.arn))),
            _ => Err(self.invalid_state()),
        }
    }

    /// Refuses what a key on its way to deletion does not allow.
    pub(crate) fn must_not_be_pending_deletion(&self) -> Outcome<()> {
        match self.state {
            KeyState::PendingDeletion { .. } | KeyState::PendingReplicaDeletion { .. } => Err(self.invalid_state()),
            _ => Ok(()),
        }
    }

    pub(crate) fn invalid_state(&self) -> Fault {
        let state = match self.state {
            KeyState::Creating { .. } => "creating",
            KeyState::Enabled => "enabled",
            KeyState::Disabled => "disabled",
            KeyState::PendingDeletion { .. } | KeyState::PendingReplicaDeletion { .. } => "pending deletion",
        };
        Fault::bad("KMSInvalidStateException", format!("{} is {state}.", self.arn))
    }

    /// Refuses what only the owner may do to keys of his own, not to those that AWS manages.
    pub(crate) fn must_be_customers(&self, caller: &Caller, action: &str) -> Outcome<()> {
        if !self.managed_by_aws {
            return Ok(());
        }
        let message = format!(
            "User: {} is not authorized to perform: {action} on resource: {} because no resource-based policy allows the {action} action",
            caller.principal.arn, self.arn
        );
        Err(Fault::bad("AccessDeniedException", message))
    }

    /// KMS API Reference, KeyMetadata.
    pub(crate) fn metadata(&self, kms: &Kms) -> Value {
        let mut metadata = json!({
            "AWSAccountId": self.arn.account,
            "Arn": self.arn.to_string(),
            "CreationDate": epoch_seconds(self.created),
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "Description": self.description,
            "Enabled": self.state == KeyState::Enabled,
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "KeyId": self.id(),
            "KeyManager": if self.managed_by_aws { "AWS" } else { "CUSTOMER" },
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyState": self.state.name(),
            "KeyUsage": "ENCRYPT_DECRYPT",
            "MultiRegion": self.primary.is_some(),
            "Origin": "AWS_KMS",
        });
        if let Some(primary) = &self.primary {
            let show = |key: &Key| json!({ "Arn": key.arn.to_string(), "Region": key.arn.region });
            let of_primary =
                |wanted: bool| kms.related(self).filter(move |key| (key.arn.region == *primary) == wanted).map(show);
            metadata["MultiRegionConfiguration"] = json!({
                "MultiRegionKeyType": if self.arn.region == *primary { "PRIMARY" } else { "REPLICA" },
                "PrimaryKey": of_primary(true).next(),
                "ReplicaKeys": of_primary(false).collect::<Vec<_>>(),
            });
        }
        match self.state {
            KeyState::PendingDeletion { at, .. } => metadata["DeletionDate"] = epoch_seconds(at),
            KeyState::PendingReplicaDeletion { window } => metadata["PendingDeletionWindowInDays"] = json!(window),
            _ => {}
        }
        metadata
    }
}

pub(super) fn describe_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["KeyId", "GrantTokens"])?;
    // An AWS managed key comes into being when its alias is first used (KMS API Reference, DescribeKey).
    if json.required("KeyId")? == "alias/aws/rds" {
        super::managed_key(world, caller.account(), &caller.region);
    }
    let arn = named_key(world, caller, json)?.arn.to_string();
    let metadata = world.kms.keys.get(&arn).map(|key| key.metadata(&world.kms));
    Ok(json!({ "KeyMetadata": metadata }))
}

pub(super) fn list_keys(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Limit", "Marker"])?;
    let limit = json.bounded("Limit", 1, 1000, 100)?;
    let prefix = Arn::new("kms", &caller.region, caller.account(), "key/").to_string();
    let keys = world.kms.keys.range(prefix.clone()..).take_while(|(arn, _)| arn.starts_with(&prefix));
    let items = keys.map(|(arn, key)| (arn.clone(), json!({ "KeyArn": arn, "KeyId": key.id() }))).collect();
    Ok(listing("Keys", items, limit, json.text("Marker")?))
}

/// A page of a listing, as KMS words it.
pub(super) fn listing(name: &str, items: Vec<(String, Value)>, limit: i64, marker: Option<&str>) -> Value {
    let (items, next) = page(items, usize::try_from(limit).unwrap_or(1), marker);
    let mut listing = json!({ name: items, "Truncated": next.is_some() });
    if let Some(next) = next {
        listing["NextMarker"] = json!(next);
    }
    listing
}
