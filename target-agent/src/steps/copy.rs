//! Step 9: the copy under account B's own key. Once it is complete, B no longer depends on resources of A.

use agent_runtime::aws::copies::LIMIT_REACHED;
use agent_runtime::aws::rds::snapshot::{SnapshotView, is_young, rds_tags};
use agent_runtime::fault::statement::{TARGET_USES_KEY, allow_key_use, pasted, service, uses_key};
use agent_runtime::gate::{Claim, Supply};
use agent_runtime::{
    Acted, AwsResult as _, Fault, Freshness, Observed, Progress, Step, StepId, SupplyAge, Wait, Working,
};
use aws_sdk_rds::operation::copy_db_snapshot::CopyDBSnapshotError;
use jiff::Timestamp;
use protocol::HandoffMessage;
use protocol::Reason;

use crate::account::Account;
use crate::admission::{self, COPY};
use crate::handoff::Handoff;

/// The target copy exists, with the handoff's tags and this message's digest. It need not be complete.
pub(crate) struct CopyUnderOwnKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
}

/// The target copy is complete, encrypted under account B's own key, and contains the data that was offered.
pub(crate) struct Landed<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
}

impl Step for CopyUnderOwnKey<'_> {
    type Output = ();
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        StepId("begin-copy")
    }

    fn resource(&self) -> String {
        self.handoff.target_arn(&self.account.settings).to_string()
    }

    fn describe(&self) -> String {
        format!("target copy {} under this account's own key", self.handoff.target_arn(&self.account.settings).snapshot)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let arn = self.handoff.target_arn(&self.account.settings);
        let Some(view) = self.account.cache.snapshot(&arn, Freshness::Create).await? else {
            return match &self.handoff.message {
                Some(_) => Ok(Observed::Todo),
                None => Ok(self.account.missing_copy(self.handoff).await?.into()),
            };
        };
        if self.account.target_copy(self.handoff).await?.is_some() {
            return Ok(Observed::Ready(()));
        }
        if view.tags.is_empty() && is_young(view.created, self.account.clock.now()) {
            return Ok(Observed::Working(Working::new("waiting for the tags of the copy")));
        }
        Err(Fault::not_ours(&format!("snapshot {arn}"), "it does not carry this handoff's tags"))
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let Some(message) = &self.handoff.message else {
            return Err(Fault::fatal("the handoff has no message, which names the snapshot to copy"));
        };
        let settings = &self.account.settings;
        let answer = self
            .account
            .clients
            .rds(&settings.region)
            .copy_db_snapshot()
            .source_db_snapshot_identifier(message.snapshot.to_string())
            .target_db_snapshot_identifier(self.handoff.target_arn(&self.account.settings).snapshot.as_str())
            .kms_key_id(settings.key.to_string())
            .set_tags(Some(rds_tags(&self.handoff.facts.creation_tags())))
            .send()
            .await;
        self.account.cache.acted_on(&self.handoff.target_arn(&self.account.settings));
        let answer = answer
            .exists_ok("rds:CopyDBSnapshot", CopyDBSnapshotError::is_db_snapshot_already_exists_fault)
            .map_err(|fault| match fault.code() {
                Some("KMSKeyNotAccessibleFault") => {
                    let hint = self.key_fix(message, &fault);
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

    /// Account A changes its key's policy and shares the snapshot shortly before it sends the message.
    fn changed(&self) -> Option<Timestamp> {
        self.handoff.message.as_ref().map(|message| message.issued)
    }

    fn claim(&self) -> Option<Claim> {
        self.handoff.message.as_ref().map(|message| admission::copy(self.account, self.handoff, message))
    }

    async fn supply(&self, age: SupplyAge) -> Result<Option<Box<dyn Supply>>, Fault> {
        let Some(message) = &self.handoff.message else { return Ok(None) };
        let Account { limits, settings, clock, .. } = self.account;
        let daily_limit = match age {
            SupplyAge::Recent => admission::daily_limit(self.account, message.size_gib, clock.now()).await?,
            SupplyAge::Known | SupplyAge::Now => None,
        };
        limits.copies(&settings.region, age, (None, daily_limit)).await.map(Some)
    }
}

impl CopyUnderOwnKey<'_> {
    /// The fix for a key that RDS cannot use. RDS names the key, but not the policy that denies its use. For account
    /// A's key the fix prints the statements of A's own agent, with their Sids, so that this agent removes them when
    /// the handoff ends.
    fn key_fix(&self, message: &HandoffMessage, fault: &Fault) -> String {
        let (settings, theirs) = (&self.account.settings, &message.key);
        let role = &settings.role;
        if fault.to_string().contains(&settings.key.to_string()) {
            return format!(
                "key {} must be enabled, and its policy must let this account's IAM policies allow its use; account {} \
                 adds these to a policy of its role {role}:\n{}",
                settings.key,
                settings.account,
                pasted(&uses_key(
                    &settings.key,
                    &["rds", "secretsmanager"].map(|name| service(name, &settings.region))
                ))
            );
        }
        format!(
            "account {} adds these to the policy of its key {theirs} (its agent does so automatically, while it runs \
             and if it created the key); the key must be enabled, and account {} must allow its role {role} to use it \
             through RDS. If all of that holds, an RCP of account {}'s organization or an SCP of this account's denies it:\n{}",
            theirs.account,
            settings.account,
            theirs.account,
            pasted(&allow_key_use(
                TARGET_USES_KEY,
                &settings.account,
                role,
                &theirs.region,
                Some(message.access_until)
            ))
        )
    }
}

impl Wait for Landed<'_> {
    type Output = SnapshotView;
    const SLOW: bool = true;

    fn id(&self) -> StepId {
        COPY
    }

    fn resource(&self) -> String {
        self.handoff.target_arn(&self.account.settings).to_string()
    }

    fn describe(&self) -> String {
        "the target copy is complete: landed".to_owned()
    }

    async fn observe(&self) -> Result<Progress<SnapshotView>, Fault> {
        let Some(copy) = self.account.target_copy(self.handoff).await? else {
            return self.account.missing_copy(self.handoff).await;
        };
        let view = copy.view;
        match view.progress().map_err(|fault| fault.because(Reason::CopyFailed))? {
            Progress::Working(working) => Ok(Progress::Working(working)),
            Progress::Ready(()) => {
                let wrong = |what: &str| {
                    Err(Fault::fatal(format!("snapshot {} {what}", view.arn))
                        .because(Reason::CopyFailed)
                        .hint("nothing was restored from it; delete it, and ask the other account for another handoff"))
                };
                if view.key.as_ref() != Some(&self.account.settings.key) {
                    return wrong("is not encrypted under this account's own key");
                }
                if view.identity().as_ref() != Some(&copy.facts.origin.identity) {
                    return wrong("does not contain the data that was offered");
                }
                Ok(Progress::Ready(SnapshotView::clone(&view)))
            }
        }
    }

    fn planned_output(&self) -> SnapshotView {
        SnapshotView::planning(self.handoff.target_arn(&self.account.settings), Some(self.account.settings.key.clone()))
    }
}
