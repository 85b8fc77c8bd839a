//! The deletion of a message whose copy has begun.

use agent_runtime::aws::queue::Queue;
use agent_runtime::event::Verb;
use agent_runtime::{Acted, Fault, Observed, Step, StepId};

use crate::account::Account;
use crate::handoff::Handoff;
use crate::steps::receipt::receipt;

/// The message is deleted, since the tags of the target copy record everything. Before that the receipts sent so far
/// are sent again, since the sender of a repeated message may have lost them.
pub(crate) struct DeleteMessage<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
}

impl Step for DeleteMessage<'_> {
    type Output = ();
    const VERB: Verb = Verb::Delete;

    fn id(&self) -> StepId {
        StepId("delete-message")
    }

    fn resource(&self) -> String {
        self.handoff.digest().to_string()
    }

    fn describe(&self) -> String {
        "delete the message".to_owned()
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        Ok(if self.account.fleet.first_held(&self.handoff.owner()).is_none() {
            Observed::Ready(())
        } else {
            Observed::Todo
        })
    }

    /// The receipts have the same bytes as before, and the deletion comes last, so a crash only makes them be sent
    /// again.
    async fn act(&self) -> Result<Acted, Fault> {
        let owner = self.handoff.owner();
        let Some(held) = self.account.fleet.first_held(&owner) else { return Ok(Acted::Nothing) };
        if let Some(copy) = self.account.target_copy(self.handoff).await? {
            let queue = self.account.receipts(&self.handoff.facts.origin.account, self.handoff.id())?;
            for (stage, told) in &copy.facts.told {
                queue.send(&receipt(self.account, self.handoff, *stage, told.reason)).await?;
            }
        }
        Queue::new(&self.account.clients, &self.account.settings.inbox).delete(&held.received.handle).await?;
        self.account.fleet.drop_held(&owner, &held.received.handle);
        Ok(Acted::Done)
    }

    fn planned_output(&self) {}
}
