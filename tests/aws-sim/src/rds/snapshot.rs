//! A DB snapshot, and its description in XML.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::instance::encryption;
use super::setup::Setup;
use super::{network, tag_list};
use crate::arn::Arn;
use crate::clock::{between, iso};
use crate::envelope::Stored;
use crate::tags::Tags;
use crate::xml::Xml;

/// The data of the database from which a snapshot was taken. Copies keep it.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) instance: String,
    pub(crate) resource_id: String,
    pub(crate) engine: String,
    pub(crate) engine_version: String,
    pub(crate) master_username: String,
    pub(crate) database_name: Option<String>,
    /// The setup when the snapshot was taken.
    pub(crate) setup: Setup,
    /// The ARN of its Transparent Data Encryption credential.
    pub(crate) tde: Option<String>,
    /// The tags when the snapshot was taken.
    pub(crate) tags: Tags,
    pub(crate) instance_created: Timestamp,
    /// `OriginalSnapshotCreateTime`: copies have the same.
    pub(crate) taken: Timestamp,
}

/// The lifecycle stage of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Creating {
        from: Timestamp,
        until: Timestamp,
    },
    /// Waits for another copy of the same source database.
    Queued,
    Copying {
        from: Timestamp,
        until: Timestamp,
    },
    Available,
    Failed,
}

/// What a copy in progress needs when it completes.
#[derive(Clone, Debug)]
pub(crate) struct CopyJob {
    pub(crate) source: String,
    /// The grant on the source's key, if it has one.
    pub(crate) grant: Option<String>,
    pub(crate) lasts: std::time::Duration,
}

/// What created a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creator {
    /// The account: a manual snapshot.
    Account,
    /// RDS, in the backup window: an automated one.
    Rds,
    /// AWS Backup.
    Backup,
}

impl Creator {
    /// The value of `SnapshotType`.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Account => "manual",
            Self::Rds => "automated",
            Self::Backup => "awsbackup",
        }
    }
}

/// A snapshot.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) arn: Arn,
    pub(crate) creator: Creator,
    pub(crate) origin: Origin,
    pub(crate) created: Timestamp,
    /// The ARN of its KMS key; `None` when it is not encrypted.
    pub(crate) key: Option<String>,
    /// Whether it is encrypted with a key that AWS owns and does not show (`sse-rds`).
    pub(crate) owned_key: bool,
    pub(crate) option_group: String,
    /// The ARN of the snapshot from which it was copied across accounts or Regions.
    pub(crate) source: Option<Arn>,
    pub(crate) tags: Tags,
    /// Account ids, or `all`.
    pub(crate) shares: BTreeSet<String>,
    pub(crate) stage: Stage,
    pub(crate) job: Option<CopyJob>,
    pub(crate) stored: Option<Stored>,
}

impl Snapshot {
    pub(crate) fn id(&self) -> &str {
        self.arn.name_of("snapshot").unwrap_or_default()
    }

    /// Whether it is shared with `account`.
    pub(crate) fn shared_with(&self, account: &str) -> bool {
        self.shares.contains(account) || self.public()
    }

    pub(crate) fn public(&self) -> bool {
        self.shares.contains("all")
    }

    pub(crate) fn encrypted(&self) -> bool {
        self.key.is_some() || self.owned_key
    }

    pub(crate) fn copying(&self) -> bool {
        matches!(self.stage, Stage::Queued | Stage::Copying { .. })
    }

    /// `pending` while queued, then `creating` and `copying` (seen in practice; the RDS API Reference does not list the
    /// statuses of a DB snapshot).
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        match self.stage {
            Stage::Creating { .. } => "creating",
            Stage::Queued => "pending",
            Stage::Copying { from, until } if permille(from, until, now) < 20 => "creating",
            Stage::Copying { .. } => "copying",
            Stage::Available => "available",
            Stage::Failed => "failed",
        }
    }

    /// The progress: 0 while queued (RDS User Guide, Copying a DB snapshot: no progress is shown until the copy
    /// begins), 100 only when available; in between it increases in steps and unevenly.
    pub(crate) fn percent(&self, now: Timestamp) -> u64 {
        let (from, until) = match self.stage {
            Stage::Queued | Stage::Failed => return 0,
            Stage::Available => return 100,
            Stage::Creating { from, until } | Stage::Copying { from, until } => (from, until),
        };
        let linear = permille(from, until, now);
        let slow_at_first = linear * (1000 + linear) / 20_000;
        (slow_at_first / 5 * 5).min(95)
    }

    /// RDS API Reference, DBSnapshot. Another account sees the ARN of a shared snapshot as its identifier, and does not
    /// see its tags.
    pub(crate) fn show(&self, xml: &mut Xml, now: Timestamp, viewer: &str) {
        let own = viewer == self.arn.account;
        let origin = &self.origin;
        let setup = &origin.setup;
        let arn = self.arn.to_string();
        xml.leaf("DBSnapshotIdentifier", if own { self.id() } else { &arn });
        xml.leaf("DBInstanceIdentifier", &origin.instance);
        xml.leaf("DbiResourceId", &origin.resource_id);
        xml.leaf("DBSnapshotArn", &arn);
        // AWS shows the creation time once the snapshot exists: here at once.
        xml.leaf("SnapshotCreateTime", iso(self.created));
        xml.leaf("OriginalSnapshotCreateTime", iso(origin.taken));
        xml.leaf("SnapshotDatabaseTime", iso(origin.taken));
        xml.leaf("Engine", &origin.engine);
        xml.leaf("EngineVersion", &origin.engine_version);
        xml.leaf("AllocatedStorage", setup.storage.gib);
        xml.leaf("StorageType", &setup.storage.kind);
        xml.maybe("Iops", setup.storage.iops);
        xml.maybe("StorageThroughput", setup.storage.throughput);
        xml.leaf("Status", self.status(now));
        xml.leaf("PercentProgress", self.percent(now));
        xml.leaf("Port", setup.port);
        xml.leaf("AvailabilityZone", &setup.zone);
        xml.leaf("VpcId", network::vpc(&self.arn.account, &self.arn.region));
        xml.leaf("InstanceCreateTime", iso(origin.instance_created));
        xml.leaf("MasterUsername", &origin.master_username);
        xml.leaf("LicenseModel", &setup.license);
        xml.leaf("SnapshotType", self.creator.kind());
        xml.leaf("OptionGroupName", &self.option_group);
        xml.leaf("Encrypted", self.encrypted());
        xml.maybe("KmsKeyId", self.key.as_ref());
        if let Some(source) = &self.source {
            xml.leaf("SourceRegion", &source.region);
            xml.leaf("SourceDBSnapshotIdentifier", source);
        }
        xml.leaf("IAMDatabaseAuthenticationEnabled", setup.iam);
        xml.leaf("DedicatedLogVolume", setup.log_volume);
        xml.leaf("SnapshotTarget", "region");
        xml.leaf("StorageEncryptionType", encryption(self.key.as_ref(), self.owned_key));
        xml.maybe("TdeCredentialArn", origin.tde.as_ref());
        xml.leaf("BackupRetentionPeriod", setup.retention);
        xml.leaf("PreferredBackupWindow", setup.backup_window);
        let tags = self.tags.iter().filter(|_| own);
        tag_list::show(xml, tags);
    }
}

/// The fraction of the time from `from` to `until` that has passed at `now`, in thousandths.
fn permille(from: Timestamp, until: Timestamp, now: Timestamp) -> u64 {
    let whole = between(from, until).as_millis().max(1);
    let part = between(from, now).as_millis().min(whole);
    u64::try_from(part * 1000 / whole).unwrap_or(1000)
}
