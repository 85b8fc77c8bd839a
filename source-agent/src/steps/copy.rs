//! Step 4, and its reverse in step 13: the copy in the target Region that is shared with account B.

use agent_runtime::aws::copies::LIMIT_REACHED;
use agent_runtime::aws::rds::snapshot::{SnapshotStatus, SnapshotView, rds_tags};
use agent_runtime::event::Verb;
use agent_runtime::fault::statement::{SOURCE_USES_KEY, allow_key_use, pasted, service, uses_key};
use agent_runtime::gate::{Claim, Supply};
use agent_runtime::{
    Acted, AwsResult as _, Fault, FaultKind, Freshness, Observed, Progress, Step, StepId, SupplyAge, Wait, Working,
};
use aws_sdk_rds::operation::copy_db_snapshot::CopyDBSnapshotError;
use aws_sdk_rds::operation::delete_db_snapshot::DeleteDBSnapshotError;
use jiff::Timestamp;
use protocol::names::SnapshotRole;
use protocol::state::pair;
use protocol::tags::{self, Tags};

use super::owned;
use super::settling::since_end;
use crate::account::Account;
use crate::admission::{self, COPY};
use crate::handoff::Handoff;
use crate::keys::KeyView;

/// Begins the shared copy, under the replica key.
pub(crate) struct CopyToTargetRegion<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) snapshot: &'a SnapshotView,
    pub(crate) key: &'a KeyView,
}

impl Step for CopyToTargetRegion<'_> {
    type Output = ();
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        COPY
    }

    fn resource(&self) -> String {
        self.of.shared_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("shared copy {} in {}, under the replica key", self.of.shared_arn().snapshot, self.of.route.region)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let Some(view) = self.account.cache.snapshot(&self.of.shared_arn(), Freshness::Create).await? else {
            return Ok(Observed::Todo);
        };
        if !owned(self.of, &view, SnapshotRole::Shared, self.account.clock.now())? {
            return Ok(Observed::Working(Working::new("waiting for the tags of the copy")));
        }
        Ok(Observed::Ready(()))
    }

    async fn act(&self) -> Result<Acted, Fault> {
        if !self.account.still_offering(self.of).await? {
            return Ok(Acted::Nothing);
        }
        let region = &self.of.route.region;
        let tags = Tags::from([
            pair(tags::ROLE, SnapshotRole::Shared.as_str()),
            pair(tags::ID, &self.of.id),
            pair(tags::LABEL, &self.of.label),
            pair(tags::DATABASE, &self.of.database.database),
        ]);
        let answer = self
            .account
            .clients
            .rds(region)
            .copy_db_snapshot()
            .source_db_snapshot_identifier(self.snapshot.arn.to_string())
            .target_db_snapshot_identifier(self.of.shared_arn().snapshot.as_str())
            .kms_key_id(self.key.arn.to_string())
            .set_tags(Some(rds_tags(&tags)))
            .send()
            .await;
        self.account.cache.acted_on(&self.of.shared_arn());
        let answer = answer
            .exists_ok("rds:CopyDBSnapshot", CopyDBSnapshotError::is_db_snapshot_already_exists_fault)
            .map_err(|fault| match fault.code() {
                Some("KMSKeyNotAccessibleFault") => {
                    let hint = self.key_fix(&fault);
                    fault.hint(hint)
                }
                _ => fault,
            });
        match answer {
            Err(fault) if fault.code() == Some(LIMIT_REACHED) => Ok(Acted::Limited(fault)),
            other => other.map(|()| Acted::Done),
        }
    }

    fn planned_output(&self) {}

    fn changed(&self) -> Option<Timestamp> {
        self.key.created
    }

    fn claim(&self) -> Option<Claim> {
        Some(admission::copy(self.of))
    }

    async fn supply(&self, age: SupplyAge) -> Result<Option<Box<dyn Supply>>, Fault> {
        let Account { limits, settings, .. } = self.account;
        limits.copies(&self.of.route.region, age, (Some(&settings.region), None)).await.map(Some)
    }
}

/// Waits until the shared copy is complete, and checks that it has the identity of the source snapshot and is under the
/// handoff key.
pub(crate) struct CopyComplete<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) snapshot: &'a SnapshotView,
    pub(crate) key: &'a KeyView,
}

impl Wait for CopyComplete<'_> {
    type Output = SnapshotView;
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        COPY
    }

    fn resource(&self) -> String {
        self.of.shared_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("shared copy {} is complete", self.of.shared_arn().snapshot)
    }

    async fn observe(&self) -> Result<Progress<SnapshotView>, Fault> {
        let Some(view) = self.account.cache.snapshot(&self.of.shared_arn(), Freshness::Progress).await? else {
            return Ok(Progress::Working(Working::new("waiting for AWS to show the copy")));
        };
        if let Progress::Working(working) = view.progress()? {
            return Ok(Progress::Working(working));
        }
        let not_ours = |why: &str| Err(Fault::not_ours(&format!("snapshot {}", view.arn), why));
        if view.identity().is_none() || view.identity() != self.snapshot.identity() {
            return not_ours("it has our tags, but other content");
        }
        if view.key.as_ref() != Some(&self.key.arn) {
            return not_ours("it has our tags, but is not under the handoff key");
        }
        Ok(Progress::Ready(SnapshotView::clone(&view)))
    }

    fn planned_output(&self) -> SnapshotView {
        SnapshotView::planning(self.of.shared_arn(), Some(self.key.arn.clone()))
    }
}

impl CopyToTargetRegion<'_> {
    /// The fix for a key that RDS could not use. RDS names the key, but not the policy that refuses it.
    fn key_fix(&self, fault: &Fault) -> String {
        let settings = &self.account.settings;
        let (role, key) = (&settings.role, &self.key.arn);
        match &self.snapshot.key {
            Some(source) if fault.to_string().contains(&source.to_string()) => {
                // Both Regions' RDS, as in source-account.yaml: which of them uses the key in a copy to another Region
                // is UNSOURCED.
                let services = [&source.region, &key.region].map(|region| service("rds", region));
                format!(
                    "key {source} must be enabled, and its policy must let this account's IAM policies allow its use; account {} \
                     adds these statements to a policy of its role {role}:\n{}",
                    settings.account,
                    pasted(&uses_key(source, &services))
                )
            }
            _ => format!(
                "key {key} must be enabled, and its policy allows role {role} only: run this agent as that role, or set `role` \
                 before the first handoff; role {role} needs these statements in the key's policy to use the key through \
                 RDS; if somebody has removed them, account {} adds them again:\n{}",
                settings.account,
                pasted(&allow_key_use(SOURCE_USES_KEY, &settings.account, role, &key.region, None))
            ),
        }
    }
}

/// Deletes the shared copy. Account B owns its own, or does not need one any more.
pub(crate) struct DeleteSharedCopy<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

impl Step for DeleteSharedCopy<'_> {
    type Output = ();
    const VERB: Verb = Verb::Delete;
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        StepId("delete-copy")
    }

    fn resource(&self) -> String {
        self.of.shared_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("delete the shared copy {} in {}", self.of.shared_arn().snapshot, self.of.route.region)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let ended = since_end(self.account, self.of).await?;
        let Some(copy) = self.account.shared_copy_as_of(self.of, ended).await? else {
            return Ok(Observed::Ready(()));
        };
        Ok(match &copy.status {
            SnapshotStatus::Working(status) if status == "deleting" => {
                Observed::Working(Working::new("the copy is being deleted"))
            }
            _ => Observed::Todo,
        })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let region = &self.of.route.region;
        let call = self.account.clients.rds(region).delete_db_snapshot();
        let answer = call.db_snapshot_identifier(self.of.shared_arn().snapshot.as_str()).send().await;
        self.account.cache.acted_on(&self.of.shared_arn());
        match answer.missing_ok("rds:DeleteDBSnapshot", DeleteDBSnapshotError::is_db_snapshot_not_found_fault) {
            Ok(_) => Ok(Acted::Done),
            // The IAM policies of deploy/ depend on the tags of the copy. If another agent has just deleted it, it has
            // no tags, and AWS answers that the call is not authorized instead of that the copy does not exist.
            Err(fault) if fault.kind == FaultKind::Blocked => {
                let is_gone = self.account.shared_copy_as_of(self.of, Freshness::Now).await?.is_none();
                if is_gone { Ok(Acted::Nothing) } else { Err(fault) }
            }
            Err(fault) => Err(fault),
        }
    }

    fn planned_output(&self) {}
}
