//! Step 6, and its end in step 13: account B's use of the replica key.
//!
//! The key is used by every handoff from one Region to one account. Each of them therefore renders the policy from all
//! open offers, so that the end of one handoff does not end the access of another.

use std::rc::Rc;

use agent_runtime::aws::cache::Resource;
use agent_runtime::clock::later;
use agent_runtime::event::Verb;
use agent_runtime::fault::statement::full_hour;
use agent_runtime::{Acted, Fault, Freshness, Observed, Step, StepId};
use jiff::{SignedDuration, Timestamp};
use protocol::tags::Route;
use protocol::{KeyArn, Stage, names};

use crate::account::Account;
use crate::handoff::Handoff;
use crate::key_policy::{TargetAccess, with_target_access};
use crate::keys::Grant;
use crate::steps::settling::since_end;

/// Allows account B's agent to use the replica key, through RDS only, until the last open offer ends.
pub(crate) struct ShareKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) key: &'a KeyArn,
}

/// Removes account B from the policy of the replica key, unless another offer is open.
pub(crate) struct CloseKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    /// `None` if the key was never created.
    pub(crate) key: Option<&'a KeyArn>,
}

/// Revokes the grants that account B's copies left on the replica key.
pub(crate) struct RevokeGrants<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    /// `None` if the key was never created.
    pub(crate) key: Option<&'a KeyArn>,
}

/// Another agent may have written the policy at the same time as this one, from a listing without this offer. So the
/// policy is read once more after this delay, unless account B has accepted. It mostly has, since it polls its copy
/// after two minutes.
const READ_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(4);

/// Cache key: the last check of a key's policy, by any handoff.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PolicyCheckOf(KeyArn);

/// The result of a check of a key's policy.
#[derive(Debug)]
struct PolicyCheck {
    /// The policy is what the open offers need.
    is_correct: bool,
    /// Until when the open offers need account B's access.
    until: Option<Timestamp>,
}

impl Resource for PolicyCheckOf {
    type View = PolicyCheck;
}

/// Until when account B's statement in the policy must allow access: the end of the last open offer to this account and
/// Region. The key mode does not matter, because both modes use the same alias. `None` without an open offer.
async fn open_until(account: &Account, of: &Handoff, freshness: Freshness) -> Result<Option<Timestamp>, Fault> {
    let (sources, _) = account.source_snapshots(freshness).await?;
    let uses_same_key = |route: &Route| route.account == of.route.account && route.region == of.route.region;
    let open = sources.iter().filter(|source| uses_same_key(&source.facts.route));
    Ok(open.filter_map(|source| Some(full_hour(source.facts.open_offer()?.access_until))).max())
}

/// The policy to write, or `None` if it is correct already, and until when it must allow account B's access.
async fn render(
    account: &Account,
    of: &Handoff,
    key: &KeyArn,
    freshness: Freshness,
) -> Result<(Option<serde_json::Value>, Option<Timestamp>), Fault> {
    let until = open_until(account, of, freshness).await?;
    let open = until.map(|until| TargetAccess { account: &of.route.account, role: &of.target_role, until });
    Ok((with_target_access(&*account.keys.policy(key, freshness).await?, key, open.as_ref()), until))
}

/// Writes the policy. KMS replaces the whole document, so it is rendered from a fresh read that has any recent change
/// of an administrator.
async fn put_policy(account: &Account, of: &Handoff, key: &KeyArn) -> Result<Acted, Fault> {
    let result = match render(account, of, key, Freshness::Now).await {
        Ok((Some(policy), _)) => account.keys.set_policy(key, &policy).await.map(|()| Acted::Done),
        Ok((None, _)) => Ok(Acted::Nothing),
        Err(fault) => Err(fault),
    };
    account.cache.acted(&key.region, &PolicyCheckOf(key.clone()));
    result
}

impl ShareKey<'_> {
    /// The check of the policy, with this freshness.
    async fn policy_check(&self, freshness: Freshness) -> Result<Rc<PolicyCheck>, Fault> {
        let read = async || {
            let (wanted, until) = render(self.account, self.of, self.key, Freshness::Now).await?;
            Ok(PolicyCheck { is_correct: wanted.is_none(), until })
        };
        self.account.cache.get(&self.key.region, &PolicyCheckOf(self.key.clone()), freshness, read).await
    }
}

impl Step for ShareKey<'_> {
    type Output = ();
    const VERB: Verb = Verb::Share;
    const SHARED: bool = true;

    fn id(&self) -> StepId {
        StepId("share-key")
    }

    fn resource(&self) -> String {
        self.key.to_string()
    }

    fn describe(&self) -> String {
        let Handoff { route, target_role, .. } = self.of;
        format!("let role {target_role} of account {} use the replica key, through RDS only", route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let source = self.account.source_snapshot(self.of).await?;
        // Account B has begun its copy, so it can use the key.
        let accepted = source.as_ref().is_some_and(|source| source.facts.heard(Stage::Accepted).is_some());
        let Some(offer) = source.and_then(|source| source.facts.offer) else { return Ok(Observed::Todo) };
        if accepted {
            return Ok(Observed::Ready(()));
        }
        let read_again = later(offer.issued, READ_AGAIN_AFTER);
        // One read serves all handoffs that were offered at about the same time.
        let (now, spacing) = (self.account.clock.now(), self.account.cache.spacing());
        let read_together = later(read_again, SignedDuration::try_from(spacing).unwrap_or_default());
        let freshness = if now < read_together { Freshness::Slow } else { Freshness::Since(read_again) };
        let is_open = |check: &PolicyCheck| check.is_correct && check.until >= Some(offer.access_until);
        let mut check = self.policy_check(freshness).await?;
        if !is_open(&check) {
            check = self.policy_check(Freshness::Now).await?;
        }
        Ok(if is_open(&check) { Observed::Ready(()) } else { Observed::Todo })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        put_policy(self.account, self.of, self.key).await
    }

    fn planned_output(&self) {}
}

impl Step for CloseKey<'_> {
    type Output = ();
    const VERB: Verb = Verb::Revoke;
    const SHARED: bool = true;

    fn id(&self) -> StepId {
        StepId("close-key")
    }

    fn resource(&self) -> String {
        format!("{} {}", self.of.route.region, names::key_alias(&self.of.database.region, &self.of.route.account))
    }

    fn describe(&self) -> String {
        format!("remove account {} from the key's policy, unless another offer is open", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let Some(key) = self.key else { return Ok(Observed::Ready(())) };
        if self.account.another_closes_key(self.of) {
            return Ok(Observed::Ready(()));
        }
        let freshness = since_end(self.account, self.of).await?;
        Ok(match render(self.account, self.of, key, freshness).await? {
            (None, _) => Observed::Ready(()),
            (Some(_), _) => Observed::Todo,
        })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        match self.key {
            Some(key) => put_policy(self.account, self.of, key).await,
            None => Ok(Acted::Nothing),
        }
    }

    fn planned_output(&self) {}
}

impl RevokeGrants<'_> {
    /// The grants that were issued under account B. RDS creates one on the key of a snapshot that it copies, with the
    /// identity of the caller of the copy.
    async fn grants_left(&self, freshness: Freshness) -> Result<Option<(KeyArn, Vec<Grant>)>, Fault> {
        let Some(key) = self.key else { return Ok(None) };
        if self.account.another_closes_key(self.of) {
            return Ok(None);
        }
        if open_until(self.account, self.of, freshness).await?.is_some() {
            return Ok(None);
        }
        let account = self.of.route.account.as_str();
        let root = protocol::arn::root(&self.of.route.account);
        let grants = self.account.keys.grants(key, freshness).await?;
        let left = grants.iter().filter(|grant| grant.issuer == account || grant.issuer == root).cloned();
        let left: Vec<Grant> = left.collect();
        Ok((!left.is_empty()).then(|| (key.clone(), left)))
    }
}

impl Step for RevokeGrants<'_> {
    type Output = ();
    const VERB: Verb = Verb::Revoke;
    const SHARED: bool = true;

    fn id(&self) -> StepId {
        StepId("revoke-grants")
    }

    fn resource(&self) -> String {
        format!("{} {}", self.of.route.region, names::key_alias(&self.of.database.region, &self.of.route.account))
    }

    fn describe(&self) -> String {
        format!("revoke the grants that copies of account {} left on the key", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let freshness = since_end(self.account, self.of).await?;
        Ok(if self.grants_left(freshness).await?.is_some() { Observed::Todo } else { Observed::Ready(()) })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        match self.grants_left(Freshness::Now).await? {
            Some((key, grants)) => self.account.keys.revoke(&key, grants).await.map(|()| Acted::Done),
            None => Ok(Acted::Nothing),
        }
    }

    fn planned_output(&self) {}
}
