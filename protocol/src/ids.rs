//! Identifiers. Input is parsed once; a value of these types always conforms to its grammar, whatever its source.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A text that does not conform to the grammar of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct ParseError {
    value: String,
    expected: &'static str,
}

impl ParseError {
    /// An error that quotes at most 80 characters of `value`, which is untrusted.
    pub fn new(value: &str, expected: &'static str) -> Self {
        Self { value: value.chars().take(80).collect(), expected }
    }
}

/// Declares a text newtype that can only be constructed by parsing.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(ParseError::new(text, $expected)) }
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseError;
            fn try_from(text: String) -> Result<Self, ParseError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}
pub(crate) use text;

text!(
    /// An AWS account id: twelve digits.
    AccountId, "an AWS account id (12 digits)",
    |t| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit())
);

text!(
    /// A Region of the `aws` partition. Regions of other partitions are refused: presigning, endpoints and ARNs differ
    /// there, and a handoff cannot cross partitions.
    Region, "a Region of the aws partition, such as eu-central-1 (aws-cn, aws-us-gov, aws-iso and aws-eusc are not supported)",
    is_region
);

text!(
    /// The operator's name for one handoff of a database: 1 to 24 of a-z, 0-9 and single inner hyphens.
    Label, "a label (1 to 24 of a-z, 0-9 and single inner hyphens)",
    |t| t.len() <= 24 && is_hyphenated(t)
);

text!(
    /// The identifier of a DB instance, in the lower case in which RDS stores it: 1 to 63 letters, digits or hyphens,
    /// first a letter, no trailing or double hyphen (RDS API Reference, `CreateDBInstance`).
    DbIdentifier,
    "a DB instance identifier (1 to 63 of a-z, 0-9 and single inner hyphens, first a letter)",
    |t| t.len() <= 63 && starts_with_letter(t) && is_hyphenated(t)
);

text!(
    /// The identifier of a manual DB snapshot: 1 to 255 letters, digits or hyphens, first a letter, no trailing or
    /// double hyphen (RDS API Reference, `CreateDBSnapshot`).
    SnapshotId, "a DB snapshot identifier (1 to 255 of a-z, 0-9 and single inner hyphens, first a letter)",
    |t| t.len() <= 255 && starts_with_letter(t) && is_hyphenated(t)
);

text!(
    /// The Region-unique, immutable id of a DB instance, such as `db-ABCDEFGHIJKL01234` (RDS API Reference,
    /// `DBInstance`).
    DbiResourceId, "a DbiResourceId (db- and up to 64 of A-Z and 0-9)",
    |t| t.strip_prefix("db-").is_some_and(|r| {
        (1..=64).contains(&r.len()) && r.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
);

text!(
    /// SHA-256 of a message body, 64 lower-case hex digits.
    Digest, "a SHA-256 digest (64 lower-case hex digits)",
    |t| is_hex(t, 64)
);

text!(
    /// A nonce, which makes two otherwise equal messages differ: 16 lower-case hex digits.
    Nonce, "a nonce (16 lower-case hex digits)",
    |t| is_hex(t, 16)
);

text!(
    /// Identifies one handoff in both accounts: 16 lower-case hex digits, see [`HandoffId::of`].
    HandoffId, "a handoff id (16 lower-case hex digits)",
    |t| is_hex(t, 16)
);

text!(
    /// The name of an IAM role: 1 to 64 letters, digits or `_+=,.@-` (IAM User Guide, Names).
    RoleName, "an IAM role name (1 to 64 letters, digits or _+=,.@-)",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
);

text!(
    /// The ARN of an IAM role of the `aws` partition.
    RoleArn, "the ARN of an IAM role, such as arn:aws:iam::222222222222:role/rds-monitoring",
    |t| t.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":role/")).is_some_and(|(account, name)| {
        account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
            && (1..=576).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&b))
    })
);

impl Digest {
    /// SHA-256 of exactly these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }
}

impl From<[u8; 8]> for Nonce {
    fn from(bytes: [u8; 8]) -> Self {
        Self(hex(&bytes))
    }
}

/// The identity of a snapshot's data: the database that it was taken of, and when. RDS keeps both on every copy
/// (`OriginalSnapshotCreateTime`: "doesn't change when the snapshot is copied", RDS API Reference, `DBSnapshot`).
/// Snapshots with the same name and different identities have different data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// `OriginalSnapshotCreateTime`, to the millisecond that RDS reports.
    pub created: Timestamp,
    /// `DbiResourceId` of the source database.
    pub resource: DbiResourceId,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.resource, self.created)
    }
}

impl FromStr for Identity {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parse = || {
            let (resource, created) = text.split_once(' ')?;
            Some(Self { resource: resource.parse().ok()?, created: created.parse().ok()? })
        };
        parse().ok_or_else(|| ParseError::new(text, "an identity of content (DbiResourceId and creation time)"))
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_hyphenated(text: &str) -> bool {
    text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn starts_with_letter(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// `eu-central-1`, `ap-southeast-3`, `mx-central-1`: two letters, a place, a number. Regions of other partitions have
/// this form too, or a longer one (`us-gov-west-1`, `us-iso-east-1`, `eusc-de-east-1`).
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [area, place, number] = parts[..] else { return false };
    let letters = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_lowercase());
    area.len() == 2
        && letters(area)
        && area != "cn"
        && letters(place)
        && place.len() <= 12
        && (1..=2).contains(&number.len())
        && number.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn identifiers_parse_only_within_their_grammar() {
        let good_label = ["a", "1", "cutover-1", "2026-11-21", "abcdefghijklmnopqrstuvwx"];
        let bad_label = ["", "-a", "a-", "a--b", "A", "a_b", "abcdefghijklmnopqrstuvwxy", "é"];
        assert!(good_label.iter().all(|t| t.parse::<Label>().is_ok()));
        assert!(bad_label.iter().all(|t| t.parse::<Label>().is_err()));
        assert!(["1orders", "orders-", "or--ders", "", "Orders"].iter().all(|t| t.parse::<DbIdentifier>().is_err()));
        assert!("a".repeat(63).parse::<DbIdentifier>().is_ok());
        assert!("a".repeat(64).parse::<DbIdentifier>().is_err());
        assert!(["11111111111", "1111111111111", "11111111111a"].iter().all(|t| t.parse::<AccountId>().is_err()));
        let regions = ["ap-northeast-1", "us-west-2", "mx-central-1", "il-central-1"];
        assert!(regions.iter().all(|t| t.parse::<Region>().is_ok()));
        let others = ["cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1", "tokyo", "us-west-", "us--1"];
        assert!(others.iter().all(|t| t.parse::<Region>().is_err()));
        let error = "cn-north-1".parse::<Region>().unwrap_err().to_string();
        assert!(error.contains("aws partition"), "{error}");
    }

    #[test]
    fn parse_error_quotes_only_the_beginning_of_the_text() {
        let error = "x".repeat(10_000).parse::<AccountId>().unwrap_err().to_string();
        assert!(error.len() < 200, "{error}");
    }

    /// Whether the text parses. Asserts that the parsed value prints as the text.
    fn printed<T: FromStr + ToString>(text: &str) -> bool {
        text.parse::<T>().is_ok_and(|parsed| {
            assert_eq!(parsed.to_string(), text);
            true
        })
    }

    proptest! {
        /// Tests untrusted text; almost none of it parses.
        #[test]
        fn parsing_random_text_does_not_panic(text in "\\PC{0,40}") {
            let _ = (printed::<Label>(&text), printed::<Region>(&text), printed::<DbIdentifier>(&text));
        }

        #[test]
        fn valid_text_parses_and_prints_unchanged(
            label in "[a-z0-9]{1,8}(-[a-z0-9]{1,7}){0,2}", region in "[abd-z][a-z]-[a-z]{1,12}-[0-9]{1,2}",
            database in "[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,19}){0,2}", account in "[0-9]{12}",
            id in "[0-9a-f]{16}", role in "[A-Za-z0-9_+=,.@-]{1,64}",
        ) {
            prop_assert!(printed::<Label>(&label));
            prop_assert!(printed::<Region>(&region));
            prop_assert!(printed::<DbIdentifier>(&database));
            prop_assert!(printed::<AccountId>(&account));
            prop_assert!(printed::<HandoffId>(&id));
            prop_assert!(printed::<RoleName>(&role));
        }

        /// Adds characters that the grammar does not allow.
        #[test]
        fn text_with_invalid_characters_does_not_parse(text in "[a-z][a-z0-9]{0,9}", wrong in "[^a-z0-9-]", at in 0..10_usize) {
            let at = at.min(text.len());
            for bad in [[&text[..at], &wrong, &text[at..]].concat(), format!("{text}-"), format!("{text}--{text}")] {
                prop_assert!(!printed::<Label>(&bad) && !printed::<DbIdentifier>(&bad), "{bad:?}");
            }
        }
    }
}
