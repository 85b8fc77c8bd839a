//! Whether the restore profile fits the database: checked before the copy, which takes hours.

use agent_runtime::{Fault, Progress, StepId, Wait};
use protocol::DbIdentifier;

use crate::account::Account;
use crate::groups;
use crate::handoff::Handoff;

/// The groups that the profile names exist in the target Region, and are for the database's engine and version.
pub(crate) struct FitProfile<'a> {
    pub(crate) account: &'a Account,
    pub(crate) handoff: &'a Handoff,
}

impl Wait for FitProfile<'_> {
    type Output = ();

    fn id(&self) -> StepId {
        StepId("fit-profile")
    }

    fn resource(&self) -> String {
        self.handoff.target_arn(&self.account.settings).to_string()
    }

    fn describe(&self) -> String {
        let profile = self.handoff.profile(&self.account.settings);
        let groups = [&profile.parameter_group, &profile.option_group].into_iter().flatten();
        let groups: Vec<&str> = std::iter::once(profile.subnet_group()).chain(groups.map(String::as_str)).collect();
        format!("the restore profile fits: {}", groups.join(", "))
    }

    async fn observe(&self) -> Result<Progress<()>, Fault> {
        // A handoff whose copy has begun continues, and the profile is checked before the restore.
        if let (None, Some(message)) = (self.account.target_copy(self.handoff).await?, &self.handoff.message) {
            let (engine, version) = (message.engine.as_str(), message.engine_version.as_str());
            fit_profile(self.account, &self.handoff.facts.database, engine, version, message.size_gib).await?;
        }
        Ok(Progress::Ready(()))
    }

    fn planned_output(&self) {}
}

/// Checks that the groups of the profile exist and are for this engine and version, and that its sizes exceed the
/// database's.
pub(crate) async fn fit_profile(
    account: &Account,
    database: &DbIdentifier,
    engine: &str,
    version: &str,
    size_gib: u32,
) -> Result<(), Fault> {
    let profile = account.settings.profiles.for_database(database);
    groups::subnet_group(account, profile.subnet_group()).await?;
    if let Some(name) = groups::not_default(profile.parameter_group.as_deref()) {
        let family = groups::parameter_group(account, name).await?;
        let wanted = groups::family(account, engine, version).await?;
        if family != wanted {
            return Err(wrong_setting(database, "parameter group", name, &family, &wanted));
        }
    }
    if let Some(name) = groups::not_default(profile.option_group.as_deref()) {
        let (of, major) = groups::option_group(account, name).await?;
        let fits = version.strip_prefix(&major).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if of != engine || !fits {
            let (is_for, wanted) = (format!("{of} {major}"), format!("{engine} {version}"));
            return Err(wrong_setting(database, "option group", name, &is_for, &wanted));
        }
    }
    // Storage grows by a tenth at least (RDS API Reference, RestoreDBInstanceFromDBSnapshot, AllocatedStorage), and the
    // maximum of autoscaling is at least a tenth more (RDS User Guide, Managing capacity automatically with storage
    // autoscaling).
    let tenth_more = size_gib + size_gib.div_ceil(10);
    for (key, size) in [("size_gib", profile.size_gib), ("autoscale_to_gib", profile.autoscale_to_gib)] {
        if let Some(size) = size.filter(|size| *size < tenth_more) {
            let what = format!("{key} is {size}, but a database of {size_gib} GiB needs at least {tenth_more}");
            return Err(Fault::blocked(what).hint(correct(database)));
        }
    }
    Ok(())
}

fn wrong_setting(database: &DbIdentifier, kind: &str, name: &str, is_for: &str, wanted: &str) -> Fault {
    Fault::blocked(format!("{kind} {name} is for {is_for}, and the database needs one for {wanted}")).hint(format!(
        "name another one in the restore profile of {database}; a [[rule]] sets it for this database only"
    ))
}

/// The fix for a profile that RDS or this agent refuses.
pub(super) fn correct(database: &DbIdentifier) -> String {
    format!(
        "correct [restore], or the [[rule]] that fits {database}, and start the agent again: it resumes the handoff"
    )
}
