//! The handoff message, from account A to account B.
//!
//! Version 1 has no `tags`. Version 2 adds tags that are carried over, and is written only if there are any. So an
//! agent that knows only version 1 handles every message of version 1, and leaves the others in its queue until it is
//! updated.
//!
//! It refers to the shared copy and orders account B to start; it contains no state. Its body is computed only from the
//! source snapshot's tags and the snapshots in AWS, so a message that is sent twice has the same bytes and digest.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope::{Envelope, Refusal, VERSION, decode};
use crate::arn::{DbArn, KeyArn, SnapshotArn};
use crate::ids::{AccountId, DbIdentifier, Digest, HandoffId, Identity, Label, Nonce, ParseError, Region, text};
use crate::names::{self, SnapshotRole};
use crate::state::carried::Carried;
use crate::tags::Hints;
use crate::words::Reason;

text!(
    /// The name of a database engine, such as `postgres`, or one of its versions, such as `16.3` or
    /// `19.0.0.0.ru-2026-01.rur-2026-01.r1`.
    EngineWord, "the name or version of a database engine",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
);

/// A handoff message. The fields are in the order of their names, as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandoffMessage {
    /// When account A revokes all access.
    pub access_until: Timestamp,
    /// The source database: its account and Region are the handoff's source.
    pub database_arn: DbArn,
    /// Its engine.
    pub engine: EngineWord,
    /// Its engine's version.
    pub engine_version: EngineWord,
    /// The handoff's id, which the receiver also computes.
    pub handoff: HandoffId,
    /// Properties of the source database.
    pub hints: Hints,
    /// The identity of the data.
    pub identity: Identity,
    /// When the offer was made.
    pub issued: Timestamp,
    /// The key of the shared copy.
    pub key: KeyArn,
    /// Always `handoff`.
    pub kind: Kind,
    /// The operator's label.
    pub label: Label,
    /// Makes the body unique.
    pub nonce: Nonce,
    /// The number of the offer, from 1.
    pub offer: u32,
    /// Allocated storage in GiB.
    pub size_gib: u32,
    /// The shared copy.
    pub snapshot: SnapshotArn,
    /// When account B must have started at the latest.
    pub start_by: Timestamp,
    /// The database's tags that account A carries over. Account B decides which of them it accepts.
    #[serde(default, skip_serializing_if = "Carried::is_empty")]
    pub tags: Carried,
    /// Account B.
    pub target_account: AccountId,
    /// The target Region.
    pub target_region: Region,
    /// The result of [`HandoffMessage::version_with`] for its tags.
    pub version: u64,
}

/// The kind of a handoff message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The only kind.
    Handoff,
}

/// The newest version of a handoff message.
const NEWEST: u64 = 2;

impl HandoffMessage {
    /// The lowest version that can contain these tags.
    pub fn version_with(tags: &Carried) -> u64 {
        if tags.is_empty() { VERSION } else { NEWEST }
    }

    /// The bytes on the wire: one line of JSON with its keys sorted.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "strings, numbers and lists of them are always JSON"
    )]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a handoff message serializes to JSON")
    }

    /// The digest of the bytes on the wire.
    pub fn digest(&self) -> Digest {
        Digest::of(self.encode().as_bytes())
    }

    /// The identifier of the source database.
    pub fn database(&self) -> &DbIdentifier {
        &self.database_arn.database
    }

    /// Parses a body, and checks that its fields do not contradict each other.
    ///
    /// # Errors
    /// When it is not a handoff message of version 1 or 2; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        let handoff: Self = decode(body, &Envelope { kind: "handoff", newest: NEWEST })?;
        handoff.check_agreement()?;
        // Two spellings of one message would have two digests.
        if handoff.encode() != body {
            return Err(Refusal::because(Reason::Malformed, "its bytes differ from the canonical form of its version"));
        }
        Ok(handoff)
    }

    fn check_agreement(&self) -> Result<(), Refusal> {
        let contradictory = |detail: String| Err(Refusal::because(Reason::Contradictory, detail));
        let source = &self.database_arn;
        let id = HandoffId::of(source, &self.identity.resource, &self.target_account, &self.target_region, &self.label);
        if self.handoff != id {
            return contradictory(format!("its id should be {id}, not {}", self.handoff));
        }
        if source.account == self.target_account {
            return contradictory(format!("source and target are the same account, {}", source.account));
        }
        let snapshot = SnapshotArn {
            region: self.target_region.clone(),
            account: source.account.clone(),
            snapshot: names::snapshot(self.database(), &id, SnapshotRole::Shared),
        };
        if self.snapshot != snapshot {
            return contradictory(format!("its snapshot should be {snapshot}, not {}", self.snapshot));
        }
        if self.key.region != self.target_region || self.key.account != source.account {
            let place = format!("account {} in {}", source.account, self.target_region);
            return contradictory(format!("its key should belong to {place}, not {}", self.key));
        }
        if self.version != Self::version_with(&self.tags) {
            return contradictory(format!("version {} does not match its tags", self.version));
        }
        if self.offer == 0 {
            return contradictory("offers are numbered from 1".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOLDEN: &str = include_str!("../../testdata/v1/handoff.json");
    const GOLDEN_2: &str = include_str!("../../testdata/v2/handoff.json");

    fn reason(body: &str) -> Option<Reason> {
        match HandoffMessage::decode(body) {
            Err(Refusal::Rejected { reason, .. }) => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn golden_message_decodes_and_encodes_to_the_same_bytes() {
        let handoff = HandoffMessage::decode(GOLDEN).unwrap();
        assert_eq!(handoff.encode(), GOLDEN);
        assert_eq!(handoff.digest().as_str(), "cd670a40f697e8c2aed784d2d63beb9ee476b35bee8a277d3f3a950a73314b65");
    }

    #[test]
    fn version_2_differs_from_version_1_only_in_tags() {
        let newer = HandoffMessage::decode(GOLDEN_2).unwrap();
        assert_eq!(newer.encode(), GOLDEN_2);
        assert_eq!(newer.digest().as_str(), "d9535314525079d6038d9b8481197307604917efcb88d07ecc6a8a5222782730");
        assert_eq!(newer.tags.iter().collect::<Vec<_>>(), [("cost-center", "4711"), ("team", "payments")]);
        let older = HandoffMessage { tags: Carried::default(), version: 1, ..newer };
        assert_eq!(older.encode(), GOLDEN);
        for (from, to, why) in [
            ("\"version\":2", "\"version\":1", Reason::Contradictory),
            ("\"team\"", "\"aws:team\"", Reason::Malformed),
            ("\"team\"", "\"rds-handoff:id\"", Reason::Malformed),
            ("payments", "pay\\u0007ments", Reason::Malformed),
            (r#"{"cost-center":"4711","team":"payments"}"#, "{}", Reason::Contradictory),
        ] {
            let bad = GOLDEN_2.replacen(from, to, 1);
            assert_ne!(bad, GOLDEN_2, "{from}");
            assert_eq!(reason(&bad), Some(why), "{to}");
        }
    }

    #[test]
    fn json_keys_are_sorted() {
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(GOLDEN).unwrap();
        let mut sorted: Vec<_> = value.keys().map(|key| (GOLDEN.find(&format!("\"{key}\":")).unwrap(), key)).collect();
        sorted.sort();
        assert!(sorted.is_sorted_by_key(|(_, key)| *key), "{sorted:?}");
    }

    #[test]
    fn every_change_to_a_message_is_rejected() {
        for (from, to, why) in [
            ("\"version\":1", "\"version\":1,\"extra\":true", Reason::Malformed),
            ("\"version\":1", "\"version\":-1", Reason::Malformed),
            ("\"kind\":\"handoff\"", "\"kind\":7", Reason::Malformed),
            ("\"offer\":1", "\"offer\":0", Reason::Contradictory),
            ("\"offer\":1", "\"offer\":1,\"offer\":1", Reason::Malformed),
            ("\"offer\":1", "\"offer\": 1", Reason::Malformed),
            ("\"label\":\"cutover-1\"", "\"label\":\"cutover-2\"", Reason::Contradictory),
            ("\"label\":\"cutover-1\"", "\"label\":\"../../etc\"", Reason::Malformed),
            ("\"target_account\":\"222222222222\"", "\"target_account\":\"111111111111\"", Reason::Contradictory),
            ("\"target_region\":\"us-west-2\"", "\"target_region\":\"us-west-1\"", Reason::Contradictory),
            ("snapshot:rds-handoff-orders", "snapshot:rds-handoff-payroll", Reason::Contradictory),
            ("kms:us-west-2:111111111111", "kms:us-west-2:333333333333", Reason::Contradictory),
            ("kms:us-west-2:111111111111", "kms:us-west-1:111111111111", Reason::Contradictory),
            ("rds:us-west-2:111111111111", "rds:us-west-2:333333333333", Reason::Contradictory),
            ("rds:us-west-2:111111111111", "rds:eu-west-1:111111111111", Reason::Contradictory),
            ("arn:aws:rds:ap-northeast-1", "arn:aws-cn:rds:cn-north-1", Reason::Malformed),
            ("\"size_gib\":100", "\"size_gib\":99999999999", Reason::Malformed),
        ] {
            let bad = GOLDEN.replacen(from, to, 1);
            assert_ne!(bad, GOLDEN, "{from}");
            assert_eq!(reason(&bad), Some(why), "{to}");
        }
        assert_eq!(reason(""), Some(Reason::Malformed));
        assert_eq!(reason("<Message/>"), Some(Reason::Malformed));
        assert_eq!(reason(&"[".repeat(5000)), Some(Reason::Malformed));
        assert_eq!(reason(&format!("{GOLDEN}{}", " ".repeat(crate::MAX_BODY))), Some(Reason::TooLarge));
    }

    #[test]
    fn newer_version_or_kind_is_left_in_the_queue() {
        for newer in [
            GOLDEN.replace("\"version\":1", "\"version\":3"),
            GOLDEN.replace("\"kind\":\"handoff\"", "\"kind\":\"hello\""),
        ] {
            assert!(matches!(HandoffMessage::decode(&newer), Err(Refusal::Newer { .. })));
        }
    }

    proptest! {
        #[test]
        fn decoding_any_text_does_not_panic(text in "\\PC{0,300}") {
            let _ = HandoffMessage::decode(&text);
        }

        #[test]
        fn changed_byte_never_yields_message_of_another_handoff(at in 0..GOLDEN.len(), byte in 0x20_u8..0x7f) {
            let mut bytes = GOLDEN.as_bytes().to_vec();
            bytes[at] = byte;
            let (text, good) = (String::from_utf8(bytes).unwrap(), HandoffMessage::decode(GOLDEN).unwrap());
            if let Ok(handoff) = HandoffMessage::decode(&text) {
                let bound = |of: &HandoffMessage| (
                    of.handoff.clone(), of.database_arn.clone(), of.label.clone(), of.identity.resource.clone(),
                    of.target_account.clone(), of.target_region.clone(), of.snapshot.clone(),
                    of.key.account.clone(), of.key.region.clone(),
                );
                prop_assert_eq!(bound(&handoff), bound(&good));
                prop_assert_eq!(handoff.encode(), text, "a message has exactly one form");
            }
        }
    }
}
