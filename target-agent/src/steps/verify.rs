//! Step 8: the message is verified against AWS. It was verified against itself and the configuration when it was
//! received.

use agent_runtime::step::pass::MAX_PROPAGATION_DELAY;
use agent_runtime::{Fault, Progress, StepId, Wait, Working};
use protocol::SnapshotArn;
use protocol::verify::{check_snapshot, check_times, estimate};
use protocol::wire::handoff::HandoffMessage;
use protocol::{DbIdentifier, HandoffId, Label, names, tags};
use protocol::{Reason, Refusal};

use crate::account::{Account, as_shared};
use crate::handoff::Handoff;

/// The snapshot that the message names is shared and has the attributes in the message; enough time is left; the name
/// of the restored database is free.
pub(crate) struct Verify<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
    pub(crate) message: &'a HandoffMessage,
}

impl Wait for Verify<'_> {
    type Output = ();

    fn id(&self) -> StepId {
        StepId("verify")
    }

    fn resource(&self) -> String {
        self.message.snapshot.to_string()
    }

    fn describe(&self) -> String {
        format!(
            "message from account {}: {} in {}",
            self.message.snapshot.account, self.message.snapshot.snapshot, self.message.snapshot.region
        )
    }

    async fn observe(&self) -> Result<Progress<()>, Fault> {
        if let Some(copy) = self.account.target_copy(self.handoff).await? {
            if copy.facts.digest == *self.handoff.digest() {
                return Ok(Progress::Ready(()));
            }
            return Err(refused(Refusal::because(
                Reason::Contradictory,
                format!("snapshot {} was copied for another offer of the same handoff", copy.view.arn),
            )));
        }
        let now = self.account.clock.now();
        let Some(view) = self.account.shared_snapshot(&self.message.snapshot).await? else {
            // Its owner may still share it, until the message expires.
            check_times(self.message, now, estimate(self.message.size_gib)).map_err(refused)?;
            if now.duration_since(self.message.issued) < MAX_PROPAGATION_DELAY {
                return Ok(Progress::Working(Working {
                    since: Some(self.message.issued),
                    ..Working::new("waiting for AWS to show the shared snapshot")
                }));
            }
            let SnapshotArn { account, region, snapshot } = &self.message.snapshot;
            return Err(Fault::blocked(format!("snapshot {} is not shared with this account", self.message.snapshot))
                .hint(format!(
                    "account {account} shares it (its agent does so automatically within about an hour, while it runs); \
                     if the offer was withdrawn, the message expires at {}:\n\
                     aws rds modify-db-snapshot-attribute --region {region} \\\n    \
                     --attribute-name restore --values-to-add {} \\\n    \
                     --db-snapshot-identifier {snapshot}",
                    self.message.start_by, self.account.settings.account
                )));
        };
        check_snapshot(self.message, &as_shared(&view)).map_err(refused)?;
        check_times(self.message, now, estimate(view.size_gib)).map_err(refused)?;
        let facts = &self.handoff.facts;
        free_name(self.account, &facts.id, &facts.database, &facts.label).await?;
        Ok(Progress::Ready(()))
    }

    fn planned_output(&self) {}
}

/// Checks that no other database has the name of the restored one: before the copy, which takes hours.
pub(crate) async fn free_name(
    account: &Account,
    id: &HandoffId,
    database: &DbIdentifier,
    label: &Label,
) -> Result<(), Fault> {
    let pattern = account.settings.profiles.for_database(database).identifier();
    let name = names::restored(pattern, database, label);
    let name = name.map_err(|error| refused(Refusal::because(Reason::BadName, error.to_string())))?;
    match account.cache.database(&account.settings.region, &name).await? {
        Some(database) if database.tags.get(tags::ID).is_none_or(|other| other != id.as_str()) => {
            Err(Fault::not_ours(&format!("database {name}"), "it does not carry this handoff's tags"))
        }
        _ => Ok(()),
    }
}

/// The fatal fault of a message that is refused.
pub(crate) fn refused(refusal: Refusal) -> Fault {
    match refusal {
        Refusal::Rejected { reason, detail } => {
            Fault::fatal(format!("the message is rejected, {reason}: {detail}")).because(reason)
        }
        newer @ Refusal::Newer { .. } => Fault::fatal(newer.to_string()),
    }
}
