//! The listings that every handoff of a process reads: all pages, once for all.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use protocol::{DbIdentifier, Region, SnapshotId};

use crate::clients::Clients;
use crate::database::DatabaseView;
use crate::fault::{AwsResult as _, Fault};
use crate::pace::Pace;
use crate::shared::Shared;
use crate::snapshot::SnapshotView;

/// The manual snapshots of an account in one Region.
pub type Snapshots = BTreeMap<SnapshotId, SnapshotView>;
/// The DB instances of an account in one Region.
pub type Databases = BTreeMap<DbIdentifier, DatabaseView>;

/// One for each process. N handoffs cost pages, not N calls.
#[derive(Debug)]
pub struct Inventory {
    clients: Clients,
    fresh: Duration,
    snapshots: Shared<Region, Snapshots>,
    databases: Shared<Region, Databases>,
}

impl Inventory {
    /// A listing serves half as long as the shortest wait between two looks.
    pub fn new(clients: Clients, pace: &Pace) -> Self {
        Self { clients, fresh: pace.floor() / 2, snapshots: Shared::new(), databases: Shared::new() }
    }

    /// Every manual snapshot of this account.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn snapshots(&self, region: &Region) -> Result<Rc<Snapshots>, Fault> {
        self.snapshots
            .get(
                region,
                |_| self.fresh,
                async || {
                    let pages =
                        self.clients.rds(region).describe_db_snapshots().snapshot_type("manual").into_paginator();
                    let listed = pages.items().send().try_collect().await.op("rds:DescribeDBSnapshots")?;
                    let views = listed.iter().filter_map(SnapshotView::of);
                    Ok(views.map(|view| (view.arn.snapshot.clone(), view)).collect())
                },
            )
            .await
    }

    /// Every DB instance of this account.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn databases(&self, region: &Region) -> Result<Rc<Databases>, Fault> {
        self.databases
            .get(
                region,
                |_| self.fresh,
                async || {
                    let pages = self.clients.rds(region).describe_db_instances().into_paginator();
                    let listed = pages.items().send().try_collect().await.op("rds:DescribeDBInstances")?;
                    let views = listed.iter().filter_map(DatabaseView::of);
                    Ok(views.map(|view| (view.arn.database.clone(), view)).collect())
                },
            )
            .await
    }

    /// This process has changed a snapshot there.
    pub fn acted_on_snapshots(&self, region: &Region) {
        self.snapshots.acted(region);
    }

    /// This process has changed a database there.
    pub fn acted_on_databases(&self, region: &Region) {
        self.databases.acted(region);
    }
}
