//! The metadata of a key.

use serde_json::{Value, json};

use super::key::{Key, KeySpec, KeyState, SIGNING_ALGORITHM};
use super::store::Kms;
use crate::clock::epoch_seconds;

impl Key {
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
