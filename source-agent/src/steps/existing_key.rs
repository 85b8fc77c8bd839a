//! Steps 2 and 3 in key mode `existing`: checks that the administrators' key is as agreed.

use agent_runtime::{Fault, Progress, StepId, Wait};
use protocol::KeyArn;

use crate::account::Account;
use crate::existing_keys::ExistingKeys;
use crate::handoff::Handoff;
use crate::keys::{Condition, KeyView};

/// Waits for the existing replica key, which the administrators create.
pub(crate) struct ExistingKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

impl ExistingKey<'_> {
    fn existing(&self) -> ExistingKeys<'_> {
        let Handoff { route, target_role, .. } = self.of;
        ExistingKeys { account: self.account, to: &route.account, region: &route.region, role: target_role }
    }
}

impl Wait for ExistingKey<'_> {
    type Output = KeyView;

    fn id(&self) -> StepId {
        StepId("existing-key")
    }

    fn resource(&self) -> String {
        format!("{} {}", self.of.route.region, self.existing().alias())
    }

    fn describe(&self) -> String {
        let Handoff { route, target_role, .. } = self.of;
        format!(
            "the existing key {} in {}, which lets role {target_role} of account {} use it through RDS",
            self.existing().alias(),
            route.region,
            route.account
        )
    }

    async fn observe(&self) -> Result<Progress<KeyView>, Fault> {
        self.existing().replica().await
    }

    #[expect(clippy::expect_used, reason = "it consists of a Region and an account, which have been parsed")]
    fn planned_output(&self) -> KeyView {
        let arn = |region| {
            let arn = format!("arn:aws:kms:{region}:{}:key/existing-key", self.account.settings.account);
            arn.parse::<KeyArn>().expect("it is the ARN of a key")
        };
        let primary = Some(arn(&self.account.settings.region));
        KeyView { arn: arn(&self.of.route.region), created: None, condition: Condition::Usable, primary }
    }
}
