//! The sequence of steps of account B: from the message to the restored database.

use agent_runtime::{Flow, Pass};
use protocol::Stage;

use crate::account::Account;
use crate::handoff::Handoff;
use crate::steps::{
    Configure, CopyUnderOwnKey, DeleteMessage, FitProfile, Landed, Restore, Restored, SendReceipt, Verify,
};

/// Walks steps 8 to 12 of a handoff.
pub(crate) async fn accept(account: &Account, pass: &Pass<'_>, handoff: &Handoff) -> Flow<()> {
    if let Some(message) = &handoff.message {
        let verified = pass.wait(Verify { account, handoff, message }).await;
        account.record_verification(handoff);
        verified?;
    }
    pass.wait(FitProfile { account, handoff }).await?;
    pass.ensure(CopyUnderOwnKey { account, handoff }).await?;
    pass.ensure(DeleteMessage { account, handoff }).await?;
    if account.target_copy(handoff).await?.is_some_and(|copy| copy.facts.is_finished()) {
        return Ok(());
    }
    pass.ensure(SendReceipt { account, handoff, stage: Stage::Accepted, reason: None }).await?;
    let copy = pass.wait(Landed { account, handoff }).await?;
    pass.ensure(SendReceipt { account, handoff, stage: Stage::Landed, reason: None }).await?;
    pass.ensure(Restore { account, handoff, copy: &copy }).await?;
    pass.wait(Restored { account, handoff, copy: &copy }).await?;
    pass.ensure(Configure { account, handoff }).await?;
    pass.ensure(SendReceipt { account, handoff, stage: Stage::Restored, reason: None }).await
}
