//! Copies of snapshots in flight, and how many more AWS, the configuration and the quota of manual snapshots let there be.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use protocol::{DbiResourceId, Region};

use crate::clients::Clients;
use crate::fault::Fault;
use crate::gate::{Bound, Retry, Supply};
use crate::inventory::{Inventory, Snapshots};
use crate::quotas::Quotas;
use crate::snapshot::{SnapshotStatus, SnapshotView};
use crate::step::schedule::PollSchedule;
use crate::step::{SupplyAge, Working};

/// The first in the queue asks again this seldom when all that is in flight is polled by this process: whoever polls it wakes the
/// first.
const SELDOM: Duration = Duration::from_hours(1);

/// AWS's one code for two quotas: of copies in flight and of manual snapshots.
pub const LIMIT_REACHED: &str = "SnapshotQuotaExceeded";

/// Whether this is a copy in flight, which takes one of AWS's slots. The one definition of it, for `run`, `plan` and `status`. A
/// snapshot that is being taken is none: it has no source, and is `creating`.
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
    schedule: PollSchedule,
    quotas: Quotas,
}

/// Source snapshots, each of one handoff, to the end of its copy.
#[derive(Debug)]
struct UnderWaySupply {
    there: Rc<Snapshots>,
    limit: usize,
    bound: Bound,
}

/// Copies to one Region.
#[derive(Debug)]
struct CopySupply {
    there: Rc<Snapshots>,
    in_flight: usize,
    limit: usize,
    bound: Bound,
    /// In flight in any Region.
    copying: Vec<Rc<SnapshotView>>,
    /// Snapshots of the source Region: whose is complete may ask any moment.
    sources: Option<Rc<Snapshots>>,
    schedule: PollSchedule,
    now: Timestamp,
}

impl SnapshotLimits {
    /// At most so many copies in flight to each Region.
    pub fn new(clients: Clients, schedule: &PollSchedule, copies_in_flight: usize) -> Self {
        Self { copies_in_flight, schedule: schedule.clone(), quotas: Quotas::new(clients) }
    }

    /// How many handoffs may be under way, from their snapshot in `home` to the end of their copy: as many as may be copied, and as
    /// many that wait for their slots. A snapshot that is taken earlier is only older data.
    ///
    /// # Errors
    /// When the snapshots or the quota cannot be read.
    pub async fn under_way(
        &self,
        inventory: &Inventory,
        home: &Region,
        age: SupplyAge,
    ) -> Result<Box<dyn Supply>, Fault> {
        let there = self.listing(inventory, home, age).await?;
        let bound = self.room(&there, home).await?;
        Ok(Box::new(UnderWaySupply { there, limit: 2 * self.copies_in_flight, bound }))
    }

    /// How many copies to a Region may be in flight. `sources` is the Region of the snapshots that are to be copied, where their
    /// handoffs wait for one another; `share` is another bound.
    ///
    /// # Errors
    /// When the snapshots or the quota cannot be read.
    pub async fn copies(
        &self,
        inventory: &Inventory,
        region: &Region,
        age: SupplyAge,
        (sources, share): (Option<&Region>, Option<Bound>),
        now: Timestamp,
    ) -> Result<Box<dyn Supply>, Fault> {
        let there = self.listing(inventory, region, age).await?;
        let sources = match sources {
            Some(sources) => Some(inventory.known(sources).await?),
            None => None,
        };
        let room = self.room(&there, region).await?;
        let left = |bound: &Bound| bound.left.unwrap_or(usize::MAX);
        let bound = match share {
            Some(share) if left(&share) < left(&room) => share,
            _ => room,
        };
        let everywhere = inventory.known_everywhere();
        let all = everywhere.iter().flat_map(|there| there.values());
        Ok(Box::new(CopySupply {
            in_flight: there.values().filter(|view| is_copy_in_flight(view)).count(),
            copying: all.filter(|view| is_copy_in_flight(view)).cloned().collect(),
            there,
            limit: self.copies_in_flight,
            bound,
            sources,
            schedule: self.schedule.clone(),
            now,
        }))
    }

    /// What AWS has refused for a limit teaches that the quota is not as it was known.
    async fn listing(&self, inventory: &Inventory, region: &Region, age: SupplyAge) -> Result<Rc<Snapshots>, Fault> {
        match age {
            SupplyAge::Known => inventory.known(region).await,
            SupplyAge::Recent => inventory.recent(region).await,
            SupplyAge::Now => {
                self.quotas.doubt(region);
                inventory.snapshots(region, Duration::ZERO).await
            }
        }
    }

    /// How many manual snapshots more the account may have there. A person makes room: that is asked again after a while.
    async fn room(&self, there: &Snapshots, region: &Region) -> Result<Bound, Fault> {
        let quota = self.quotas.manual_snapshots(region, there.len()).await?;
        let shown = quota.unwrap_or(usize::MAX);
        Ok(Bound {
            left: quota.map(|quota| quota.saturating_sub(there.len())),
            words: format!("room for a manual snapshot in {region} (quota {shown}, all used; raise L-272F1212)"),
            retry_after: self.schedule.ceiling(),
        })
    }
}

impl Supply for UnderWaySupply {
    fn in_use(&self) -> usize {
        0
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn bound(&self) -> Option<&Bound> {
        Some(&self.bound)
    }

    fn shows(&self, resource: &str) -> bool {
        find(&self.there, resource).is_some()
    }

    fn next_free(&self, _: &dyn Fn(&str) -> bool) -> Retry {
        Retry::After(SELDOM)
    }
}

impl Supply for CopySupply {
    fn in_use(&self) -> usize {
        self.in_flight
    }

    fn limit(&self) -> usize {
        self.limit
    }

    fn bound(&self) -> Option<&Bound> {
        Some(&self.bound)
    }

    fn shows(&self, resource: &str) -> bool {
        find(&self.there, resource).is_some()
    }

    fn is_copying(&self, source: &DbiResourceId) -> bool {
        self.copying.iter().any(|view| view.resource.as_ref() == Some(source))
    }

    fn is_about_to_ask(&self, resource: &str) -> bool {
        let source = self.sources.as_deref().and_then(|sources| find(sources, resource));
        source.is_some_and(|view| view.status == SnapshotStatus::Available)
    }

    fn next_free(&self, is_polled: &dyn Fn(&str) -> bool) -> Retry {
        let strange =
            self.there.values().filter(|view| is_copy_in_flight(view) && !is_polled(view.arn.snapshot.as_str()));
        let polls = strange.map(|view| {
            let working = Working { percent: view.percent, since: view.created, ..Working::new("") };
            self.schedule.next_poll(&working, false, self.now, Duration::ZERO)
        });
        Retry::After(polls.min().unwrap_or(SELDOM))
    }
}

fn find<'a>(there: &'a Snapshots, resource: &str) -> Option<&'a Rc<SnapshotView>> {
    there.get(resource)
}
