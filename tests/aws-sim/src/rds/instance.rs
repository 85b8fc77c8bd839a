//! One DB instance, and showing it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::groups;
use crate::arn::Arn;
use crate::clock::{between, iso};
use crate::envelope::Stored;
use crate::tags::Tags;
use crate::xml::Xml;

/// What `ModifyDBInstance` may change later than at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) class: Option<String>,
    pub(crate) multi_az: Option<bool>,
    pub(crate) password: bool,
}

/// Where the life of an instance stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Creating { from: Timestamp, until: Timestamp },
    Modifying { until: Timestamp, changes: Changes },
    Available,
    Deleting { until: Timestamp },
}

/// A DB instance.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) arn: Arn,
    pub(crate) resource_id: String,
    pub(crate) engine: String,
    pub(crate) engine_version: String,
    pub(crate) class: String,
    pub(crate) allocated_gib: u32,
    pub(crate) storage_type: String,
    pub(crate) port: u32,
    pub(crate) master_username: String,
    pub(crate) created: Timestamp,
    pub(crate) multi_az: bool,
    pub(crate) public: bool,
    pub(crate) deletion_protection: bool,
    pub(crate) copy_tags: bool,
    pub(crate) minor_upgrade: bool,
    pub(crate) retention: u32,
    pub(crate) subnet_group: String,
    pub(crate) security_groups: Vec<String>,
    pub(crate) cluster: Option<String>,
    /// The ARN of the secret with the master password, and of its key.
    pub(crate) secret: Option<(String, String)>,
    pub(crate) key: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) stage: Stage,
    /// Waits for the maintenance window.
    pub(crate) pending: Changes,
    /// The snapshots of it that are being taken.
    pub(crate) backups: BTreeSet<String>,
    pub(crate) stored: Stored,
}

impl Instance {
    pub(crate) fn id(&self) -> &str {
        self.arn.name_of("db").unwrap_or_default()
    }

    /// RDS User Guide, Viewing Amazon RDS DB instance status.
    pub(crate) fn status(&self, now: Timestamp) -> &'static str {
        match &self.stage {
            // A new instance is backed up once before it is available.
            Stage::Creating { from, until } if between(*from, now) < between(*from, *until) / 5 * 4 => "creating",
            Stage::Creating { .. } => "backing-up",
            Stage::Modifying { changes, .. } if changes.password => "resetting-master-credentials",
            Stage::Modifying { .. } => "modifying",
            Stage::Deleting { .. } => "deleting",
            Stage::Available if !self.backups.is_empty() => "backing-up",
            Stage::Available => "available",
        }
    }

    pub(crate) fn available(&self) -> bool {
        self.stage == Stage::Available && self.backups.is_empty()
    }

    /// RDS API Reference, DBInstance.
    pub(crate) fn show(&self, xml: &mut Xml, now: Timestamp) {
        let status = self.status(now);
        xml.leaf("DBInstanceIdentifier", self.id());
        xml.leaf("DBInstanceClass", &self.class);
        xml.leaf("Engine", &self.engine);
        xml.leaf("EngineVersion", &self.engine_version);
        xml.leaf("DBInstanceStatus", status);
        xml.leaf("MasterUsername", &self.master_username);
        // There is no endpoint until the instance has been created (RDS API Reference, DBInstance, Endpoint).
        if !matches!(self.stage, Stage::Creating { .. }) {
            xml.leaf("InstanceCreateTime", iso(self.created));
            xml.node("Endpoint", |xml| {
                let tail = self.resource_id.trim_start_matches("db-").to_lowercase();
                let short = tail.get(..12).unwrap_or("000000000000");
                xml.leaf("Address", format!("{}.{short}.{}.rds.amazonaws.com", self.id(), self.arn.region));
                xml.leaf("Port", self.port);
                xml.leaf("HostedZoneId", "Z000000000SIMULATED");
            });
        }
        xml.leaf("AllocatedStorage", self.allocated_gib);
        xml.leaf("StorageType", &self.storage_type);
        xml.leaf("PreferredBackupWindow", "03:00-03:30");
        xml.leaf("PreferredMaintenanceWindow", "sun:04:00-sun:04:30");
        xml.leaf("BackupRetentionPeriod", self.retention);
        xml.leaf("BackupTarget", "region");
        xml.node("DBSecurityGroups", |_| {});
        xml.list("VpcSecurityGroups", "VpcSecurityGroupMembership", &self.security_groups, |xml, id| {
            xml.leaf("VpcSecurityGroupId", id);
            xml.leaf("Status", "active");
        });
        xml.list("DBParameterGroups", "DBParameterGroup", [&self.engine], |xml, engine| {
            let major = self.engine_version.split('.').next().unwrap_or_default();
            xml.leaf("DBParameterGroupName", format!("default.{engine}{major}"));
            xml.leaf("ParameterApplyStatus", "in-sync");
        });
        xml.leaf("AvailabilityZone", format!("{}a", self.arn.region));
        xml.node("DBSubnetGroup", |xml| {
            groups::show(xml, &self.arn.account, &self.arn.region, &self.subnet_group, "");
        });
        xml.node("PendingModifiedValues", |xml| {
            let running = if let Stage::Modifying { changes, .. } = &self.stage { Some(changes) } else { None };
            let waits = running.unwrap_or(&self.pending);
            xml.maybe("DBInstanceClass", waits.class.as_ref());
            xml.maybe("MultiAZ", waits.multi_az);
            xml.maybe("MasterUserPassword", waits.password.then_some("****"));
        });
        xml.leaf("MultiAZ", self.multi_az);
        xml.leaf("AutoMinorVersionUpgrade", self.minor_upgrade);
        xml.node("ReadReplicaDBInstanceIdentifiers", |_| {});
        xml.leaf("LicenseModel", "postgresql-license");
        xml.list("OptionGroupMemberships", "OptionGroupMembership", [()], |xml, ()| {
            xml.leaf("OptionGroupName", option_group(&self.engine, &self.engine_version));
            xml.leaf("Status", "in-sync");
        });
        xml.leaf("PubliclyAccessible", self.public);
        xml.maybe("DBClusterIdentifier", self.cluster.as_ref());
        xml.leaf("StorageEncrypted", self.key.is_some());
        xml.maybe("KmsKeyId", self.key.as_ref());
        xml.leaf("DbiResourceId", &self.resource_id);
        xml.leaf("CACertificateIdentifier", "rds-ca-rsa2048-g1");
        xml.leaf("CopyTagsToSnapshot", self.copy_tags);
        xml.leaf("MonitoringInterval", 0);
        xml.leaf("DBInstanceArn", &self.arn);
        xml.leaf("IAMDatabaseAuthenticationEnabled", false);
        xml.leaf("DeletionProtection", self.deletion_protection);
        if let Some((secret, key)) = &self.secret {
            xml.node("MasterUserSecret", |xml| {
                xml.leaf("SecretArn", secret);
                xml.leaf("SecretStatus", "active");
                xml.leaf("KmsKeyId", key);
            });
        }
        super::tagging::show(xml, &self.tags);
    }
}

/// The default option group of an engine version.
pub(super) fn option_group(engine: &str, version: &str) -> String {
    let major = version.split('.').next().unwrap_or_default();
    format!("default:{engine}-{major}")
}
