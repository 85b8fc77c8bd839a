//! One KMS key.

use jiff::Timestamp;

use super::document::Document;
use super::key_grants::KeyGrants;
use crate::arn::Arn;
use crate::envelope::Material;
use crate::propagation::Propagating;
use crate::tags::Tags;

/// A key of one account in one Region.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) arn: Arn,
    pub(crate) spec: KeySpec,
    pub(crate) material: Material,
    pub(crate) state: KeyState,
    /// The primary's Region when the key is multi-Region.
    pub(crate) primary: Option<String>,
    /// Whether it is an AWS managed key such as `aws/rds`.
    pub(crate) managed_by_aws: bool,
    pub(crate) policy: Propagating<Document>,
    pub(crate) description: String,
    pub(crate) tags: Tags,
    pub(crate) created: Timestamp,
    /// When it can first be used, and granted to others.
    pub(crate) usable_from: Timestamp,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) grants: KeyGrants,
}

/// The key spec (KMS Developer Guide, Key spec reference). Other specs are not simulated.
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
    /// A primary or replica while the primary changes; it can still be used.
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
}

/// The rotation period of a key, and when rotation was enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) days: i64,
    pub(super) since: Timestamp,
}
