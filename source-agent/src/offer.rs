//! Offering: from the database to account B's inbox.

use agent_runtime::snapshot::SnapshotView;
use agent_runtime::{Flow, Pass};
use protocol::tags::KeyMode;

use crate::account::Account;
use crate::keys::KeyView;
use crate::moves::Move;
use crate::steps::{
    AwaitLanding, CopyToTargetRegion, GivenKey, HandoffKey, KeyAlias, MakeOffer, Publish, ReplicaAlias, ReplicaKey,
    ShareKey, ShareSnapshot, TakeSnapshot,
};

/// Steps 1 to 7. Ends only when account B has landed, which is another phase.
pub(crate) async fn offer(account: &Account, pass: &Pass<'_>, of: &Move) -> Flow<()> {
    let (snapshot, replica) = match of.route.key {
        KeyMode::Managed => with_managed_key(account, pass, of).await?,
        KeyMode::Given => with_given_key(account, pass, of).await?,
    };
    let copy = pass.ensure(CopyToTargetRegion { account, of, snapshot: &snapshot, key: &replica }).await?;
    let message = pass.ensure(MakeOffer { account, of, snapshot: &snapshot, copy: &copy }).await?;
    pass.ensure(ShareSnapshot { account, of, copy: &copy }).await?;
    if of.route.key == KeyMode::Managed {
        pass.ensure(ShareKey { account, of, key: &replica.arn }).await?;
    }
    pass.ensure(Publish { account, of, message: &message }).await?;
    pass.ensure(AwaitLanding { account, of }).await
}

/// Steps 1 to 3: the agent makes the key.
async fn with_managed_key(account: &Account, pass: &Pass<'_>, of: &Move) -> Flow<(SnapshotView, KeyView)> {
    let snapshot = pass.ensure(TakeSnapshot { account, of }).await?;
    let key = pass.ensure(HandoffKey { account, of }).await?;
    pass.ensure(KeyAlias { account, of, key: &key }).await?;
    let replica = pass.ensure(ReplicaKey { account, of, key: &key }).await?;
    pass.ensure(ReplicaAlias { account, of, key: &replica }).await?;
    Ok((snapshot, replica))
}

/// Steps 1 to 3: administrators have made the key, and so it is looked at before anything is made in vain.
async fn with_given_key(account: &Account, pass: &Pass<'_>, of: &Move) -> Flow<(SnapshotView, KeyView)> {
    let replica = pass.ensure(GivenKey { account, of }).await?;
    let snapshot = pass.ensure(TakeSnapshot { account, of }).await?;
    Ok((snapshot, replica))
}
