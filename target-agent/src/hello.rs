//! A hello, and its answer: whether this account is ready for a handoff that has not begun.

use agent_runtime::check::account_quotas;
use agent_runtime::{AwsResult as _, Fault, FaultKind};
use aws_sdk_kms::types::KeyState;
use protocol::{Hello, Lack};

use crate::account::Account;
use crate::groups;
use crate::steps::{fit_profile, free_name};

/// What this account lacks for the handoff, with what its own operators should know; `None` when it is ready.
///
/// # Errors
/// When AWS does not answer: the hello comes again.
pub(crate) async fn lack(account: &Account, hello: &Hello) -> Result<Option<(Lack, Fault)>, Fault> {
    let (engine, version) = (hello.engine.as_str(), hello.engine_version.as_str());
    let checks = [
        (Lack::Key, own_key(account).await),
        (Lack::Name, free_name(account, &hello.handoff, hello.database(), &hello.label).await),
        (Lack::Engine, groups::family(account, engine, version).await.map(drop)),
        (Lack::Profile, fit_profile(account, hello.database(), engine, version, hello.size_gib).await),
        (Lack::Quota, quotas(account, hello.size_gib).await),
    ];
    for (lack, checked) in checks {
        match checked {
            Ok(()) => {}
            Err(fault) if fault.kind == FaultKind::Transient => return Err(fault),
            Err(fault) if fault.code().is_some_and(|code| code.starts_with("AccessDenied")) => {
                return Ok(Some((Lack::Permission, fault)));
            }
            Err(fault) => return Ok(Some((lack, fault))),
        }
    }
    Ok(None)
}

/// Databases rest under it.
async fn own_key(account: &Account) -> Result<(), Fault> {
    let key = &account.settings.key;
    let answer = account.clients.kms(&key.region).describe_key().key_id(key.to_string()).send().await;
    let answer = answer.op("kms:DescribeKey")?;
    match answer.key_metadata().and_then(|key| key.key_state()) {
        Some(KeyState::Enabled | KeyState::Updating) => Ok(()),
        state => Err(Fault::blocked(format!("{key} is {}", state.map_or("in no state", KeyState::as_str)))
            .hint("enable it, or name another key: databases rest under it")),
    }
}

/// Room for one snapshot and one database more.
async fn quotas(account: &Account, size_gib: u32) -> Result<(), Fault> {
    let size = i64::from(size_gib);
    for (name, used, most) in account_quotas(&account.clients, &account.settings.region).await? {
        let wanted = match name.as_str() {
            "ManualSnapshots" | "DBInstances" => 1,
            "AllocatedStorage" => size,
            _ => 0,
        };
        if used.saturating_add(wanted) > most {
            let what = format!("{used} of {most} {name} are used, and {wanted} more are needed");
            return Err(Fault::blocked(what).hint("delete some, or ask Service Quotas for more"));
        }
    }
    Ok(())
}
