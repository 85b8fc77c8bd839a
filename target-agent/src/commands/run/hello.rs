//! What a hello asks: whether this account is ready for a handoff that has not begun.

use agent_runtime::aws::quotas::{Quota, QuotaName};
use agent_runtime::{Fault, FaultKind, Freshness};
use protocol::{HelloMessage, Lack};

use crate::account::Account;
use crate::groups;
use crate::own_key;
use crate::steps::{fit_profile, free_name};

/// What this account lacks for the handoff, with the details for its own operators; `None` when it is ready.
///
/// # Errors
/// When AWS does not answer; the hello is then received again.
pub(crate) async fn lack(account: &Account, hello: &HelloMessage) -> Result<Option<(Lack, Fault)>, Fault> {
    let (engine, version) = (hello.engine.as_str(), hello.engine_version.as_str());
    let checks = [
        (Lack::Key, own_key::usable(account).await),
        (Lack::Name, free_name(account, &hello.handoff, hello.database(), &hello.label).await),
        (Lack::Engine, groups::family(account, engine, version).await.map(drop)),
        (Lack::Profile, fit_profile(account, hello.database(), engine, version, hello.size_gib).await),
        (Lack::Quota, quotas(account, hello).await),
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

/// Checks that the quotas allow one more snapshot and one more database.
async fn quotas(account: &Account, hello: &HelloMessage) -> Result<(), Fault> {
    let profile = account.settings.profiles.for_database(hello.database());
    let size = u64::from(hello.size_gib.max(profile.size_gib.unwrap_or(0)));
    for quota @ Quota { name, used, max } in
        account.cache.quotas(&account.settings.region, Freshness::Recent).await?.iter()
    {
        let wanted = match name {
            QuotaName::ManualSnapshots | QuotaName::DbInstances => 1,
            QuotaName::AllocatedStorage => size,
        };
        if wanted > quota.left() {
            let what = format!(
                "the quota {name} in {} is too low: {used} of {max} are used, and {wanted} more are needed",
                account.settings.region
            );
            return Err(Fault::blocked(what).hint("free as much, or request a quota increase from Service Quotas"));
        }
    }
    Ok(())
}
