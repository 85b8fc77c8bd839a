//! Step 11: the restored database, as the restore profile says.

use agent_runtime::database::{DatabaseStatus, DatabaseView};
use agent_runtime::snapshot::{SnapshotView, is_young, rds_tags};
use agent_runtime::{AwsResult as _, Fault, Observed, Step, StepId, Working};
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::RestoreDBInstanceFromDBSnapshotError;
use protocol::DbIdentifier;
use protocol::facts::pair;
use protocol::tags::{self, Tags};
use protocol::trust::{Reason, Refusal};

use super::verify::refused;
use crate::account::Account;
use crate::job::Job;

/// The database is available, under account B's own key.
pub(crate) struct Restore<'a> {
    pub(crate) account: &'a Account,
    pub(crate) job: &'a Job,
    pub(crate) copy: &'a SnapshotView,
}

impl Restore<'_> {
    fn name(&self) -> Result<DbIdentifier, Fault> {
        let name = self.job.restored(self.account);
        name.map_err(|error| refused(Refusal::because(Reason::BadName, error.to_string())))
    }

    fn tags(&self) -> Tags {
        let mut tags = self.account.settings.restore.tags.clone();
        tags.extend([
            pair(tags::ROLE, tags::ROLE_DATABASE),
            pair(tags::ID, self.job.id()),
            pair(tags::LABEL, &self.job.facts.label),
            pair(tags::DATABASE, &self.job.facts.database),
        ]);
        tags
    }

    fn judge(&self, name: &DbIdentifier, database: &DatabaseView) -> Result<Observed<()>, Fault> {
        let ours = |key, value: &str| database.tags.get(key).is_some_and(|found| found == value);
        if !ours(tags::ROLE, tags::ROLE_DATABASE) || !ours(tags::ID, self.job.id().as_str()) {
            if database.tags.is_empty() && is_young(database.created, self.account.clock.now()) {
                return Ok(Observed::Working(Working::new("waiting for the tags of the database")));
            }
            return Err(Fault::not_ours(&format!("database {name}"), "it does not carry this handoff's tags"));
        }
        match &database.status {
            DatabaseStatus::Working(status) => Ok(Observed::Working(Working {
                since: database.created,
                ..Working::new(format!("database {name} is {status}"))
            })),
            DatabaseStatus::Failed(status) => {
                Err(Fault::fatal(format!("database {name} is {status}")).because(Reason::RestoreFailed).hint(format!(
                    "RDS's events tell why; mend the restore profile, delete {name}, and run again: snapshot {} is yours",
                    self.copy.arn.snapshot
                )))
            }
            DatabaseStatus::Available if database.key.as_ref() != Some(&self.account.settings.key) => {
                Err(Fault::fatal(format!("database {name} is not under this account's own key"))
                    .because(Reason::RestoreFailed))
            }
            DatabaseStatus::Available => Ok(Observed::Ready(())),
        }
    }
}

impl Step for Restore<'_> {
    type Output = ();
    const ID: StepId = StepId("restore");

    fn resource(&self) -> String {
        self.job.restored(self.account).map_or_else(|error| error.to_string(), |name| name.to_string())
    }

    fn describe(&self) -> String {
        format!("database {} in {}", self.resource(), self.account.settings.region)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let name = self.name()?;
        let databases = self.account.inventory.databases(&self.account.settings.region).await?;
        match databases.get(&name) {
            None => Ok(Observed::Todo),
            Some(database) => self.judge(&name, database),
        }
    }

    async fn act(&self) -> Result<(), Fault> {
        let (settings, profile) = (&self.account.settings, &self.account.settings.restore);
        let answer = self
            .account
            .clients
            .rds(&settings.region)
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(self.name()?.as_str())
            .db_snapshot_identifier(self.copy.arn.snapshot.as_str())
            .set_db_instance_class(profile.class.as_ref().map(ToString::to_string))
            .db_subnet_group_name(&profile.subnet_group)
            .set_vpc_security_group_ids(Some(profile.security_groups.clone()))
            .multi_az(profile.multi_az)
            .deletion_protection(profile.deletion_protection)
            .publicly_accessible(profile.publicly_accessible)
            .set_backup_retention_period(profile.backup_retention_days.map(i32::from))
            .set_tags(Some(rds_tags(&self.tags())))
            .send()
            .await;
        self.account.inventory.acted_on_databases(&settings.region);
        answer.exists_ok(
            "rds:RestoreDBInstanceFromDBSnapshot",
            RestoreDBInstanceFromDBSnapshotError::is_db_instance_already_exists_fault,
        )
    }

    fn foresee(&self) {}
}
