//! The receipt, version 1: what account B tells account A.
//!
//! It holds nothing but what the tags of the target copy hold, so that a receipt sent again after a crash is the same bytes.

use serde::{Deserialize, Serialize};

use super::envelope::{Envelope, Refusal, VERSION, decode};
use crate::ids::{AccountId, Digest, HandoffId};
use crate::words::{Reason, Stage};

/// One receipt. Fields stand in the order of their names, as they do on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiptMessage {
    /// Of the message that this answers. A receipt is believed only with the digest of the offer that it names.
    pub digest: Digest,
    /// The handoff.
    pub handoff: HandoffId,
    /// Always `receipt`.
    pub kind: Kind,
    /// Why, for `rejected` and `failed`; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What has happened.
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
    /// The one that version 1 knows.
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
        serde_json::to_string(self).expect("a receipt is plain data")
    }

    /// Reads a body.
    ///
    /// # Errors
    /// When it is no receipt of version 1; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        let receipt: Self = decode(body, &Envelope { kind: "receipt", newest: VERSION })?;
        match (receipt.stage, receipt.reason) {
            (Stage::Rejected | Stage::Failed, None) | (Stage::Accepted | Stage::Landed | Stage::Restored, Some(_)) => {
                Err(Refusal::because(Reason::Malformed, "a reason belongs to rejected and failed, and to them alone"))
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
    fn golden_receipts_decode_for_ever_and_encode_to_the_same_bytes() {
        for golden in GOLDEN {
            assert_eq!(ReceiptMessage::decode(golden).unwrap().encode(), golden);
        }
    }

    #[test]
    fn what_is_not_exactly_a_receipt_is_refused() {
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
        fn no_text_makes_decoding_panic(text in "\\PC{0,200}") {
            let _ = ReceiptMessage::decode(&text);
        }
    }
}
