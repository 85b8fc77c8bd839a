//! Accepting: from the message to the restored database.

use agent_runtime::{Flow, Pass};
use protocol::Stage;

use crate::account::Account;
use crate::job::Job;
use crate::steps::{AnswerMessage, Configure, CopyUnderOwnKey, FitProfile, Land, Restore, Restored, Tell, Verify};

/// Steps 8 to 12.
pub(crate) async fn accept(account: &Account, pass: &Pass<'_>, job: &Job) -> Flow<()> {
    if let Some(message) = &job.message {
        let verified = pass.wait(Verify { account, job, message }).await;
        account.judge_proof(job);
        verified?;
    }
    pass.wait(FitProfile { account, job }).await?;
    pass.ensure(CopyUnderOwnKey { account, job }).await?;
    pass.ensure(AnswerMessage { account, job }).await?;
    if account.target_copy(job).await?.is_some_and(|copy| copy.facts.is_finished()) {
        return Ok(());
    }
    pass.ensure(Tell { account, job, stage: Stage::Accepted, reason: None }).await?;
    let copy = pass.wait(Land { account, job }).await?;
    pass.ensure(Tell { account, job, stage: Stage::Landed, reason: None }).await?;
    pass.ensure(Restore { account, job, copy: &copy }).await?;
    pass.wait(Restored { account, job, copy: &copy }).await?;
    pass.ensure(Configure { account, job }).await?;
    pass.ensure(Tell { account, job, stage: Stage::Restored, reason: None }).await
}
