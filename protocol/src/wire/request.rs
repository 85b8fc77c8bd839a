//! The request, version 1: what a scheduler or a pipeline of account A asks its source agents for.
//!
//! It can name a database, a label, one of the configured targets and the terms, and nothing else: no role, queue or key.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::envelope::{Envelope, Refusal, VERSION, decode};
use crate::ids::{AccountId, DbIdentifier, Label, ParseError, Region, text};
use crate::terms::{Terms, read_duration};
use crate::words::Reason;

/// Stands for a day in a label.
const DATE: &str = "{date}";

text!(
    /// A label in which `{date}` stands for the day, in UTC, on which its request was sent: `2026-11-21`. A request that a
    /// scheduler sends each night is so another handoff each night, and the same one however often it is delivered.
    LabelTemplate, "a label (1 to 24 of a-z, 0-9 and single inner hyphens; {date} counts as 10)",
    |t| t.replace(DATE, "2026-11-21").parse::<Label>().is_ok()
);

impl LabelTemplate {
    /// The label of a request that was sent at this time.
    ///
    /// # Errors
    /// When no label has such a date: before the year 0.
    pub fn at(&self, sent: Timestamp) -> Result<Label, ParseError> {
        self.as_str().replace(DATE, &sent.strftime("%Y-%m-%d").to_string()).parse()
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMessage {
    /// Everything is taken back this long after the offer.
    #[serde(default = "Terms::access_for", deserialize_with = "read_duration")]
    pub access_for: SignedDuration,
    /// The database.
    pub database: DbIdentifier,
    /// Always `request`.
    pub kind: RequestKind,
    /// A label moves a database once.
    pub label: LabelTemplate,
    /// The higher goes first, where not all can go at once.
    #[serde(default)]
    pub priority: i16,
    /// The target agent begins no later than this after the offer.
    #[serde(default = "Terms::start_within", deserialize_with = "read_duration")]
    pub start_within: SignedDuration,
    /// May be left out when there is one target only.
    pub to_account: Option<AccountId>,
    /// May be left out when the account is a target in one Region only.
    pub to_region: Option<Region>,
    /// Always 1.
    pub version: u64,
}

/// The kind of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// The one that version 1 knows.
    Request,
}

impl RequestMessage {
    /// Reads a body. People write requests, so any spelling of the JSON will do.
    ///
    /// # Errors
    /// When it is no request of version 1; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        let request: Self = decode(body, &Envelope { kind: "request", newest: VERSION })?;
        match request.terms().complaint() {
            Some(complaint) => Err(Refusal::because(Reason::Contradictory, format!("it {complaint}"))),
            None => Ok(request),
        }
    }

    /// How long its offer shall be good for, and what goes before it.
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
    fn golden_requests_decode_for_ever() {
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
    fn what_is_not_exactly_a_request_is_refused() {
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
    fn a_date_is_the_day_of_the_sending_in_utc() {
        assert_eq!(at("nightly-{date}", "2026-11-21T23:59:59.999Z"), "nightly-2026-11-21");
        assert_eq!(at("nightly-{date}", "2026-11-22T00:00:00Z"), "nightly-2026-11-22");
        assert_eq!(at("{date}-a", "2026-11-22T00:30:00+01:00"), "2026-11-21-a");
        assert_eq!(at("cutover-1", "2026-11-21T10:00:00Z"), "cutover-1");
        assert!("fifteen-letters{date}".parse::<LabelTemplate>().is_err(), "25 characters");
    }

    proptest! {
        #[test]
        fn no_text_makes_decoding_panic(text in "\\PC{0,200}") {
            let _ = RequestMessage::decode(&text);
        }

        #[test]
        fn no_damage_to_a_good_request_makes_decoding_panic(at in 0..LONG.len(), byte in 0x20_u8..0x7f) {
            let mut bytes = LONG.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = RequestMessage::decode(&String::from_utf8(bytes).unwrap());
        }

        #[test]
        fn a_template_is_a_label_on_every_day(text in "[a-z-]{0,7}(\\{date\\})?[a-z0-9-]{0,8}", second in 0_i64..250_000_000_000) {
            if let Ok(template) = text.parse::<LabelTemplate>() {
                prop_assert!(template.at(Timestamp::from_second(second).unwrap()).is_ok());
            }
        }
    }
}
