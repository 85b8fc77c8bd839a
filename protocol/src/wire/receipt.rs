//! The receipt, version 1, from account B to account A.
//!
//! It contains only data from the tags of the target copy, so a receipt that is sent again after a crash has the same
//! bytes.

use serde::{Deserialize, Serialize};

use super::envelope::{Envelope, Refusal, VERSION, decode};
use crate::ids::{AccountId, Digest, HandoffId};
use crate::words::{Reason, Stage};

/// A receipt. The fields are in the order of their names, as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptMessage {
    /// The digest of the message that this answers. A receipt is accepted only with the digest of the offer of its
    /// handoff.
    pub digest: Digest,
    /// The handoff.
    pub handoff: HandoffId,
    /// Always `receipt`.
    pub kind: Kind,
    /// The reason, for `rejected` and `failed`; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The stage that was reached.
    pub stage: Stage,
    /// Account B.
    pub target_account: AccountId,
    /// Always 1.
    pub version: u64,
}

/// The kind of a receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The only kind.
    Receipt,
}

impl ReceiptMessage {
    /// A receipt of this version.
    pub fn new(
        handoff: HandoffId,
        digest: Digest,
        target_account: AccountId,
        stage: Stage,
        reason: Option<Reason>,
    ) -> Self {
        Self { digest, handoff, kind: Kind::Receipt, reason, stage, target_account, version: VERSION }
    }

    /// The bytes on the wire.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "strings, numbers and lists of them are always JSON"
    )]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a receipt serializes to JSON")
    }

    /// Parses a body.
    ///
    /// # Errors
    /// When it is not a receipt of version 1; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        let receipt: Self = decode(body, &Envelope { kind: "receipt", newest: VERSION })?;
        match (receipt.stage, receipt.reason) {
            (Stage::Rejected | Stage::Failed, None) | (Stage::Accepted | Stage::Landed | Stage::Restored, Some(_)) => {
                Err(Refusal::because(
                    Reason::Malformed,
                    "stages rejected and failed need a reason, and no other stage may have one",
                ))
            }
            _ => Ok(receipt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOLDEN: [&str; 2] = [
        include_str!("../../testdata/v1/receipt-landed.json"),
        include_str!("../../testdata/v1/receipt-rejected.json"),
    ];

    #[test]
    fn golden_receipts_decode_and_encode_to_the_same_bytes() {
        for golden in GOLDEN {
            assert_eq!(ReceiptMessage::decode(golden).unwrap().encode(), golden);
        }
    }

    #[test]
    fn invalid_receipt_is_rejected() {
        let good = GOLDEN[0];
        for (from, to) in [
            (r#""stage":"landed""#, r#""stage":"lost""#),
            (r#""stage":"landed""#, r#""stage":"rejected""#),
            (r#""stage":"landed""#, r#""reason":"expired","stage":"landed""#),
            (r#""version":1"#, r#""version":1,"extra":0"#),
            (r#""version":1"#, r#""version":"1""#),
            (r#""version":1"#, r#""version":0"#),
            (r#""kind":"receipt""#, r#""kind":"receipt","kind":"receipt""#),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(matches!(ReceiptMessage::decode(&bad), Err(Refusal::Rejected { .. })), "{bad}");
        }
        for newer in [good.replace(r#""version":1"#, r#""version":2"#), good.replace("\"receipt\"", "\"hello\"")] {
            assert!(matches!(ReceiptMessage::decode(&newer), Err(Refusal::Newer { .. })), "{newer}");
        }
    }

    proptest! {
        #[test]
        fn every_receipt_round_trips(id in "[0-9a-f]{16}", digest in "[0-9a-f]{64}", account in "[0-9]{12}", stage in 0..5_usize, reason in 0..Reason::ALL.len()) {
            let stage = Stage::ALL[stage];
            let reason = matches!(stage, Stage::Rejected | Stage::Failed).then_some(Reason::ALL[reason]);
            let receipt = ReceiptMessage::new(id.parse().unwrap(), digest.parse().unwrap(), account.parse().unwrap(), stage, reason);
            prop_assert_eq!(ReceiptMessage::decode(&receipt.encode()).unwrap(), receipt);
        }

        #[test]
        fn decoding_any_text_does_not_panic(text in "\\PC{0,200}") {
            let _ = ReceiptMessage::decode(&text);
        }
    }
}
