//! The phase `Withdrawing`: all access that was granted to account B is revoked.

use agent_runtime::{Fault, Flow, Pass};
use protocol::tags::{KeyMode, Outcome};
use protocol::{KeyArn, names};

use crate::account::Account;
use crate::handoff::Handoff;
use crate::keys::key_tags;
use crate::steps::{AwaitPropagation, CloseKey, DeleteSharedCopy, MarkEnded, MarkSettled, RevokeGrants, Unshare};

/// Step 13. Each step waits until a read shows its revocation before the next one begins. An existing key is not
/// changed: its policy names account B permanently, so account B could create a revoked grant again. Removing the share
/// is what ends the access.
pub(crate) async fn withdraw(account: &Account, pass: &Pass<'_>, of: &Handoff, outcome: Outcome) -> Flow<()> {
    pass.ensure(MarkEnded { account, of, outcome }).await?;
    pass.ensure(Unshare { account, of }).await?;
    if of.route.key == KeyMode::Managed {
        let key = replica(account, of).await?;
        pass.ensure(CloseKey { account, of, key: key.as_ref() }).await?;
        pass.ensure(RevokeGrants { account, of, key: key.as_ref() }).await?;
    }
    pass.wait(AwaitPropagation { account, of }).await?;
    pass.ensure(DeleteSharedCopy { account, of }).await?;
    pass.ensure(MarkSettled { account, of, outcome }).await
}

/// The replica key, by its alias; `None` if it was never created. It must be ours, since its grants are revoked.
async fn replica(account: &Account, of: &Handoff) -> Result<Option<KeyArn>, Fault> {
    let alias = names::key_alias(&of.database.region, &of.route.account);
    let Some(key) = account.keys.describe(&of.route.region, &alias).await? else { return Ok(None) };
    if account.keys.carries(&key.arn, &key_tags(&of.database.region, &of.route.account)).await? {
        return Ok(Some(key.arn));
    }
    Err(Fault::blocked(format!("{alias} in {} names {}, which is not our replica key", of.route.region, key.arn)).hint(
        "set the alias to the replica of the handoff key again; until then account B may keep access to that key",
    ))
}
