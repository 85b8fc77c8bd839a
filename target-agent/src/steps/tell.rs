//! Steps 10 and 12: receipts. Sending cannot be observed, so it is sent first and recorded then: a crash between the two sends
//! the same bytes again, and account A absorbs them.

use agent_runtime::{Fault, Observed, Step, StepId};
use protocol::Reason;
use protocol::state::stage_tag;
use protocol::tags::Told;
use protocol::{Receipt, Stage};

use crate::account::Account;
use crate::job::Job;

/// The stages that are told, as parameters of a type. [`Stage::ALL`] is in the order of their declaration.
pub(crate) const ACCEPTED: usize = Stage::Accepted as usize;
pub(crate) const LANDED: usize = Stage::Landed as usize;
pub(crate) const RESTORED: usize = Stage::Restored as usize;
pub(crate) const FAILED: usize = Stage::Failed as usize;

/// Account A was told that this stage is reached.
pub(crate) struct Tell<'a, const STAGE: usize> {
    pub(crate) account: &'a Account,
    pub(crate) job: &'a Job,
    pub(crate) reason: Option<Reason>,
}

/// The bytes of a receipt: what the target copy's tags say, and nothing that changes from one sending to the next.
pub(crate) fn receipt(account: &Account, job: &Job, stage: Stage, reason: Option<Reason>) -> String {
    let target = account.settings.account.clone();
    Receipt::new(job.id().clone(), job.digest().clone(), target, stage, reason).encode()
}

impl<const STAGE: usize> Tell<'_, STAGE> {
    const STAGE: Stage = Stage::ALL[STAGE];
}

impl<const STAGE: usize> Step for Tell<'_, STAGE> {
    type Output = ();
    const ID: StepId = StepId(match Stage::ALL[STAGE] {
        Stage::Accepted => "tell-accepted",
        Stage::Landed => "tell-landed",
        Stage::Restored => "tell-restored",
        Stage::Rejected => "tell-rejected",
        Stage::Failed => "tell-failed",
    });

    fn resource(&self) -> String {
        self.job.id().to_string()
    }

    fn describe(&self) -> String {
        format!("tell account {}: {}", self.job.facts.origin.account, Self::STAGE)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let copy = self.account.target_copy(self.job).await?;
        let told = copy.is_some_and(|copy| copy.facts.told(Self::STAGE).is_some());
        Ok(if told { Observed::Ready(()) } else { Observed::Todo })
    }

    async fn act(&self) -> Result<(), Fault> {
        let queue = self.account.receipts(&self.job.facts.origin.account, self.job.id())?;
        queue.send(&receipt(self.account, self.job, Self::STAGE, self.reason)).await?;
        let told = Told { at: self.account.clock.now(), reason: self.reason };
        self.account.tag(&self.job.target_arn(self.account), stage_tag(Self::STAGE), &told).await
    }

    fn foresee(&self) {}
}
