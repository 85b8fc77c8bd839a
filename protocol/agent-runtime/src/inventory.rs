//! The listings that every handoff of a process reads: all pages, once for all.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aws_sdk_rds::operation::describe_db_snapshots::DescribeDBSnapshotsError;
use aws_smithy_async::future::pagination_stream::PaginationStream;
use protocol::tags::Tags;
use protocol::{DbIdentifier, Region, SnapshotArn, SnapshotId};
use tokio::time::Instant;

use crate::clients::Clients;
use crate::clock::Clock;
use crate::database::DatabaseView;
use crate::fault::{AwsResult as _, Fault};
use crate::known::{Bounds, Known, Listing};
use crate::snapshot::SnapshotView;
use crate::step::schedule::PollSchedule;

/// The manual snapshots of an account in one Region.
pub type Snapshots = Listing<SnapshotId, SnapshotView>;
/// The DB instances of an account in one Region.
pub type Databases = Listing<DbIdentifier, DatabaseView>;

/// As many as RDS lists with one call (RDS API Reference, `MaxRecords`).
const PAGE: usize = 100;

/// One for each process. N handoffs cost pages, not N calls.
#[derive(Debug)]
pub struct Inventory {
    clients: Clients,
    pace: PollSchedule,
    snapshots: Known<SnapshotId, SnapshotView>,
    databases: Known<DbIdentifier, DatabaseView>,
    /// Looks at one snapshot each, since the last listing.
    looks: RefCell<BTreeMap<Region, usize>>,
}

impl Inventory {
    /// Nothing read yet.
    pub fn new(clients: Clients, pace: &PollSchedule, clock: &Clock) -> Self {
        Self {
            clients,
            pace: pace.clone(),
            snapshots: Known::new(clock.clone()),
            databases: Known::new(clock.clone()),
            looks: RefCell::default(),
        }
    }

    fn bounds(&self) -> Bounds {
        let soon = self.soon();
        Bounds { soon, absent: soon, idle: self.pace.idle() }
    }

    /// Listings are made no sooner than this after one another, for whoever waits.
    pub fn soon(&self) -> Duration {
        self.pace.spacing().max(self.pace.floor() / 2)
    }

    /// A manual snapshot of this account.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn snapshot(&self, arn: &SnapshotArn) -> Result<Option<Rc<SnapshotView>>, Fault> {
        let list = async || self.list_snapshots(&arn.region).await;
        self.snapshots.one(&arn.region, &arn.snapshot, self.bounds(), list).await
    }

    /// A manual snapshot that is made if it is not there: RDS refuses a second one of a name, so an older look does.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn snapshot_to_make(&self, arn: &SnapshotArn) -> Result<Option<Rc<SnapshotView>>, Fault> {
        let list = async || self.list_snapshots(&arn.region).await;
        let bounds = Bounds { absent: self.pace.idle(), ..self.bounds() };
        self.snapshots.one(&arn.region, &arn.snapshot, bounds, list).await
    }

    /// A manual snapshot of this account as it is now, before an act that another agent, or a person, may have made wrong
    /// meanwhile.
    ///
    /// # Errors
    /// When RDS does not describe it.
    pub async fn snapshot_now(&self, arn: &SnapshotArn) -> Result<Option<Rc<SnapshotView>>, Fault> {
        self.snapshot_within(arn, self.pace.floor()).await
    }

    /// A manual snapshot of this account, as it was at most this long ago.
    ///
    /// # Errors
    /// When RDS does not describe it.
    pub async fn snapshot_within(
        &self,
        arn: &SnapshotArn,
        oldest: Duration,
    ) -> Result<Option<Rc<SnapshotView>>, Fault> {
        let is_old = self.snapshots.age(&arn.region, &arn.snapshot).is_none_or(|age| age > oldest);
        if is_old && self.is_worth_a_listing(&arn.region) {
            self.snapshots.since(&arn.region, Instant::now(), async || self.list_snapshots(&arn.region).await).await?;
        } else if is_old {
            let began = Instant::now();
            let call = self.clients.rds(&arn.region).describe_db_snapshots();
            let answer = call.db_snapshot_identifier(arn.snapshot.as_str()).send().await;
            let answer = answer
                .missing_ok("rds:DescribeDBSnapshots", DescribeDBSnapshotsError::is_db_snapshot_not_found_fault)?;
            let view = answer.and_then(|answer| SnapshotView::of(answer.db_snapshots().first()?));
            self.snapshots.saw(&arn.region, &arn.snapshot, began, view);
        }
        self.snapshot(arn).await
    }

    /// Every manual snapshot of this account, as recently as listings are made for whoever waits.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn recent(&self, region: &Region) -> Result<Rc<Snapshots>, Fault> {
        self.snapshots(region, self.soon()).await
    }

    /// Every manual snapshot of this account, as this process knows them: whoever waits for one has read them.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn known(&self, region: &Region) -> Result<Rc<Snapshots>, Fault> {
        self.snapshots(region, self.pace.idle()).await
    }

    /// Every manual snapshot of this account in each Region that this process has listed, as it knows them.
    pub fn known_everywhere(&self) -> Vec<Rc<Snapshots>> {
        self.snapshots.everywhere()
    }

    /// Every manual snapshot of this account, as it was at most this long ago.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn snapshots(&self, region: &Region, oldest: Duration) -> Result<Rc<Snapshots>, Fault> {
        self.snapshots.all(region, oldest, async || self.list_snapshots(region).await).await
    }

    /// A listing serves all, and a look one. So whoever looks pays for the listing at last: when so many have looked since the last one
    /// as it has pages.
    fn is_worth_a_listing(&self, region: &Region) -> bool {
        let mut looks = self.looks.borrow_mut();
        let looks = looks.entry(region.clone()).or_default();
        *looks += 1;
        *looks * PAGE >= self.snapshots.now(region).len()
    }

    async fn list_snapshots(&self, region: &Region) -> Result<Snapshots, Fault> {
        self.looks.borrow_mut().remove(region);
        let pages = self.clients.rds(region).describe_db_snapshots().snapshot_type("manual").into_paginator();
        let key = |view: &SnapshotView| view.arn.snapshot.clone();
        let known = self.snapshots.now(region);
        listing(pages.items().send(), &known, SnapshotView::of, key).await.op("rds:DescribeDBSnapshots")
    }

    /// A DB instance of this account.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn database(&self, region: &Region, name: &DbIdentifier) -> Result<Option<Rc<DatabaseView>>, Fault> {
        let list = async || self.list_databases(region).await;
        // RDS refuses a second one of a name, so an older look does before one is made.
        self.databases.one(region, name, Bounds { absent: self.pace.idle(), ..self.bounds() }, list).await
    }

    /// A DB instance of this account, as this process knows it.
    pub fn known_database(&self, region: &Region, name: &DbIdentifier) -> Option<Rc<DatabaseView>> {
        self.databases.now(region).get(name).cloned()
    }

    /// Every DB instance of this account.
    ///
    /// # Errors
    /// When RDS does not list them.
    pub async fn databases(&self, region: &Region) -> Result<Rc<Databases>, Fault> {
        self.databases.all(region, self.bounds().soon, async || self.list_databases(region).await).await
    }

    async fn list_databases(&self, region: &Region) -> Result<Databases, Fault> {
        let pages = self.clients.rds(region).describe_db_instances().into_paginator();
        let key = |view: &DatabaseView| view.arn.database.clone();
        let known = self.databases.now(region);
        listing(pages.items().send(), &known, DatabaseView::of, key).await.op("rds:DescribeDBInstances")
    }

    /// This process has made a snapshot, or deleted it.
    pub fn acted_on_snapshot(&self, arn: &SnapshotArn) {
        self.snapshots.acted(&arn.region, &arn.snapshot);
    }

    /// This process has written tags on a snapshot.
    pub fn tagged(&self, arn: &SnapshotArn, tags: &Tags) {
        self.snapshots.wrote(&arn.region, &arn.snapshot, |view| view.tags.extend(tags.clone()));
    }

    /// This process has made a database, or changed it.
    pub fn acted_on_database(&self, region: &Region, name: &DbIdentifier) {
        self.databases.acted(region, name);
    }
}

/// Page by page; what has not changed since the last listing is not held twice.
async fn listing<I, E, K: Ord, V: PartialEq>(
    mut items: PaginationStream<Result<I, E>>,
    known: &Listing<K, V>,
    view: impl Fn(&I) -> Option<V>,
    key: impl Fn(&V) -> K,
) -> Result<Listing<K, V>, E> {
    let mut listing = Listing::new();
    while let Some(item) = items.try_next().await? {
        let Some(view) = view(&item) else { continue };
        let key = key(&view);
        let same = known.get(&key).filter(|known| ***known == view).cloned();
        listing.insert(key, same.unwrap_or_else(|| Rc::new(view)));
    }
    Ok(listing)
}
