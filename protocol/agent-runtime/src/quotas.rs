//! How many manual snapshots an account may have in a Region.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use protocol::Region;

use crate::check::account_quotas;
use crate::clients::Clients;
use crate::fault::{Fault, FaultKind};
use crate::shared::Shared;

/// AWS's own figure, which an account can have raised (RDS User Guide, Quotas and constraints for Amazon RDS): with fewer there is
/// room, and nobody need ask.
const AT_LEAST: usize = 100;
/// Quotas are raised by people.
const SELDOM: Duration = Duration::from_hours(1);

/// One for each process.
#[derive(Debug)]
pub struct Quotas {
    clients: Clients,
    manual_snapshots: Shared<Region, Option<usize>>,
    /// Regions in which AWS has refused a snapshot.
    doubted: RefCell<BTreeSet<Region>>,
}

impl Quotas {
    /// Nothing read yet.
    pub fn new(clients: Clients) -> Self {
        Self { clients, manual_snapshots: Shared::new(), doubted: RefCell::default() }
    }

    /// How many manual snapshots there may be, where `there` are so many already. `None` is more than that, or unknown.
    ///
    /// # Errors
    /// When RDS does not answer. A role that may not ask finds it out by a refusal.
    pub async fn manual_snapshots(&self, region: &Region, there: usize) -> Result<Option<usize>, Fault> {
        if there < AT_LEAST && !self.doubted.borrow().contains(region) {
            return Ok(None);
        }
        let read = async || match account_quotas(&self.clients, region).await {
            Ok(quotas) => {
                let manual = quotas.iter().find(|(name, ..)| name == "ManualSnapshots");
                Ok(manual.and_then(|(.., most)| usize::try_from(*most).ok()))
            }
            Err(fault) if fault.kind == FaultKind::Transient => Err(fault),
            Err(fault) => {
                tracing::warn!(%region, "the quota of manual snapshots is not known: {}", fault.chain());
                Ok(None)
            }
        };
        Ok(*self.manual_snapshots.get(region, |_| SELDOM, read).await?)
    }

    /// AWS has refused a snapshot there: what was read before is not believed.
    pub fn doubt(&self, region: &Region) {
        self.doubted.borrow_mut().insert(region.clone());
        self.manual_snapshots.acted(region);
    }
}
