//! Step 6, and its end in step 13: account B's use of the replica key.
//!
//! The key serves every handoff from one Region to one account. Its policy is therefore rendered from all open offers, by
//! whichever handoff looks at it: an earlier one never shuts a later one out.

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
use crate::key_policy::{OpenTo, with_target};
use crate::keys::Grant;
use crate::steps::settling::since_end;

/// Account B's agent may use the replica key, through RDS only, until the last open offer ends.
pub(crate) struct ShareKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) key: &'a KeyArn,
}

/// It may not any more, unless another offer is open.
pub(crate) struct CloseKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    /// `None` when it was never made.
    pub(crate) key: Option<&'a KeyArn>,
}

/// Nor may what its copies left behind.
pub(crate) struct RevokeGrants<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    /// `None` when it was never made.
    pub(crate) key: Option<&'a KeyArn>,
}

/// Another agent may have written the policy at the same instant as this one, from a listing without this offer: it is read once more
/// when it must have shown. Account B, which polls its copy after two minutes, has mostly accepted by then, and the read is saved.
const RACE: SignedDuration = SignedDuration::from_mins(4);

/// The policy of a key, as whichever handoff has looked has found it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct OpeningOf(KeyArn);

/// How a key's policy was found.
#[derive(Debug)]
struct Opening {
    /// It is as it should be.
    right: bool,
    /// Until when it then lets account B in.
    until: Option<Timestamp>,
}

impl Resource for OpeningOf {
    type View = Opening;
}

/// Until when account B's statement in the policy lasts: to the end of the last open offer under this route's key, which has one name in
/// either key mode. `None` without an open offer.
async fn open_until(account: &Account, of: &Handoff, freshness: Freshness) -> Result<Option<Timestamp>, Fault> {
    let (sources, _) = account.source_snapshots(freshness).await?;
    let same = |route: &Route| route.account == of.route.account && route.region == of.route.region;
    let open = sources.iter().filter(|source| same(&source.facts.route));
    Ok(open.filter_map(|source| Some(full_hour(source.facts.open_offer()?.access_until))).max())
}

/// The policy as it should be, if it is not, and until when it then lets account B in.
async fn render(
    account: &Account,
    of: &Handoff,
    key: &KeyArn,
    freshness: Freshness,
) -> Result<(Option<serde_json::Value>, Option<Timestamp>), Fault> {
    let until = open_until(account, of, freshness).await?;
    let open = until.map(|until| OpenTo { account: &of.route.account, role: &of.target_role, until });
    Ok((with_target(&*account.keys.policy(key, freshness).await?, key, open.as_ref()), until))
}

/// KMS replaces the whole document: what an administrator wrote a minute ago must be in it.
async fn put(account: &Account, of: &Handoff, key: &KeyArn) -> Result<Acted, Fault> {
    let put = match render(account, of, key, Freshness::Now).await {
        Ok((Some(policy), _)) => account.keys.set_policy(key, &policy).await.map(|()| Acted::Done),
        Ok((None, _)) => Ok(Acted::Nothing),
        Err(fault) => Err(fault),
    };
    account.cache.acted(&key.region, &OpeningOf(key.clone()));
    put
}

impl ShareKey<'_> {
    /// How the policy was found, at least as fresh as this.
    async fn opening(&self, freshness: Freshness) -> Result<Rc<Opening>, Fault> {
        let look = async || {
            let (wanted, until) = render(self.account, self.of, self.key, Freshness::Now).await?;
            Ok(Opening { right: wanted.is_none(), until })
        };
        self.account.cache.get(&self.key.region, &OpeningOf(self.key.clone()), freshness, look).await
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
        // Account B has begun its copy: it could use the key.
        let heard = source.as_ref().is_some_and(|source| source.facts.heard(Stage::Accepted).is_some());
        let Some(offer) = source.and_then(|source| source.facts.offer) else { return Ok(Observed::Todo) };
        if heard {
            return Ok(Observed::Ready(()));
        }
        let settled = later(offer.issued, RACE);
        // Those that were offered together are looked at together.
        let (now, pause) = (self.account.clock.now(), self.account.cache.spacing());
        let together = later(settled, SignedDuration::try_from(pause).unwrap_or_default());
        let freshness = if now < together { Freshness::Slow } else { Freshness::Since(settled) };
        let is_open = |opening: &Opening| opening.right && opening.until >= Some(offer.access_until);
        let mut opening = self.opening(freshness).await?;
        if !is_open(&opening) {
            opening = self.opening(Freshness::Now).await?;
        }
        Ok(if is_open(&opening) { Observed::Ready(()) } else { Observed::Todo })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        put(self.account, self.of, self.key).await
    }

    fn foresee(&self) {}
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
        format!("take account {} out of the key's policy, unless another offer is open", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let Some(key) = self.key else { return Ok(Observed::Ready(())) };
        if self.account.is_left_to_another(self.of) {
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
            Some(key) => put(self.account, self.of, key).await,
            None => Ok(Acted::Nothing),
        }
    }

    fn foresee(&self) {}
}

impl RevokeGrants<'_> {
    /// Grants that were issued under account B. RDS makes one on the key of a snapshot that it copies, with the identity of
    /// whoever asked for the copy.
    async fn left(&self, freshness: Freshness) -> Result<Option<(KeyArn, Vec<Grant>)>, Fault> {
        let Some(key) = self.key else { return Ok(None) };
        if self.account.is_left_to_another(self.of) {
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
        Ok(if self.left(freshness).await?.is_some() { Observed::Todo } else { Observed::Ready(()) })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        match self.left(Freshness::Now).await? {
            Some((key, grants)) => self.account.keys.revoke(&key, grants).await.map(|()| Acted::Done),
            None => Ok(Acted::Nothing),
        }
    }

    fn foresee(&self) {}
}
