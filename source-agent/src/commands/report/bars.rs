//! The bars of a handoff. Each is a phase between two recorded times. If a time is not recorded in AWS it is not
//! invented: the phases before and after it become one bar.

use jiff::{SignedDuration, Timestamp};

/// The names of the times of a handoff, in order.
pub(crate) const TIMES: [&str; 10] =
    ["Snapshot", "Asked", "Ready", "Offered", "Published", "Accepted", "Landed", "Restored", "Ended", "Settled"];

/// The phases between the times, in order. Withdrawing overlaps the restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    Snapshot,
    Asking,
    Copy,
    Sharing,
    Waiting,
    TargetCopy,
    Restore,
    Withdrawing,
}

impl Work {
    pub(crate) const ALL: [Self; 8] = [
        Self::Snapshot,
        Self::Asking,
        Self::Copy,
        Self::Sharing,
        Self::Waiting,
        Self::TargetCopy,
        Self::Restore,
        Self::Withdrawing,
    ];
}

/// How a bar ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The next phase began.
    Reached(Timestamp),
    /// The handoff ended during it.
    CutShort(Timestamp),
    /// It continues, or its end was not reported.
    Open,
}

/// One phase, or several phases between which no time is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) first: Work,
    pub(crate) last: Work,
    pub(crate) from: Timestamp,
    pub(crate) end: End,
}

impl Bar {
    /// How long it took, if it is a single phase that is complete.
    pub(super) fn done(&self) -> Option<(Work, SignedDuration)> {
        match self.end {
            End::Reached(to) if self.first == self.last => Some((self.first, to.duration_since(self.from))),
            _ => None,
        }
    }
}

/// The phases between the recorded times. `copy_begun` replaces the time `Ready` if no hello was sent; `stopped` is
/// when account B reported a rejection or a failure.
pub(super) fn bars(
    times: &[Option<Timestamp>; TIMES.len()],
    copy_begun: Option<Timestamp>,
    stopped: Option<Timestamp>,
) -> Vec<Bar> {
    let [taken, asked, ready, offered, published, accepted, landed, restored, ended, settled] = *times;
    let begins = [taken, asked, ready.or(copy_begun), offered, published, accepted, landed];
    let mut recorded: Vec<(Work, Timestamp)> =
        Work::ALL.into_iter().zip(begins).filter_map(|(work, at)| Some((work, at?))).collect();
    // Times are written by two accounts, and may be out of order by a second.
    let mut latest = Timestamp::MIN;
    for (_, at) in &mut recorded {
        latest = latest.max(*at);
        *at = latest;
    }
    let mut bars = Vec::new();
    for (index, (first, from)) in recorded.iter().copied().enumerate() {
        // After the landing the end of the handoff does not end account B's restore.
        let (last, end) = match (recorded.get(index + 1), restored, stopped.or(ended.filter(|_| landed.is_none()))) {
            (Some((next, at)), ..) => (before(*next), End::Reached(*at)),
            (None, Some(at), _) => (Work::Restore, End::Reached(at.max(from))),
            (None, None, Some(at)) => (first, End::CutShort(at.max(from))),
            (None, None, None) => (first, End::Open),
        };
        bars.push(Bar { first, last, from, end });
    }
    if let Some(from) = ended {
        let end = settled.map_or(End::Open, |at| End::Reached(at.max(from)));
        bars.push(Bar { first: Work::Withdrawing, last: Work::Withdrawing, from, end });
    }
    bars
}

fn before(work: Work) -> Work {
    Work::ALL.into_iter().take_while(|earlier| *earlier < work).last().unwrap_or(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    fn shown(times: [Option<i64>; TIMES.len()], copy_begun: Option<i64>, stopped: Option<i64>) -> String {
        let minute = |at: Timestamp| at.as_second() / 60;
        let bars = bars(&times.map(|time| time.map(at)), copy_begun.map(at), stopped.map(at));
        let text = bars.iter().map(|Bar { first, last, from, end }| {
            let works = if first == last { format!("{first:?}") } else { format!("{first:?}-{last:?}") };
            let end = match end {
                End::Reached(to) => format!("{}", minute(*to)),
                End::CutShort(to) => format!("{}!", minute(*to)),
                End::Open => String::new(),
            };
            format!("{works} {}..{end}", minute(*from))
        });
        text.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn phases_around_a_missing_time_become_one_bar() {
        let all = [1, 2, 3, 4, 5, 6, 7, 9, 8, 10].map(Some);
        let clean = "Snapshot 1..2, Asking 2..3, Copy 3..4, Sharing 4..5, Waiting 5..6, TargetCopy 6..7, Restore 7..9, \
                     Withdrawing 8..10";
        assert_eq!(shown(all, Some(99), None), clean);
        let mut without_hello = all;
        (without_hello[1], without_hello[2]) = (None, None);
        assert!(shown(without_hello, None, None).starts_with("Snapshot-Copy 1..4, Sharing 4..5"));
        assert!(shown(without_hello, Some(2), None).starts_with("Snapshot-Asking 1..2, Copy 2..4"));
        let mut without_receipts = all;
        (without_receipts[5], without_receipts[6]) = (None, None);
        assert!(shown(without_receipts, None, None).contains("Waiting-Restore 5..9"));
        assert_eq!(shown([None; TIMES.len()], None, None), "");
    }

    #[test]
    fn end_of_the_handoff_cuts_its_current_phase_short() {
        let offered = [Some(1), Some(2), Some(3), Some(4), Some(5), None, None, None, None, None];
        assert!(shown(offered, None, None).ends_with("Waiting 5.."));
        let mut expired = offered;
        (expired[8], expired[9]) = (Some(20), Some(21));
        assert!(shown(expired, None, None).ends_with("Waiting 5..20!, Withdrawing 20..21"));
        let mut landed = offered;
        (landed[5], landed[6], landed[8]) = (Some(6), Some(7), Some(8));
        assert!(shown(landed, None, None).ends_with("Restore 7.., Withdrawing 8.."), "the restore is account B's");
        assert!(shown(landed, None, Some(30)).ends_with("Restore 7..30!, Withdrawing 8.."));
        let mut early = landed;
        early[5] = Some(4);
        assert!(shown(early, None, None).contains("Waiting 5..5, TargetCopy 5..7"), "no bar ends before it begins");
    }
}
