//! The poll schedule: when work is polled next. The interval follows the progress that AWS reports.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Working;
use crate::config::read_duration;

/// The poll schedule: `[polling]` in the configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PollSchedule {
    /// The shortest poll interval.
    #[serde(deserialize_with = "read_duration")]
    pub floor: SignedDuration,
    /// The longest poll interval.
    #[serde(deserialize_with = "read_duration")]
    pub ceiling: SignedDuration,
    /// Multiplies the assumed propagation delays. 1 is right for AWS.
    pub settle_factor: f64,
    /// Work without progress for this long is reported as stalled. Polling continues.
    #[serde(deserialize_with = "read_duration")]
    pub stall_after: SignedDuration,
}

/// With more active handoffs than this, the time between listings no longer grows.
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
    /// The time until the next poll. It is two fifths of the estimated remaining time, or a quarter when nine tenths
    /// are done, since AWS reports progress unevenly. Work that reports progress but has made none yet is expected to
    /// need the time elapsed so far once more. For work that never reports progress, such as a restore, the interval is
    /// half of the time without change. `slow` work takes more than a minute: as long as its progress is unknown,
    /// [`slow`](Self::slow) is the shortest interval.
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

    /// The minimum time between listings that all `active` handoffs share: 1.5 s for each handoff after the first, at
    /// most 150 s, with the default floor. So the number of listings for each handoff does not depend on the number of
    /// handoffs.
    pub fn spacing(&self, active: usize) -> Duration {
        let others = u32::try_from(active.saturating_sub(1).min(MOST_ACTIVE)).unwrap_or_default();
        self.floor() * 3 / 20 * others
    }

    /// The shortest poll interval.
    pub fn floor(&self) -> Duration {
        self.floor.try_into().unwrap_or(Duration::ZERO)
    }

    /// The shortest poll interval of slow work: two minutes, with the default floor.
    pub fn slow(&self) -> Duration {
        self.floor() * 12
    }

    /// The interval between reads of a resource without work in progress: two hours, with the default ceiling. Only
    /// another agent or a person can change it unnoticed.
    pub fn idle(&self) -> Duration {
        self.ceiling() * 6
    }

    /// The longest poll interval; at least the floor.
    pub fn ceiling(&self) -> Duration {
        Duration::try_from(self.ceiling).unwrap_or(Duration::ZERO).max(self.floor())
    }

    /// A propagation delay, multiplied by `settle_factor`.
    pub fn settle(&self, settle: Duration) -> Duration {
        settle.mul_f64(self.settle_factor)
    }

    /// What is wrong with these settings, as a text for the operator; `None` if they are valid.
    pub fn problem(&self) -> Option<&'static str> {
        let is_valid = self.floor.is_positive()
            && self.ceiling >= self.floor
            && self.stall_after.is_positive()
            && (0.0..=100.0).contains(&self.settle_factor);
        (!is_valid)
            .then_some("[polling] needs 0 < floor <= ceiling, a stall_after above 0 and a settle_factor from 0 to 100")
    }
}

/// Estimates the remaining time of work from its rate up to the last change of progress; `None` if it reports no
/// progress.
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
    fn interval_is_a_share_of_remaining_time_within_floor_and_ceiling() {
        assert_eq!(wait(Some(50), 20, 0), 480);
        assert_eq!(wait(Some(90), 90, 0), 150);
        assert_eq!(wait(Some(50), 24, 4), 384, "half was done after 20 minutes; 16 of the other 20 minutes are left");
        assert_eq!(wait(Some(99), 10, 0), 10);
        assert_eq!(wait(Some(50), 60, 40), 10, "it takes longer than estimated");
        assert_eq!(wait(Some(10), 60, 0), 1200);
    }

    #[test]
    fn interval_without_progress_is_the_elapsed_time() {
        assert_eq!(wait(Some(0), 2, 1), 120);
        assert_eq!(wait(None, 20, 2), 60);
        assert_eq!(wait(None, 0, 0), 10);
    }
}
