//! Accepting: from the message to the restored database.

use agent_runtime::{Flow, Pass};

use crate::account::Account;
use crate::job::Job;
use crate::steps::{
    ACCEPTED, AnswerMessage, Configure, CopyUnderOwnKey, FitProfile, LANDED, Land, RESTORED, Restore, Tell, Verify,
};

/// Steps 8 to 12.
pub(crate) async fn accept(account: &Account, pass: &Pass<'_>, job: &Job) -> Flow<()> {
    if let Some(message) = &job.message {
        pass.ensure(Verify { account, job, message }).await?;
    }
    pass.ensure(FitProfile { account, job }).await?;
    pass.ensure(CopyUnderOwnKey { account, job }).await?;
    pass.ensure(AnswerMessage { account, job }).await?;
    if account.target_copy(job).await?.is_some_and(|copy| copy.facts.is_finished()) {
        return Ok(());
    }
    pass.ensure(Tell::<ACCEPTED> { account, job, reason: None }).await?;
    let copy = pass.ensure(Land { account, job }).await?;
    pass.ensure(Tell::<LANDED> { account, job, reason: None }).await?;
    pass.ensure(Restore { account, job, copy: &copy }).await?;
    pass.ensure(Configure::new(account, job)).await?;
    pass.ensure(Tell::<RESTORED> { account, job, reason: None }).await
}
