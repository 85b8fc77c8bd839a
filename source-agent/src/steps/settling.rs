//! Step 13: the first and the last mark of withdrawing, and the look between them.

use std::time::Duration;

use agent_runtime::clock::later;
use agent_runtime::event::Verb;
use agent_runtime::{Acted, Fault, Freshness, NextPoll, Observed, Progress, Step, StepId, Wait, Working};
use jiff::Timestamp;
use protocol::SourceFacts;
use protocol::tags::{self, Ended, Outcome};

use crate::account::Account;
use crate::handoff::Handoff;

/// Written before anything is taken back; never removed, and it always wins.
pub(crate) struct MarkEnded<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) outcome: Outcome,
}

/// What was opened just before the end may not have shown yet: a read may be as old as the longest that is worth waiting for.
const SHOWN: Duration = Duration::from_mins(1);

/// Long enough after the end, everything that was taken back is looked at once more: the steps before this one are, by the
/// pass that finds it ready.
pub(crate) struct AwaitPropagation<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

/// Written last: nothing is open any more.
pub(crate) struct MarkSettled<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) outcome: Outcome,
}

impl Step for MarkEnded<'_> {
    type Output = ();
    const VERB: Verb = Verb::Record;

    fn id(&self) -> StepId {
        StepId("mark-ended")
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        format!(
            "withdraw, since it {}",
            match self.outcome {
                Outcome::Landed => "has landed",
                Outcome::Expired => "has expired",
                Outcome::Revoked => "was revoked",
                Outcome::Rejected => "was rejected",
                Outcome::Failed => "has failed",
            }
        )
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        let ended = source.is_some_and(|source| source.facts.ended.is_some());
        Ok(if ended { Observed::Ready(()) } else { Observed::Todo })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        mark(self.account, self.of, (tags::ENDED, self.outcome), |facts| &facts.ended).await
    }

    fn foresee(&self) {}
}

/// Marks an end, with this time. Another agent may have marked it since this one read it: what it wrote stays.
async fn mark(
    account: &Account,
    of: &Handoff,
    (tag, outcome): (&str, Outcome),
    marked: fn(&SourceFacts) -> &Option<Ended>,
) -> Result<Acted, Fault> {
    let source = account.source_as_of(of, Freshness::Now).await?;
    if source.is_some_and(|source| marked(&source.facts).is_some()) {
        return Ok(Acted::Nothing);
    }
    let ended = Ended { outcome, at: account.clock.now() };
    account.tag(&of.source_arn(), tag, &ended).await.map(|()| Acted::Done)
}

/// When AWS shows what was opened before this end. A person may have written another time than this clock's.
fn shown(account: &Account, ended: Timestamp) -> Timestamp {
    later(ended.min(account.clock.now()), account.settings.pace.settle(SHOWN))
}

/// How fresh a read of what was opened must be: from after the end was marked, and at last from after all has shown.
pub(super) async fn since_end(account: &Account, of: &Handoff) -> Result<Freshness, Fault> {
    let source = account.source_snapshot(of).await?;
    let Some(ended) = source.and_then(|source| source.facts.ended) else { return Ok(Freshness::Now) };
    let shown = shown(account, ended.at);
    Ok(Freshness::Since(if account.clock.now() >= shown { shown } else { ended.at }))
}

impl Wait for AwaitPropagation<'_> {
    type Output = ();

    fn id(&self) -> StepId {
        StepId("await-propagation")
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        "what was opened has had the time to show".to_owned()
    }

    async fn observe(&self) -> Result<Progress<()>, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        // The step that marks the end has seen it; a read after that may be older.
        let now = self.account.clock.now();
        let ended = source.and_then(|source| source.facts.ended).map_or(now, |ended| ended.at);
        let shown = shown(self.account, ended);
        if now < shown && ended <= now {
            let state = "AWS may not show yet what was opened last: looked at once more before it is settled";
            return Ok(Progress::Working(Working { next: NextPoll::At(shown), ..Working::new(state) }));
        }
        Ok(Progress::Ready(()))
    }

    fn foresee(&self) {}
}

impl Step for MarkSettled<'_> {
    type Output = ();
    const VERB: Verb = Verb::Record;

    fn id(&self) -> StepId {
        StepId("mark-settled")
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        "settled: nothing of it is open any more".to_owned()
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        let settled = source.is_some_and(|source| source.facts.settled.is_some());
        Ok(if settled { Observed::Ready(()) } else { Observed::Todo })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        mark(self.account, self.of, (tags::SETTLED, self.outcome), |facts| &facts.settled).await
    }

    fn foresee(&self) {}
}
