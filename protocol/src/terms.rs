//! The terms of a handoff, and the syntax of durations.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize, Deserializer};

/// The maximum of `start_within`: a queue keeps a message for at most 14 days (SQS).
pub(crate) const LONGEST_START: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The maximum of `access_for`, since access must be limited in time.
pub(crate) const LONGEST_ACCESS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long an offer is valid, and the priority of the handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long after the offer the target agent may start.
    pub start_within: SignedDuration,
    /// How long after the offer all access is revoked.
    pub access_for: SignedDuration,
    /// A higher priority gets a slot first.
    pub priority: i16,
}

impl Terms {
    /// The default of `start_within`.
    pub fn start_within() -> SignedDuration {
        SignedDuration::from_hours(24)
    }

    /// The default of `access_for`.
    pub fn access_for() -> SignedDuration {
        SignedDuration::from_hours(7 * 24)
    }

    /// What is wrong with the combination of values; `None` if they are valid.
    pub fn problem(&self) -> Option<&'static str> {
        if !self.start_within.is_positive() || self.access_for < self.start_within {
            return Some("needs 0 < start_within <= access_for");
        }
        if self.start_within > LONGEST_START || self.access_for > LONGEST_ACCESS {
            return Some("needs a start_within of at most 14 days and an access_for of at most 90 days");
        }
        None
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { start_within: Self::start_within(), access_for: Self::access_for(), priority: 0 }
    }
}

/// Parses a duration: `90s`, `15m`, `24h`, `7d`, `1d 12h`. A day has 24 hours.
///
/// # Errors
/// When the text is not a duration.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let span: Span = text.parse().map_err(|_| format!("{text:?} is not a duration such as 15m, 24h or 7d"))?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("{text:?} has units without a fixed length"))
}

/// Like [`duration`], for a field of a file or a message.
///
/// # Errors
/// When the text is not a duration.
pub fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_parse_with_common_units() {
        assert_eq!(duration("7d").unwrap(), SignedDuration::from_hours(168));
        assert_eq!(duration("1d 12h").unwrap(), SignedDuration::from_hours(36));
        assert_eq!(duration("90s").unwrap(), SignedDuration::from_secs(90));
        assert!(duration("1 month").is_err() && duration("soon").is_err());
    }
}
