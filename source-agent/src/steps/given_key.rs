//! Steps 2 and 3 in key mode `given`: the administrators' key is as agreed.

use agent_runtime::{Fault, Progress, StepId, Wait};
use protocol::KeyArn;

use crate::account::Account;
use crate::given::Given;
use crate::keys::{Condition, KeyView};
use crate::moves::Move;

/// The given replica key. What is missing is made by the administrators.
pub(crate) struct GivenKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Move,
}

impl GivenKey<'_> {
    fn given(&self) -> Given<'_> {
        let Move { route, target_role, .. } = self.of;
        Given { account: self.account, to: &route.account, region: &route.region, role: target_role }
    }
}

impl Wait for GivenKey<'_> {
    type Output = KeyView;

    fn id(&self) -> StepId {
        StepId("given-key")
    }

    fn resource(&self) -> String {
        format!("{} {}", self.of.route.region, self.given().alias())
    }

    fn describe(&self) -> String {
        let Move { route, target_role, .. } = self.of;
        format!(
            "the key given as {} in {}, which lets role {target_role} of account {} use it through RDS",
            self.given().alias(),
            route.region,
            route.account
        )
    }

    async fn observe(&self) -> Result<Progress<KeyView>, Fault> {
        self.given().replica().await
    }

    #[expect(clippy::expect_used, reason = "made of a Region and an account, which have been read already")]
    fn foresee(&self) -> KeyView {
        let arn = |region| {
            let arn = format!("arn:aws:kms:{region}:{}:key/given-key", self.account.settings.account);
            arn.parse::<KeyArn>().expect("it is the ARN of a key")
        };
        let primary = Some(arn(&self.account.settings.region));
        KeyView { arn: arn(&self.of.route.region), created: None, condition: Condition::Usable, primary }
    }
}
