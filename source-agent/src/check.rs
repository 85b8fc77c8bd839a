//! `check`: what account A needs, and whether it is there. Reads only.

use agent_runtime::check::{self, Checks};
use agent_runtime::events::Screen;
use agent_runtime::{AwsResult as _, Exit};
use protocol::names;
use protocol::tags::KeyMode;

use crate::account::Account;
use crate::config::{Declared, Target};
use crate::given::Given;
use crate::keys::{Condition, key_tags};

/// Looks at everything that can be seen from account A, and names who can see the rest.
pub(crate) async fn check(account: &Account, screen: &Screen, caller: &str) -> Exit {
    let (checks, settings) = (Checks::default(), &account.settings);
    check::role(&checks, caller, &settings.role);
    check::quotas(&checks, &account.clients, &settings.region, &["ManualSnapshots"]).await;
    for target in &settings.targets {
        if !settings.targets.iter().take_while(|other| *other != target).any(|other| other.region == target.region) {
            check::quotas(&checks, &account.clients, &target.region, &["ManualSnapshots"]).await;
        }
        check::own_queue(&checks, &account.clients, &target.receipts, &target.account, &target.role).await;
        match target.key_mode {
            KeyMode::Managed => handoff_key(&checks, account, target).await,
            KeyMode::Given => given_key(&checks, account, target).await,
        }
    }
    for declared in &settings.declared {
        database(&checks, account, declared).await;
    }
    for Target { account: other, inbox, .. } in &settings.targets {
        checks.unseen(
            &format!("queue {}", inbox.queue),
            format!("only account {other} can see it: `target-agent check` does"),
        );
    }
    let roles = "an administrator can see them: aws iam get-role --role-name AWSServiceRoleForRDS, and \
                 AWSServiceRoleForKeyManagementServiceMultiRegionKeys";
    checks.unseen("service-linked roles", roles);
    checks.report(screen, caller, &settings.account, &settings.region)
}

/// The handoff key is made by the first handoff; if it is there, it must be ours and usable.
async fn handoff_key(checks: &Checks, account: &Account, target: &Target) {
    let alias = names::key_alias(&account.settings.region, &target.account);
    for region in [&account.settings.region, &target.region] {
        let what = format!("handoff key in {region}");
        let Some(found) = checks.found(&what, account.keys.describe(region, &alias).await) else { continue };
        let Some(key) = found else {
            checks.passed(&what, format!("{alias} is free: the first handoff makes the key"));
            continue;
        };
        let Some(tags) = checks.found(&what, account.keys.tags(&key.arn).await) else { continue };
        let ours = key_tags(&account.settings.region, &target.account);
        match &key.condition {
            _ if !ours.iter().all(|(name, value)| tags.get(name) == Some(value)) => checks.failed(
                &what,
                format!("{alias} names {}, which is not ours", key.arn),
                "let the alias name the handoff key again, or remove the alias",
            ),
            Condition::Unusable(state) => {
                checks.failed(&what, format!("{} is {state}", key.arn), "enable the key, or cancel its deletion");
            }
            Condition::Usable | Condition::Creating => checks.passed(&what, format!("{} is ours", key.arn)),
        }
    }
}

/// The given key is there, in both Regions, and as agreed.
async fn given_key(checks: &Checks, account: &Account, target: &Target) {
    let given = Given { account, to: &target.account, region: &target.region, role: &target.role };
    let alias = given.alias();
    let what = format!("given key in {}", account.settings.region);
    if checks.found(&what, given.primary().await).is_some() {
        checks.passed(&what, format!("{alias} names the primary"));
    }
    let what = format!("given key in {}", target.region);
    if checks.found(&what, given.replica().await).is_some() {
        let (role, to) = (&target.role, &target.account);
        checks.passed(&what, format!("{alias} names its replica, which {role} of account {to} may use through RDS"));
    }
}

/// The database is there, and its version is on offer where it goes.
async fn database(checks: &Checks, account: &Account, declared: &Declared) {
    let what = format!("database {}", declared.database);
    let region = &account.settings.region;
    let Some(databases) = checks.found(&what, account.inventory.databases(region).await) else { return };
    let Some(database) = databases.get(&declared.database) else {
        checks.failed(&what, format!("there is none in {region}"), "correct the name, or the Region");
        return;
    };
    checks.passed(&what, format!("{} {}, {} GiB", database.engine, database.engine_version, database.size_gib));
    let there = &declared.target.region;
    let what = format!("{} {} in {there}", database.engine, database.engine_version);
    let call = account.clients.rds(there).describe_db_engine_versions().engine(&database.engine);
    let answer = call.engine_version(&database.engine_version).include_all(true).send().await;
    let Some(answer) = checks.found(&what, answer.op("rds:DescribeDBEngineVersions")) else { return };
    if answer.db_engine_versions().is_empty() {
        checks.failed(
            &what,
            "it is not on offer there",
            "upgrade the database to a version that is, or choose another Region",
        );
    } else {
        checks.passed(&what, "is on offer");
    }
}
