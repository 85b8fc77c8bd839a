//! The restore profile fits the database. Better known before hours of copying than after.

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
        // What is begun is finished, and told: a process that finds its copy looks at the profile before the restore.
        if let (None, Some(message)) = (self.account.target_copy(self.handoff).await?, &self.handoff.message) {
            let (engine, version) = (message.engine.as_str(), message.engine_version.as_str());
            fit_profile(self.account, &self.handoff.facts.database, engine, version, message.size_gib).await?;
        }
        Ok(Progress::Ready(()))
    }

    fn foresee(&self) {}
}

/// The groups that the profile names exist and are for this engine and version; its sizes are above the database's.
pub(crate) async fn fit_profile(
    account: &Account,
    database: &DbIdentifier,
    engine: &str,
    version: &str,
    size_gib: u32,
) -> Result<(), Fault> {
    let profile = account.settings.profiles.for_database(database);
    groups::subnet_group(account, profile.subnet_group()).await?;
    if let Some(name) = groups::made_by_hand(profile.parameter_group.as_deref()) {
        let family = groups::parameter_group(account, name).await?;
        let wanted = groups::family(account, engine, version).await?;
        if family != wanted {
            return Err(misfit(database, "parameter group", name, &family, &wanted));
        }
    }
    if let Some(name) = groups::made_by_hand(profile.option_group.as_deref()) {
        let (of, major) = groups::option_group(account, name).await?;
        let fits = version.strip_prefix(&major).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if of != engine || !fits {
            let (is_for, wanted) = (format!("{of} {major}"), format!("{engine} {version}"));
            return Err(misfit(database, "option group", name, &is_for, &wanted));
        }
    }
    // Storage grows by a tenth at least (RDS API Reference, RestoreDBInstanceFromDBSnapshot, AllocatedStorage), and scales by
    // itself to a tenth more at least (RDS User Guide, Managing capacity automatically with storage autoscaling).
    let tenth_more = size_gib + size_gib.div_ceil(10);
    for (key, size) in [("size_gib", profile.size_gib), ("autoscale_to_gib", profile.autoscale_to_gib)] {
        if let Some(size) = size.filter(|size| *size < tenth_more) {
            let what = format!("{key} is {size}, and the database has {size_gib} GiB already");
            return Err(Fault::blocked(what).hint(format!("{}; it is {tenth_more} at least", correct(database))));
        }
    }
    Ok(())
}

fn misfit(database: &DbIdentifier, kind: &str, name: &str, is_for: &str, wanted: &str) -> Fault {
    Fault::blocked(format!("{kind} {name} is for {is_for}, and the database needs one for {wanted}"))
        .hint(format!("name another one in the restore profile of {database}: a [[rule]] can, for this database alone"))
}

/// What RDS refuses of a profile is corrected in the profile.
pub(super) fn correct(database: &DbIdentifier) -> String {
    format!("correct [restore], or the [[rule]] that fits {database}, and start the agent again: it goes on from here")
}
