//! The restore profile: account B decides how a database is restored, not the message. A hint of the message is used
//! only for a setting that is `"as-at-source"`.

use agent_runtime::config::{InvalidSetting, Patterns};
use protocol::ids::RoleArn;
use protocol::tags::{Hints, InstanceClass, StorageType, Tags, is_value};
use protocol::{AccountId, DbIdentifier, names};
use serde::Deserialize;

use crate::windows::{BackupWindow, MaintenanceWindow};

/// A setting of account B, or the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a value that RDS accepts, or \"as-at-source\"")]
pub(crate) enum Choice<T> {
    /// Written as `"as-at-source"`.
    Source(AsAtSource),
    /// Anything else.
    Own(T),
}

/// The word `"as-at-source"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum AsAtSource {
    /// The value of the message's hint.
    #[serde(rename = "as-at-source")]
    AsAtSource,
}

impl<T: Clone> Choice<T> {
    /// The setting, where `source` is the value of the hint.
    pub(crate) fn or_source(&self, source: &T) -> T {
        match self {
            Self::Own(own) => own.clone(),
            Self::Source(_) => source.clone(),
        }
    }
}

/// Who has the master password of the restored database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MasterPassword {
    /// Secrets Manager, which creates a new one, encrypted under account B's key.
    #[default]
    Managed,
    /// Everyone who has it at the source.
    Keep,
}

/// `[restore]`, or the changes of a `[[rule]]` to it. The default of a setting is that of RDS, unless a field says
/// otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Profile {
    /// `{database}` and `{label}` are replaced by the source's. Default: `{database}-{label}`.
    identifier: Option<String>,
    /// Default: as at the source.
    pub(crate) class: Option<Choice<InstanceClass>>,
    /// Required: RDS would choose the default VPC.
    subnet_group: Option<String>,
    /// Required: RDS would choose the default group.
    security_groups: Option<Vec<String>>,
    /// Default: no standby.
    pub(crate) multi_az: Option<Choice<bool>>,
    /// Default: as at the source.
    pub(crate) port: Option<Choice<u16>>,
    publicly_accessible: Option<bool>,
    deletion_protection: Option<bool>,
    /// Required: past an engine's standard support it costs by the hour, and without it RDS upgrades the database.
    extended_support: Option<bool>,
    /// Default: the default group of the engine's version.
    pub(crate) parameter_group: Option<String>,
    /// Default: the default group.
    pub(crate) option_group: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) ca: Option<String>,
    pub(crate) iam_authentication: Option<bool>,
    pub(crate) log_exports: Option<Vec<String>>,
    pub(crate) auto_minor_version_upgrade: Option<bool>,
    pub(crate) copy_tags_to_snapshots: Option<bool>,
    /// Default: gp3.
    pub(crate) storage_type: Option<Choice<StorageType>>,
    pub(crate) iops: Option<u32>,
    /// In MiB a second.
    pub(crate) throughput: Option<u32>,
    /// Default: as at the source. It must be larger by at least a tenth.
    pub(crate) size_gib: Option<u32>,
    /// The maximum of storage autoscaling. Default: off.
    pub(crate) autoscale_to_gib: Option<u32>,
    /// Default: as at the source.
    pub(crate) backup_retention_days: Option<u8>,
    pub(crate) backup_window: Option<BackupWindow>,
    pub(crate) maintenance_window: Option<MaintenanceWindow>,
    /// The interval of enhanced monitoring. Default: off.
    pub(crate) monitoring_seconds: Option<u8>,
    /// The role of enhanced monitoring.
    pub(crate) monitoring_role: Option<RoleArn>,
    /// The retention of Performance Insights, encrypted under account B's key. Default: off.
    pub(crate) performance_insights_days: Option<u16>,
    master_password: Option<MasterPassword>,
    /// Which of the source's tags the restored database gets. Default: none.
    carry_tags: Option<Patterns>,
    /// Tags of the restored database, besides the agent's own and those of `carry_tags`.
    tags: Option<Tags>,
}

/// `[[rule]]`: some databases, and their changes to the restore profile.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    /// Their names at the source; `*` matches any text.
    pub(crate) databases: Patterns,
    /// The settings that replace those of `[restore]`.
    pub(crate) restore: Profile,
}

impl Profile {
    /// This profile, with the settings of `over` in place of its own.
    pub(crate) fn with(&self, over: &Self) -> Self {
        macro_rules! merge {
            ($($field:ident)+) => {
                Self { $($field: over.$field.clone().or_else(|| self.$field.clone())),+ }
            };
        }
        merge!(
            identifier class subnet_group security_groups multi_az port publicly_accessible deletion_protection
            extended_support parameter_group option_group license ca iam_authentication log_exports
            auto_minor_version_upgrade copy_tags_to_snapshots storage_type iops throughput size_gib autoscale_to_gib
            backup_retention_days backup_window maintenance_window monitoring_seconds monitoring_role
            performance_insights_days master_password carry_tags tags
        )
    }

    /// The names of groups in lower case, as RDS stores them (RDS API Reference, `CreateDBParameterGroup`,
    /// `CreateOptionGroup`, `CreateDBSubnetGroup`).
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

    /// Checks that the roles that it names are roles of this account.
    pub(crate) fn of_account(&self, account: &AccountId) -> Result<(), InvalidSetting> {
        match &self.monitoring_role {
            Some(role) if !role.as_str().starts_with(&format!("arn:aws:iam::{account}:")) => {
                let what =
                    format!("monitoring_role {role} is not a role of this account: name one of account {account}");
                Err(InvalidSetting::of("monitoring_role", what))
            }
            _ => Ok(()),
        }
    }

    /// Checks that its values are consistent with each other. Each message begins with `whose`, the table that it comes
    /// from.
    fn checked(&self, whose: &str) -> Result<(), InvalidSetting> {
        let wrong = |key, what: &str| Err(InvalidSetting::of(key, format!("{whose} {what}")));
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
            return wrong("maintenance_window", "backup_window and maintenance_window overlap: change one");
        }
        // RDS API Reference, ModifyDBInstance: MonitoringInterval, MonitoringRoleArn,
        // PerformanceInsightsRetentionPeriod, port.
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
                    "storage_type standard (magnetic): RDS no longer restores to it; choose gp3",
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

    fn checked_names(&self, whose: &str) -> Result<(), InvalidSetting> {
        let wrong = |key, what: String| Err(InvalidSetting::of(key, format!("{whose} {what}")));
        let (database, label) = ("orders".parse(), "cutover-1".parse());
        if let (Ok(database), Ok(label)) = (database, label)
            && let Err(error) = names::restored(self.identifier(), &database, &label)
        {
            return wrong(
                "identifier",
                format!("identifier {:?} makes names that RDS refuses: {error}", self.identifier()),
            );
        }
        // A resource has at most 50 tags: up to 30 are carried over, and 4 are the agent's own.
        if self.tags().count() > 16 {
            return wrong("tags", "tags are at most 16".to_owned());
        }
        for (name, value) in self.tags() {
            if name.is_empty() || name.len() > 128 || !is_value(name) || !is_value(value) {
                let allowed = "letters, digits, spaces and _.:/=+-@";
                return wrong("tags", format!("tags: RDS does not accept {name} or its value: use {allowed}"));
            }
            if protocol::state::carried::is_reserved(name) {
                return wrong("tags", format!("tags: {name} has a reserved prefix: choose another name"));
            }
        }
        Ok(())
    }
}

/// All profiles of the configuration: a database gets that of the first rule that fits it.
#[derive(Debug)]
pub(crate) struct Profiles {
    rules: Vec<(Patterns, Profile)>,
    otherwise: Profile,
}

impl Profiles {
    /// Merges each rule with `[restore]`.
    ///
    /// # Errors
    /// When a merged profile is inconsistent, or a rule names no database.
    pub(crate) fn of(restore: Profile, rules: Vec<Rule>) -> Result<Self, InvalidSetting> {
        restore.checked("[restore]").map_err(|wrong_setting| wrong_setting.within("restore"))?;
        let mut merged = Vec::new();
        let restore = restore.in_lower_case();
        for (nth, Rule { databases, restore: over }) in rules.into_iter().enumerate() {
            if databases.is_empty() {
                let what = "[[rule]] databases is empty, so the rule fits no database: name at least one";
                return Err(InvalidSetting::of("databases", what).in_nth("rule", nth));
            }
            let profile = restore.with(&over.in_lower_case());
            let whose = format!("[[rule]] for {databases}, merged with [restore]:");
            profile.checked(&whose).map_err(|wrong_setting| wrong_setting.within("restore").in_nth("rule", nth))?;
            merged.push((databases, profile));
        }
        Ok(Self { rules: merged, otherwise: restore })
    }

    /// Every profile that a database may get.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Profile> {
        std::iter::once(&self.otherwise).chain(self.rules.iter().map(|(_, profile)| profile))
    }

    /// The profile of a database, by its name at the source.
    pub(crate) fn for_database(&self, database: &DbIdentifier) -> &Profile {
        let fitting = self.rules.iter().find(|(databases, _)| databases.fit(database.as_str()));
        fitting.map_or(&self.otherwise, |(_, profile)| profile)
    }
}
