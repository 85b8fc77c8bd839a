//! Step 1: the source snapshot.

use agent_runtime::copies::FULL;
use agent_runtime::database::DatabaseStatus;
use agent_runtime::snapshot::{SnapshotView, rds_tags};
use agent_runtime::{AwsResult as _, Fault, Observed, Step, StepId, Working};
use aws_sdk_rds::operation::create_db_snapshot::CreateDBSnapshotError;
use protocol::DbIdentifier;
use protocol::names::SnapshotRole;

use super::owned;
use crate::account::Account;
use crate::moves::{Move, hints};

/// A snapshot of the database, in the source Region. Its tags carry all that account A must remember.
pub(crate) struct TakeSnapshot<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
}

impl Step for TakeSnapshot<'_> {
    type Output = SnapshotView;
    const ID: StepId = StepId("snapshot");
    const SLOW: bool = true;

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        let arn = self.of.source_arn();
        format!("source snapshot {} of {} in {}", arn.snapshot, self.of.database.database, arn.region)
    }

    async fn observe(&self) -> Result<Observed<SnapshotView>, Fault> {
        let account = self.account;
        let Some(view) = account.inventory.snapshot_to_make(&self.of.source_arn()).await? else {
            // Only an available database can be snapshotted; one that is being changed or backed up soon is again.
            let name = &self.of.database.database;
            let database = account.inventory.database(&account.settings.region, name).await?;
            return Ok(match database.as_ref().map(|database| &database.status) {
                Some(DatabaseStatus::Failed(status)) => return Err(unavailable(name, status)),
                Some(DatabaseStatus::Working(status)) if status.starts_with("stop") => {
                    return Err(unavailable(name, status));
                }
                Some(DatabaseStatus::Working(status)) => {
                    Observed::Working(Working::new(format!("waiting for the database, which is {status}")))
                }
                _ => {
                    let waits = account.admission.begins(account, self.of).await?;
                    waits.map_or(Observed::Todo, Observed::Working)
                }
            });
        };
        if !owned(self.of, &view, SnapshotRole::Source, account.clock.now())? {
            return Ok(Observed::Working(Working::new("waiting for the tags of the snapshot")));
        }
        if view.resource.as_ref() != Some(&self.of.resource) {
            let found = view.resource.as_ref().map_or("none".to_owned(), ToString::to_string);
            return Err(Fault::not_ours(&format!("snapshot {}", view.arn), &format!("it is of database {found}")));
        }
        account.admission.begun(self.of);
        view.observed().map(|observed| match observed {
            Observed::Ready(()) => Observed::Ready(SnapshotView::clone(&view)),
            Observed::Working(working) => Observed::Working(working),
            Observed::Todo => Observed::Todo,
        })
    }

    async fn act(&self) -> Result<(), Fault> {
        let region = &self.account.settings.region;
        let databases = self.account.inventory.databases(region).await?;
        let database = databases.get(&self.of.database.database);
        let mut facts = self.of.facts();
        // Of the moment: the database may have been changed, or made, since this command began.
        if let Some(hints) = database.and_then(|database| hints(database)) {
            facts.hints = hints;
        }
        let call = self.account.clients.rds(region).create_db_snapshot();
        let call = call
            .db_instance_identifier(self.of.database.database.as_str())
            .db_snapshot_identifier(self.of.snapshot(SnapshotRole::Source).as_str())
            .set_tags(Some(rds_tags(&facts.creation_tags())));
        let answer = call.send().await;
        self.account.inventory.acted_on_snapshot(&self.of.source_arn());
        if answer.is_err() {
            // It may not be available any more.
            self.account.inventory.acted_on_database(region, &self.of.database.database);
        }
        match answer.exists_ok("rds:CreateDBSnapshot", CreateDBSnapshotError::is_db_snapshot_already_exists_fault) {
            Err(fault) if fault.code() == Some(FULL) => {
                Err(self.account.admission.refused(self.account, self.of, false, fault).await)
            }
            other => other,
        }
    }

    fn foresee(&self) -> SnapshotView {
        SnapshotView::foreseen(self.of.source_arn(), None)
    }
}

fn unavailable(name: &DbIdentifier, status: &str) -> Fault {
    Fault::blocked(format!("database {name} is {status}, and cannot be snapshotted"))
        .hint("start it, or mend it: the handoff goes on when it is available")
}
