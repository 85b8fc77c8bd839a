//! Step 1: the source snapshot.

use agent_runtime::aws::copies::LIMIT_REACHED;
use agent_runtime::aws::rds::database::DatabaseStatus;
use agent_runtime::aws::rds::snapshot::{SnapshotView, rds_tags};
use agent_runtime::gate::{Claim, Supply};
use agent_runtime::{
    Acted, AwsResult as _, Fault, Freshness, Observed, Progress, Step, StepId, SupplyAge, Wait, Working,
};
use aws_sdk_rds::operation::create_db_snapshot::CreateDBSnapshotError;
use protocol::DbIdentifier;
use protocol::names::SnapshotRole;

use super::owned;
use crate::account::Account;
use crate::admission::under_way;
use crate::handoff::{Handoff, hints};

/// The step that takes the snapshot, and the wait for it.
pub(crate) const SNAPSHOT: StepId = StepId("snapshot");

/// Begins a snapshot of the database in the source Region. Its tags hold the whole state of the handoff in account A.
pub(crate) struct TakeSnapshot<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

impl Step for TakeSnapshot<'_> {
    type Output = ();
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        SNAPSHOT
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        let arn = self.of.source_arn();
        format!("source snapshot {} of {} in {}", arn.snapshot, self.of.database.database, arn.region)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let account = self.account;
        let Some(view) = account.cache.snapshot(&self.of.source_arn(), Freshness::Create).await? else {
            // RDS takes snapshots only of an available database. One that is being changed or backed up is available
            // again soon.
            let name = &self.of.database.database;
            let database = account.cache.database(&account.settings.region, name).await?;
            return Ok(match database.as_ref().map(|database| &database.status) {
                Some(DatabaseStatus::Failed(status)) => return Err(unavailable(name, status)),
                Some(DatabaseStatus::Working(status)) if status.starts_with("stop") => {
                    return Err(unavailable(name, status));
                }
                Some(DatabaseStatus::Working(status)) => {
                    Observed::Working(Working::new(format!("waiting for the database, which is {status}")))
                }
                _ => Observed::Todo,
            });
        };
        if !owned(self.of, &view, SnapshotRole::Source, account.clock.now())? {
            return Ok(Observed::Working(Working::new("waiting for the tags of the snapshot")));
        }
        if view.resource.as_ref() != Some(&self.of.resource) {
            let found = view.resource.as_ref().map_or("none".to_owned(), ToString::to_string);
            return Err(Fault::not_ours(
                &format!("snapshot {}", view.arn),
                &format!("it was taken of database {found}"),
            ));
        }
        Ok(Observed::Ready(()))
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let region = &self.account.settings.region;
        let databases = self.account.cache.databases(region).await?;
        let database = databases.get(&self.of.database.database);
        let mut facts = self.of.facts();
        // Current hints: the database may have been changed or created since this command began.
        if let Some(hints) = database.and_then(|database| hints(database)) {
            facts.hints = hints;
        }
        let call = self.account.clients.rds(region).create_db_snapshot();
        let call = call
            .db_instance_identifier(self.of.database.database.as_str())
            .db_snapshot_identifier(self.of.snapshot(SnapshotRole::Source).as_str())
            .set_tags(Some(rds_tags(&facts.creation_tags())));
        let answer = call.send().await;
        self.account.cache.acted_on(&self.of.source_arn());
        if answer.is_err() {
            // The database may not be available any more.
            self.account.cache.acted(region, &self.of.database.database);
        }
        match answer.exists_ok("rds:CreateDBSnapshot", CreateDBSnapshotError::is_db_snapshot_already_exists_fault) {
            Err(fault) if fault.code() == Some(LIMIT_REACHED) => Ok(Acted::Limited(fault)),
            other => other.map(|()| Acted::Done),
        }
    }

    fn planned_output(&self) {}

    fn claim(&self) -> Option<Claim> {
        Some(under_way(self.of))
    }

    async fn supply(&self, age: SupplyAge) -> Result<Option<Box<dyn Supply>>, Fault> {
        self.account.limits.under_way(&self.account.settings.region, age).await.map(Some)
    }
}

/// The source snapshot is complete.
pub(crate) struct SnapshotComplete<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

impl Wait for SnapshotComplete<'_> {
    type Output = SnapshotView;
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        SNAPSHOT
    }

    fn resource(&self) -> String {
        self.of.source_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("source snapshot {} is complete", self.of.source_arn().snapshot)
    }

    async fn observe(&self) -> Result<Progress<SnapshotView>, Fault> {
        let Some(view) = self.account.cache.snapshot(&self.of.source_arn(), Freshness::Progress).await? else {
            return Ok(Progress::Working(Working::new("waiting for AWS to show the snapshot")));
        };
        Ok(match view.progress()? {
            Progress::Working(working) => Progress::Working(working),
            Progress::Ready(()) => Progress::Ready(SnapshotView::clone(&view)),
        })
    }

    fn planned_output(&self) -> SnapshotView {
        SnapshotView::planning(self.of.source_arn(), None)
    }
}

fn unavailable(name: &DbIdentifier, status: &str) -> Fault {
    Fault::blocked(format!("database {name} is {status}, and no snapshot can be taken"))
        .hint("start or repair the database: the handoff continues when it is available")
}
