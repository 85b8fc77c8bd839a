//! The poll schedule: when work is polled next, from the progress that AWS reports and not at a fixed interval.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Working;
use crate::config::read_duration;

/// The bounds of polling: `[polling]` in the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollSchedule {
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

/// With more active handoffs than this, listings are as far apart as with so many.
const MOST_ACTIVE: usize = 100;

impl Default for PollSchedule {
    fn default() -> Self {
        Self {
            floor: SignedDuration::from_secs(10),
            ceiling: SignedDuration::from_mins(20),
            settle_factor: 1.0,
            stall_after: SignedDuration::from_hours(1),
        }
    }
}

impl PollSchedule {
    /// How long until the next poll: two fifths of the estimated remaining time, and a quarter when nine tenths are done, since AWS
    /// reports progress in lumps, and not evenly. What reports progress and has made none yet will take as long again; what never
    /// reports any, as a restore, may be over by half of that. What is slow is not over within a minute, and not polled sooner
    /// while nothing is known of its progress.
    pub fn next_poll(&self, working: &Working, slow: bool, now: Timestamp, unchanged: Duration) -> Duration {
        let first = if slow { self.slow() } else { self.floor() };
        let wait = match (remaining(working, now, unchanged), working.percent) {
            (Some(remaining), percent) => {
                let share = if percent < Some(90) { remaining * 2 / 5 } else { remaining / 4 };
                return share.clamp(self.floor(), self.ceiling());
            }
            (None, Some(_)) => {
                working.since.map_or(unchanged, |since| now.duration_since(since).try_into().unwrap_or(unchanged))
            }
            (None, None) => unchanged / 2,
        };
        wait.clamp(first, self.ceiling().max(first))
    }

    /// How far apart the listings are kept that all `active` handoffs share: 1.5 s for each further handoff that they serve, so that
    /// each costs the same however many there are; never more than 150 s. With the usual floor.
    pub fn spacing(&self, active: usize) -> Duration {
        let others = u32::try_from(active.saturating_sub(1).min(MOST_ACTIVE)).unwrap_or_default();
        self.floor() * 3 / 20 * others
    }

    /// Never sooner than this.
    pub fn floor(&self) -> Duration {
        self.floor.try_into().unwrap_or(Duration::ZERO)
    }

    /// As soon as slow work is looked at: two minutes, with the usual floor.
    pub fn slow(&self) -> Duration {
        self.floor() * 12
    }

    /// What stands still is changed by this process, which it sees at once, or by another agent or a person: looked at again every
    /// two hours, with the usual ceiling.
    pub fn idle(&self) -> Duration {
        self.ceiling() * 6
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
        (!sane)
            .then_some("[polling] needs 0 < floor <= ceiling, a stall_after above 0 and a settle_factor from 0 to 100")
    }
}

/// The time that work still takes, if it goes on as it went until its progress changed last.
pub fn remaining(working: &Working, now: Timestamp, unchanged: Duration) -> Option<Duration> {
    let percent = working.percent.filter(|percent| (1..100).contains(percent))?;
    let elapsed = Duration::try_from(now.duration_since(working.since?)).ok()?.saturating_sub(unchanged);
    Some((elapsed * u32::from(100 - percent) / u32::from(percent)).saturating_sub(unchanged))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(percent: Option<u8>, minutes: u32, unchanged: u32) -> u64 {
        let since: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let working = Working { percent, since: Some(since), ..Working::new("copying") };
        let [elapsed, unchanged] = [minutes, unchanged].map(|minutes| Duration::from_mins(minutes.into()));
        PollSchedule::default().next_poll(&working, false, since + elapsed, unchanged).as_secs()
    }

    #[test]
    fn a_share_of_what_remains_between_floor_and_ceiling() {
        assert_eq!(wait(Some(50), 20, 0), 480);
        assert_eq!(wait(Some(90), 90, 0), 150);
        assert_eq!(wait(Some(50), 24, 4), 384, "half of it was done after 20 minutes; 16 of the other 20 are left");
        assert_eq!(wait(Some(99), 10, 0), 10);
        assert_eq!(wait(Some(50), 60, 40), 10, "longer than foreseen");
        assert_eq!(wait(Some(10), 60, 0), 1200);
    }

    #[test]
    fn without_progress_as_long_as_it_took_so_far() {
        assert_eq!(wait(Some(0), 2, 1), 120);
        assert_eq!(wait(None, 20, 2), 60);
        assert_eq!(wait(None, 0, 0), 10);
    }
}
