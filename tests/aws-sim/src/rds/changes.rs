//! Changes of an instance that take time, or wait for the maintenance window.

use std::collections::BTreeSet;

use super::setup::Setup;
use super::storage::Storage;
use crate::xml::Xml;

/// Changes that are being applied or are pending. `None` means no change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) class: Option<String>,
    pub(crate) storage: Option<Storage>,
    pub(crate) multi_az: Option<bool>,
    pub(crate) port: Option<u32>,
    pub(crate) retention: Option<u32>,
    pub(crate) license: Option<String>,
    pub(crate) certificate: Option<String>,
    pub(crate) option_group: Option<String>,
    pub(crate) iam: Option<bool>,
    pub(crate) log_volume: Option<bool>,
    pub(crate) logs: Option<BTreeSet<String>>,
    pub(crate) password: bool,
}

impl Changes {
    pub(crate) fn anything(&self) -> bool {
        *self != Self::default()
    }

    /// Merges `those` into these; `those` win.
    pub(super) fn then(self, those: Self) -> Self {
        Self {
            class: those.class.or(self.class),
            storage: those.storage.or(self.storage),
            multi_az: those.multi_az.or(self.multi_az),
            port: those.port.or(self.port),
            retention: those.retention.or(self.retention),
            license: those.license.or(self.license),
            certificate: those.certificate.or(self.certificate),
            option_group: those.option_group.or(self.option_group),
            iam: those.iam.or(self.iam),
            log_volume: those.log_volume.or(self.log_volume),
            logs: those.logs.or(self.logs),
            password: those.password || self.password,
        }
    }

    /// Drops changes that equal the present setup, so that a change back to the present value cancels a pending one.
    pub(super) fn without_unchanged(self, from: &Setup) -> Self {
        Self {
            class: self.class.filter(|class| *class != from.class),
            storage: self.storage.filter(|storage| *storage != from.storage),
            multi_az: self.multi_az.filter(|multi_az| *multi_az != from.multi_az),
            port: self.port.filter(|port| *port != from.port),
            retention: self.retention.filter(|days| *days != from.retention),
            license: self.license.filter(|license| *license != from.license),
            certificate: self.certificate.filter(|certificate| *certificate != from.certificate),
            option_group: self.option_group.filter(|group| *group != from.option_group),
            iam: self.iam.filter(|iam| *iam != from.iam),
            log_volume: self.log_volume.filter(|volume| *volume != from.log_volume),
            logs: self.logs.filter(|logs| *logs != from.logs),
            password: self.password,
        }
    }

    /// Splits into changes that are applied as soon as possible in any case, and changes for which `ApplyImmediately`
    /// decides (RDS User Guide, Settings for DB instances, column "When the change occurs").
    pub(super) fn split(self) -> (Self, Self) {
        let always = Self { port: self.port, logs: self.logs, password: self.password, ..Self::default() };
        (always, Self { port: None, logs: None, password: false, ..self })
    }

    pub(super) fn apply(self, to: &mut Setup) {
        to.class = self.class.unwrap_or_else(|| to.class.clone());
        to.storage = self.storage.unwrap_or_else(|| to.storage.clone());
        to.multi_az = self.multi_az.unwrap_or(to.multi_az);
        to.port = self.port.unwrap_or(to.port);
        to.retention = self.retention.unwrap_or(to.retention);
        to.license = self.license.unwrap_or_else(|| to.license.clone());
        to.certificate = self.certificate.unwrap_or_else(|| to.certificate.clone());
        to.option_group = self.option_group.unwrap_or_else(|| to.option_group.clone());
        to.iam = self.iam.unwrap_or(to.iam);
        to.log_volume = self.log_volume.unwrap_or(to.log_volume);
        to.logs = self.logs.unwrap_or_else(|| to.logs.clone());
    }

    /// The status of an instance while these changes are applied (RDS User Guide, Viewing Amazon RDS DB instance
    /// status).
    pub(super) fn status(&self) -> &'static str {
        let iam = Self { iam: self.iam, ..Self::default() };
        let logs = Self { logs: self.logs.clone(), ..Self::default() };
        match self {
            changes if changes.password => "resetting-master-credentials",
            changes if changes.anything() && *changes == iam => "configuring-iam-database-auth",
            changes if changes.anything() && *changes == logs => "configuring-log-exports",
            _ => "modifying",
        }
    }

    /// RDS API Reference, PendingModifiedValues.
    pub(super) fn show(&self, xml: &mut Xml, setup: &Setup) {
        xml.maybe("DBInstanceClass", self.class.as_ref());
        if let Some(storage) = &self.storage {
            let now = &setup.storage;
            xml.maybe("AllocatedStorage", (storage.gib != now.gib).then_some(storage.gib));
            xml.maybe("Iops", storage.iops.filter(|_| storage.iops != now.iops));
            xml.maybe("StorageThroughput", storage.throughput.filter(|_| storage.throughput != now.throughput));
            xml.maybe("StorageType", (storage.kind != now.kind).then_some(&storage.kind));
        }
        xml.maybe("MasterUserPassword", self.password.then_some("****"));
        xml.maybe("Port", self.port);
        xml.maybe("BackupRetentionPeriod", self.retention);
        xml.maybe("MultiAZ", self.multi_az);
        xml.maybe("LicenseModel", self.license.as_ref());
        xml.maybe("CACertificateIdentifier", self.certificate.as_ref());
        xml.maybe("IAMDatabaseAuthenticationEnabled", self.iam);
        xml.maybe("DedicatedLogVolume", self.log_volume);
        if let Some(logs) = &self.logs {
            xml.node("PendingCloudwatchLogsExports", |xml| {
                let member = |xml: &mut Xml, log: &String| xml.write(log);
                xml.list("LogTypesToEnable", "member", logs.difference(&setup.logs), member);
                xml.list("LogTypesToDisable", "member", setup.logs.difference(logs), member);
            });
        }
    }
}
