//! The terms of a handoff, and durations as people write them.

use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde::{Deserialize, Deserializer};

/// No honest offer waits longer than a queue keeps its message (SQS: 14 days).
pub(crate) const LONGEST_START: SignedDuration = SignedDuration::from_hours(14 * 24);

/// No honest offer is open longer than this: access must take itself away.
pub(crate) const LONGEST_ACCESS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long an offer is good for, and which handoff goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The target agent begins no later than this after the offer.
    pub start_within: SignedDuration,
    /// Everything is taken back this long after the offer.
    pub access_for: SignedDuration,
    /// The higher goes first, where not all can go at once.
    pub priority: i16,
}

impl Terms {
    /// When nothing is said of it.
    pub fn start_within() -> SignedDuration {
        SignedDuration::from_hours(24)
    }

    /// When nothing is said of it.
    pub fn access_for() -> SignedDuration {
        SignedDuration::from_hours(7 * 24)
    }

    /// What is wrong with them: how the values go together is what no type can check.
    pub fn complaint(&self) -> Option<&'static str> {
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

/// Reads a duration as people write it: `90s`, `15m`, `24h`, `7d`, `1d 12h`. A day has 24 hours.
///
/// # Errors
/// When it is none.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    let span: Span = text.parse().map_err(|_| format!("{text:?} is not a duration such as 15m, 24h or 7d"))?;
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("{text:?} has units without a fixed length"))
}

/// The same, for a field of a file or a message.
///
/// # Errors
/// When it is none.
pub fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    duration(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_do() {
        assert_eq!(duration("7d").unwrap(), SignedDuration::from_hours(168));
        assert_eq!(duration("1d 12h").unwrap(), SignedDuration::from_hours(36));
        assert_eq!(duration("90s").unwrap(), SignedDuration::from_secs(90));
        assert!(duration("1 month").is_err() && duration("soon").is_err());
    }
}
