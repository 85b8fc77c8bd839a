//! A wave: what AWS still tells of many handoffs.

use std::collections::BTreeMap;

use agent_runtime::aws::rds::snapshot::{SnapshotStatus, SnapshotView};
use jiff::{SignedDuration, Timestamp};
use protocol::tags::Outcome;
use protocol::{Phase, SourceFacts, Stage};

use super::bars::{Bar, End, TIMES, Work, bars};
use crate::handoff::SourceSnapshot;

/// The report, before it is a page. Texts are data, whoever wrote them.
#[derive(Debug)]
pub(crate) struct Wave {
    pub(crate) account: String,
    pub(crate) region: String,
    /// Who has asked.
    pub(crate) caller: String,
    /// Of which label only.
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
    /// The times that its tags tell, as in [`TIMES`].
    pub(crate) times: [Option<Timestamp>; TIMES.len()],
    /// When account B's access ends at the latest.
    pub(crate) access_until: Option<Timestamp>,
    /// What account B says that went wrong, why, and when.
    pub(crate) trouble: Option<(Stage, Option<String>, Timestamp)>,
    /// How far the copy to the target Region is.
    pub(crate) copying: Option<String>,
    pub(crate) bars: Vec<Bar>,
}

const OFFERED: usize = 3;
const LANDED: usize = 6;
const RESTORED: usize = 7;
const ENDED: usize = 8;
const SETTLED: usize = 9;

impl HandoffReport {
    /// A handoff, as its source snapshot remembers it; `shared` is the shared copy, as long as it is there.
    pub(crate) fn of(source: &SourceSnapshot, shared: Option<&SnapshotView>, now: Timestamp) -> Self {
        let SourceSnapshot { view, facts } = source;
        let heard = |stage| facts.heard(stage).map(|told| told.at);
        let ready = facts.ready.as_ref().filter(|ready| ready.lack.is_none()).map(|ready| ready.at);
        let trouble = [Stage::Failed, Stage::Rejected].into_iter().find_map(|stage| {
            let told = facts.heard(stage)?;
            Some((stage, told.reason.map(|reason| reason.to_string()), told.at))
        });
        let times = [
            view.created,
            facts.hello.as_ref().map(|asked| asked.issued),
            ready,
            facts.offer.as_ref().map(|offer| offer.issued),
            facts.published.as_ref().map(|published| published.at),
            heard(Stage::Accepted),
            heard(Stage::Landed),
            heard(Stage::Restored),
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
            copying: shared.and_then(copying).or_else(|| lacking(facts)),
            times,
            trouble,
        }
    }

    /// `database/label`, as everywhere else.
    pub(crate) fn subject(&self) -> String {
        format!("{}/{}", self.database, self.label)
    }

    pub(crate) fn began(&self) -> Option<Timestamp> {
        self.times.into_iter().flatten().min()
    }

    pub(crate) fn ended(&self) -> Option<Timestamp> {
        self.times[ENDED].or(self.times[SETTLED])
    }

    /// One word, or two.
    pub(crate) fn stands(&self) -> String {
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

    /// Account B owns its copy.
    pub(crate) fn has_landed(&self) -> bool {
        self.times[LANDED].is_some() || self.times[RESTORED].is_some()
    }

    /// Did it end otherwise than meant, here or over there?
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

    /// What it is at.
    pub(crate) fn at(&self) -> Option<&Bar> {
        self.bars.iter().rev().find(|bar| bar.end == End::Open)
    }

    /// What it was at when it ended before its time.
    pub(crate) fn cut_short(&self) -> Option<&Bar> {
        self.bars.iter().find(|bar| matches!(bar.end, End::CutShort(_)))
    }
}

impl Wave {
    /// From the first snapshot to the last time that AWS tells.
    pub(crate) fn lasts(&self) -> Option<(Timestamp, Timestamp)> {
        let times = || self.handoffs.iter().flat_map(|handoff| handoff.times).flatten();
        Some((times().min()?, times().max()?))
    }

    /// How long each work took wherever it was done, the shortest first.
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

    /// The longest works.
    pub(crate) fn slowest(&self, count: usize) -> Vec<(&HandoffReport, Work, SignedDuration)> {
        let done = |handoff| move |bar: &Bar| bar.done().map(|(work, lasted)| (handoff, work, lasted));
        let mut all: Vec<_> =
            self.handoffs.iter().flat_map(|handoff| handoff.bars.iter().filter_map(done(handoff))).collect();
        all.sort_by_key(|(_, _, lasted)| std::cmp::Reverse(*lasted));
        all.truncate(count);
        all
    }
}

/// The middle one of sorted durations; of two, the mean.
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

fn lacking(facts: &SourceFacts) -> Option<String> {
    let lack = facts.ready.as_ref()?.lack?;
    facts.offer.is_none().then(|| format!("account {} is not ready: {}", facts.route.account, lack.meaning()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        let minutes = |all: &[i64]| all.iter().map(|minute| SignedDuration::from_mins(*minute)).collect::<Vec<_>>();
        assert_eq!(median(&minutes(&[1, 2, 9])), SignedDuration::from_mins(2));
        assert_eq!(median(&minutes(&[1, 2, 4, 9])), SignedDuration::from_mins(3));
        assert_eq!(median(&[]), SignedDuration::ZERO);
    }
}
