//! The quotas of an account in a Region that limit handoffs.

use std::fmt;
use std::rc::Rc;

use protocol::Region;

use crate::aws::cache::{Cache, Resource};
use crate::aws::clients::Clients;
use crate::aws::freshness::Freshness;
use crate::fault::{AwsResult as _, Fault, FaultKind};

/// AWS's default quota of manual snapshots, which can be raised (RDS User Guide, Quotas and constraints for Amazon
/// RDS). With fewer snapshots there is room, and the quota need not be read.
const DEFAULT_MANUAL_SNAPSHOTS: usize = 100;

/// A quota that limits handoffs, by its name in RDS (RDS API Reference, `AccountQuota`).
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
    /// All, in the order of RDS.
    pub const ALL: [Self; 3] = [Self::DbInstances, Self::AllocatedStorage, Self::ManualSnapshots];

    /// The name in RDS.
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
    /// The quota's name.
    pub name: QuotaName,
    /// How much is used: a count, or GiB.
    pub used: u64,
    /// The limit: a count, or GiB.
    pub max: u64,
}

impl Quota {
    /// How much is left: a count, or GiB.
    pub fn left(&self) -> u64 {
        self.max.saturating_sub(self.used)
    }
}

/// The quotas of an account in a Region that limit handoffs, as reported by RDS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountQuotas(Vec<Quota>);

impl AccountQuotas {
    /// Reads the quotas.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn read(clients: &Clients, region: &Region) -> Result<Self, Fault> {
        let answer = clients.rds(region).describe_account_attributes().send().await;
        let answer = answer.op("rds:DescribeAccountAttributes")?;
        let known = |quota: &aws_sdk_rds::types::AccountQuota| {
            let name = QuotaName::ALL.into_iter().find(|name| quota.account_quota_name() == Some(name.as_str()))?;
            let amount = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok()).unwrap_or_default();
            Some(Quota { name, used: amount(quota.used()), max: amount(quota.max()) })
        };
        Ok(Self(answer.account_quotas().iter().filter_map(known).collect()))
    }

    /// One quota, if RDS reported it.
    pub fn get(&self, name: QuotaName) -> Option<Quota> {
        self.0.iter().find(|quota| quota.name == name).copied()
    }

    /// All reported quotas, in the order of RDS.
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

/// The quota of manual snapshots, as a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct ManualSnapshots;

impl Resource for ManualSnapshots {
    type View = Option<usize>;
}

impl Cache {
    /// The quotas of this account in a Region.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn quotas(&self, region: &Region, freshness: Freshness) -> Result<Rc<AccountQuotas>, Fault> {
        self.get(region, &All, freshness, async || AccountQuotas::read(&self.clients, region).await).await
    }

    /// The quota of manual snapshots in a Region that has `there` of them. `None` if `there` is below AWS's default
    /// quota, or if the quota is unknown. It is read only if many snapshots exist, or with [`Freshness::Anew`], after
    /// AWS refused a call.
    ///
    /// # Errors
    /// When RDS does not answer. If the role is not allowed to read quotas, the result is `None`.
    pub(super) async fn manual_snapshots(
        &self,
        region: &Region,
        there: usize,
        freshness: Freshness,
    ) -> Result<Option<usize>, Fault> {
        let was_read = self.peek(region, &ManualSnapshots).is_some();
        if there < DEFAULT_MANUAL_SNAPSHOTS && !was_read && freshness != Freshness::Anew {
            return Ok(None);
        }
        let read = async || match AccountQuotas::read(&self.clients, region).await {
            Ok(quotas) => Ok(quotas.get(QuotaName::ManualSnapshots).and_then(|quota| usize::try_from(quota.max).ok())),
            Err(fault) if fault.kind == FaultKind::Transient => Err(fault),
            Err(fault) => {
                tracing::warn!(%region, "the quota of manual snapshots could not be read: {}", fault.told());
                Ok(None)
            }
        };
        Ok(*self.get(region, &ManualSnapshots, freshness, read).await?)
    }
}
