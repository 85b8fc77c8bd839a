//! Step 6, and its end in step 13: account B's use of the replica key.
//!
//! The key serves every handoff from one Region to one account. Its policy is therefore rendered from all open offers, by
//! whichever handoff looks at it: an earlier one never shuts a later one out.

use std::time::Duration;

use agent_runtime::{Fault, Observed, Step, StepId};
use jiff::Timestamp;
use protocol::tags::Route;
use protocol::{KeyArn, names};

use crate::account::Account;
use crate::key_policy::{OpenTo, with_target};
use crate::keys::{Grant, POLICY};
use crate::moves::Move;

/// Account B's agent may use the replica key, through RDS only, until the last open offer ends.
pub(crate) struct ShareKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
    pub(crate) key: &'a KeyArn,
}

/// It may not any more, unless another offer is open.
pub(crate) struct CloseKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
    /// `None` when it was never made.
    pub(crate) key: Option<&'a KeyArn>,
}

/// Nor may what its copies left behind.
pub(crate) struct RevokeGrants<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
    /// `None` when it was never made.
    pub(crate) key: Option<&'a KeyArn>,
}

/// The end of the last offer that is open under this route's key, which has one name in either key mode.
async fn open_until(account: &Account, of: &Move) -> Result<Option<Timestamp>, Fault> {
    let (sources, _) = account.source_snapshots().await?;
    let same = |route: &Route| route.account == of.route.account && route.region == of.route.region;
    let open = sources.iter().filter(|source| same(&source.facts.route));
    Ok(open.filter_map(|source| source.facts.open_offer()).map(|offer| offer.access_until).max())
}

async fn render(
    account: &Account,
    of: &Move,
    key: &KeyArn,
    fresh: Duration,
) -> Result<Option<serde_json::Value>, Fault> {
    let until = open_until(account, of).await?;
    let open = until.map(|until| OpenTo { account: &of.route.account, role: &of.target_role, until });
    Ok(with_target(&*account.keys.policy(key, fresh).await?, key, open.as_ref()))
}

async fn put(account: &Account, of: &Move, key: &KeyArn) -> Result<(), Fault> {
    // KMS replaces the whole document: what an administrator wrote a minute ago must be in it.
    match render(account, of, key, Duration::ZERO).await? {
        Some(policy) => account.keys.set_policy(key, &policy).await,
        None => Ok(()),
    }
}

impl Step for ShareKey<'_> {
    type Output = ();
    const ID: StepId = StepId("share-key");

    fn resource(&self) -> String {
        self.key.to_string()
    }

    fn describe(&self) -> String {
        let Move { route, target_role, .. } = self.of;
        format!("let role {target_role} of account {} use the replica key, through RDS only", route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        Ok(match render(self.account, self.of, self.key, POLICY).await? {
            None => Observed::Ready(()),
            Some(_) => Observed::Todo,
        })
    }

    async fn act(&self) -> Result<(), Fault> {
        put(self.account, self.of, self.key).await
    }

    fn foresee(&self) {}
}

impl Step for CloseKey<'_> {
    type Output = ();
    const ID: StepId = StepId("close-key");

    fn resource(&self) -> String {
        format!("{} {}", self.of.route.region, names::key_alias(&self.of.database.region, &self.of.route.account))
    }

    fn describe(&self) -> String {
        format!("take account {} out of the key's policy, unless another offer is open", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let Some(key) = self.key else { return Ok(Observed::Ready(())) };
        Ok(match render(self.account, self.of, key, Duration::ZERO).await? {
            None => Observed::Ready(()),
            Some(_) => Observed::Todo,
        })
    }

    async fn act(&self) -> Result<(), Fault> {
        match self.key {
            Some(key) => put(self.account, self.of, key).await,
            None => Ok(()),
        }
    }

    fn foresee(&self) {}
}

impl RevokeGrants<'_> {
    /// Grants that were issued under account B. RDS makes one on the key of a snapshot that it copies, with the identity of
    /// whoever asked for the copy.
    async fn left(&self) -> Result<Option<(KeyArn, Grant)>, Fault> {
        let Some(key) = self.key else { return Ok(None) };
        if open_until(self.account, self.of).await?.is_some() {
            return Ok(None);
        }
        let account = self.of.route.account.as_str();
        let root = protocol::arn::root(&self.of.route.account);
        let grants = self.account.keys.grants(key).await?;
        let left = grants.iter().find(|grant| grant.issuer == account || grant.issuer == root);
        Ok(left.map(|grant| (key.clone(), grant.clone())))
    }
}

impl Step for RevokeGrants<'_> {
    type Output = ();
    const ID: StepId = StepId("revoke-grants");

    fn resource(&self) -> String {
        format!("{} {}", self.of.route.region, names::key_alias(&self.of.database.region, &self.of.route.account))
    }

    fn describe(&self) -> String {
        format!("revoke the grants that copies of account {} left on the key", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        Ok(if self.left().await?.is_some() { Observed::Todo } else { Observed::Ready(()) })
    }

    async fn act(&self) -> Result<(), Fault> {
        match self.left().await? {
            Some((key, grant)) => self.account.keys.revoke(&key, &grant).await,
            None => Ok(()),
        }
    }

    fn foresee(&self) {}
}
