//! The daily backup window and the weekly maintenance window of a database, in UTC.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u32 = 24 * 60;
/// RDS API Reference, `ModifyDBInstance`: both windows are at least 30 minutes long.
const SHORTEST: u32 = 30;

/// A backup window: `hh24:mi-hh24:mi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct BackupWindow {
    start: u32,
    minutes: u32,
}

/// A maintenance window: `ddd:hh24:mi-ddd:hh24:mi`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MaintenanceWindow {
    start: u32,
    minutes: u32,
}

impl MaintenanceWindow {
    /// Whether both overlap on some day, which RDS refuses (RDS API Reference, `ModifyDBInstance`,
    /// `PreferredBackupWindow`).
    pub(crate) fn overlaps(self, backup: BackupWindow) -> bool {
        const WEEK: u32 = 7 * DAY;
        (0..7).any(|day| {
            let backup_start = day * DAY + backup.start;
            (backup_start + WEEK - self.start) % WEEK < self.minutes
                || (self.start + WEEK - backup_start) % WEEK < backup.minutes
        })
    }
}

impl fmt::Display for BackupWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", time(self.start), time(self.start + self.minutes))
    }
}

impl fmt::Display for MaintenanceWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = |minute: u32| {
            let day = DAYS.get((minute / DAY) as usize % 7).copied().unwrap_or_default();
            format!("{day}:{}", time(minute))
        };
        write!(f, "{}-{}", moment(self.start), moment(self.start + self.minutes))
    }
}

impl FromStr for BackupWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (start, end) = text.split_once('-')?;
            let (start, end) = (minute(start)?, minute(end)?);
            Some((start, (end + DAY - start) % DAY))
        };
        match parse() {
            Some((start, minutes)) if minutes >= SHORTEST => Ok(Self { start, minutes }),
            _ => Err(format!("{text:?} is not a backup window of at least 30 minutes, such as 03:00-03:30 (UTC)")),
        }
    }
}

impl FromStr for MaintenanceWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moment = |text: &str| {
            let (day, time) = text.split_once(':')?;
            let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?;
            Some(u32::try_from(day).ok()? * DAY + minute(time)?)
        };
        let parse = || {
            let (start, end) = text.split_once('-')?;
            let (start, end) = (moment(start)?, moment(end)?);
            Some((start, (end + 7 * DAY - start) % (7 * DAY)))
        };
        match parse() {
            // UNSOURCED: a window is shorter than a day.
            Some((start, minutes)) if (SHORTEST..DAY).contains(&minutes) => Ok(Self { start, minutes }),
            _ => Err(format!(
                "{text:?} is not a maintenance window of 30 minutes to less than a day, \
                 such as sun:04:00-sun:04:30 (UTC)"
            )),
        }
    }
}

impl TryFrom<String> for BackupWindow {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl TryFrom<String> for MaintenanceWindow {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// The minute of the day that `hh:mi` names.
fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two =
        |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok());
    let (hour, minute): (u32, u32) = (two(hour)??, two(minute)??);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn time(minute: u32) -> String {
    format!("{:02}:{:02}", minute % DAY / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_parsed_only_if_well_formed_and_long_enough() {
        for text in ["03:00-03:30", "23:45-00:15"] {
            assert_eq!(text.parse::<BackupWindow>().unwrap().to_string(), text);
        }
        for text in ["sun:04:00-sun:04:30", "sun:23:45-mon:00:15", "sat:10:00-sun:09:30"] {
            assert_eq!(text.parse::<MaintenanceWindow>().unwrap().to_string(), text);
        }
        assert_eq!("Sun:04:00-Sun:05:00".parse::<MaintenanceWindow>().unwrap().to_string(), "sun:04:00-sun:05:00");
        for text in ["03:00-03:29", "3:00-4:00", "03:00", "24:00-01:00", "+3:00-04:00", "sun:03:00-sun:04:00"] {
            assert!(text.parse::<BackupWindow>().is_err(), "{text}");
        }
        for text in ["04:00-04:30", "sun:04:00-sun:04:29", "son:04:00-son:05:00", "mon:04:00-wed:04:00"] {
            assert!(text.parse::<MaintenanceWindow>().is_err(), "{text}");
        }
    }

    #[test]
    fn overlap_of_windows_is_detected_across_midnight_and_week_end() {
        let overlaps = |maintenance: &str, backup: &str| {
            maintenance.parse::<MaintenanceWindow>().unwrap().overlaps(backup.parse().unwrap())
        };
        assert!(overlaps("sun:04:00-sun:05:00", "04:30-05:30"));
        assert!(overlaps("sun:23:30-mon:00:30", "00:00-00:30"));
        assert!(overlaps("mon:00:00-mon:00:30", "23:45-00:15"));
        assert!(overlaps("sun:23:30-mon:00:30", "23:00-23:45"));
        assert!(!overlaps("sun:04:00-sun:04:30", "03:30-04:00"));
        assert!(!overlaps("sun:04:00-sun:04:30", "04:30-05:00"));
        assert!(!overlaps("mon:00:00-mon:00:30", "23:00-00:00"));
    }
}
