//! The request, version 1: a scheduler or pipeline of account A requests a handoff from its source agents.
//!
//! It can contain a database, a label, one of the configured targets and the terms, but no role, queue or key.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::envelope::{Envelope, Refusal, VERSION, decode};
use crate::ids::{AccountId, DbIdentifier, Label, ParseError, Region, text};
use crate::terms::{Terms, read_duration};
use crate::words::Reason;

/// The placeholder for a day in a label.
const DATE: &str = "{date}";

text!(
    /// A label in which `{date}` is replaced with the day, in UTC, on which the request was sent: `2026-11-21`. So a
    /// request that a scheduler sends each night starts another handoff each night, and repeated deliveries of a
    /// request start only one.
    LabelTemplate, "a label (1 to 24 of a-z, 0-9 and single inner hyphens; {date} counts as 10)",
    |t| t.replace(DATE, "2026-11-21").parse::<Label>().is_ok()
);

impl LabelTemplate {
    /// The label of a request that was sent at this time.
    ///
    /// # Errors
    /// When the date does not fit in a label: before the year 0.
    pub fn at(&self, sent: Timestamp) -> Result<Label, ParseError> {
        self.as_str().replace(DATE, &sent.strftime("%Y-%m-%d").to_string()).parse()
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMessage {
    /// How long after the offer all access is revoked.
    #[serde(default = "Terms::access_for", deserialize_with = "read_duration")]
    pub access_for: SignedDuration,
    /// The database.
    pub database: DbIdentifier,
    /// Always `request`.
    pub kind: RequestKind,
    /// The label, which can be used once for each database.
    pub label: LabelTemplate,
    /// A higher priority gets a slot first.
    #[serde(default)]
    pub priority: i16,
    /// How long after the offer the target agent may start.
    #[serde(default = "Terms::start_within", deserialize_with = "read_duration")]
    pub start_within: SignedDuration,
    /// The target account; may be omitted if there is only one target.
    pub to_account: Option<AccountId>,
    /// The target Region; may be omitted if the account is a target in only one Region.
    pub to_region: Option<Region>,
    /// Always 1.
    pub version: u64,
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// The only kind.
    Request,
}

impl RequestMessage {
    /// Parses a body. People write requests, so any form of the JSON is accepted.
    ///
    /// # Errors
    /// When it is not a request of version 1; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        let request: Self = decode(body, &Envelope { kind: "request", newest: VERSION })?;
        match request.terms().problem() {
            Some(problem) => Err(Refusal::because(Reason::Contradictory, format!("it {problem}"))),
            None => Ok(request),
        }
    }

    /// How long its offer is valid, and its priority.
    pub fn terms(&self) -> Terms {
        Terms { start_within: self.start_within, access_for: self.access_for, priority: self.priority }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHORT: &str = include_str!("../../testdata/v1/request.json");
    const LONG: &str = include_str!("../../testdata/v1/request-all.json");

    fn reason(body: &str) -> Option<Reason> {
        match RequestMessage::decode(body) {
            Err(Refusal::Rejected { reason, .. }) => Some(reason),
            _ => None,
        }
    }

    fn at(label: &str, sent: &str) -> String {
        label.parse::<LabelTemplate>().unwrap().at(sent.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn golden_requests_decode() {
        let short = RequestMessage {
            access_for: SignedDuration::from_hours(168),
            database: "orders".parse().unwrap(),
            kind: RequestKind::Request,
            label: "nightly-{date}".parse().unwrap(),
            priority: 0,
            start_within: SignedDuration::from_hours(24),
            to_account: None,
            to_region: None,
            version: 1,
        };
        assert_eq!(RequestMessage::decode(SHORT), Ok(short.clone()));
        let long = RequestMessage {
            access_for: SignedDuration::from_hours(48),
            label: "cutover-1".parse().unwrap(),
            priority: -5,
            start_within: SignedDuration::from_hours(6),
            to_account: Some("222222222222".parse().unwrap()),
            to_region: Some("us-west-2".parse().unwrap()),
            ..short
        };
        assert_eq!(RequestMessage::decode(LONG), Ok(long));
    }

    #[test]
    fn invalid_request_is_rejected() {
        for (from, to, why) in [
            ("\"version\": 1", "\"version\": 1, \"role\": \"admin\"", Reason::Malformed),
            (
                "\"version\": 1",
                "\"version\": 1, \"inbox\": \"arn:aws:sqs:us-west-2:333333333333:x\"",
                Reason::Malformed,
            ),
            ("\"version\": 1", "\"version\": 1, \"key\": \"alias/other\"", Reason::Malformed),
            ("\"version\": 1", "\"version\": 0", Reason::Malformed),
            ("\"version\": 1", "\"version\": 1, \"version\": 1", Reason::Malformed),
            ("orders", "../orders", Reason::Malformed),
            ("cutover-1", "Cutover_1", Reason::Malformed),
            ("cutover-1", "cutover-{time}", Reason::Malformed),
            ("cutover-1", "-{date}", Reason::Malformed),
            ("222222222222", "everybody", Reason::Malformed),
            ("us-west-2", "cn-north-1", Reason::Malformed),
            ("-5", "99999", Reason::Malformed),
            ("\"6h\"", "\"soon\"", Reason::Malformed),
            ("\"6h\"", "6", Reason::Malformed),
            ("\"6h\"", "\"0s\"", Reason::Contradictory),
            ("\"6h\"", "\"3d\"", Reason::Contradictory),
            ("\"2d\"", "\"91d\"", Reason::Contradictory),
        ] {
            let bad = LONG.replacen(from, to, 1);
            assert_ne!(bad, LONG, "{from}");
            assert_eq!(reason(&bad), Some(why), "{to}");
        }
        assert_eq!(reason(&format!("{LONG}{}", " ".repeat(crate::MAX_BODY))), Some(Reason::TooLarge));
        for newer in [LONG.replace("\"version\": 1", "\"version\": 2"), LONG.replace("\"request\"", "\"renewal\"")] {
            assert!(matches!(RequestMessage::decode(&newer), Err(Refusal::Newer { .. })), "{newer}");
        }
    }

    #[test]
    fn label_date_is_the_day_of_sending_in_utc() {
        assert_eq!(at("nightly-{date}", "2026-11-21T23:59:59.999Z"), "nightly-2026-11-21");
        assert_eq!(at("nightly-{date}", "2026-11-22T00:00:00Z"), "nightly-2026-11-22");
        assert_eq!(at("{date}-a", "2026-11-22T00:30:00+01:00"), "2026-11-21-a");
        assert_eq!(at("cutover-1", "2026-11-21T10:00:00Z"), "cutover-1");
        assert!("fifteen-letters{date}".parse::<LabelTemplate>().is_err(), "25 characters");
    }

    proptest! {
        #[test]
        fn decoding_any_text_does_not_panic(text in "\\PC{0,200}") {
            let _ = RequestMessage::decode(&text);
        }

        #[test]
        fn decoding_a_request_with_a_changed_byte_does_not_panic(at in 0..LONG.len(), byte in 0x20_u8..0x7f) {
            let mut bytes = LONG.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = RequestMessage::decode(&String::from_utf8(bytes).unwrap());
        }

        #[test]
        fn label_template_is_a_valid_label_on_every_day(text in "[a-z-]{0,7}(\\{date\\})?[a-z0-9-]{0,8}", second in 0_i64..250_000_000_000) {
            if let Ok(template) = text.parse::<LabelTemplate>() {
                prop_assert!(template.at(Timestamp::from_second(second).unwrap()).is_ok());
            }
        }
    }
}
