//! Step 13: the first and the last mark of withdrawing.

use agent_runtime::{Fault, Observed, Step, StepId};
use protocol::tags::{self, Ended, Outcome};

use crate::account::Account;
use crate::moves::Move;

/// Written before anything is taken back; never removed, and it always wins.
pub(crate) struct MarkEnded<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
    pub(crate) outcome: Outcome,
}

/// Written last: nothing is open any more.
pub(crate) struct MarkSettled<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
    pub(crate) outcome: Outcome,
}

impl Step for MarkEnded<'_> {
    type Output = ();
    const ID: StepId = StepId("mark-ended");

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

    async fn act(&self) -> Result<(), Fault> {
        let ended = Ended { outcome: self.outcome, at: self.account.clock.now() };
        self.account.tag(&self.of.source_arn(), tags::ENDED, &ended).await
    }

    fn foresee(&self) {}
}

impl Step for MarkSettled<'_> {
    type Output = ();
    const ID: StepId = StepId("mark-settled");

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

    async fn act(&self) -> Result<(), Fault> {
        let settled = Ended { outcome: self.outcome, at: self.account.clock.now() };
        self.account.tag(&self.of.source_arn(), tags::SETTLED, &settled).await
    }

    fn foresee(&self) {}
}
