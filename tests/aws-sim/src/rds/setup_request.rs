//! The setup parameters that CreateDBInstance, RestoreDBInstanceFromDBSnapshot and ModifyDBInstance have in common.

use std::collections::BTreeSet;

use super::engines::Engine;
use super::setup::Setup;
use super::windows::{BackupWindow, MaintenanceWindow, must_not_overlap};
use super::{certificates, groups, options, parameters};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;

/// The parameters that all three have, including those of the storage and of the secret.
pub(super) const NAMES: [&str; 24] = [
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "DBInstanceClass",
    "DBInstanceIdentifier",
    "DBParameterGroupName",
    "DBSubnetGroupName",
    "DedicatedLogVolume",
    "DeletionProtection",
    "EnableIAMDatabaseAuthentication",
    "Iops",
    "LicenseModel",
    "ManageMasterUserPassword",
    "MasterUserSecretKmsKeyId",
    "MultiAZ",
    "NetworkType",
    "OptionGroupName",
    "PreferredBackupWindow",
    "PubliclyAccessible",
    "StorageThroughput",
    "StorageType",
    "VpcSecurityGroupIds",
];

/// Setup parameters that are each valid on their own.
#[derive(Clone, Debug)]
pub(super) struct SetupRequest {
    pub(super) class: Option<String>,
    pub(super) port: Option<u32>,
    pub(super) multi_az: Option<bool>,
    pub(super) public: Option<bool>,
    pub(super) deletion_protection: Option<bool>,
    pub(super) copy_tags: Option<bool>,
    pub(super) minor_upgrade: Option<bool>,
    pub(super) iam: Option<bool>,
    pub(super) log_volume: Option<bool>,
    pub(super) retention: Option<u32>,
    pub(super) backup_window: Option<BackupWindow>,
    pub(super) maintenance_window: Option<MaintenanceWindow>,
    pub(super) license: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) parameter_group: Option<String>,
    pub(super) option_group: Option<String>,
    pub(super) subnet_group: Option<String>,
    pub(super) security_groups: Option<Vec<String>>,
}

impl SetupRequest {
    pub(super) fn read(world: &World, caller: &Caller, query: &Query, engine: &Engine, version: &str) -> Outcome<Self> {
        let class = query.text("DBInstanceClass");
        class.map(check_class).transpose()?;
        Ok(Self {
            class: class.map(str::to_owned),
            port: port(query, engine)?,
            multi_az: query.flag("MultiAZ")?,
            public: query.flag("PubliclyAccessible")?,
            deletion_protection: query.flag("DeletionProtection")?,
            copy_tags: query.flag("CopyTagsToSnapshot")?,
            minor_upgrade: query.flag("AutoMinorVersionUpgrade")?,
            iam: iam(query, engine)?,
            log_volume: query.flag("DedicatedLogVolume")?,
            retention: retention(query)?,
            backup_window: query.text("PreferredBackupWindow").map(BackupWindow::parse).transpose()?,
            maintenance_window: query.text("PreferredMaintenanceWindow").map(MaintenanceWindow::parse).transpose()?,
            license: license(query, engine)?,
            certificate: certificates::chosen(query)?,
            parameter_group: parameters::chosen(world, caller, query, engine, version)?,
            option_group: options::chosen(world, caller, query, engine, version)?,
            subnet_group: groups::subnet_group(world, caller, query)?,
            security_groups: groups::security_groups(world, caller, query)?,
        })
    }

    /// Applies all of them to the setup of a new instance.
    pub(super) fn fill(self, setup: &mut Setup) {
        setup.class = self.class.unwrap_or_else(|| setup.class.clone());
        setup.port = self.port.unwrap_or(setup.port);
        setup.multi_az = self.multi_az.unwrap_or(setup.multi_az);
        setup.public = self.public.unwrap_or(setup.public);
        setup.deletion_protection = self.deletion_protection.unwrap_or(setup.deletion_protection);
        setup.copy_tags = self.copy_tags.unwrap_or(setup.copy_tags);
        setup.minor_upgrade = self.minor_upgrade.unwrap_or(setup.minor_upgrade);
        setup.iam = self.iam.unwrap_or(setup.iam);
        setup.log_volume = self.log_volume.unwrap_or(setup.log_volume);
        setup.retention = self.retention.unwrap_or(setup.retention);
        setup.backup_window = self.backup_window.unwrap_or(setup.backup_window);
        setup.maintenance_window =
            self.maintenance_window.unwrap_or_else(|| MaintenanceWindow::default_for(setup.backup_window));
        setup.license = self.license.unwrap_or_else(|| setup.license.clone());
        setup.certificate = self.certificate.unwrap_or_else(|| setup.certificate.clone());
        setup.parameter_group = self.parameter_group.unwrap_or_else(|| setup.parameter_group.clone());
        setup.option_group = self.option_group.unwrap_or_else(|| setup.option_group.clone());
        setup.subnet_group = self.subnet_group.unwrap_or_else(|| setup.subnet_group.clone());
        setup.security_groups = self.security_groups.unwrap_or_else(|| setup.security_groups.clone());
    }
}

/// Checks the combination of settings.
pub(super) fn must_fit(setup: &Setup) -> Outcome<()> {
    must_not_overlap(setup.backup_window, setup.maintenance_window)?;
    // RDS User Guide, Dedicated log volume: with Provisioned IOPS storage. UNSOURCED: the code.
    if setup.log_volume && !setup.storage.kind.starts_with("io") {
        return Err(Fault::combination("A dedicated log volume needs storage of type io1 or io2."));
    }
    Ok(())
}

/// `db.family.size`. UNSOURCED: the code; the list of classes is not checked.
fn check_class(class: &str) -> Outcome<()> {
    let parts: Vec<&str> = class.split('.').collect();
    if matches!(parts.as_slice(), ["db", family, size] if !family.is_empty() && !size.is_empty()) {
        return Ok(());
    }
    Err(Fault::value(format!("Invalid DB Instance class: {class}")))
}

/// 1150 to 65535, and for SQL Server none of its reserved ports (RDS API Reference, CreateDBInstance, Port).
fn port(query: &Query, engine: &Engine) -> Outcome<Option<u32>> {
    let Some(port) = query.number("Port")?.or(query.number("DBPortNumber")?) else { return Ok(None) };
    let taken = [1234, 1434, 3260, 3343, 3389, 47_001].contains(&port) || (49_152..=49_156).contains(&port);
    if !(1_150..=65_535).contains(&port) || engine.sql_server() && taken {
        return Err(Fault::value(format!("Invalid endpoint port for engine {}: {port}", engine.name)));
    }
    Ok(Some(port))
}

/// The text has been seen in practice.
fn iam(query: &Query, engine: &Engine) -> Outcome<Option<bool>> {
    let wanted = query.flag("EnableIAMDatabaseAuthentication")?;
    if wanted == Some(true) && !engine.iam {
        return Err(Fault::combination("IAM Database Authentication is not supported for this configuration."));
    }
    Ok(wanted)
}

/// RDS API Reference, CreateDBInstance, LicenseModel. UNSOURCED: the code.
fn license(query: &Query, engine: &Engine) -> Outcome<Option<String>> {
    let Some(license) = query.text("LicenseModel") else { return Ok(None) };
    if engine.licenses.contains(&license) {
        return Ok(Some(license.to_owned()));
    }
    let valid = engine.licenses.join(",");
    let name = engine.name;
    Err(Fault::value(format!(
        "Invalid license model '{license}' for engine '{name}'. Valid license models are: {valid}."
    )))
}

/// 0 to 35 days (RDS API Reference, CreateDBInstance, BackupRetentionPeriod).
fn retention(query: &Query) -> Outcome<Option<u32>> {
    match query.number("BackupRetentionPeriod")? {
        Some(days) if days > 35 => Err(Fault::value(format!("Invalid backup retention period: {days}"))),
        other => Ok(other),
    }
}

/// The subnet groups here have only IPv4 (RDS API Reference, CreateDBInstance, NetworkType).
pub(super) fn check_network(query: &Query) -> Outcome<()> {
    match query.text("NetworkType") {
        None | Some("IPV4") => Ok(()),
        Some("DUAL") => {
            let message = "The network type DUAL isn't supported by the DB subnet group.";
            Err(Fault::bad("NetworkTypeNotSupported", message))
        }
        Some(other) => Err(Fault::value(format!("Invalid network type: {other}"))),
    }
}

/// The Availability Zone of a new instance, which can be chosen only for Single-AZ (RDS API Reference,
/// CreateDBInstance, AvailabilityZone). Every subnet group here has subnets in the first two zones of three.
pub(super) fn zone(query: &Query, region: &str, multi_az: bool) -> Outcome<Option<String>> {
    let Some(zone) = query.text("AvailabilityZone") else { return Ok(None) };
    if multi_az {
        return Err(Fault::combination("Requesting a specific availability zone is not valid for Multi-AZ instances."));
    }
    match zone.strip_prefix(region) {
        Some("a" | "b") => Ok(Some(zone.to_owned())),
        Some("c") => {
            let message = format!("The DB subnet group has no subnet in the Availability Zone {zone}.");
            Err(Fault::bad("InvalidVPCNetworkStateFault", message))
        }
        _ => Err(Fault::value(format!("Invalid availability zone: {zone}"))),
    }
}

/// The log types in a list, each of which the engine must support. The text has been seen in practice.
pub(super) fn logs(query: &Query, parameter: &str, engine: &Engine, version: &str) -> Outcome<BTreeSet<String>> {
    let named: BTreeSet<String> = query.list(parameter).into_iter().map(str::to_owned).collect();
    if let Some(unknown) = named.iter().find(|log| !engine.logs.contains(&log.as_str())) {
        return Err(Fault::combination(format!(
            "You cannot use the log types '{unknown}' with engine version {} {version}. For supported log types, see the documentation.",
            engine.name
        )));
    }
    Ok(named)
}

/// `EngineLifecycleSupport` (RDS API Reference, CreateDBInstance). Every version here is in standard support, so it has
/// no effect.
pub(super) fn lifecycle(query: &Query, engine: &Engine) -> Outcome<Option<String>> {
    let Some(wanted) = query.text("EngineLifecycleSupport") else { return Ok(None) };
    if !["open-source-rds-extended-support", "open-source-rds-extended-support-disabled"].contains(&wanted) {
        return Err(Fault::value(format!("Invalid engine lifecycle support: {wanted}")));
    }
    if !engine.lifecycle {
        return Err(Fault::combination(format!("EngineLifecycleSupport doesn't apply to {}.", engine.name)));
    }
    Ok(Some(wanted.to_owned()))
}

/// 8 or more printable ASCII characters except `/`, `"` and `@`, for Oracle also except `&` and `'`; at most the
/// engine's maximum (RDS API Reference, CreateDBInstance, MasterUserPassword).
pub(super) fn password(text: &str, engine: &Engine) -> Outcome<()> {
    let forbidden: &[u8] = if engine.oracle() { b"/\"@&'" } else { b"/\"@" };
    let permitted = |byte: u8| byte.is_ascii_graphic() && !forbidden.contains(&byte);
    if (8..=engine.longest_password).contains(&text.len()) && text.bytes().all(permitted) {
        return Ok(());
    }
    Err(Fault::value("The parameter MasterUserPassword is not a valid password."))
}
