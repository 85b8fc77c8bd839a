//! Withdrawing: everything that was opened for account B is taken back.

use agent_runtime::{Flow, Pass};
use protocol::names;
use protocol::tags::Outcome;

use crate::account::Account;
use crate::moves::Move;
use crate::steps::{CloseKey, DeleteSharedCopy, MarkEnded, MarkSettled, RevokeGrants, Unshare};

/// Step 13. Each step reads back what it took away before the next one begins.
pub(crate) async fn withdraw(account: &Account, pass: &Pass<'_>, of: &Move, outcome: Outcome) -> Flow<()> {
    pass.ensure(MarkEnded { account, of, outcome }).await?;
    let alias = names::key_alias(&of.database.region, &of.route.account);
    let key = account.keys.describe(&of.route.region, &alias).await?.map(|key| key.arn);
    pass.ensure(Unshare { account, of }).await?;
    pass.ensure(CloseKey { account, of, key: key.as_ref() }).await?;
    pass.ensure(RevokeGrants { account, of, key: key.as_ref() }).await?;
    pass.ensure(DeleteSharedCopy { account, of }).await?;
    pass.ensure(MarkSettled { account, of, outcome }).await
}
