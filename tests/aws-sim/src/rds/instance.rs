//! A DB instance, and its description in XML.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::changes::Changes;
use super::engines::{self, Engine};
use super::secret::Secret;
use super::setup::Setup;
use super::{certificate, monitoring, network, tag_list};
use crate::arn::Arn;
use crate::clock::{between, iso};
use crate::envelope::Stored;
use crate::tags::Tags;
use crate::xml::Xml;

/// The lifecycle stage of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Creating {
        from: Timestamp,
        until: Timestamp,
    },
    /// With its status, and the changes that are applied at the end.
    Modifying {
        until: Timestamp,
        status: &'static str,
        changes: Box<Changes>,
    },
    Rebooting {
        until: Timestamp,
    },
    Available,
    Deleting {
        until: Timestamp,
    },
}

/// The status of its parameter group (RDS API Reference, DBParameterGroupStatus).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameters {
    Applying,
    PendingReboot,
    InSync,
}

/// A DB instance.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) arn: Arn,
    pub(crate) resource_id: String,
    pub(crate) engine: String,
    pub(crate) engine_version: String,
    pub(crate) master_username: String,
    pub(crate) database_name: Option<String>,
    pub(crate) created: Timestamp,
    pub(crate) setup: Setup,
    pub(crate) parameters: Parameters,
    pub(crate) cluster: Option<String>,
    pub(crate) secret: Option<Secret>,
    /// The ARN of its Transparent Data Encryption credential.
    pub(crate) tde: Option<String>,
    pub(crate) key: Option<String>,
    /// Whether it is encrypted with a key that AWS owns and does not show (`sse-rds`).
    pub(crate) owned_key: bool,
    pub(crate) tags: Tags,
    /// The ARN of the snapshot that it is being restored from.
    pub(crate) restoring: Option<String>,
    pub(crate) stage: Stage,
    /// Changes that wait for the maintenance window.
    pub(crate) pending: Changes,
    /// The begin and end of storage optimization after a change.
    pub(crate) optimizing: Option<(Timestamp, Timestamp)>,
    /// The snapshots of it that are in progress.
    pub(crate) backups: BTreeSet<String>,
    pub(crate) stored: Stored,
}

/// The kind of storage encryption (RDS API Reference, DBInstance, StorageEncryptionType).
pub(super) fn encryption(key: Option<&String>, owned_key: bool) -> &'static str {
    match key {
        Some(_) => "sse-kms",
        None if owned_key => "sse-rds",
        None => "none",
    }
}

impl Instance {
    pub(crate) fn id(&self) -> &str {
        self.arn.name_of("db").unwrap_or_default()
    }

    pub(crate) fn engine(&self) -> &'static Engine {
        engines::of(&self.engine)
    }

    /// RDS User Guide, Viewing Amazon RDS DB instance status.
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        match &self.stage {
            // A new instance is backed up once before it is available.
            Stage::Creating { from, until } if between(*from, now) < between(*from, *until) / 5 * 4 => "creating",
            Stage::Creating { .. } => "backing-up",
            Stage::Modifying { status, .. } => status,
            Stage::Rebooting { .. } => "rebooting",
            Stage::Deleting { .. } => "deleting",
            Stage::Available if !self.backups.is_empty() => "backing-up",
            Stage::Available if self.is_optimizing(now) => "storage-optimization",
            Stage::Available => "available",
        }
    }

    /// Whether it can be modified, rebooted and backed up: `available`, or `storage-optimization`, in which it is
    /// operational (RDS API Reference, CreateDBSnapshot, DBInstanceIdentifier; RDS User Guide, Viewing Amazon RDS DB
    /// instance status).
    pub(crate) fn available(&self) -> bool {
        self.stage == Stage::Available && self.backups.is_empty()
    }

    pub(crate) fn is_optimizing(&self, now: Timestamp) -> bool {
        self.optimizing.is_some_and(|(_, until)| now < until)
    }

    /// RDS API Reference, DBInstance.
    pub(crate) fn show(&self, xml: &mut Xml, now: Timestamp) {
        let setup = &self.setup;
        xml.leaf("DBInstanceIdentifier", self.id());
        xml.leaf("DBInstanceClass", &setup.class);
        xml.leaf("Engine", &self.engine);
        xml.leaf("EngineVersion", &self.engine_version);
        xml.leaf("DBInstanceStatus", self.status(now));
        xml.leaf("MasterUsername", &self.master_username);
        xml.maybe("DBName", self.database_name.as_ref());
        // There is no endpoint until the instance has been created (RDS API Reference, DBInstance, Endpoint).
        if !matches!(self.stage, Stage::Creating { .. }) {
            xml.leaf("InstanceCreateTime", iso(self.created));
            xml.node("Endpoint", |xml| {
                let tail = self.resource_id.trim_start_matches("db-").to_lowercase();
                let short = tail.get(..12).unwrap_or("000000000000");
                xml.leaf("Address", format!("{}.{short}.{}.rds.amazonaws.com", self.id(), self.arn.region));
                xml.leaf("Port", setup.port);
                xml.leaf("HostedZoneId", "Z000000000SIMULATED");
            });
        }
        xml.leaf("AllocatedStorage", setup.storage.gib);
        xml.leaf("StorageType", &setup.storage.kind);
        xml.maybe("Iops", setup.storage.iops);
        xml.maybe("StorageThroughput", setup.storage.throughput);
        xml.maybe("MaxAllocatedStorage", setup.ceiling);
        xml.leaf("DedicatedLogVolume", setup.log_volume);
        xml.leaf("PreferredBackupWindow", setup.backup_window);
        xml.leaf("PreferredMaintenanceWindow", setup.maintenance_window);
        xml.leaf("BackupRetentionPeriod", setup.retention);
        xml.leaf("BackupTarget", "region");
        xml.node("DBSecurityGroups", |_| {});
        xml.list("VpcSecurityGroups", "VpcSecurityGroupMembership", &setup.security_groups, |xml, id| {
            xml.leaf("VpcSecurityGroupId", id);
            xml.leaf("Status", "active");
        });
        xml.list("DBParameterGroups", "DBParameterGroup", [&setup.parameter_group], |xml, name| {
            xml.leaf("DBParameterGroupName", name);
            let status = match self.parameters {
                Parameters::Applying => "applying",
                Parameters::PendingReboot => "pending-reboot",
                Parameters::InSync => "in-sync",
            };
            xml.leaf("ParameterApplyStatus", status);
        });
        xml.leaf("AvailabilityZone", &setup.zone);
        if setup.multi_az {
            let second = if setup.zone.ends_with('a') { "b" } else { "a" };
            xml.leaf("SecondaryAvailabilityZone", format!("{}{second}", self.arn.region));
        }
        xml.node("DBSubnetGroup", |xml| {
            network::show(xml, &self.arn.account, &self.arn.region, &setup.subnet_group, "");
        });
        xml.leaf("NetworkType", "IPV4");
        xml.node("PendingModifiedValues", |xml| self.under_way().then(self.pending.clone()).show(xml, setup));
        xml.leaf("MultiAZ", setup.multi_az);
        xml.leaf("AutoMinorVersionUpgrade", setup.minor_upgrade);
        // Empty lists are shown too (AWS CLI Command Reference, create-db-instance, Examples).
        for none in ["AssociatedRoles", "DomainMemberships", "ReadReplicaDBInstanceIdentifiers"] {
            xml.node(none, |_| {});
        }
        xml.leaf("DbInstancePort", 0);
        xml.leaf("LicenseModel", &setup.license);
        xml.maybe("EngineLifecycleSupport", setup.lifecycle.as_ref());
        self.show_option_groups(xml);
        xml.leaf("PubliclyAccessible", setup.public);
        xml.maybe("DBClusterIdentifier", self.cluster.as_ref());
        xml.leaf("StorageEncrypted", self.key.is_some() || self.owned_key);
        xml.leaf("StorageEncryptionType", encryption(self.key.as_ref(), self.owned_key));
        xml.maybe("KmsKeyId", self.key.as_ref());
        xml.maybe("TdeCredentialArn", self.tde.as_ref());
        xml.leaf("DbiResourceId", &self.resource_id);
        certificate::show(xml, &setup.certificate);
        xml.leaf("CopyTagsToSnapshot", setup.copy_tags);
        xml.leaf("DBInstanceArn", &self.arn);
        xml.leaf("IAMDatabaseAuthenticationEnabled", setup.iam);
        xml.list("EnabledCloudwatchLogsExports", "member", &setup.logs, |xml, log| xml.write(log));
        xml.leaf("DeletionProtection", setup.deletion_protection);
        let resource = &self.resource_id;
        monitoring::show(xml, setup.monitoring.as_ref(), setup.insights.as_ref(), &self.arn, resource);
        if let Some(secret) = &self.secret {
            xml.node("MasterUserSecret", |xml| secret.show(xml, now));
        }
        // Only for storage optimization (RDS API Reference, DBInstance, PercentProgress): a restore shows none.
        if let Some((from, until)) = self.optimizing.filter(|(_, until)| now < *until) {
            let whole = between(from, until).as_secs().max(1);
            xml.leaf("PercentProgress", between(from, now).as_secs() * 100 / whole / 5 * 5);
        }
        tag_list::show(xml, &self.tags);
    }

    /// The changes that are being applied.
    fn under_way(&self) -> Changes {
        if let Stage::Modifying { changes, .. } = &self.stage { (**changes).clone() } else { Changes::default() }
    }

    /// RDS API Reference, OptionGroupMembership: the present option group, and the next one if it is being changed.
    fn show_option_groups(&self, xml: &mut Xml) {
        let applying = self.under_way().option_group.map(|group| (group, "applying", "removing"));
        let waiting = self.pending.option_group.clone();
        let next =
            applying.or(waiting.map(|group| (group, "pending-maintenance-apply", "pending-maintenance-removal")));
        let mut memberships = vec![(&self.setup.option_group, next.as_ref().map_or("in-sync", |next| next.2))];
        memberships.extend(next.as_ref().map(|next| (&next.0, next.1)));
        xml.list("OptionGroupMemberships", "OptionGroupMembership", memberships, |xml, (name, status)| {
            xml.leaf("OptionGroupName", name);
            xml.leaf("Status", status);
        });
    }
}
