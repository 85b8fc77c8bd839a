//! Step 11: the database is restored with the restore profile.

use agent_runtime::aws::rds::database::{DatabaseStatus, DatabaseView};
use agent_runtime::aws::rds::snapshot::{SnapshotView, is_young, rds_tags};
use agent_runtime::gate::{Claim, Supply};
use agent_runtime::{Acted, AwsResult as _, Fault, Observed, Progress, Step, StepId, SupplyAge, Wait, Working};
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::RestoreDBInstanceFromDBSnapshotError;
use protocol::DbIdentifier;
use protocol::state::pair;
use protocol::tags::{self, Tags};
use protocol::{Reason, Refusal};

use super::fit::{correct, fit_profile};
use super::verify::refused;
use crate::account::Account;
use crate::admission::{self, RESTORE};
use crate::handoff::Handoff;

/// The restored database exists; it need not be available.
pub(crate) struct Restore<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
    pub(crate) copy: &'a SnapshotView,
}

impl Restore<'_> {
    fn name(&self) -> Result<DbIdentifier, Fault> {
        let name = self.handoff.restored(&self.account.settings);
        name.map_err(|error| refused(Refusal::because(Reason::BadName, error.to_string())))
    }

    /// The carried tags of the source, overridden by the profile's, overridden by the agent's own.
    fn tags(&self) -> Tags {
        let profile = self.handoff.profile(&self.account.settings);
        let carried = self.handoff.facts.carried.iter().filter(|(key, _)| profile.carries(key));
        let mut tags: Tags = carried.map(|(key, value)| pair(key, value)).collect();
        tags.extend(profile.tags().map(|(key, value)| pair(key, value)));
        tags.extend([
            pair(tags::ROLE, tags::ROLE_DATABASE),
            pair(tags::ID, self.handoff.id()),
            pair(tags::LABEL, &self.handoff.facts.label),
            pair(tags::DATABASE, &self.handoff.facts.database),
        ]);
        tags
    }

    fn judge(&self, name: &DbIdentifier, database: &DatabaseView) -> Result<Observed<()>, Fault> {
        let ours = |key, value: &str| database.tags.get(key).is_some_and(|found| found == value);
        if !ours(tags::ROLE, tags::ROLE_DATABASE) || !ours(tags::ID, self.handoff.id().as_str()) {
            if database.tags.is_empty() && is_young(database.created, self.account.clock.now()) {
                return Ok(Observed::Working(Working::new("waiting for the tags of the database")));
            }
            return Err(Fault::not_ours(&format!("database {name}"), "it does not carry this handoff's tags"));
        }
        Ok(Observed::Ready(()))
    }
}

/// The database is available, encrypted under account B's own key.
pub(crate) struct Restored<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
    pub(crate) copy: &'a SnapshotView,
}

impl Wait for Restored<'_> {
    type Output = ();
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        RESTORE
    }

    fn resource(&self) -> String {
        self.handoff.restored(&self.account.settings).map_or_else(|error| error.to_string(), |name| name.to_string())
    }

    fn describe(&self) -> String {
        format!("database {} is available", self.resource())
    }

    async fn observe(&self) -> Result<Progress<()>, Fault> {
        let database = database(self.account, self.handoff).await?;
        let name = &database.arn.database;
        match &database.status {
            // A new database is backed up once before it is available. Any other working state is not part of the
            // restore.
            DatabaseStatus::Working(status) if matches!(status.as_str(), "creating" | "backing-up") => {
                Ok(Progress::Working(Working {
                    since: database.created,
                    ..Working::new(format!("database {name} is {status}"))
                }))
            }
            DatabaseStatus::Failed(status) => {
                Err(Fault::fatal(format!("database {name} is {status}")).because(Reason::RestoreFailed).hint(format!(
                    "see RDS's events for the cause; fix the restore profile, delete {name}, and run the agent \
                     again: it restores snapshot {}",
                    self.copy.arn.snapshot
                )))
            }
            _ if database.key.as_ref() != Some(&self.account.settings.key) => {
                Err(Fault::fatal(format!("database {name} is not encrypted under this account's own key"))
                    .because(Reason::RestoreFailed))
            }
            _ => Ok(Progress::Ready(())),
        }
    }

    fn planned_output(&self) {}
}

impl Step for Restore<'_> {
    type Output = ();
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        RESTORE
    }

    fn resource(&self) -> String {
        self.handoff.restored(&self.account.settings).map_or_else(|error| error.to_string(), |name| name.to_string())
    }

    fn describe(&self) -> String {
        format!("database {} in {}", self.resource(), self.account.settings.region)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let name = self.name()?;
        match self.account.cache.database(&self.account.settings.region, &name).await? {
            None => {
                let SnapshotView { engine, engine_version, size_gib, .. } = self.copy;
                fit_profile(self.account, &self.handoff.facts.database, engine, engine_version, *size_gib).await?;
                Ok(Observed::Todo)
            }
            Some(database) => self.judge(&name, &database),
        }
    }

    async fn act(&self) -> Result<Acted, Fault> {
        if !self.account.still_to_restore(self.handoff).await? {
            return Ok(Acted::Nothing);
        }
        let (settings, profile) = (&self.account.settings, self.handoff.profile(&self.account.settings));
        let hints = &self.handoff.facts.hints;
        let storage = profile.storage_type.as_ref().map(|choice| choice.or_source(&hints.storage).to_string());
        // The default of RDS is "io1 if the Iops parameter is specified" (RDS API Reference,
        // RestoreDBInstanceFromDBSnapshot, StorageType).
        let storage = storage.or_else(|| profile.iops.or(profile.throughput).map(|_| "gp3".to_owned()));
        let number = |value: Option<u32>| value.and_then(|value| i32::try_from(value).ok());
        // "This setting applies only to RDS for MySQL and RDS for PostgreSQL" (RDS API Reference,
        // EngineLifecycleSupport).
        let extends = self.copy.engine.starts_with("mysql") || self.copy.engine.starts_with("postgres");
        let answer = self
            .account
            .clients
            .rds(&settings.region)
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(self.name()?.as_str())
            .db_snapshot_identifier(self.copy.arn.snapshot.as_str())
            .set_db_instance_class(profile.class.as_ref().map(|choice| choice.or_source(&hints.class).to_string()))
            .db_subnet_group_name(profile.subnet_group())
            .set_vpc_security_group_ids(Some(profile.security_groups().to_vec()))
            .multi_az(profile.multi_az(hints))
            .set_port(profile.port.map(|choice| i32::from(choice.or_source(&hints.port))))
            .publicly_accessible(profile.publicly_accessible())
            .deletion_protection(profile.deletion_protection())
            .set_db_parameter_group_name(profile.parameter_group.clone())
            .set_option_group_name(profile.option_group.clone())
            .set_license_model(profile.license.clone())
            .set_ca_certificate_identifier(profile.ca.clone())
            .set_enable_iam_database_authentication(profile.iam_authentication)
            .set_enable_cloudwatch_logs_exports(profile.log_exports.clone())
            .set_auto_minor_version_upgrade(profile.auto_minor_version_upgrade)
            .set_copy_tags_to_snapshot(profile.copy_tags_to_snapshots)
            .set_storage_type(storage)
            .set_iops(number(profile.iops))
            .set_storage_throughput(number(profile.throughput))
            .set_allocated_storage(number(profile.size_gib))
            .set_backup_retention_period(profile.backup_retention_days.map(i32::from))
            .set_preferred_backup_window(profile.backup_window.map(|window| window.to_string()))
            .set_engine_lifecycle_support(extends.then(|| lifecycle(profile.extended_support())))
            .set_tags(Some(rds_tags(&self.tags())))
            .send()
            .await;
        self.account.cache.acted(&settings.region, &self.name()?);
        let exists = RestoreDBInstanceFromDBSnapshotError::is_db_instance_already_exists_fault;
        let answer = answer.exists_ok("rds:RestoreDBInstanceFromDBSnapshot", exists);
        let answer = answer.map_err(|fault| fault.fixed_by(|| correct(&self.handoff.facts.database)));
        answer.map(|()| Acted::Done)
    }

    fn planned_output(&self) {}

    fn claim(&self) -> Option<Claim> {
        let name = self.handoff.restored(&self.account.settings).ok()?;
        Some(admission::restore(self.account, self.handoff, &name, self.copy.size_gib))
    }

    async fn supply(&self, _: SupplyAge) -> Result<Option<Box<dyn Supply>>, Fault> {
        admission::restores(self.account).await.map(Some)
    }
}

/// The restored database, whose tags the restore step has checked.
pub(crate) async fn database(account: &Account, handoff: &Handoff) -> Result<DatabaseView, Fault> {
    let name = handoff
        .restored(&account.settings)
        .map_err(|error| refused(Refusal::because(Reason::BadName, error.to_string())))?;
    let found = account.cache.database(&account.settings.region, &name).await?;
    found.map(|database| DatabaseView::clone(&database)).ok_or_else(|| {
        Fault::blocked(format!("database {name} no longer exists, although it was restored"))
            .hint("it was not deleted by this agent: CloudTrail shows who deleted it")
    })
}

fn lifecycle(extended_support: bool) -> String {
    let suffix = if extended_support { "" } else { "-disabled" };
    format!("open-source-rds-extended-support{suffix}")
}
