//! Backup windows and maintenance windows, in UTC.

use std::fmt;

use jiff::Timestamp;

use crate::clock::later;
use crate::fault::{Fault, Outcome};

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
/// The least length of both windows, in minutes (RDS API Reference, CreateDBInstance).
const SHORTEST: u32 = 30;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A daily window: `hh24:mi-hh24:mi`. In minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackupWindow {
    start: u32,
    length: u32,
}

/// A weekly window: `ddd:hh24:mi-ddd:hh24:mi`. In minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MaintenanceWindow {
    start: u32,
    length: u32,
}

/// The default windows. AWS chooses them at random.
pub(crate) const BACKUP: BackupWindow = BackupWindow { start: 3 * 60, length: 30 };
pub(crate) const MAINTENANCE: MaintenanceWindow = MaintenanceWindow { start: 6 * DAY + 4 * 60, length: 30 };

impl BackupWindow {
    /// "Must be in the format hh24:mi-hh24:mi", "Must be at least 30 minutes" (RDS API Reference, CreateDBInstance,
    /// PreferredBackupWindow).
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let read = || {
            let (from, to) = text.split_once('-')?;
            Some((minute_of_day(from)?, minute_of_day(to)?))
        };
        let (start, end) = read().ok_or_else(|| {
            Fault::value(format!("Invalid backup window format: {text}. Should be specified as hh24:mi-hh24:mi."))
        })?;
        let length = (end + DAY - start) % DAY;
        if length < SHORTEST {
            return Err(Fault::value(format!("The backup window must be at least {SHORTEST} minutes: {text}")));
        }
        Ok(Self { start, length })
    }
}

impl MaintenanceWindow {
    /// "Must be in the format ddd:hh24:mi-ddd:hh24:mi", "Must be at least 30 minutes" (RDS API Reference, CreateDBInstance,
    /// PreferredMaintenanceWindow).
    pub(super) fn parse(text: &str) -> Outcome<Self> {
        let read = || {
            let (from, to) = text.split_once('-')?;
            Some((minute_of_week(from)?, minute_of_week(to)?))
        };
        let (start, end) = read().ok_or_else(|| {
            Fault::value(format!(
                "Invalid maintenance window format: {text}. Should be specified as ddd:hh24:mi-ddd:hh24:mi."
            ))
        })?;
        let length = (end + WEEK - start) % WEEK;
        // The console allows at most 24 hours; the API Reference has no upper bound.
        if length < SHORTEST {
            return Err(Fault::value(format!("The maintenance window must be at least {SHORTEST} minutes: {text}")));
        }
        Ok(Self { start, length })
    }

    pub(super) fn is_open(self, now: Timestamp) -> bool {
        (minute_of_the_week(now) + WEEK - self.start) % WEEK < self.length
    }

    /// When it opens next, after `now`.
    pub(super) fn opens(self, now: Timestamp) -> Timestamp {
        let minutes = match (self.start + WEEK - minute_of_the_week(now)) % WEEK {
            0 => WEEK,
            minutes => minutes,
        };
        let past = now.as_second().rem_euclid(60);
        let seconds = u64::try_from(i64::from(minutes) * 60 - past).unwrap_or_default();
        let whole = Timestamp::from_second(now.as_second()).unwrap_or(now);
        later(whole, std::time::Duration::from_secs(seconds))
    }
}

impl MaintenanceWindow {
    /// The default window of an instance: one that does not overlap its backup window, if possible. UNSOURCED: that
    /// AWS, which chooses it at random, avoids the backup window.
    pub(super) fn default_for(backup: BackupWindow) -> Self {
        let later = |half_hours: u32| Self { start: (MAINTENANCE.start + half_hours * SHORTEST) % WEEK, ..MAINTENANCE };
        (0..48).map(later).find(|window| !overlap(backup, *window)).unwrap_or(MAINTENANCE)
    }
}

/// Refuses windows that overlap (RDS API Reference, CreateDBInstance, PreferredBackupWindow).
pub(super) fn must_not_overlap(backup: BackupWindow, maintenance: MaintenanceWindow) -> Outcome<()> {
    if overlap(backup, maintenance) {
        return Err(Fault::value("The backup window and maintenance window must not overlap."));
    }
    Ok(())
}

fn overlap(backup: BackupWindow, maintenance: MaintenanceWindow) -> bool {
    (0..7).any(|day| {
        let gap = (day * DAY + backup.start + WEEK - maintenance.start) % WEEK;
        gap < maintenance.length || WEEK - gap < backup.length
    })
}

/// 1970 began on a Thursday.
fn minute_of_the_week(now: Timestamp) -> u32 {
    let minutes = now.as_second().div_euclid(60) + i64::from(3 * DAY);
    u32::try_from(minutes.rem_euclid(i64::from(WEEK))).unwrap_or_default()
}

fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two = |part: &str, below: u32| {
        let number = (part.len() == 2).then(|| part.parse::<u32>().ok()).flatten()?;
        (number < below).then_some(number)
    };
    Some(two(hour, 24)? * 60 + two(minute, 60)?)
}

fn minute_of_week(text: &str) -> Option<u32> {
    let (day, time) = text.split_once(':')?;
    let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?;
    Some(u32::try_from(day).ok()? * DAY + minute_of_day(time)?)
}

fn time(minute: u32) -> String {
    format!("{:02}:{:02}", minute % DAY / 60, minute % 60)
}

impl fmt::Display for BackupWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", time(self.start), time(self.start + self.length))
    }
}

impl fmt::Display for MaintenanceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |minute: u32| DAYS.iter().cycle().nth((minute / DAY) as usize).copied().unwrap_or_default();
        let end = self.start + self.length;
        write!(f, "{}:{}-{}:{}", day(self.start), time(self.start), day(end), time(end))
    }
}
