//! Closed sets of words that tags and messages share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::ParseError;

/// Defines the spelling of a closed set of words.
macro_rules! words {
    ($name:ident, $expected:literal, $($variant:ident = $word:literal),+) => {
        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];

            /// The word on the wire and in tags.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseError::new(text, $expected)),
                }
            }
        }
    };
}
pub(crate) use words;

/// The stage of a handoff in account B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Account B has started its copy.
    Accepted,
    /// Account B owns an available copy under its own key.
    Landed,
    /// Account B's database is available.
    Restored,
    /// Account B rejects the message.
    Rejected,
    /// Account B cannot continue.
    Failed,
}

words!(
    Stage,
    "a stage",
    Accepted = "accepted",
    Landed = "landed",
    Restored = "restored",
    Rejected = "rejected",
    Failed = "failed"
);

/// Why a message or a handoff was refused. A closed set, so that a receipt discloses nothing else to the other account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Larger than [`MAX_BODY`](crate::MAX_BODY).
    TooLarge,
    /// It is not JSON, or does not have the fields of its kind and version.
    Malformed,
    /// Its fields contradict each other.
    Contradictory,
    /// It names another account or Region as its target.
    NotForUs,
    /// It comes from an account that is not configured.
    UnknownSender,
    /// The snapshot that it names differs from the message.
    NotAsClaimed,
    /// Its time to start has passed, or the copy could not be complete before access ends.
    Expired,
    /// Its times are outside the allowed limits.
    BadTimes,
    /// The restored database's name would be invalid.
    BadName,
    /// It answers no known offer.
    NoSuchOffer,
    /// The copy failed.
    CopyFailed,
    /// The restore failed.
    RestoreFailed,
    /// A resource of that name exists and belongs to somebody else.
    NameTaken,
    /// Any other fault that ends a handoff.
    Fault,
}

words!(
    Reason,
    "a reason",
    TooLarge = "too-large",
    Malformed = "malformed",
    Contradictory = "contradictory",
    NotForUs = "not-for-us",
    UnknownSender = "unknown-sender",
    NotAsClaimed = "not-as-claimed",
    Expired = "expired",
    BadTimes = "bad-times",
    BadName = "bad-name",
    NoSuchOffer = "no-such-offer",
    CopyFailed = "copy-failed",
    RestoreFailed = "restore-failed",
    NameTaken = "name-taken",
    Fault = "fault"
);

/// What account B lacks. A closed set, so that an answer discloses nothing else to the other account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// It serves another account or Region.
    NotForUs,
    /// Its own key is absent, or cannot be used.
    Key,
    /// A quota of its snapshots, databases or storage is used up.
    Quota,
    /// The engine version is not available in the target Region.
    Engine,
    /// Its restore profile does not fit this database.
    Profile,
    /// The restored database's name would be invalid or is taken.
    Name,
    /// Its agent's role is not allowed something.
    Permission,
    /// Anything else.
    Fault,
}

words!(
    Lack,
    "what an account lacks",
    NotForUs = "not-for-us",
    Key = "key",
    Quota = "quota",
    Engine = "engine",
    Profile = "profile",
    Name = "name",
    Permission = "permission",
    Fault = "fault"
);

impl Lack {
    /// The display text for account A.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NotForUs => "its agent serves another account or Region",
            Self::Key => "its own key is absent, or cannot be used",
            Self::Quota => "a quota of its snapshots, databases or storage is used up",
            Self::Engine => "the engine's version is not on offer in the target Region",
            Self::Profile => "its restore profile does not fit this database",
            Self::Name => "the restored database's name is taken there, or cannot be",
            Self::Permission => "its agent's role is not allowed something that it needs",
            Self::Fault => "something else, which its operators can see",
        }
    }
}
