//! Checks the declared databases, single ones and waves.

use std::collections::{BTreeMap, BTreeSet};

use agent_runtime::AwsResult as _;
use agent_runtime::aws::rds::database::DatabaseView;
use agent_runtime::check::Checks;
use protocol::Region;

use crate::account::Account;
use crate::discover::LeftOut;
use crate::handoff::Handoff;

/// Checks that each database exists, that `run` does not refuse it, and that RDS offers its engine version in the
/// target Region. A wave is reported in one row.
pub(super) async fn databases(checks: &Checks, account: &Account, enabled: &BTreeSet<&Region>) {
    let settings = &account.settings;
    if !settings.declares_handoffs() {
        return;
    }
    let home = &settings.region;
    let listed = account.cache.databases(home).await;
    let Some(existing) = checks.found(&format!("databases in {home}"), listed) else { return };
    let (declared, notes) = settings.declared(&existing);
    let (mut waves, mut left_out, mut versions) = (BTreeMap::new(), LeftOut::default(), BTreeSet::new());
    for (at, one) in declared.iter().enumerate() {
        let what = format!("database {}", one.database);
        let Some(database) = existing.get(&one.database) else {
            checks.failed(&what, format!("it does not exist in {home}"), "correct the name, or the Region");
            continue;
        };
        let DatabaseView { engine, engine_version, size_gib, .. } = &**database;
        match Handoff::new(settings, one, database) {
            Ok(_) if at < settings.handoffs.len() => {
                checks.passed(&what, format!("{engine} {engine_version}, {size_gib} GiB"));
            }
            Ok(_) => {
                let (count, gib) =
                    waves.entry((&one.label, &one.target.account, &one.target.region)).or_insert((0_usize, 0_u64));
                *count += 1;
                *gib += u64::from(*size_gib);
            }
            Err(ineligible) if one.by_name => {
                checks.found::<Handoff>(&what, Err(ineligible.into_fault(one)));
            }
            Err(ineligible) => {
                left_out.add(one, ineligible);
                continue;
            }
        }
        versions.insert((engine, engine_version, &one.target.region));
    }
    for ((label, to, region), (count, gib)) in waves {
        checks.passed(&format!("wave {label} to account {to} in {region}"), format!("{count} databases, {gib} GiB"));
    }
    for note in notes.into_iter().chain(left_out.notes()) {
        checks.noted("declared", note);
    }
    for (engine, version, region) in versions.into_iter().filter(|(.., region)| enabled.contains(region)) {
        check_engine_version(checks, account, engine, version, region).await;
    }
}

/// Checks that RDS offers an engine version in a Region. Called once for all databases of that version.
async fn check_engine_version(checks: &Checks, account: &Account, engine: &str, version: &str, region: &Region) {
    let what = format!("{engine} {version} in {region}");
    let call = account.clients.rds(region).describe_db_engine_versions().engine(engine);
    let answer = call.engine_version(version).include_all(true).send().await;
    let Some(answer) = checks.found(&what, answer.op("rds:DescribeDBEngineVersions")) else { return };
    if answer.db_engine_versions().is_empty() {
        checks.failed(
            &what,
            "RDS does not offer it there",
            "upgrade the database to a version that RDS offers there, or choose another Region",
        );
    } else {
        checks.passed(&what, "is offered by RDS");
    }
}
