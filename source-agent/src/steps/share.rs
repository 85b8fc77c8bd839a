//! Step 5, and its end in step 13: the share of the copy with account B.

use agent_runtime::aws::rds::snapshot::SnapshotView;
use agent_runtime::event::Verb;
use agent_runtime::{Acted, Fault, Freshness, Observed, Step, StepId};

use crate::account::Account;
use crate::handoff::Handoff;
use crate::steps::settling::since_end;

/// Shares the copy with account B, which may then describe and copy it.
pub(crate) struct ShareSnapshot<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) copy: &'a SnapshotView,
}

impl Step for ShareSnapshot<'_> {
    type Output = ();
    const VERB: Verb = Verb::Share;

    fn id(&self) -> StepId {
        StepId("share")
    }

    fn resource(&self) -> String {
        self.of.shared_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("share the copy with account {}", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let shared = self.account.shared_with(&self.copy.arn, Freshness::Slow).await?;
        Ok(if shared.contains(self.of.route.account.as_str()) { Observed::Ready(()) } else { Observed::Todo })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        if !self.account.still_offering(self.of).await? {
            return Ok(Acted::Nothing);
        }
        self.account.set_share(&self.copy.arn, &self.of.route.account, true).await.map(|()| Acted::Done)
    }

    fn planned_output(&self) {}
}

/// Removes the share of the copy with account B.
pub(crate) struct Unshare<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

impl Step for Unshare<'_> {
    type Output = ();
    const VERB: Verb = Verb::Revoke;

    fn id(&self) -> StepId {
        StepId("unshare")
    }

    fn resource(&self) -> String {
        self.of.shared_arn().to_string()
    }

    fn describe(&self) -> String {
        format!("remove the share with account {}", self.of.route.account)
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let ended = since_end(self.account, self.of).await?;
        let Some(copy) = self.account.shared_copy_as_of(self.of, ended).await? else {
            return Ok(Observed::Ready(()));
        };
        // A share that this process has made need not be read before it is removed.
        if self.account.is_shared(&copy.arn, &self.of.route.account) {
            return Ok(Observed::Todo);
        }
        let shared = self.account.shared_with(&copy.arn, ended).await?;
        Ok(if shared.contains(self.of.route.account.as_str()) { Observed::Todo } else { Observed::Ready(()) })
    }

    async fn act(&self) -> Result<Acted, Fault> {
        self.account.set_share(&self.of.shared_arn(), &self.of.route.account, false).await.map(|()| Acted::Done)
    }

    fn planned_output(&self) {}
}
