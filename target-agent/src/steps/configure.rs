//! Step 11, second half: settings that the restore call cannot set, and the reboot that some need to take effect.

use std::fmt;

use agent_runtime::aws::rds::database::{DatabaseStatus, DatabaseView};
use agent_runtime::event::Verb;
use agent_runtime::{Acted, AwsResult as _, Fault, Observed, Step, StepId, Working};
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use protocol::KeyArn;

use super::fit::correct;
use crate::account::Account;
use crate::handoff::Handoff;
use crate::profile::{MasterPassword, Profile};
use crate::steps::restore::database;
use crate::windows::MaintenanceWindow;

/// The database has the settings of the profile, with no change pending and its parameter group in sync, and its master
/// password is managed by Secrets Manager if the profile says so.
pub(crate) struct Configure<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
}

/// One setting that the restore call does not have (RDS API Reference, `RestoreDBInstanceFromDBSnapshot`), or that may
/// have been changed since.
enum Setting {
    MasterPassword,
    Maintenance(MaintenanceWindow),
    Autoscaling(i32),
    Monitoring(i32, Option<String>),
    Insights(i32),
    ParameterGroup(String),
}

impl Setting {
    /// All settings of the profile.
    fn of(profile: &Profile) -> Vec<Self> {
        let role = profile.monitoring_role.as_ref().map(ToString::to_string);
        let wanted = [
            (profile.master_password() == MasterPassword::Managed).then_some(Self::MasterPassword),
            profile.maintenance_window.map(Self::Maintenance),
            profile.autoscale_to_gib.and_then(|size| i32::try_from(size).ok()).map(Self::Autoscaling),
            profile.monitoring_seconds.map(|seconds| Self::Monitoring(seconds.into(), role.filter(|_| seconds > 0))),
            // 0 days: off, as it is after a restore.
            profile.performance_insights_days.filter(|days| *days > 0).map(|days| Self::Insights(days.into())),
            profile.parameter_group.clone().map(Self::ParameterGroup),
        ];
        wanted.into_iter().flatten().collect()
    }

    fn is_set(&self, database: &DatabaseView, key: &KeyArn) -> bool {
        match self {
            Self::MasterPassword => database.secret.is_some(),
            Self::Maintenance(window) => database.maintenance_window.parse() == Ok(*window),
            Self::Autoscaling(size) => database.autoscale_to_gib == Some(*size),
            Self::Monitoring(seconds, role) => {
                database.monitoring_seconds == *seconds && (role.is_none() || database.monitoring_role == *role)
            }
            Self::Insights(days) => database.performance_insights == Some((*days, key.to_string())),
            Self::ParameterGroup(group) => database.parameter_groups.iter().any(|(name, _)| name == group),
        }
    }

    fn add_to(self, call: ModifyDBInstanceFluentBuilder, key: &KeyArn) -> ModifyDBInstanceFluentBuilder {
        match self {
            Self::MasterPassword => {
                call.manage_master_user_password(true).master_user_secret_kms_key_id(key.to_string())
            }
            Self::Maintenance(window) => call.preferred_maintenance_window(window.to_string()),
            Self::Autoscaling(size) => call.max_allocated_storage(size),
            Self::Monitoring(seconds, role) => call.monitoring_interval(seconds).set_monitoring_role_arn(role),
            Self::Insights(days) => call
                .enable_performance_insights(true)
                .performance_insights_kms_key_id(key.to_string())
                .performance_insights_retention_period(days),
            Self::ParameterGroup(group) => call.db_parameter_group_name(group),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MasterPassword => f.write_str("master password managed by Secrets Manager"),
            Self::Maintenance(window) => write!(f, "maintenance window {window}"),
            Self::Autoscaling(size) => write!(f, "storage autoscaling to {size} GiB"),
            Self::Monitoring(seconds, _) => write!(f, "monitoring every {seconds} s"),
            Self::Insights(days) => write!(f, "performance insights for {days} days"),
            Self::ParameterGroup(group) => write!(f, "parameter group {group}"),
        }
    }
}

impl Configure<'_> {
    /// The settings that differ from the profile, for one call. The master password is changed first, in a call of its
    /// own, so that it is replaced even if RDS refuses another setting: account A has the old one.
    fn missing(&self, database: &DatabaseView) -> Vec<Setting> {
        let mut settings = Setting::of(self.handoff.profile(&self.account.settings));
        settings.retain(|setting| !setting.is_set(database, &self.account.settings.key));
        if matches!(settings.first(), Some(Setting::MasterPassword)) {
            settings.truncate(1);
        }
        settings
    }

    /// What is still to be done, as far as the read cache has the database.
    fn remaining(&self) -> Option<String> {
        let name = self.handoff.restored(&self.account.settings).ok()?;
        let database = self.account.cache.peek(&self.account.settings.region, &name)?;
        let missing = self.missing(&database);
        if !missing.is_empty() {
            return Some(Self::names(&missing));
        }
        let (group, _) = database.parameter_groups.iter().find(|(_, status)| status == "pending-reboot")?;
        Some(format!("a reboot, for parameter group {group}"))
    }

    fn names(settings: &[Setting]) -> String {
        settings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl Step for Configure<'_> {
    type Output = ();
    const VERB: Verb = Verb::Change;
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        StepId("configure")
    }

    fn resource(&self) -> String {
        self.handoff.restored(&self.account.settings).map_or_else(|error| error.to_string(), |name| name.to_string())
    }

    fn describe(&self) -> String {
        if let Some(remaining) = self.remaining() {
            return format!("{}: {remaining}", self.resource());
        }
        let wanted = Setting::of(self.handoff.profile(&self.account.settings));
        let what =
            if wanted.is_empty() { "no settings beyond those of the restore".to_owned() } else { Self::names(&wanted) };
        format!("{}: {what}", self.resource())
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let database = database(self.account, self.handoff).await?;
        let working = |state: String| Ok(Observed::Working(Working::new(state)));
        match &database.status {
            DatabaseStatus::Available => {}
            // A failed status is reported by the restore step in the next pass.
            DatabaseStatus::Working(status) | DatabaseStatus::Failed(status) => {
                return working(format!("database {} is {status}", self.resource()));
            }
        }
        let missing = self.missing(&database);
        if !missing.is_empty() {
            return Ok(Observed::Todo);
        }
        match database.secret.as_deref() {
            None | Some("active") => {}
            // AWS: "impaired - The secret can't be used to access the database" (RDS API Reference, MasterUserSecret).
            Some("impaired") => {
                return Err(Fault::blocked(format!("the secret of database {} is impaired", self.resource()))
                    .hint("check that its key is enabled and that the secret was not deleted in Secrets Manager"));
            }
            Some(status) => return working(format!("the secret of its master password is {status}")),
        }
        if database.pending {
            return working("changes are still pending".to_owned());
        }
        match database.parameter_groups.iter().find(|(_, status)| status != "in-sync") {
            None => Ok(Observed::Ready(())),
            // Static parameters take effect after a reboot (RDS User Guide, Parameter groups for Amazon RDS). The
            // database is not in use yet.
            Some((_, status)) if status == "pending-reboot" => Ok(Observed::Todo),
            Some((group, status)) => working(format!("parameter group {group} is {status}")),
        }
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let settings = &self.account.settings;
        let database = database(self.account, self.handoff).await?;
        let (rds, missing) = (self.account.clients.rds(&settings.region), self.missing(&database));
        let done = if missing.is_empty() {
            let answer = rds.reboot_db_instance().db_instance_identifier(self.resource()).send().await;
            answer.op("rds:RebootDBInstance").map(drop)
        } else {
            let call = rds.modify_db_instance().db_instance_identifier(self.resource()).apply_immediately(true);
            let call = missing.into_iter().fold(call, |call, setting| setting.add_to(call, &settings.key));
            let answer = call.send().await.op("rds:ModifyDBInstance").map(drop);
            answer.map_err(|fault| fault.fixed_by(|| correct(&self.handoff.facts.database)))
        };
        self.account.cache.acted(&settings.region, &database.arn.database);
        done.map(|()| Acted::Done)
    }

    fn planned_output(&self) {}
}
