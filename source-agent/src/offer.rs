//! The phase `Offering`: from the database to the message in account B's inbox.

use agent_runtime::{Flow, Pass};
use protocol::tags::KeyMode;

use crate::account::Account;
use crate::handoff::Handoff;
use crate::keys::KeyView;
use crate::steps::{
    AwaitLanding, CopyComplete, CopyToTargetRegion, ExistingKey, HandoffKey, KeyAlias, MakeOffer, Publish, ReplicaKey,
    SayHello, ShareKey, ShareSnapshot, SnapshotComplete, TakeSnapshot,
};

/// Steps 1 to 7, and the hello after step 1. It goes through only when account B has landed, and the next pass is then
/// in the phase `Withdrawing`.
pub(crate) async fn offer(account: &Account, pass: &Pass<'_>, of: &Handoff) -> Flow<()> {
    // An existing key is checked before anything is created: without it the snapshot would be useless.
    let existing = match of.route.key {
        KeyMode::Existing => Some(pass.wait(ExistingKey { account, of }).await?),
        KeyMode::Managed => None,
    };
    pass.ensure(TakeSnapshot { account, of }).await?;
    let snapshot = pass.wait(SnapshotComplete { account, of }).await?;
    if account.sends_hello {
        pass.ensure(SayHello { account, of, snapshot: &snapshot }).await?;
    }
    let replica = match existing {
        Some(replica) => replica,
        None => managed_key(account, pass, of).await?,
    };
    pass.ensure(CopyToTargetRegion { account, of, snapshot: &snapshot, key: &replica }).await?;
    let copy = pass.wait(CopyComplete { account, of, snapshot: &snapshot, key: &replica }).await?;
    let message = pass.ensure(MakeOffer { account, of, snapshot: &snapshot, copy: &copy }).await?;
    pass.ensure(ShareSnapshot { account, of, copy: &copy }).await?;
    if of.route.key == KeyMode::Managed {
        pass.ensure(ShareKey { account, of, key: &replica.arn }).await?;
    }
    pass.ensure(Publish { account, of, message: &message }).await?;
    pass.wait(AwaitLanding { account, of }).await
}

/// Steps 2 and 3: the agent creates the key and its replica.
async fn managed_key(account: &Account, pass: &Pass<'_>, of: &Handoff) -> Flow<KeyView> {
    let key = pass.ensure(HandoffKey { account, of }).await?;
    pass.ensure(KeyAlias { account, of, key: &key }).await?;
    let replica = pass.ensure(ReplicaKey { account, of, key: &key }).await?;
    pass.ensure(KeyAlias { account, of, key: &replica }).await?;
    Ok(replica)
}
