//! The end of a message that was begun.

use agent_runtime::aws::queue::Queue;
use agent_runtime::{Acted, Fault, Observed, Step, StepId};

use crate::account::Account;
use crate::job::Job;
use crate::steps::tell::receipt;

/// The message is deleted: the target copy remembers everything. A repeated one is answered with what was told before, since
/// its sender may have lost it.
pub(crate) struct AnswerMessage<'a> {
    pub(crate) account: &'a Account,
    pub(crate) job: &'a Job,
}

impl Step for AnswerMessage<'_> {
    type Output = ();

    fn id(&self) -> StepId {
        StepId("delete-message")
    }

    fn resource(&self) -> String {
        self.job.digest().to_string()
    }

    fn describe(&self) -> String {
        "delete the message".to_owned()
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        Ok(if self.account.fleet.first_held(&self.job.owner()).is_none() {
            Observed::Ready(())
        } else {
            Observed::Todo
        })
    }

    /// Receipts repeat the same bytes and the deletion comes last, so that a crash anywhere only repeats them again.
    async fn act(&self) -> Result<Acted, Fault> {
        let owner = self.job.owner();
        let Some(held) = self.account.fleet.first_held(&owner) else { return Ok(Acted::Nothing) };
        if let Some(copy) = self.account.target_copy(self.job).await? {
            let queue = self.account.receipts(&self.job.facts.origin.account, self.job.id())?;
            for (stage, told) in &copy.facts.told {
                queue.send(&receipt(self.account, self.job, *stage, told.reason)).await?;
            }
        }
        Queue::new(&self.account.clients, &self.account.settings.inbox).delete(&held.received.handle).await?;
        self.account.fleet.let_go(&owner, &held.received.handle);
        Ok(Acted::Done)
    }

    fn foresee(&self) {}
}
