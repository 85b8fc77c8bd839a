//! Formats durations and times as display text. All times are UTC.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// An estimated duration, rounded up to minutes: `42 min`, `3 h 50 min`.
pub fn estimate(duration: Duration) -> String {
    match hours_and_minutes(duration) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// The same, for a narrow column: `42m`, `3h50m`.
pub fn estimate_in_column(duration: Duration) -> String {
    match hours_and_minutes(duration) {
        (0, minutes) => format!("{minutes}m"),
        (hours, minutes) => format!("{hours}h{minutes:02}m"),
    }
}

fn hours_and_minutes(duration: Duration) -> (u64, u64) {
    let minutes = duration.as_secs().div_ceil(60);
    (minutes / 60, minutes % 60)
}

/// A measured duration, in its two largest units: `59 s`, `42 min`, `3 h 20 min`, `2 d 4 h`. A negative one is `0 s`.
pub fn measured(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (minutes, hours) = ((seconds + 30) / 60, (seconds + 1_800) / 3_600);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_570 => format!("{minutes} min"),
        3_570..172_800 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// A duration setting, exact and in the syntax of the configuration: `1h 30m`; whole days from two on: `7 days`.
pub fn setting(duration: SignedDuration) -> String {
    match duration.as_hours() {
        hours if hours >= 48 && duration == SignedDuration::from_hours(hours / 24 * 24) => {
            format!("{} days", hours / 24)
        }
        _ => format!("{duration:#}"),
    }
}

/// A time to the minute: `2026-11-28 10:05`.
pub fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A time to the second: `2026-11-28 10:05:09`.
pub fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The day without the year: `Nov 28`.
pub fn day(time: Timestamp) -> String {
    time.strftime("%b %-d").to_string()
}

/// The time without the day: `10:05`.
pub fn time_of_day(time: Timestamp) -> String {
    time.strftime("%H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_is_rounded_up_to_minutes() {
        let text = |seconds| (estimate(Duration::from_secs(seconds)), estimate_in_column(Duration::from_secs(seconds)));
        for (seconds, long, narrow) in [
            (0, "0 min", "0m"),
            (1, "1 min", "1m"),
            (3_540, "59 min", "59m"),
            (3_541, "1 h 0 min", "1h00m"),
            (13_801, "3 h 51 min", "3h51m"),
        ] {
            assert_eq!(text(seconds), (long.to_owned(), narrow.to_owned()));
        }
    }

    #[test]
    fn measured_duration_has_at_most_two_units() {
        let text = |seconds| measured(SignedDuration::from_secs(seconds));
        assert_eq!(
            [-5, 0, 59, 60, 3_569, 3_570, 12_000, 172_799, 172_800, 615_600].map(text),
            ["0 s", "0 s", "59 s", "1 min", "59 min", "1 h 0 min", "3 h 20 min", "48 h 0 min", "2 d 0 h", "7 d 3 h"]
        );
    }

    #[test]
    fn setting_is_exact() {
        let text = |seconds| setting(SignedDuration::from_secs(seconds));
        assert_eq!([90, 86_400, 172_800, 176_400].map(text), ["1m 30s", "24h", "2 days", "49h"]);
    }

    #[test]
    fn times_are_utc() {
        let time: Timestamp = "2026-11-28T10:05:09.7Z".parse().unwrap();
        assert_eq!([minute(time), second(time)], ["2026-11-28 10:05", "2026-11-28 10:05:09"]);
        assert_eq!([day(time), time_of_day(time)], ["Nov 28", "10:05"]);
    }
}
