//! A DB snapshot as the agents use it. SDK types do not leave this module.

use std::rc::Rc;
use std::time::Duration;

use aws_sdk_rds::operation::describe_db_snapshots::DescribeDBSnapshotsError;
use aws_sdk_rds::types::DbSnapshot;
use jiff::{SignedDuration, Timestamp};
use protocol::tags::Tags;
use protocol::{DbIdentifier, DbiResourceId, Identity, KeyArn, Region, SnapshotArn, SnapshotId};

use crate::aws::cache::{Cache, Listing, Resource, read_pages};
use crate::aws::freshness::Freshness;
use crate::fault::{AwsResult as _, Fault};
use crate::poll::{Progress, Working};

/// The status of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotStatus {
    /// It is complete.
    Available,
    /// It will never be complete.
    Failed(String),
    /// AWS is working on it. Every status that is not known to be final.
    Working(String),
}

/// One DB snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotView {
    /// Its ARN.
    pub arn: SnapshotArn,
    /// The identifier of its database.
    pub database: Option<DbIdentifier>,
    /// The immutable id of its database.
    pub resource: Option<DbiResourceId>,
    /// The time of its data, `OriginalSnapshotCreateTime`.
    pub original: Option<Timestamp>,
    /// When this snapshot or copy was created.
    pub created: Option<Timestamp>,
    /// Whether RDS reports it as a copy from another Region or account.
    pub is_copy: bool,
    /// Its status.
    pub status: SnapshotStatus,
    /// Its progress in percent, as AWS reports it.
    pub percent: Option<u8>,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Its KMS key.
    pub key: Option<KeyArn>,
    /// Its engine.
    pub engine: String,
    /// Its engine's version.
    pub engine_version: String,
    /// Its allocated storage in GiB.
    pub size_gib: u32,
    /// Its tags; RDS shows none for a snapshot that another account shares.
    pub tags: Tags,
}

impl SnapshotView {
    /// Converts the SDK type; `None` for snapshots that cannot be part of a handoff (automated snapshots, other
    /// partitions).
    pub fn of(snapshot: &DbSnapshot) -> Option<Self> {
        let percent = snapshot.percent_progress().and_then(|percent| u8::try_from(percent).ok());
        Some(Self {
            arn: snapshot.db_snapshot_arn()?.parse().ok()?,
            database: snapshot.db_instance_identifier().and_then(|id| id.parse().ok()),
            resource: snapshot.dbi_resource_id().and_then(|id| id.parse().ok()),
            original: snapshot.original_snapshot_create_time().and_then(timestamp),
            created: snapshot.snapshot_create_time().and_then(timestamp),
            is_copy: snapshot.source_db_snapshot_identifier().is_some(),
            status: status(snapshot.status().unwrap_or_default()),
            percent,
            encrypted: snapshot.encrypted().unwrap_or(false),
            key: snapshot.kms_key_id().and_then(|key| key.parse().ok()),
            engine: snapshot.engine().unwrap_or_default().to_owned(),
            engine_version: snapshot.engine_version().unwrap_or_default().to_owned(),
            size_gib: snapshot.allocated_storage().and_then(|size| u32::try_from(size).ok()).unwrap_or(0),
            tags: tags(snapshot.tag_list()),
        })
    }

    /// The expected view of a snapshot that does not exist yet, for `plan`.
    pub fn planning(arn: SnapshotArn, key: Option<KeyArn>) -> Self {
        Self {
            arn,
            database: None,
            resource: None,
            original: None,
            created: None,
            is_copy: false,
            status: SnapshotStatus::Available,
            percent: None,
            encrypted: true,
            key,
            engine: String::new(),
            engine_version: String::new(),
            size_gib: 0,
            tags: Tags::new(),
        }
    }

    /// The identity of its data; `None` while the snapshot is being taken.
    pub fn identity(&self) -> Option<Identity> {
        Some(Identity { created: self.original?, resource: self.resource.clone()? })
    }

    /// Its progress, for a wait.
    ///
    /// # Errors
    /// When it has failed.
    pub fn progress(&self) -> Result<Progress<()>, Fault> {
        match &self.status {
            SnapshotStatus::Available => Ok(Progress::Ready(())),
            SnapshotStatus::Failed(status) => {
                let remove = format!(
                    "aws rds delete-db-snapshot --region {} --db-snapshot-identifier {}",
                    self.arn.region, self.arn.snapshot
                );
                Err(Fault::fatal(format!("snapshot {} is {status}", self.arn)).hint(format!(
                    "RDS events show the cause; the snapshot is kept as evidence; to delete it:\n{remove}"
                )))
            }
            SnapshotStatus::Working(status) => Ok(Progress::Working(Working {
                percent: self.percent,
                since: self.created,
                ..Working::new(status.as_str())
            })),
        }
    }
}

/// The manual snapshots of an account in one Region.
pub type Snapshots = Listing<SnapshotId>;

/// How many snapshots RDS lists in one call (RDS API Reference, `MaxRecords`).
const PAGE: usize = 100;

/// A manual snapshot of this account.
impl Resource for SnapshotId {
    type View = SnapshotView;

    fn busy(view: &SnapshotView, then: Timestamp) -> Option<Duration> {
        match view.status {
            SnapshotStatus::Available | SnapshotStatus::Failed(_) => None,
            SnapshotStatus::Working(_) => {
                let working = Working { percent: view.percent, since: view.created, ..Working::new("") };
                Some(crate::poll::schedule::remaining(&working, then, Duration::ZERO).unwrap_or_default())
            }
        }
    }
}

impl Cache {
    /// A manual snapshot of this account.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn snapshot(&self, arn: &SnapshotArn, freshness: Freshness) -> Result<Option<Rc<SnapshotView>>, Fault> {
        let (region, id) = (&arn.region, &arn.snapshot);
        let describe = async || {
            let call = self.clients.rds(region).describe_db_snapshots();
            let answer = call.db_snapshot_identifier(id.as_str()).send().await;
            let is_missing = DescribeDBSnapshotsError::is_db_snapshot_not_found_fault;
            let answer = answer.missing_ok("rds:DescribeDBSnapshots", is_missing)?;
            Ok(answer.and_then(|answer| SnapshotView::of(answer.db_snapshots().first()?)))
        };
        let waits_for_aws = matches!(freshness, Freshness::Progress | Freshness::Create);
        let is_read = !waits_for_aws && self.read_alone(region, id, freshness, PAGE, describe).await?;
        let freshness = if is_read { Freshness::Progress } else { freshness };
        self.one(region, id, freshness, async |known| self.list_snapshots(region, known).await).await
    }

    /// Every manual snapshot of this account in a Region.
    ///
    /// # Errors
    /// When RDS does not answer.
    pub async fn snapshots(&self, region: &Region, freshness: Freshness) -> Result<Rc<Snapshots>, Fault> {
        self.all(region, freshness, async |known| self.list_snapshots(region, known).await).await
    }

    /// Invalidates a cached snapshot that this process has created, changed or deleted.
    pub fn acted_on(&self, arn: &SnapshotArn) {
        self.acted(&arn.region, &arn.snapshot);
    }

    /// Adds tags that this process has written to the cached snapshot.
    pub fn tagged(&self, arn: &SnapshotArn, tags: &Tags) {
        self.wrote(&arn.region, &arn.snapshot, |view| view.tags.extend(tags.clone()));
    }

    async fn list_snapshots(&self, region: &Region, known: &Snapshots) -> Result<Snapshots, Fault> {
        let pages = self.clients.rds(region).describe_db_snapshots().snapshot_type("manual").into_paginator();
        let view = |item: &DbSnapshot| SnapshotView::of(item).map(|view| (view.arn.snapshot.clone(), view));
        read_pages(pages.items().send(), known, view).await.op("rds:DescribeDBSnapshots")
    }
}

/// The failure statuses are those on which AWS's own waiter gives up (botocore, `db_snapshot_available`).
fn status(status: &str) -> SnapshotStatus {
    match status {
        "available" => SnapshotStatus::Available,
        "failed" | "incompatible-restore" | "incompatible-parameters" => SnapshotStatus::Failed(status.to_owned()),
        _ => SnapshotStatus::Working(status.to_owned()),
    }
}

pub(crate) fn timestamp(time: &aws_smithy_types::DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(time.to_millis().ok()?).ok()
}

pub(crate) fn tags(tags: &[aws_sdk_rds::types::Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// Whether a resource is so new that its tags may not be visible yet. Tags are written in the creating call, but can
/// become visible later than the resource. Only an older resource with our name and without our tags belongs to
/// somebody else. A resource without a creation time is still being created.
pub fn is_young(created: Option<Timestamp>, now: Timestamp) -> bool {
    created.is_none_or(|created| now.duration_since(created) < SignedDuration::from_mins(5))
}

/// Converts tags to the SDK type.
pub fn rds_tags(tags: &Tags) -> Vec<aws_sdk_rds::types::Tag> {
    tags.iter().map(|(key, value)| aws_sdk_rds::types::Tag::builder().key(key).value(value).build()).collect()
}
