//! Step 13: marks the end of a handoff and its settlement, and waits for the propagation delay between them.

use std::time::Duration;

use agent_runtime::clock::later;
use agent_runtime::event::Verb;
use agent_runtime::{Acted, Fault, Freshness, NextPoll, Observed, Progress, Step, StepId, Wait, Working};
use jiff::Timestamp;
use protocol::SourceFacts;
use protocol::tags::{self, Ended, Outcome};

use crate::account::Account;
use crate::handoff::Handoff;

/// Writes the tag `ended` before anything is revoked. It is never removed, and decides the phase whatever else the tags
/// say.
pub(crate) struct MarkEnded<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) outcome: Outcome,
}

/// Access that was granted just before the end may not be visible yet. After this delay a read shows it.
const PROPAGATION_DELAY: Duration = Duration::from_mins(1);

/// Waits until [`PROPAGATION_DELAY`] after the end. The pass that finds it ready has read share, policy and grants once
/// more in the steps before this one.
pub(crate) struct AwaitPropagation<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

/// Writes the tag `settled`, last: no access is open any more.
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

    fn planned_output(&self) {}
}

/// Writes a tag with the outcome and the time, unless another agent has written it since the last read.
async fn mark(
    account: &Account,
    of: &Handoff,
    (tag, outcome): (&str, Outcome),
    read_tag: fn(&SourceFacts) -> &Option<Ended>,
) -> Result<Acted, Fault> {
    let source = account.source_as_of(of, Freshness::Now).await?;
    if source.is_some_and(|source| read_tag(&source.facts).is_some()) {
        return Ok(Acted::Nothing);
    }
    let ended = Ended { outcome, at: account.clock.now() };
    account.tag(&of.source_arn(), tag, &ended).await.map(|()| Acted::Done)
}

/// The time from which AWS shows all access that was granted before this end. If a person wrote a time in the future,
/// now counts.
fn propagated_at(account: &Account, ended: Timestamp) -> Timestamp {
    later(ended.min(account.clock.now()), account.settings.schedule.settle(PROPAGATION_DELAY))
}

/// How fresh a read of the access to revoke must be: after the end was marked, and finally after the propagation delay.
pub(super) async fn since_end(account: &Account, of: &Handoff) -> Result<Freshness, Fault> {
    let source = account.source_snapshot(of).await?;
    let Some(ended) = source.and_then(|source| source.facts.ended) else { return Ok(Freshness::Now) };
    let propagated = propagated_at(account, ended.at);
    Ok(Freshness::Since(if account.clock.now() >= propagated { propagated } else { ended.at }))
}

impl Wait for AwaitPropagation<'_> {
    type Output = ();

    fn id(&self) -> StepId {
        StepId("propagation")
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        "the propagation delay after the end is over".to_owned()
    }

    async fn observe(&self) -> Result<Progress<()>, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        // The step that marks the end has read the tag. This read may be staler, and without the tag now counts.
        let now = self.account.clock.now();
        let ended = source.and_then(|source| source.facts.ended).map_or(now, |ended| ended.at);
        let propagated = propagated_at(self.account, ended);
        if now < propagated && ended <= now {
            let state = "waiting for the propagation delay of AWS, to read once more what is open before it is settled";
            return Ok(Progress::Working(Working { next: NextPoll::At(propagated), ..Working::new(state) }));
        }
        Ok(Progress::Ready(()))
    }

    fn planned_output(&self) {}
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

    fn planned_output(&self) {}
}
