//! Tag keys, and the types of tag values.
//!
//! All state is in AWS: an agent that starts reads it from these tags.

mod values;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, Digest, Identity, Nonce, ParseError, Region, text};
use crate::words::{Lack, Reason};

/// The tags of one resource.
pub type Tags = BTreeMap<String, String>;

/// `role`: source, shared, target, database or key.
pub const ROLE: &str = "rds-handoff:role";
/// The handoff's id.
pub const ID: &str = "rds-handoff:id";
/// The operator's label.
pub const LABEL: &str = "rds-handoff:label";
/// The source database's identifier.
pub const DATABASE: &str = "rds-handoff:database";
/// [`Route`]; on the source snapshot.
pub const ROUTE: &str = "rds-handoff:route";
/// [`Hints`]; on the source snapshot and the target copy.
pub const HINTS: &str = "rds-handoff:hints";
/// [`Terms`](crate::Terms); on the source snapshot of a requested handoff.
pub const TERMS: &str = "rds-handoff:terms";
/// [`Asked`]; on the source snapshot.
pub const HELLO: &str = "rds-handoff:hello";
/// [`Answered`]; on the source snapshot.
pub const READY: &str = "rds-handoff:ready";
/// [`Offer`]; on the source snapshot.
pub const OFFER: &str = "rds-handoff:offer";
/// [`Published`]; on the source snapshot.
pub const PUBLISHED: &str = "rds-handoff:published";
/// [`Ended`]; on the source snapshot.
pub const ENDED: &str = "rds-handoff:ended";
/// [`Ended`] again, written when all access is revoked; on the source snapshot.
pub const SETTLED: &str = "rds-handoff:settled";
/// Digest of the message that was acted on; on the target copy.
pub const DIGEST: &str = "rds-handoff:digest";
/// [`Origin`]; on the target copy.
pub const SOURCE: &str = "rds-handoff:source";
/// The source Region of a handoff key.
pub const KEY_SOURCE_REGION: &str = "rds-handoff:source-region";
/// The target account of a handoff key.
pub const KEY_TARGET_ACCOUNT: &str = "rds-handoff:target-account";
/// The value of [`ROLE`] on a restored database.
pub const ROLE_DATABASE: &str = "database";
/// The value of [`ROLE`] on a handoff key.
pub const ROLE_KEY: &str = "key";
/// The value of [`ROLE`] on account B's own key; the agent's policies identify the key by it.
pub const ROLE_OWN_KEY: &str = "own-key";

/// Whether RDS accepts `value` as a tag value: at most 256 letters, digits, spaces or `_.:/=+-@` (RDS API Reference,
/// `Tag`). KMS accepts the same characters.
pub fn is_value(value: &str) -> bool {
    value.len() <= 256 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b" _.:/=+-@".contains(&b))
}

/// Who manages the handoff key. In a configuration `managed` or `existing`; in the route tag `managed` or `given`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyMode {
    /// The source agent creates, replicates and shares it.
    #[default]
    Managed,
    /// Account A's administrators create, replicate and share it; the source agent only uses it.
    Existing,
}

/// Where a handoff goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Account B.
    pub account: AccountId,
    /// The target Region.
    pub region: Region,
    /// Who manages the handoff key.
    pub key: KeyMode,
}

/// The offer of a shared copy to account B, in one tag. It is written before anything is shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The number of the offer: 1, incremented with each renewal.
    pub number: u32,
    /// When it was made.
    pub issued: Timestamp,
    /// When account B must have started at the latest.
    pub start_by: Timestamp,
    /// When account A revokes all access.
    pub access_until: Timestamp,
    /// Makes the message unique.
    pub nonce: Nonce,
    /// The digest of the message's body.
    pub digest: Digest,
}

/// The hello that asks account B whether it is ready, in one tag. It is written before the hello is sent, so that an
/// early answer can be matched to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// When it was made.
    pub issued: Timestamp,
    /// When it was last sent.
    pub sent: Timestamp,
    /// Makes the hello unique.
    pub nonce: Nonce,
    /// The digest of its body.
    pub digest: Digest,
}

/// The last answer of account B to a hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// When it was recorded.
    pub at: Timestamp,
    /// What account B lacks; `None` if it is ready.
    pub lack: Option<Lack>,
}

/// Which message was sent, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// When it was sent.
    pub at: Timestamp,
    /// The digest of its body.
    pub digest: Digest,
}

/// How a handoff ended for account A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Account B owns an available copy under its own key.
    Landed,
    /// Account B had no copy when its access ended.
    Expired,
    /// The operator revoked it.
    Revoked,
    /// Account B rejected the message.
    Rejected,
    /// Account B could not copy it.
    Failed,
}

/// The end of a handoff for account A.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The outcome.
    pub outcome: Outcome,
    /// When it ended.
    pub at: Timestamp,
}

/// The record of one receipt, received or sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it was recorded, or sent.
    pub at: Timestamp,
    /// The reason, for `rejected` and `failed`.
    pub reason: Option<Reason>,
}

/// Where a target copy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Account A.
    pub account: AccountId,
    /// The source Region.
    pub region: Region,
    /// The identity of the data.
    pub identity: Identity,
}

text!(
    /// The class of a DB instance, such as `db.r6g.large`.
    InstanceClass, "the class of a DB instance, such as db.r6g.large",
    |t| t.starts_with("db.") && t.len() <= 40 && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b))
);
text!(
    /// A storage type, such as `gp3`.
    StorageType, "a storage type, such as gp3",
    |t| (1..=20).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);

/// Properties of account A's database when its snapshot was taken. They are hints only: account B's restore profile
/// decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hints {
    /// The class of the instance.
    pub class: InstanceClass,
    /// Whether it was a Multi-AZ instance.
    pub multi_az: bool,
    /// Its port.
    pub port: u16,
    /// Its storage type.
    pub storage: StorageType,
}
