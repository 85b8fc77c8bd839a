//! Steps 2 and 3 in key mode `given`: the administrators' key is as agreed.

use agent_runtime::{Fault, Observed, Step, StepId};
use protocol::KeyArn;

use crate::account::Account;
use crate::given::Given;
use crate::keys::{Condition, KeyView};
use crate::moves::Move;

/// The given replica key. Nothing is done here: what is missing is the administrators' to make.
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

impl Step for GivenKey<'_> {
    type Output = KeyView;
    const ID: StepId = StepId("given-key");

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

    async fn observe(&self) -> Result<Observed<KeyView>, Fault> {
        self.given().replica().await
    }

    async fn act(&self) -> Result<(), Fault> {
        Err(Fault::fatal("a given key is made by administrators"))
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
