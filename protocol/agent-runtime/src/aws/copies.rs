//! Snapshot copies in flight, and how many more the limits allow: AWS's, the configuration's and the quota of manual
//! snapshots.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use protocol::{DbiResourceId, Region, SnapshotId};

use crate::aws::cache::Cache;
use crate::aws::freshness::Freshness;
use crate::aws::rds::snapshot::{SnapshotStatus, SnapshotView, Snapshots};
use crate::fault::Fault;
use crate::gate::{Bound, Retry, Supply, SupplyAge};
use crate::poll::Working;
use crate::poll::schedule::PollSchedule;

/// The retry interval of the first handoff in the queue when this process polls every copy in flight. Normally the
/// handoff whose copy completes wakes it.
const WOKEN_RETRY_INTERVAL: Duration = Duration::from_hours(1);

/// The error code that AWS uses for two quotas: copies in flight and manual snapshots.
pub const LIMIT_REACHED: &str = "SnapshotQuotaExceeded";

/// Whether this is a copy in flight, which uses one of AWS's copy slots. The one definition for `run`, `plan` and
/// `status`. A snapshot that is being taken is not a copy: it has no source, and its status is `creating`.
pub fn is_copy_in_flight(view: &SnapshotView) -> bool {
    match &view.status {
        SnapshotStatus::Working(status) => match status.as_str() {
            "pending" | "copying" => true,
            "deleting" => false,
            _ => view.is_copy,
        },
        SnapshotStatus::Available | SnapshotStatus::Failed(_) => false,
    }
}

/// What limits the snapshots and copies of one account.
#[derive(Debug)]
pub struct SnapshotLimits {
    copies_in_flight: usize,
    cache: Rc<Cache>,
}

/// The supply of permits in one Region: for handoffs under way that take their snapshot there, or for copies to it.
#[derive(Debug)]
struct SnapshotSupply {
    there: Rc<Snapshots>,
    /// Copies in flight to this Region; empty in the supply of handoffs under way.
    in_flight: Vec<Rc<SnapshotView>>,
    limit: usize,
    bound: Bound,
    /// `None` in the supply of handoffs under way.
    copies: Option<Copies>,
}

/// Data for the supply of copies to a Region.
#[derive(Debug)]
struct Copies {
    /// Copies in flight in all Regions.
    everywhere: Vec<Rc<SnapshotView>>,
    /// Snapshots of the source Region: a handoff whose snapshot is complete may claim a copy permit at any moment.
    sources: Option<Rc<Snapshots>>,
    schedule: PollSchedule,
    now: Timestamp,
}

impl SnapshotLimits {
    /// Allows at most `copies_in_flight` copies to each Region.
    pub fn new(cache: &Rc<Cache>, copies_in_flight: usize) -> Self {
        Self { copies_in_flight, cache: cache.clone() }
    }

    /// The supply of handoffs under way, from their snapshot in `home` to the end of their copy. The limit is twice the
    /// number of copies, so that as many handoffs can wait for a slot. Taking snapshots even earlier would only make
    /// their data older.
    ///
    /// # Errors
    /// When the snapshots or the quota cannot be read.
    pub async fn under_way(&self, home: &Region, age: SupplyAge) -> Result<Box<dyn Supply>, Fault> {
        let (there, bound) = self.there(home, age).await?;
        let limit = 2 * self.copies_in_flight;
        Ok(Box::new(SnapshotSupply { there, in_flight: Vec::new(), limit, bound, copies: None }))
    }

    /// The supply of copies to a Region. `sources` is the Region of the source snapshots, used to find handoffs that
    /// may claim soon; `share` is an additional bound.
    ///
    /// # Errors
    /// When the snapshots or the quota cannot be read.
    pub async fn copies(
        &self,
        region: &Region,
        age: SupplyAge,
        (sources, share): (Option<&Region>, Option<Bound>),
    ) -> Result<Box<dyn Supply>, Fault> {
        let (there, room) = self.there(region, age).await?;
        let sources = match sources {
            Some(sources) => Some(self.cache.snapshots(sources, Freshness::Slow).await?),
            None => None,
        };
        let left = |bound: &Bound| bound.left.unwrap_or(usize::MAX);
        let bound = match share {
            Some(share) if left(&share) < left(&room) => share,
            _ => room,
        };
        let everywhere = self.cache.everywhere::<SnapshotId>();
        let all = everywhere.iter().flat_map(|there| there.values());
        let copies = Copies {
            everywhere: all.filter(|view| is_copy_in_flight(view)).cloned().collect(),
            sources,
            schedule: self.cache.schedule.clone(),
            now: self.cache.clock.now(),
        };
        let in_flight = there.values().filter(|view| is_copy_in_flight(view)).cloned().collect();
        Ok(Box::new(SnapshotSupply { there, in_flight, limit: self.copies_in_flight, bound, copies: Some(copies) }))
    }

    /// The snapshots of a Region, and how many more the quota allows there. After AWS refused a call for a limit, both
    /// are read again. Only an operator can make room, so the bound is checked again after the poll ceiling.
    async fn there(&self, region: &Region, age: SupplyAge) -> Result<(Rc<Snapshots>, Bound), Fault> {
        let (listing, quota) = match age {
            SupplyAge::Known => (Freshness::Slow, Freshness::Slow),
            SupplyAge::Recent => (Freshness::Recent, Freshness::Slow),
            SupplyAge::Now => (Freshness::Anew, Freshness::Anew),
        };
        let there = self.cache.snapshots(region, listing).await?;
        let quota = self.cache.manual_snapshots(region, there.len(), quota).await?;
        let shown = quota.unwrap_or(usize::MAX);
        let bound = Bound {
            left: quota.map(|quota| quota.saturating_sub(there.len())),
            words: format!("room for a manual snapshot in {region} (quota {shown}, all used; raise L-272F1212)"),
            retry_after: self.cache.schedule.ceiling(),
        };
        Ok((there, bound))
    }
}

impl Supply for SnapshotSupply {
    fn in_use(&self) -> usize {
        self.in_flight.len()
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn bound(&self) -> Option<&Bound> {
        Some(&self.bound)
    }

    fn shows(&self, resource: &str) -> bool {
        self.there.contains_key(resource)
    }

    fn is_copying(&self, source: &DbiResourceId) -> bool {
        let mut copies = self.copies.iter().flat_map(|copies| &copies.everywhere);
        copies.any(|view| view.resource.as_ref() == Some(source))
    }

    fn is_about_to_ask(&self, resource: &str) -> bool {
        let source = self.copies.as_ref().and_then(|copies| copies.sources.as_ref()?.get(resource));
        source.is_some_and(|view| view.status == SnapshotStatus::Available)
    }

    fn next_free(&self, is_polled: &dyn Fn(&str) -> bool) -> Retry {
        let Some(Copies { schedule, now, .. }) = &self.copies else { return Retry::After(WOKEN_RETRY_INTERVAL) };
        let unpolled = self.in_flight.iter().filter(|view| !is_polled(view.arn.snapshot.as_str()));
        let polls = unpolled.map(|view| {
            let working = Working { percent: view.percent, since: view.created, ..Working::new("") };
            schedule.next_poll(&working, false, *now, Duration::ZERO)
        });
        Retry::After(polls.min().unwrap_or(WOKEN_RETRY_INTERVAL))
    }
}
