//! The restore profile fits the database. Better known before hours of copying than after.

use agent_runtime::{AwsResult as _, Fault, Observed, Step, StepId};
use aws_sdk_rds::operation::describe_db_parameter_groups::DescribeDBParameterGroupsError;
use aws_sdk_rds::operation::describe_db_subnet_groups::DescribeDBSubnetGroupsError;
use aws_sdk_rds::operation::describe_option_groups::DescribeOptionGroupsError;

use crate::account::Account;
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
        let rds = self.account.clients.rds(&self.account.settings.region);
        let absent = |kind: &str, name: &str, key: &str| {
            let region = &self.account.settings.region;
            Fault::blocked(format!("there is no {kind} {name} in {region}"))
                .hint(format!("create it, or correct {key} in the restore profile of {}", self.job.facts.database))
        };
        let name = profile.subnet_group();
        let answer = rds.describe_db_subnet_groups().db_subnet_group_name(name).send().await;
        answer
            .missing_ok("rds:DescribeDBSubnetGroups", DescribeDBSubnetGroupsError::is_db_subnet_group_not_found_fault)?
            .ok_or_else(|| absent("subnet group", name, "subnet_group"))?;
        let (engine, version) = self.engine().await?;
        if let Some(name) = made_by_hand(profile.parameter_group.as_deref()) {
            let answer = rds.describe_db_parameter_groups().db_parameter_group_name(name).send().await;
            let is_missing = DescribeDBParameterGroupsError::is_db_parameter_group_not_found_fault;
            let found = answer.missing_ok("rds:DescribeDBParameterGroups", is_missing)?;
            let found = found.as_ref().and_then(|found| found.db_parameter_groups().first());
            let found = found.ok_or_else(|| absent("parameter group", name, "parameter_group"))?;
            self.check_family(name, found.db_parameter_group_family().unwrap_or_default(), &engine, &version).await?;
        }
        if let Some(name) = made_by_hand(profile.option_group.as_deref()) {
            let answer = rds.describe_option_groups().option_group_name(name).send().await;
            let found = answer
                .missing_ok("rds:DescribeOptionGroups", DescribeOptionGroupsError::is_option_group_not_found_fault)?;
            let found = found.as_ref().and_then(|found| found.option_groups_list().first());
            let found = found.ok_or_else(|| absent("option group", name, "option_group"))?;
            let (of, major) =
                (found.engine_name().unwrap_or_default(), found.major_engine_version().unwrap_or_default());
            let fits = version.strip_prefix(major).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            if of != engine || !fits {
                return Err(self.misfit(
                    "option group",
                    name,
                    &format!("{of} {major}"),
                    &format!("{engine} {version}"),
                ));
            }
        }
        Ok(())
    }

    /// The family of an engine's version is what RDS says it is: `postgres16`, but `oracle-ee-19`.
    async fn check_family(&self, group: &str, family: &str, engine: &str, version: &str) -> Result<(), Fault> {
        let region = &self.account.settings.region;
        let call = self.account.clients.rds(region).describe_db_engine_versions();
        let call = call.engine(engine).engine_version(version).include_all(true);
        let answer = call.send().await.op("rds:DescribeDBEngineVersions")?;
        let Some(found) = answer.db_engine_versions().first() else {
            return Err(Fault::blocked(format!("{engine} {version} is not on offer in {region}"))
                .hint("ask the other account to upgrade the database to a version that is, or choose another Region"));
        };
        let wanted = found.db_parameter_group_family().unwrap_or_default();
        if family == wanted {
            return Ok(());
        }
        Err(self.misfit("parameter group", group, family, wanted))
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

/// RDS makes its default groups when they are first used, and knows to which version each belongs.
fn made_by_hand(group: Option<&str>) -> Option<&str> {
    group.filter(|name| !name.starts_with("default.") && !name.starts_with("default:"))
}
