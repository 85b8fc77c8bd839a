//! One KMS key, and showing it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Kms;
use super::actions::named_key;
use super::key_grants::KeyGrants;
use super::policies::Document;
use super::rotation::Rotation;
use crate::arn::Arn;
use crate::clock::epoch_seconds;
use crate::envelope::Material;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::lagging::Lagging;
use crate::pages::page;
use crate::tags::Tags;
use crate::world::{Caller, World};

/// A key of one account in one Region.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) arn: Arn,
    pub(crate) spec: KeySpec,
    pub(crate) material: Material,
    pub(crate) state: KeyState,
    /// The primary's Region when the key is multi-Region.
    pub(crate) primary: Option<String>,
    /// Made by AWS for a service, as `aws/rds`.
    pub(crate) managed_by_aws: bool,
    pub(crate) policy: Lagging<Document>,
    pub(crate) description: String,
    pub(crate) tags: Tags,
    pub(crate) created: Timestamp,
    /// From when it can be used, and be given to others to use.
    pub(crate) usable_from: Timestamp,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) grants: KeyGrants,
}

/// What kind of key it is (KMS Developer Guide, Key spec reference). The others are not simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeySpec {
    SymmetricDefault,
    EccNistP256,
}

/// The signing algorithm of `ECC_NIST_P256` keys.
pub(super) const SIGNING_ALGORITHM: &str = "ECDSA_SHA_256";

impl KeySpec {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SymmetricDefault => "SYMMETRIC_DEFAULT",
            Self::EccNistP256 => "ECC_NIST_P256",
        }
    }

    pub(crate) fn usage(self) -> &'static str {
        if self.signs() { "SIGN_VERIFY" } else { "ENCRYPT_DECRYPT" }
    }

    pub(crate) fn signs(self) -> bool {
        self == Self::EccNistP256
    }
}

/// KMS Developer Guide, Key states of AWS KMS keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyState {
    Creating {
        until: Timestamp,
    },
    Enabled,
    Disabled,
    PendingDeletion {
        at: Timestamp,
        window: i64,
    },
    PendingReplicaDeletion {
        window: i64,
    },
    /// A primary or replica while the primary changes; it can be used meanwhile.
    Updating {
        until: Timestamp,
    },
}

impl KeyState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Creating { .. } => "Creating",
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion { .. } => "PendingDeletion",
            Self::PendingReplicaDeletion { .. } => "PendingReplicaDeletion",
            Self::Updating { .. } => "Updating",
        }
    }
}

impl Key {
    pub(crate) fn id(&self) -> &str {
        self.arn.name_of("key").unwrap_or_default()
    }

    pub(crate) fn changes_at(&self) -> Option<Timestamp> {
        match self.state {
            KeyState::Creating { until } | KeyState::Updating { until } => Some(until),
            KeyState::PendingDeletion { at, .. } => Some(at),
            _ => None,
        }
    }

    /// KMS API Reference, KeyMetadata.
    pub(crate) fn metadata(&self, kms: &Kms) -> Value {
        let mut metadata = json!({
            "AWSAccountId": self.arn.account,
            "Arn": self.arn.to_string(),
            "CreationDate": epoch_seconds(self.created),
            "CustomerMasterKeySpec": self.spec.name(),
            "Description": self.description,
            "Enabled": matches!(self.state, KeyState::Enabled | KeyState::Updating { .. }),
            "KeyId": self.id(),
            "KeyManager": if self.managed_by_aws { "AWS" } else { "CUSTOMER" },
            "KeySpec": self.spec.name(),
            "KeyState": self.state.name(),
            "KeyUsage": self.spec.usage(),
            "MultiRegion": self.primary.is_some(),
            "Origin": "AWS_KMS",
        });
        match self.spec {
            KeySpec::SymmetricDefault => metadata["EncryptionAlgorithms"] = json!(["SYMMETRIC_DEFAULT"]),
            KeySpec::EccNistP256 => metadata["SigningAlgorithms"] = json!([SIGNING_ALGORITHM]),
        }
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

/// The key of the last item of the page before, from a marker that a listing of the same kind gave out (KMS API Reference,
/// ListKeys, Marker: "Set it to the value of NextMarker"; InvalidMarkerException).
pub(super) fn marker(name: &str, json: &Json) -> Outcome<Option<String>> {
    let Some(text) = json.text("Marker")? else { return Ok(None) };
    let read = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let last = read.and_then(|read| Some(read.strip_prefix(name)?.strip_prefix(' ')?.to_owned()));
    last.map(Some).ok_or_else(|| Fault::bad("InvalidMarkerException", "The marker is not valid."))
}

/// A page of a listing, as KMS words it.
pub(super) fn listing<T>(
    name: &str,
    items: Vec<(String, T)>,
    limit: i64,
    after: Option<&str>,
    show: impl Fn(T) -> Value,
) -> Value {
    let (items, next) = page(items, usize::try_from(limit).unwrap_or(1), after);
    let items: Vec<Value> = items.into_iter().map(show).collect();
    let mut listing = json!({ name: items, "Truncated": next.is_some() });
    if let Some(next) = next {
        listing["NextMarker"] = json!(STANDARD.encode(format!("{name} {next}")));
    }
    listing
}
