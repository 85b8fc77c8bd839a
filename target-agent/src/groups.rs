//! The groups that a restore profile names, as RDS describes them. No other module uses the SDK's types for them.

use agent_runtime::aws::cache::Resource;
use agent_runtime::{AwsResult as _, Fault, Freshness};
use aws_sdk_rds::operation::describe_db_parameter_groups::DescribeDBParameterGroupsError;
use aws_sdk_rds::operation::describe_db_subnet_groups::DescribeDBSubnetGroupsError;
use aws_sdk_rds::operation::describe_option_groups::DescribeOptionGroupsError;

use crate::account::Account;

/// The key of the read cache for the description of a group or an engine version: kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Described(&'static str, String);

impl Resource for Described {
    type View = (String, String);
}

async fn described(
    account: &Account,
    kind: &'static str,
    name: &str,
    read: impl AsyncFnOnce() -> Result<(String, String), Fault>,
) -> Result<(String, String), Fault> {
    let (region, key) = (&account.settings.region, Described(kind, name.to_owned()));
    let view = account.cache.get(region, &key, Freshness::Progress, read).await?;
    Ok((*view).clone())
}

/// The group, unless it is a default group: RDS creates those on first use, for the right engine version.
pub(crate) fn not_default(group: Option<&str>) -> Option<&str> {
    group.filter(|name| !name.starts_with("default.") && !name.starts_with("default:"))
}

fn absent(account: &Account, kind: &str, name: &str, key: &str) -> Fault {
    Fault::blocked(format!("there is no {kind} {name} in {}", account.settings.region))
        .hint(format!("create it, or correct {key} in the restore profile"))
}

/// Checks that the subnet group exists.
pub(crate) async fn subnet_group(account: &Account, name: &str) -> Result<(), Fault> {
    described(account, "subnet group", name, async || {
        let rds = account.clients.rds(&account.settings.region);
        let answer = rds.describe_db_subnet_groups().db_subnet_group_name(name).send().await;
        let is_missing = DescribeDBSubnetGroupsError::is_db_subnet_group_not_found_fault;
        let found = answer.missing_ok("rds:DescribeDBSubnetGroups", is_missing)?;
        found.map(|_| Default::default()).ok_or_else(|| absent(account, "subnet group", name, "subnet_group"))
    })
    .await
    .map(drop)
}

/// The family of a parameter group: `postgres16`.
pub(crate) async fn parameter_group(account: &Account, name: &str) -> Result<String, Fault> {
    let (family, _) = described(account, "parameter group", name, async || {
        let rds = account.clients.rds(&account.settings.region);
        let answer = rds.describe_db_parameter_groups().db_parameter_group_name(name).send().await;
        let is_missing = DescribeDBParameterGroupsError::is_db_parameter_group_not_found_fault;
        let found = answer.missing_ok("rds:DescribeDBParameterGroups", is_missing)?;
        let found = found.as_ref().and_then(|found| found.db_parameter_groups().first());
        let found = found.ok_or_else(|| absent(account, "parameter group", name, "parameter_group"))?;
        Ok((found.db_parameter_group_family().unwrap_or_default().to_owned(), String::new()))
    })
    .await?;
    Ok(family)
}

/// The engine and the major version of an option group.
pub(crate) async fn option_group(account: &Account, name: &str) -> Result<(String, String), Fault> {
    described(account, "option group", name, async || {
        let rds = account.clients.rds(&account.settings.region);
        let answer = rds.describe_option_groups().option_group_name(name).send().await;
        let is_missing = DescribeOptionGroupsError::is_option_group_not_found_fault;
        let found = answer.missing_ok("rds:DescribeOptionGroups", is_missing)?;
        let found = found.as_ref().and_then(|found| found.option_groups_list().first());
        let found = found.ok_or_else(|| absent(account, "option group", name, "option_group"))?;
        let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
        Ok((word(found.engine_name()), word(found.major_engine_version())))
    })
    .await
}

/// The parameter group family of an engine's version. It is read from RDS, since no rule makes it: `postgres16`, but
/// `oracle-ee-19`.
pub(crate) async fn family(account: &Account, engine: &str, version: &str) -> Result<String, Fault> {
    let (family, _) = described(account, "version", &format!("{engine} {version}"), async || {
        let region = &account.settings.region;
        let call = account.clients.rds(region).describe_db_engine_versions();
        let call = call.engine(engine).engine_version(version).include_all(true);
        let answer = call.send().await.op("rds:DescribeDBEngineVersions")?;
        let found = answer.db_engine_versions().first().ok_or_else(|| {
            Fault::blocked(format!("{engine} {version} is not available in {region}"))
                .hint("ask the other account to upgrade the database to an available version, or choose another Region")
        })?;
        Ok((found.db_parameter_group_family().unwrap_or_default().to_owned(), String::new()))
    })
    .await?;
    Ok(family)
}
