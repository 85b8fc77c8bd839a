//! The settings of an instance that can be chosen.

use std::collections::BTreeSet;

use super::certificate;
use super::engines::Engine;
use super::monitoring::{Insights, Monitoring};
use super::network::default_security_group;
use super::storage::Storage;
use super::windows::{BACKUP, BackupWindow, MAINTENANCE, MaintenanceWindow};

/// The present settings of an instance.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) class: String,
    pub(crate) storage: Storage,
    /// The limit of storage autoscaling (`MaxAllocatedStorage`).
    pub(crate) ceiling: Option<u32>,
    pub(crate) port: u32,
    pub(crate) zone: String,
    pub(crate) multi_az: bool,
    pub(crate) public: bool,
    pub(crate) deletion_protection: bool,
    pub(crate) copy_tags: bool,
    pub(crate) minor_upgrade: bool,
    pub(crate) iam: bool,
    pub(crate) log_volume: bool,
    pub(crate) retention: u32,
    pub(crate) backup_window: BackupWindow,
    pub(crate) maintenance_window: MaintenanceWindow,
    pub(crate) license: String,
    /// `EngineLifecycleSupport`, for the engines that have it.
    pub(crate) lifecycle: Option<String>,
    pub(crate) certificate: String,
    pub(crate) parameter_group: String,
    pub(crate) option_group: String,
    pub(crate) subnet_group: String,
    pub(crate) security_groups: Vec<String>,
    /// `EnabledCloudwatchLogsExports`.
    pub(crate) logs: BTreeSet<String>,
    pub(crate) monitoring: Option<Monitoring>,
    pub(crate) insights: Option<Insights>,
}

impl Setup {
    /// The defaults of CreateDBInstance (RDS API Reference).
    pub(crate) fn with_defaults(
        engine: &Engine,
        version: &str,
        account: &str,
        region: &str,
        class: &str,
        gib: u32,
    ) -> Self {
        Self {
            class: class.to_owned(),
            storage: Storage::usual(engine, gib),
            ceiling: None,
            port: engine.port,
            zone: format!("{region}a"),
            multi_az: false,
            // At AWS the default depends on the subnet group's network; the one here has no internet gateway.
            public: false,
            deletion_protection: false,
            copy_tags: false,
            minor_upgrade: true,
            iam: false,
            log_volume: false,
            retention: 1,
            backup_window: BACKUP,
            maintenance_window: MAINTENANCE,
            license: engine.license().to_owned(),
            lifecycle: engine.lifecycle.then(|| "open-source-rds-extended-support".to_owned()),
            certificate: certificate::DEFAULT.to_owned(),
            parameter_group: format!("default.{}", engine.family(version)),
            option_group: engine.default_option_group(version),
            subnet_group: "default".to_owned(),
            security_groups: vec![default_security_group(account, region)],
            logs: BTreeSet::new(),
            monitoring: None,
            insights: None,
        }
    }
}
