//! The restore profile fits the database. Better known before hours of copying than after.

use agent_runtime::{Fault, Observed, Step, StepId};

use crate::account::Account;
use crate::groups;
use crate::job::Job;

/// The groups that the profile names exist in the target Region, and are for the database's engine and version.
pub(crate) struct FitProfile<'a> {
    pub(crate) account: &'a Account,
    pub(crate) job: &'a Job,
}

impl Step for FitProfile<'_> {
    type Output = ();
    const ID: StepId = StepId("fit-profile");

    fn resource(&self) -> String {
        self.job.target_arn(self.account).to_string()
    }

    fn describe(&self) -> String {
        let profile = self.job.profile(self.account);
        let groups = [&profile.parameter_group, &profile.option_group].into_iter().flatten();
        let groups: Vec<&str> = std::iter::once(profile.subnet_group()).chain(groups.map(String::as_str)).collect();
        format!("the restore profile fits: {}", groups.join(", "))
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        let databases = self.account.inventory.databases(&self.account.settings.region).await?;
        let restored = self.job.restored(self.account).is_ok_and(|name| databases.contains_key(&name));
        if !restored && !self.job.fits.get() {
            self.check().await?;
            // Of this process. Whoever changes a group after that finds it out by the restore.
            self.job.fits.set(true);
        }
        Ok(Observed::Ready(()))
    }

    async fn act(&self) -> Result<(), Fault> {
        Err(Fault::fatal("looking at the profile does nothing"))
    }

    fn foresee(&self) {}
}

impl FitProfile<'_> {
    async fn check(&self) -> Result<(), Fault> {
        let profile = self.job.profile(self.account);
        groups::subnet_group(self.account, profile.subnet_group()).await?;
        let (engine, version) = self.engine().await?;
        if let Some(name) = groups::made_by_hand(profile.parameter_group.as_deref()) {
            let family = groups::parameter_group(self.account, name).await?;
            let wanted = groups::family(self.account, &engine, &version).await?;
            if family != wanted {
                return Err(self.misfit("parameter group", name, &family, &wanted));
            }
        }
        if let Some(name) = groups::made_by_hand(profile.option_group.as_deref()) {
            let (of, major) = groups::option_group(self.account, name).await?;
            let fits = version.strip_prefix(&major).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            if of != engine || !fits {
                let (is_for, wanted) = (format!("{of} {major}"), format!("{engine} {version}"));
                return Err(self.misfit("option group", name, &is_for, &wanted));
            }
        }
        Ok(())
    }

    fn misfit(&self, kind: &str, name: &str, is_for: &str, wanted: &str) -> Fault {
        Fault::blocked(format!("{kind} {name} is for {is_for}, and the database needs one for {wanted}")).hint(format!(
            "name another one in the restore profile of {}: a [[rule]] can, for this database alone",
            self.job.facts.database
        ))
    }

    /// Of the target copy, or, before there is one, of the message.
    async fn engine(&self) -> Result<(String, String), Fault> {
        if let Some(copy) = self.account.target_copy(self.job).await? {
            return Ok((copy.view.engine, copy.view.engine_version));
        }
        let message = self.job.message.as_ref();
        let words = message.map(|message| (message.engine.to_string(), message.engine_version.to_string()));
        Ok(words.unwrap_or_default())
    }
}
