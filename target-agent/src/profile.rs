//! The restore profile: what happens to a database is account B's decision, never the message's. A setting may say "as at the
//! source"; then, and only then, a hint of the message is followed.

use agent_runtime::config::{Misfit, Patterns};
use protocol::ids::RoleArn;
use protocol::tags::{Hints, InstanceClass, StorageType, Tags, is_value};
use protocol::{AccountId, DbIdentifier, names};
use serde::Deserialize;

use crate::windows::{BackupWindow, MaintenanceWindow};

/// A setting of one's own, or the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a value that RDS knows, or \"as-at-source\"")]
pub(crate) enum Choice<T> {
    /// Written as `"as-at-source"`.
    Source(AsAtSource),
    /// Anything else.
    Own(T),
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum AsAtSource {
    /// As the message's hint says.
    #[serde(rename = "as-at-source")]
    AsAtSource,
}

impl<T: Clone> Choice<T> {
    /// The setting, given what the hint says.
    pub(crate) fn or_source(&self, source: &T) -> T {
        match self {
            Self::Own(own) => own.clone(),
            Self::Source(_) => source.clone(),
        }
    }
}

/// Who knows the master password of the restored database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MasterPassword {
    /// Secrets Manager, which makes a new one and keeps it under account B's key.
    #[default]
    Managed,
    /// Whoever knew it at the source.
    Keep,
}

/// `[restore]`, or what a `[[rule]]` lays over it. What is left out is as RDS has it by default, if nothing else is said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Profile {
    /// `{database}` and `{label}` stand for the source's.
    identifier: Option<String>,
    /// Left out: as at the source.
    pub(crate) class: Option<Choice<InstanceClass>>,
    /// No default: the default VPC is a trap.
    subnet_group: Option<String>,
    /// No default either.
    security_groups: Option<Vec<String>>,
    /// Left out: no standby.
    pub(crate) multi_az: Option<Choice<bool>>,
    /// Left out: as at the source.
    pub(crate) port: Option<Choice<u16>>,
    publicly_accessible: Option<bool>,
    deletion_protection: Option<bool>,
    /// No default: on an engine past its standard support it costs by the hour, and without it RDS upgrades the database.
    extended_support: Option<bool>,
    /// Left out: the default group of the engine's version.
    pub(crate) parameter_group: Option<String>,
    /// Left out: the default group.
    pub(crate) option_group: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) ca: Option<String>,
    pub(crate) iam_authentication: Option<bool>,
    pub(crate) log_exports: Option<Vec<String>>,
    pub(crate) auto_minor_version_upgrade: Option<bool>,
    pub(crate) copy_tags_to_snapshots: Option<bool>,
    /// Left out: gp3.
    pub(crate) storage_type: Option<Choice<StorageType>>,
    pub(crate) iops: Option<u32>,
    /// In MiB a second.
    pub(crate) throughput: Option<u32>,
    /// Left out: as at the source. It can only be larger, by a tenth at least.
    pub(crate) size_gib: Option<u32>,
    /// Storage grows by itself up to this. Left out: it does not.
    pub(crate) autoscale_to_gib: Option<u32>,
    /// Left out: as at the source.
    pub(crate) backup_retention_days: Option<u8>,
    pub(crate) backup_window: Option<BackupWindow>,
    pub(crate) maintenance_window: Option<MaintenanceWindow>,
    /// Enhanced monitoring. Left out: off.
    pub(crate) monitoring_seconds: Option<u8>,
    /// The role that it writes with.
    pub(crate) monitoring_role: Option<RoleArn>,
    /// Performance insights, under account B's key, kept so long. Left out: off.
    pub(crate) performance_insights_days: Option<u16>,
    master_password: Option<MasterPassword>,
    /// Which of the source's tags are taken over. Left out: none.
    carry_tags: Option<Patterns>,
    /// Of the restored database, beside our own and those taken over.
    tags: Option<Tags>,
}

/// `[[rule]]`: databases that are restored otherwise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// By the names that they have at the source; `*` stands for anything.
    pub(crate) databases: Patterns,
    /// What is otherwise.
    pub(crate) restore: Profile,
}

impl Profile {
    /// This profile, with `over` laid over it.
    pub(crate) fn with(&self, over: &Self) -> Self {
        macro_rules! laid_over {
            ($($field:ident)+) => {
                Self { $($field: over.$field.clone().or_else(|| self.$field.clone())),+ }
            };
        }
        laid_over!(
            identifier class subnet_group security_groups multi_az port publicly_accessible deletion_protection
            extended_support parameter_group option_group license ca iam_authentication log_exports
            auto_minor_version_upgrade copy_tags_to_snapshots storage_type iops throughput size_gib autoscale_to_gib
            backup_retention_days backup_window maintenance_window monitoring_seconds monitoring_role
            performance_insights_days master_password carry_tags tags
        )
    }

    /// RDS keeps the names of groups in lower case (RDS API Reference, `CreateDBParameterGroup`, `CreateOptionGroup`,
    /// `CreateDBSubnetGroup`).
    fn in_lower_case(mut self) -> Self {
        for name in [&mut self.subnet_group, &mut self.parameter_group, &mut self.option_group].into_iter().flatten() {
            name.make_ascii_lowercase();
        }
        self
    }

    pub(crate) fn identifier(&self) -> &str {
        self.identifier.as_deref().unwrap_or("{database}-{label}")
    }

    pub(crate) fn subnet_group(&self) -> &str {
        self.subnet_group.as_deref().unwrap_or_default()
    }

    pub(crate) fn security_groups(&self) -> &[String] {
        self.security_groups.as_deref().unwrap_or_default()
    }

    pub(crate) fn multi_az(&self, hints: &Hints) -> bool {
        self.multi_az.is_some_and(|choice| choice.or_source(&hints.multi_az))
    }

    pub(crate) fn publicly_accessible(&self) -> bool {
        self.publicly_accessible.unwrap_or(false)
    }

    pub(crate) fn deletion_protection(&self) -> bool {
        self.deletion_protection.unwrap_or(true)
    }

    pub(crate) fn extended_support(&self) -> bool {
        self.extended_support.unwrap_or(false)
    }

    pub(crate) fn master_password(&self) -> MasterPassword {
        self.master_password.unwrap_or_default()
    }

    pub(crate) fn carries(&self, key: &str) -> bool {
        self.carry_tags.as_ref().is_some_and(|patterns| patterns.fit(key))
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = (&String, &String)> {
        self.tags.iter().flatten()
    }

    /// The roles that it names are of this account.
    pub(crate) fn of_account(&self, account: &AccountId) -> Result<(), Misfit> {
        match &self.monitoring_role {
            Some(role) if !role.as_str().starts_with(&format!("arn:aws:iam::{account}:")) => {
                let what =
                    format!("monitoring_role {role} is not a role of this account: name one of account {account}");
                Err(Misfit::of("monitoring_role", what))
            }
            _ => Ok(()),
        }
    }

    /// What no type can check: how its values go together. `whose` it is begins each complaint.
    fn checked(&self, whose: &str) -> Result<(), Misfit> {
        let wrong = |key, what: &str| Err(Misfit::of(key, format!("{whose} {what}")));
        if self.subnet_group().is_empty() || self.security_groups().is_empty() {
            let key = if self.subnet_group().is_empty() { "subnet_group" } else { "security_groups" };
            return wrong(key, "needs subnet_group and at least one of security_groups: there is no safe default");
        }
        if self.extended_support.is_none() {
            return wrong(
                "extended_support",
                "needs extended_support = true or false: on a MySQL or PostgreSQL past its standard support, true costs by \
                 the hour, and with false RDS upgrades the database",
            );
        }
        if self.backup_retention_days.is_some_and(|days| days > 35) {
            return wrong("backup_retention_days", "backup_retention_days is at most 35");
        }
        if let (Some(maintenance), Some(backup)) = (self.maintenance_window, self.backup_window)
            && maintenance.overlaps(backup)
        {
            return wrong("maintenance_window", "backup_window and maintenance_window overlap: move one");
        }
        // RDS API Reference, ModifyDBInstance: MonitoringInterval, MonitoringRoleArn, PerformanceInsightsRetentionPeriod, port.
        match (self.monitoring_seconds, &self.monitoring_role) {
            (None, None) | (Some(0), _) | (Some(1 | 5 | 10 | 15 | 30 | 60), Some(_)) => {}
            (Some(1 | 5 | 10 | 15 | 30 | 60), None) => {
                return wrong("monitoring_seconds", "monitoring_seconds needs monitoring_role");
            }
            (None, Some(_)) => return wrong("monitoring_role", "monitoring_role needs monitoring_seconds"),
            (Some(_), _) => return wrong("monitoring_seconds", "monitoring_seconds is 0, 1, 5, 10, 15, 30 or 60"),
        }
        if self
            .performance_insights_days
            .is_some_and(|days| days != 0 && days != 7 && days != 731 && (days % 31 != 0 || days > 713))
        {
            return wrong(
                "performance_insights_days",
                "performance_insights_days is 0 (off), 7, 731, or 31 times 1 to 23",
            );
        }
        if matches!(self.port, Some(Choice::Own(port)) if port < 1150) {
            return wrong("port", "port is 1150 to 65535");
        }
        if let (Some(size), Some(limit)) = (self.size_gib, self.autoscale_to_gib)
            && limit <= size
        {
            return wrong("autoscale_to_gib", "autoscale_to_gib must be above size_gib");
        }
        let own = |choice: &Option<Choice<StorageType>>| match choice {
            Some(Choice::Own(own)) => own.as_str().to_owned(),
            Some(Choice::Source(_)) => String::new(),
            None => "gp3".to_owned(),
        };
        // RDS API Reference, RestoreDBInstanceFromDBSnapshot: StorageType, Iops, StorageThroughput.
        match own(&self.storage_type).as_str() {
            "" | "gp3" => {}
            "gp2" if self.iops.is_none() && self.throughput.is_none() => {}
            "gp2" => return wrong("storage_type", "gp2 takes neither iops nor throughput: leave them out"),
            "io1" | "io2" if self.throughput.is_none() => {}
            "io1" | "io2" => return wrong("throughput", "throughput is for gp3 only: leave it out"),
            "standard" => {
                return wrong(
                    "storage_type",
                    "storage_type standard (magnetic) cannot be restored to any more: choose gp3",
                );
            }
            _ => return wrong("storage_type", "storage_type is gp2, gp3, io1, io2 or \"as-at-source\""),
        }
        if self.iops == Some(0) || self.throughput == Some(0) {
            let key = if self.iops == Some(0) { "iops" } else { "throughput" };
            return wrong(key, "iops and throughput are above 0; leave them out otherwise");
        }
        self.checked_names(whose)
    }

    fn checked_names(&self, whose: &str) -> Result<(), Misfit> {
        let wrong = |key, what: String| Err(Misfit::of(key, format!("{whose} {what}")));
        let (database, label) = ("orders".parse(), "cutover-1".parse());
        if let (Ok(database), Ok(label)) = (database, label)
            && let Err(error) = names::restored(self.identifier(), &database, &label)
        {
            return wrong(
                "identifier",
                format!("identifier {:?} makes names that RDS refuses: {error}", self.identifier()),
            );
        }
        // 50 tags on a resource, 30 of which may be carried over, and 4 are ours.
        if self.tags().count() > 16 {
            return wrong("tags", "tags are at most 16".to_owned());
        }
        for (name, value) in self.tags() {
            if name.is_empty() || name.len() > 128 || !is_value(name) || !is_value(value) {
                let takes = "is outside what RDS takes: letters, digits, spaces and _.:/=+-@";
                return wrong("tags", format!("tags: {name} {takes}"));
            }
            if protocol::state::carried::is_reserved(name) {
                return wrong("tags", format!("tags: {name} has a reserved prefix: choose another name"));
            }
        }
        Ok(())
    }
}

/// All profiles of the configuration: the first rule that fits a database decides.
#[derive(Debug)]
pub(crate) struct Profiles {
    rules: Vec<(Patterns, Profile)>,
    otherwise: Profile,
}

impl Profiles {
    /// Lays each rule over `[restore]`.
    ///
    /// # Errors
    /// When one of them cannot be.
    pub(crate) fn of(restore: Profile, rules: Vec<Rule>) -> Result<Self, Misfit> {
        restore.checked("[restore]").map_err(|misfit| misfit.within("restore"))?;
        let mut laid = Vec::new();
        let restore = restore.in_lower_case();
        for (nth, Rule { databases, restore: over }) in rules.into_iter().enumerate() {
            if databases.is_empty() {
                let what = "[[rule]] databases is empty: it fits none; name some";
                return Err(Misfit::of("databases", what).in_nth("rule", nth));
            }
            let profile = restore.with(&over.in_lower_case());
            let whose = format!("[[rule]] for {databases}, with [restore] beneath it,");
            profile.checked(&whose).map_err(|misfit| misfit.within("restore").in_nth("rule", nth))?;
            laid.push((databases, profile));
        }
        Ok(Self { rules: laid, otherwise: restore })
    }

    /// Each that some database may get.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Profile> {
        std::iter::once(&self.otherwise).chain(self.rules.iter().map(|(_, profile)| profile))
    }

    /// The profile of a database, by its name at the source.
    pub(crate) fn for_database(&self, database: &DbIdentifier) -> &Profile {
        let fitting = self.rules.iter().find(|(databases, _)| databases.fit(database.as_str()));
        fitting.map_or(&self.otherwise, |(_, profile)| profile)
    }
}
