//! The hello, version 1: account A asks whether account B is ready for a handoff, before anything is copied; and the answer.
//!
//! What is missing on the other side is known in seconds, and not after hours of copying. A hello promises nothing and opens
//! nothing: no snapshot stands behind it yet, so that its sender is known by the inbox's policy alone, and its answer says one
//! word out of a closed set, to the queue that account B's own configuration names.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::envelope::{Envelope, Refusal, VERSION, decode};
use super::handoff::EngineWord;
use crate::arn::DbArn;
use crate::ids::{AccountId, DbIdentifier, DbiResourceId, Digest, HandoffId, Label, Nonce, Region};
use crate::words::{Lack, Reason};

/// Is account B ready? Fields stand in the order of their names, as they do on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HelloMessage {
    /// The source database: its account and Region are the handoff's source.
    pub database_arn: DbArn,
    /// Its engine.
    pub engine: EngineWord,
    /// Its engine's version.
    pub engine_version: EngineWord,
    /// The handoff's id, which the receiver computes again.
    pub handoff: HandoffId,
    /// When it was asked.
    pub issued: Timestamp,
    /// Always `hello`.
    pub kind: HelloKind,
    /// The operator's label.
    pub label: Label,
    /// Makes the bytes unique.
    pub nonce: Nonce,
    /// Which database, immutably.
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
    /// The one that version 1 knows.
    Hello,
}

/// The kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerKind {
    /// The one that version 1 knows.
    Answer,
}

/// What account B answers to a hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerMessage {
    /// Of the hello that this answers.
    pub digest: Digest,
    /// The handoff.
    pub handoff: HandoffId,
    /// Always `answer`.
    pub kind: AnswerKind,
    /// What account B lacks; absent when it is ready.
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
        serde_json::to_string(self).expect("a hello is plain data")
    }

    /// Of the bytes on the wire.
    pub fn digest(&self) -> Digest {
        Digest::of(self.encode().as_bytes())
    }

    /// The identifier of the source database.
    pub fn database(&self) -> &DbIdentifier {
        &self.database_arn.database
    }

    /// Reads a body, and checks that its parts agree with each other.
    ///
    /// # Errors
    /// When it is no hello of version 1; [`Refusal::Newer`] when a later version may understand it.
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
            return Err(Refusal::because(Reason::Malformed, "it is not spelled as this version spells it"));
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
        serde_json::to_string(self).expect("an answer is plain data")
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it is no answer of version 1; [`Refusal::Newer`] when a later version may understand it.
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
    fn golden_messages_decode_for_ever_and_encode_to_the_same_bytes() {
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
    fn a_queue_holds_both_kinds_and_leaves_others_alone() {
        let handoff = include_str!("../../testdata/v1/handoff.json");
        assert!(matches!(Message::decode(handoff), Ok(Message::Handoff(_))));
        let receipt = include_str!("../../testdata/v1/receipt-landed.json");
        assert!(matches!(Reply::decode(receipt), Ok(Reply::Receipt(_))));
        let newer = [HELLO.replace("\"version\":1", "\"version\":2"), HELLO.replace("\"hello\"", "\"farewell\"")];
        assert!(newer.iter().all(|body| matches!(Message::decode(body), Err(Refusal::Newer { .. }))));
        assert!(matches!(Reply::decode(HELLO), Err(Refusal::Newer { .. })), "a hello is no reply");
        assert!(matches!(Message::decode(ANSWERS[0]), Err(Refusal::Newer { .. })), "nor an answer a message");
    }

    #[test]
    fn every_change_to_a_hello_is_refused() {
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
        fn no_text_makes_decoding_panic(text in "\\PC{0,200}") {
            let _ = (Message::decode(&text), Reply::decode(&text));
        }

        #[test]
        fn no_damage_to_a_good_hello_is_taken_for_another_good_one(at in 0..HELLO.len(), byte in 0x20_u8..0x7f) {
            let mut bytes = HELLO.as_bytes().to_vec();
            let before = std::mem::replace(&mut bytes[at], byte);
            if let Ok(hello) = HelloMessage::decode(&String::from_utf8(bytes).unwrap()) {
                prop_assert!(before == byte || hello.digest() != HelloMessage::decode(HELLO).unwrap().digest());
            }
        }
    }
}
