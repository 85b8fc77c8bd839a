//! Steps 10 and 12: receipts. Sending cannot be observed, so a receipt is sent first and recorded in a tag afterwards.
//! After a crash between the two the same bytes are sent again, and account A treats them as a duplicate.

use agent_runtime::event::Verb;
use agent_runtime::{Acted, Fault, Observed, Step, StepId};
use protocol::state::stage_tag;
use protocol::tags::Told;
use protocol::{Reason, ReceiptMessage, Stage};

use crate::account::Account;
use crate::handoff::Handoff;

/// Account A was sent the receipt of this stage.
pub(crate) struct SendReceipt<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
    pub(crate) stage: Stage,
    pub(crate) reason: Option<Reason>,
}

/// The bytes of a receipt, computed from the target copy's tags only, so that each sending has the same bytes.
pub(crate) fn receipt(account: &Account, handoff: &Handoff, stage: Stage, reason: Option<Reason>) -> String {
    let target = account.settings.account.clone();
    ReceiptMessage::new(handoff.id().clone(), handoff.digest().clone(), target, stage, reason).encode()
}

impl Step for SendReceipt<'_> {
    type Output = ();
    const VERB: Verb = Verb::Send;

    fn id(&self) -> StepId {
        StepId(match self.stage {
            Stage::Accepted => "tell-accepted",
            Stage::Landed => "tell-landed",
            Stage::Restored => "tell-restored",
            Stage::Rejected => "tell-rejected",
            Stage::Failed => "tell-failed",
        })
    }

    fn resource(&self) -> String {
        self.handoff.id().to_string()
    }

    fn describe(&self) -> String {
        format!("receipt for account {}: {}", self.handoff.facts.origin.account, self.stage)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let copy = self.account.target_copy(self.handoff).await?;
        let told = copy.is_some_and(|copy| copy.facts.told(self.stage).is_some());
        Ok(if told { Observed::Ready(()) } else { Observed::Todo })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let queue = self.account.receipts(&self.handoff.facts.origin.account, self.handoff.id())?;
        queue.send(&receipt(self.account, self.handoff, self.stage, self.reason)).await?;
        let told = Told { at: self.account.clock.now(), reason: self.reason };
        self.account
            .tag(&self.handoff.target_arn(&self.account.settings), stage_tag(self.stage), &told)
            .await
            .map(|()| Acted::Done)
    }

    fn planned_output(&self) {}
}
