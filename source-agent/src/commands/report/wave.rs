//! The data of the report, from the tags and times of snapshots.

use std::collections::BTreeMap;

use agent_runtime::aws::rds::snapshot::{SnapshotStatus, SnapshotView};
use jiff::{SignedDuration, Timestamp};
use protocol::tags::Outcome;
use protocol::{Phase, SourceFacts, Stage};

use super::bars::{Bar, End, TIMES, Work, bars};
use crate::handoff::SourceSnapshot;

/// The data of a report. Texts are not escaped yet.
#[derive(Debug)]
pub(crate) struct Wave {
    pub(crate) account: String,
    pub(crate) region: String,
    /// The identity that ran the command.
    pub(crate) caller: String,
    /// The only label of the report; `None` if it has all.
    pub(crate) label: Option<String>,
    pub(crate) now: Timestamp,
    /// In the order in which they began.
    pub(crate) handoffs: Vec<HandoffReport>,
    /// What could not be read.
    pub(crate) notes: Vec<String>,
}

/// One handoff.
#[derive(Debug)]
pub(crate) struct HandoffReport {
    pub(crate) id: String,
    pub(crate) database: String,
    pub(crate) label: String,
    pub(crate) to_account: String,
    pub(crate) to_region: String,
    pub(crate) engine: String,
    pub(crate) size_gib: u32,
    pub(crate) standing: Phase,
    /// The recorded times, in the order of [`TIMES`].
    pub(crate) times: [Option<Timestamp>; TIMES.len()],
    /// When account B's access ends at the latest.
    pub(crate) access_until: Option<Timestamp>,
    /// A failure or rejection that account B reported, with reason and time.
    pub(crate) trouble: Option<(Stage, Option<String>, Timestamp)>,
    /// The progress of the copy to the target Region, or why account B is not ready.
    pub(crate) copying: Option<String>,
    pub(crate) bars: Vec<Bar>,
}

const OFFERED: usize = 3;
const LANDED: usize = 6;
const RESTORED: usize = 7;
const ENDED: usize = 8;
const SETTLED: usize = 9;

impl HandoffReport {
    /// The data of a handoff, from its source snapshot; `shared` is the shared copy, if it exists.
    pub(crate) fn of(source: &SourceSnapshot, shared: Option<&SnapshotView>, now: Timestamp) -> Self {
        let SourceSnapshot { view, facts } = source;
        let reported = |stage| facts.heard(stage).map(|receipt| receipt.at);
        let ready = facts.ready.as_ref().filter(|ready| ready.lack.is_none()).map(|ready| ready.at);
        let trouble = [Stage::Failed, Stage::Rejected].into_iter().find_map(|stage| {
            let receipt = facts.heard(stage)?;
            Some((stage, receipt.reason.map(|reason| reason.to_string()), receipt.at))
        });
        let times = [
            view.created,
            facts.hello.as_ref().map(|asked| asked.issued),
            ready,
            facts.offer.as_ref().map(|offer| offer.issued),
            facts.published.as_ref().map(|published| published.at),
            reported(Stage::Accepted),
            reported(Stage::Landed),
            reported(Stage::Restored),
            facts.ended.as_ref().map(|ended| ended.at),
            facts.settled.as_ref().map(|settled| settled.at),
        ];
        let begun = shared.and_then(|copy| copy.created);
        Self {
            id: facts.id.to_string(),
            database: facts.database.to_string(),
            label: facts.label.to_string(),
            to_account: facts.route.account.to_string(),
            to_region: facts.route.region.to_string(),
            engine: format!("{} {}", view.engine, view.engine_version),
            size_gib: view.size_gib,
            standing: facts.phase(now),
            access_until: facts.offer.as_ref().map(|offer| offer.access_until),
            bars: bars(&times, begun, trouble.as_ref().map(|(_, _, at)| *at)),
            copying: shared.and_then(copying).or_else(|| not_ready(facts)),
            times,
            trouble,
        }
    }

    /// `database/label`.
    pub(crate) fn subject(&self) -> String {
        format!("{}/{}", self.database, self.label)
    }

    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.times.into_iter().flatten().min()
    }

    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.times[ENDED].or(self.times[SETTLED])
    }

    /// The state in a few words.
    pub(crate) fn state(&self) -> String {
        match self.standing {
            Phase::Offering => "open".to_owned(),
            Phase::Withdrawing(outcome) => format!("withdrawing, {outcome}"),
            Phase::Settled(Outcome::Landed) if self.times[RESTORED].is_some() => "restored".to_owned(),
            Phase::Settled(Outcome::Landed) if self.trouble.is_some() => "landed, restore failed".to_owned(),
            Phase::Settled(outcome) => outcome.to_string(),
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.standing, Phase::Settled(_))
    }

    /// Whether account B owns its copy.
    pub(crate) fn has_landed(&self) -> bool {
        self.times[LANDED].is_some() || self.times[RESTORED].is_some()
    }

    /// Whether it ended with anything but the outcome `landed`, or account B reported a failure.
    pub(crate) fn went_wrong(&self) -> bool {
        let ended = match self.standing {
            Phase::Offering => None,
            Phase::Withdrawing(outcome) | Phase::Settled(outcome) => Some(outcome),
        };
        self.trouble.is_some() || ended.is_some_and(|outcome| outcome != Outcome::Landed)
    }

    /// How long account B could use the copy, and whether it still can.
    pub(crate) fn access(&self, now: Timestamp) -> Option<(SignedDuration, bool)> {
        let ended = self.ended();
        Some((ended.unwrap_or(now).duration_since(self.times[OFFERED]?), ended.is_none()))
    }

    /// The bar of the current phase.
    pub(crate) fn current(&self) -> Option<&Bar> {
        self.bars.iter().rev().find(|bar| bar.end == End::Open)
    }

    /// The bar of the phase during which the handoff ended early.
    pub(crate) fn cut_short(&self) -> Option<&Bar> {
        self.bars.iter().find(|bar| matches!(bar.end, End::CutShort(_)))
    }
}

impl Wave {
    /// The first and the last recorded time.
    pub(crate) fn lasts(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.handoffs.iter().flat_map(|handoff| handoff.times).flatten();
        Some((times().min()?, times().max()?))
    }

    /// The durations of each phase in all handoffs that completed it, the shortest first.
    pub(crate) fn durations(&self) -> BTreeMap<Work, Vec<SignedDuration>> {
        let mut all: BTreeMap<Work, Vec<SignedDuration>> = BTreeMap::new();
        for (work, lasted) in self.handoffs.iter().flat_map(|handoff| &handoff.bars).filter_map(Bar::done) {
            all.entry(work).or_default().push(lasted);
        }
        for durations in all.values_mut() {
            durations.sort();
        }
        all
    }

    /// The longest completed phases of all handoffs.
    pub(crate) fn slowest(&self, count: usize) -> Vec<(&HandoffReport, Work, SignedDuration)> {
        let done = |handoff| move |bar: &Bar| bar.done().map(|(work, lasted)| (handoff, work, lasted));
        let mut all: Vec<_> =
            self.handoffs.iter().flat_map(|handoff| handoff.bars.iter().filter_map(done(handoff))).collect();
        all.sort_by_key(|(_, _, lasted)| std::cmp::Reverse(*lasted));
        all.truncate(count);
        all
    }
}

/// The median of sorted durations.
pub(crate) fn median(sorted: &[SignedDuration]) -> SignedDuration {
    let middle = |index: usize| sorted.get(index).copied().unwrap_or_default();
    (middle(sorted.len().saturating_sub(1) / 2) + middle(sorted.len() / 2)) / 2
}

fn copying(shared: &SnapshotView) -> Option<String> {
    let percent = shared.percent.map_or(String::new(), |percent| format!(", {percent} %"));
    match &shared.status {
        SnapshotStatus::Available => None,
        SnapshotStatus::Working(status) | SnapshotStatus::Failed(status) => {
            Some(format!("the shared copy is {status}{percent}"))
        }
    }
}

fn not_ready(facts: &SourceFacts) -> Option<String> {
    let lack = facts.ready.as_ref()?.lack?;
    facts.offer.is_none().then(|| format!("account {} is not ready: {}", facts.route.account, lack.meaning()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_count_is_the_mean_of_the_middle_two() {
        let minutes = |all: &[i64]| all.iter().map(|minute| SignedDuration::from_mins(*minute)).collect::<Vec<_>>();
        assert_eq!(median(&minutes(&[1, 2, 9])), SignedDuration::from_mins(2));
        assert_eq!(median(&minutes(&[1, 2, 4, 9])), SignedDuration::from_mins(3));
        assert_eq!(median(&[]), SignedDuration::ZERO);
    }
}
