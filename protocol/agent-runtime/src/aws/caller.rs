//! The caller identity: every command checks it first.

use protocol::{AccountId, Region};

use crate::aws::clients::Clients;
use crate::fault::{AwsResult as _, Fault};

/// Checks that the credentials belong to the account that the configuration names, and returns the principal's ARN.
///
/// # Errors
/// When they belong to another account, or to none.
pub async fn check(clients: &Clients, region: &Region, account: &AccountId) -> Result<String, Fault> {
    let caller = clients.sts(region).get_caller_identity().send().await.op("sts:GetCallerIdentity")?;
    let arn = caller.arn().unwrap_or("an unnamed principal").to_owned();
    if caller.account() == Some(account.as_str()) {
        return Ok(arn);
    }
    let found = caller.account().unwrap_or("no account");
    Err(Fault::fatal(format!("these credentials belong to account {found} ({arn}), not to {account}")).hint(format!(
        "run this agent with credentials of account {account}, or correct `account` in its configuration"
    )))
}
