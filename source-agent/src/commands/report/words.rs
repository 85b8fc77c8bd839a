//! The words and formats of the page.

use agent_runtime::text::{day, time_of_day};
use jiff::{SignedDuration, Timestamp};

use super::bars::{Bar, Work};

/// The name of a phase.
pub(super) fn name(work: Work) -> &'static str {
    match work {
        Work::Snapshot => "Source snapshot",
        Work::Asking => "Asking account B",
        Work::Copy => "Key, and copy to the target Region",
        Work::Sharing => "Sharing, message",
        Work::Waiting => "Waiting for account B",
        Work::TargetCopy => "Account B's copy",
        Work::Restore => "Account B's restore",
        Work::Withdrawing => "Withdrawing",
    }
}

/// Where a phase begins and ends, by the times of the table.
pub(super) fn bounds(work: Work) -> &'static str {
    match work {
        Work::Snapshot => "The snapshot was taken (SnapshotCreateTime), until account B was Asked",
        Work::Asking => "Asked, until account B answered that it is Ready",
        Work::Copy => {
            "Ready, until Offered; without a hello, from the creation of the copy, as long as the copy exists"
        }
        Work::Sharing => "Offered, until the handoff message was Published",
        Work::Waiting => "Published, until account B Accepted",
        Work::TargetCopy => "Accepted, until Landed: account B owns its copy",
        Work::Restore => "Landed, until Restored: account B's database is available",
        Work::Withdrawing => "Ended, until all access was revoked (Settled); the thin bar",
    }
}

/// The phases of a bar, in a few words.
pub(super) fn brief(bar: &Bar) -> String {
    let word = |work| match work {
        Work::Snapshot => "snapshot",
        Work::Asking => "asking",
        Work::Copy => "copy",
        Work::Sharing => "sharing",
        Work::Waiting => "waiting",
        Work::TargetCopy => "B's copy",
        Work::Restore => "restore",
        Work::Withdrawing => "withdrawing",
    };
    if bar.first == bar.last {
        word(bar.first).to_owned()
    } else {
        format!("{} to {}", word(bar.first), word(bar.last))
    }
}

/// A time without the year.
pub(super) fn minute(at: Timestamp) -> String {
    format!("{} {}", day(at), time_of_day(at))
}

/// A duration as a multiple of the median.
pub(super) fn times_median(lasted: SignedDuration, median: SignedDuration) -> String {
    if median.is_zero() { String::new() } else { format!("{:.1} ×", lasted.as_secs_f64() / median.as_secs_f64()) }
}

pub(super) fn gib(gib: u64) -> String {
    if gib < 4_096 { format!("{gib} GiB") } else { format!("{}.{} TiB", gib / 1024, gib % 1024 * 10 / 1024) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_from_four_tib_on_are_in_tib() {
        assert_eq!((gib(4_095), gib(15_872)), ("4095 GiB".to_owned(), "15.5 TiB".to_owned()));
    }
}
