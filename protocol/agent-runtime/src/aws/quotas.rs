//! The quotas of an account in a Region that a handoff uses up.

use std::fmt;
use std::rc::Rc;

use protocol::Region;

use crate::aws::cache::{Cache, Resource};
use crate::aws::clients::Clients;
use crate::aws::freshness::Freshness;
use crate::fault::{AwsResult as _, Fault, FaultKind};

/// AWS's own figure, which an account can have raised (RDS User Guide, Quotas and constraints for Amazon RDS): with fewer there is
/// room, and nobody need ask.
const AT_LEAST: usize = 100;

/// A quota that a handoff uses up, under the name that RDS gives it (RDS API Reference, `AccountQuota`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaName {
    /// DB instances.
    DbInstances,
    /// Storage of all DB instances together, in GiB.
    AllocatedStorage,
    /// Manual DB snapshots.
    ManualSnapshots,
}

impl QuotaName {
    /// Each, in the order of RDS.
    pub const ALL: [Self; 3] = [Self::DbInstances, Self::AllocatedStorage, Self::ManualSnapshots];

    /// As RDS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DbInstances => "DBInstances",
            Self::AllocatedStorage => "AllocatedStorage",
            Self::ManualSnapshots => "ManualSnapshots",
        }
    }
}

impl fmt::Display for QuotaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One quota of an account in a Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Which.
    pub name: QuotaName,
    /// How much is used: a count, or GiB.
    pub used: u64,
    /// How much there may be.
    pub max: u64,
}

impl Quota {
    /// How much there may be more.
    pub fn left(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }
}

/// The quotas of an account in a Region, as far as RDS tells those that a handoff uses up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountQuotas(Vec<Quota>);

impl AccountQuotas {
    /// Reads them.
    ///
    /// # Errors
    /// When RDS does not tell them.
    pub async fn read(clients: &Clients, region: &Region) -> Result<Self, Fault> {
        let answer = clients.rds(region).describe_account_attributes().send().await;
        let answer = answer.op("rds:DescribeAccountAttributes")?;
        let known = |told: &aws_sdk_rds::types::AccountQuota| {
            let name = QuotaName::ALL.into_iter().find(|name| told.account_quota_name() == Some(name.as_str()))?;
            let amount = |told: Option<i64>| told.and_then(|told| u64::try_from(told).ok()).unwrap_or_default();
            Some(Quota { name, used: amount(told.used()), max: amount(told.max()) })
        };
        Ok(Self(answer.account_quotas().iter().filter_map(known).collect()))
    }

    /// One of them, if RDS told it.
    pub fn get(&self, name: QuotaName) -> Option<Quota> {
        self.0.iter().find(|quota| quota.name == name).copied()
    }

    /// All that RDS told, in its order.
    pub fn iter(&self) -> impl Iterator<Item = Quota> {
        self.0.iter().copied()
    }
}

/// All quotas of an account in a Region, as one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct All;

impl Resource for All {
    type View = AccountQuotas;
}

/// How many manual snapshots there may be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ManualSnapshots;

impl Resource for ManualSnapshots {
    type View = Option<usize>;
}

impl Cache {
    /// The quotas of this account in a Region.
    ///
    /// # Errors
    /// When RDS does not tell them.
    pub async fn quotas(&self, region: &Region, freshness: Freshness) -> Result<Rc<AccountQuotas>, Fault> {
        self.get(region, &All, freshness, async || AccountQuotas::read(&self.clients, region).await).await
    }

    /// How many manual snapshots there may be, where `there` are so many already. `None` is more than that, or unknown. It is read as
    /// seldom as can be: only where many are there, and, with [`Freshness::Anew`], where AWS has refused one.
    ///
    /// # Errors
    /// When RDS does not answer. A role that may not ask finds it out by a refusal.
    pub(super) async fn manual_snapshots(
        &self,
        region: &Region,
        there: usize,
        freshness: Freshness,
    ) -> Result<Option<usize>, Fault> {
        let was_read = self.peek(region, &ManualSnapshots).is_some();
        if there < AT_LEAST && !was_read && freshness != Freshness::Anew {
            return Ok(None);
        }
        let read = async || match AccountQuotas::read(&self.clients, region).await {
            Ok(quotas) => Ok(quotas.get(QuotaName::ManualSnapshots).and_then(|quota| usize::try_from(quota.max).ok())),
            Err(fault) if fault.kind == FaultKind::Transient => Err(fault),
            Err(fault) => {
                tracing::warn!(%region, "the quota of manual snapshots is not known: {}", fault.told());
                Ok(None)
            }
        };
        Ok(*self.get(region, &ManualSnapshots, freshness, read).await?)
    }
}
