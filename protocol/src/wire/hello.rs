//! The hello, version 1: account A asks whether account B is ready for a handoff, before anything is copied; and the
//! answer.
//!
//! So account A learns in seconds what account B lacks, and not after hours of copying. A hello grants no access. No
//! snapshot is shared yet, so its sender is authenticated by the inbox's policy alone. Its answer is one word of a closed
//! set, sent to the queue that account B's own configuration names.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope::{Envelope, Refusal, VERSION, decode};
use super::handoff::EngineWord;
use crate::arn::DbArn;
use crate::ids::{AccountId, DbIdentifier, DbiResourceId, Digest, HandoffId, Label, Nonce, Region};
use crate::words::{Lack, Reason};

/// The question whether account B is ready. The fields are in the order of their names, as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelloMessage {
    /// The source database: its account and Region are the handoff's source.
    pub database_arn: DbArn,
    /// Its engine.
    pub engine: EngineWord,
    /// Its engine's version.
    pub engine_version: EngineWord,
    /// The handoff's id, which the receiver also computes.
    pub handoff: HandoffId,
    /// When the hello was made.
    pub issued: Timestamp,
    /// Always `hello`.
    pub kind: HelloKind,
    /// The operator's label.
    pub label: Label,
    /// Makes the body unique.
    pub nonce: Nonce,
    /// The immutable id of the source database.
    pub resource: DbiResourceId,
    /// Allocated storage in GiB.
    pub size_gib: u32,
    /// Account B.
    pub target_account: AccountId,
    /// The target Region.
    pub target_region: Region,
    /// Always 1.
    pub version: u64,
}

/// The kind of a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HelloKind {
    /// The only kind.
    Hello,
}

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    /// The only kind.
    Answer,
}

/// Account B's answer to a hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerMessage {
    /// The digest of the hello that this answers.
    pub digest: Digest,
    /// The handoff.
    pub handoff: HandoffId,
    /// Always `answer`.
    pub kind: AnswerKind,
    /// What account B lacks; absent if it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lack: Option<Lack>,
    /// Account B.
    pub target_account: AccountId,
    /// Always 1.
    pub version: u64,
}

impl HelloMessage {
    /// The bytes on the wire: one line of JSON with its keys sorted.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "strings, numbers and lists of them are always JSON"
    )]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a hello serializes to JSON")
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
    /// When it is not a hello of version 1; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        let hello: Self = decode(body, &Envelope { kind: "hello", newest: VERSION })?;
        let Self { database_arn: source, target_account: account, target_region: region, label, .. } = &hello;
        let id = HandoffId::of(source, &hello.resource, account, region, label);
        if hello.handoff != id {
            let detail = format!("its id should be {id}, not {}", hello.handoff);
            return Err(Refusal::because(Reason::Contradictory, detail));
        }
        if source.account == *account {
            let detail = format!("source and target are the same account, {account}");
            return Err(Refusal::because(Reason::Contradictory, detail));
        }
        // Two spellings of one message would have two digests.
        if hello.encode() != body {
            return Err(Refusal::because(Reason::Malformed, "its bytes differ from the canonical form of its version"));
        }
        Ok(hello)
    }
}

impl AnswerMessage {
    /// An answer of this version.
    pub fn new(hello: &HelloMessage, lack: Option<Lack>) -> Self {
        Self {
            digest: hello.digest(),
            handoff: hello.handoff.clone(),
            kind: AnswerKind::Answer,
            lack,
            target_account: hello.target_account.clone(),
            version: VERSION,
        }
    }

    /// The bytes on the wire.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "strings, numbers and lists of them are always JSON"
    )]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("an answer serializes to JSON")
    }

    /// Parses a body.
    ///
    /// # Errors
    /// When it is not an answer of version 1; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        decode(body, &Envelope { kind: "answer", newest: VERSION })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Message, Reply};
    use proptest::prelude::*;

    const HELLO: &str = include_str!("../../testdata/v1/hello.json");
    const ANSWERS: [&str; 2] =
        [include_str!("../../testdata/v1/answer-ready.json"), include_str!("../../testdata/v1/answer-quota.json")];

    fn reason(body: &str) -> Option<Reason> {
        match Message::decode(body) {
            Err(Refusal::Rejected { reason, .. }) => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn golden_messages_decode_and_encode_to_the_same_bytes() {
        let hello = HelloMessage::decode(HELLO).unwrap();
        assert_eq!(hello.encode(), HELLO);
        assert_eq!(Message::decode(HELLO), Ok(Message::Hello(Box::new(hello.clone()))));
        for (golden, lack) in ANSWERS.into_iter().zip([None, Some(Lack::Quota)]) {
            let answer = AnswerMessage::new(&hello, lack);
            assert_eq!(answer.encode(), golden);
            assert_eq!(Reply::decode(golden), Ok(Reply::Answer(answer)));
        }
    }

    #[test]
    fn queue_accepts_its_two_kinds_and_leaves_others() {
        let handoff = include_str!("../../testdata/v1/handoff.json");
        assert!(matches!(Message::decode(handoff), Ok(Message::Handoff(_))));
        let receipt = include_str!("../../testdata/v1/receipt-landed.json");
        assert!(matches!(Reply::decode(receipt), Ok(Reply::Receipt(_))));
        let newer = [HELLO.replace("\"version\":1", "\"version\":2"), HELLO.replace("\"hello\"", "\"farewell\"")];
        assert!(newer.iter().all(|body| matches!(Message::decode(body), Err(Refusal::Newer { .. }))));
        assert!(matches!(Reply::decode(HELLO), Err(Refusal::Newer { .. })), "a hello is not a reply");
        assert!(matches!(Message::decode(ANSWERS[0]), Err(Refusal::Newer { .. })), "an answer is not an inbox message");
    }

    #[test]
    fn every_change_to_a_hello_is_rejected() {
        for (from, to, why) in [
            ("\"version\":1", "\"version\":1,\"extra\":true", Reason::Malformed),
            ("\"size_gib\":100", "\"size_gib\": 100", Reason::Malformed),
            ("\"size_gib\":100", "\"size_gib\":-1", Reason::Malformed),
            ("cutover-1", "cutover-2", Reason::Contradictory),
            ("us-west-2", "us-west-1", Reason::Contradictory),
            ("\"target_account\":\"222222222222\"", "\"target_account\":\"111111111111\"", Reason::Contradictory),
            ("\"target_account\":\"222222222222\"", "\"target_account\":\"333333333333\"", Reason::Contradictory),
        ] {
            let bad = HELLO.replacen(from, to, 1);
            assert_ne!(bad, HELLO, "{from}");
            assert_eq!(reason(&bad), Some(why), "{to}");
        }
        let bad = ANSWERS[1].replace("quota", "everything");
        assert!(matches!(Reply::decode(&bad), Err(Refusal::Rejected { .. })), "{bad}");
    }

    proptest! {
        #[test]
        fn decoding_any_text_does_not_panic(text in "\\PC{0,200}") {
            let _ = (Message::decode(&text), Reply::decode(&text));
        }

        #[test]
        fn changed_byte_changes_the_digest_of_a_hello(at in 0..HELLO.len(), byte in 0x20_u8..0x7f) {
            let mut bytes = HELLO.as_bytes().to_vec();
            let before = std::mem::replace(&mut bytes[at], byte);
            if let Ok(hello) = HelloMessage::decode(&String::from_utf8(bytes).unwrap()) {
                prop_assert!(before == byte || hello.digest() != HelloMessage::decode(HELLO).unwrap().digest());
            }
        }
    }
}
