//! When to look again: from the progress that AWS reports, not from a fixed interval.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::settings::read_duration;
use crate::step::Working;

/// The bounds of waiting. `[look_again]` in the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pace {
    /// Never sooner than this.
    #[serde(deserialize_with = "read_duration")]
    pub floor: SignedDuration,
    /// Never later than this.
    #[serde(deserialize_with = "read_duration")]
    pub ceiling: SignedDuration,
    /// Multiplies how long AWS may hide what was just done. 1 is right for AWS.
    pub settle_factor: f64,
    /// Work that shows no progress for so long is told of. It is never given up for that.
    #[serde(deserialize_with = "read_duration")]
    pub stall_after: SignedDuration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            floor: SignedDuration::from_secs(10),
            ceiling: SignedDuration::from_mins(10),
            settle_factor: 1.0,
            stall_after: SignedDuration::from_hours(1),
        }
    }
}

impl Pace {
    /// When it will be over, where that is known; else about half of the estimated remaining time. Without progress, a quarter of the time for which nothing has changed: queued
    /// copies report none, a restore never does, and what has just changed may soon change again.
    pub fn look_again(&self, working: &Working, now: Timestamp, unchanged: Duration) -> Duration {
        if let Some(until) = working.until {
            return Duration::try_from(until.duration_since(now)).unwrap_or_default();
        }
        let wait = match remaining(working, now) {
            Some(remaining) => remaining / 2,
            None => unchanged / 4,
        };
        wait.clamp(self.floor(), self.ceiling())
    }

    /// Never sooner than this.
    pub fn floor(&self) -> Duration {
        self.floor.try_into().unwrap_or(Duration::ZERO)
    }

    /// Never later than this, and never below the floor.
    pub fn ceiling(&self) -> Duration {
        Duration::try_from(self.ceiling).unwrap_or(Duration::ZERO).max(self.floor())
    }

    /// How long AWS may hide what was just done.
    pub fn settle(&self, settle: Duration) -> Duration {
        settle.mul_f64(self.settle_factor)
    }

    /// What is wrong with these bounds, for the operator.
    pub fn complaint(&self) -> Option<&'static str> {
        let sane = self.floor.is_positive()
            && self.ceiling >= self.floor
            && self.stall_after.is_positive()
            && (0.0..=100.0).contains(&self.settle_factor);
        (!sane).then_some(
            "[look_again] needs 0 < floor <= ceiling, a stall_after above 0 and a settle_factor from 0 to 100",
        )
    }
}

/// The time that work still takes, if it goes on as it went so far.
pub fn remaining(working: &Working, now: Timestamp) -> Option<Duration> {
    let percent = working.percent.filter(|percent| (1..100).contains(percent))?;
    let elapsed = Duration::try_from(now.duration_since(working.since?)).ok()?;
    Some(elapsed * u32::from(100 - percent) / u32::from(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(percent: Option<u8>, minutes: u32) -> u64 {
        let since: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let working = Working { percent, since: Some(since), ..Working::new("copying") };
        let elapsed = Duration::from_mins(minutes.into());
        Pace::default().look_again(&working, since + elapsed, elapsed).as_secs()
    }

    #[test]
    fn half_of_what_remains_between_floor_and_ceiling() {
        assert_eq!(wait(Some(50), 10), 300);
        assert_eq!(wait(Some(90), 18), 60);
        assert_eq!(wait(Some(99), 10), 10);
        assert_eq!(wait(Some(10), 60), 600);
        assert_eq!(wait(Some(0), 20), 300);
        assert_eq!(wait(None, 0), 10);
        assert_eq!(wait(Some(100), 4), 60);
    }
}
