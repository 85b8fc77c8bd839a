//! `check`: checks that everything that account A needs is in place. Read-only.

mod databases;

use std::collections::{BTreeMap, BTreeSet};

use agent_runtime::aws::quotas::QuotaName;
use agent_runtime::check::{self, Checks};
use agent_runtime::ui::Screen;
use agent_runtime::{Exit, Freshness};
use protocol::tags::KeyMode;
use protocol::{KeyArn, QueueArn, Region, names};

use crate::account::Account;
use crate::config::Target;
use crate::existing_keys::ExistingKeys;
use crate::key_policy::{AccessState, access_state, missing_statements, replica_policy, unexpected_principals};
use crate::keys::{Condition, key_tags};

/// Checks everything that account A can read, and names who can check the rest.
pub(crate) async fn check(account: &Account, screen: &Screen, caller: &str) -> Exit {
    let (checks, settings) = (Checks::default(), &account.settings);
    check::role(&checks, caller, &settings.role);
    let of_databases: BTreeSet<&Region> =
        settings.targets.iter().map(|target| &target.region).chain([&settings.region]).collect();
    let of_queues = settings.targets.iter().flat_map(|target| [&target.inbox.region, &target.receipts.region]);
    let regions = of_databases.iter().copied().chain(of_queues).collect();
    let enabled = check::enabled(&checks, &account.clients, &settings.account, regions).await;
    for region in of_databases.intersection(&enabled) {
        check::quotas(&checks, &account.clients, region, &[QuotaName::ManualSnapshots]).await;
    }
    let mut senders: BTreeMap<&QueueArn, BTreeSet<_>> = BTreeMap::new();
    for Target { receipts, account, role, .. } in &settings.targets {
        senders.entry(receipts).or_default().insert((account, role));
    }
    for (receipts, senders) in senders {
        check::own_queue(&checks, &account.clients, receipts, senders).await;
    }
    if let Some(requests) = &settings.requests {
        check::own_queue(&checks, &account.clients, requests, BTreeSet::new()).await;
    }
    for target in &settings.targets {
        let reachable: Vec<&Region> =
            [&settings.region, &target.region].into_iter().filter(|region| enabled.contains(region)).collect();
        match target.key_mode {
            KeyMode::Existing if reachable.len() == 2 => existing_key(&checks, account, target).await,
            KeyMode::Existing => {}
            KeyMode::Managed => {
                for region in reachable {
                    handoff_key(&checks, account, target, region).await;
                }
            }
        }
    }
    databases::databases(&checks, account, &enabled).await;
    for Target { account: other, inbox, .. } in &settings.targets {
        checks.unseen(
            &format!("queue {}", inbox.queue),
            format!("only account {other} can see it, with `target-agent check`"),
        );
    }
    for role in ["AWSServiceRoleForRDS", "AWSServiceRoleForKeyManagementServiceMultiRegionKeys"] {
        check::service_linked_role(&checks, &settings.account, role);
    }
    checks.report(screen, caller, &settings.account, &settings.region)
}

/// The handoff key is created by the first handoff. If it exists it must be ours and usable.
async fn handoff_key(checks: &Checks, account: &Account, target: &Target, region: &Region) {
    let alias = names::key_alias(&account.settings.region, &target.account);
    let what = format!("handoff key in {region}");
    let Some(found) = checks.found(&what, account.keys.describe(region, &alias).await) else { return };
    let Some(key) = found else {
        checks.passed(&what, format!("{alias} does not exist: the first handoff creates the key"));
        return;
    };
    let Some(tags) = checks.found(&what, account.keys.tags(&key.arn).await) else { return };
    let ours = key_tags(&account.settings.region, &target.account);
    if !ours.iter().all(|(name, value)| tags.get(name) == Some(value)) {
        checks.failed(
            &what,
            format!("{alias} names {}, which is not ours", key.arn),
            "set the alias to the handoff key again, or delete the alias",
        );
        return;
    }
    match &key.condition {
        Condition::Unusable(state) => {
            checks.failed(&what, format!("{} is {state}", key.arn), "enable the key, or cancel its deletion");
        }
        Condition::Usable | Condition::Creating => checks.passed(&what, format!("{} is ours", key.arn)),
    }
    let what = format!("{what}, policy");
    if *region == target.region {
        check_replica_policy(checks, &what, account, target, &key.arn).await;
    } else {
        // The agent is not allowed to read the policy of the primary, which no handoff uses.
        checks.unseen(
            &what,
            format!(
                "an administrator of account {} can see it:\n\
                 aws kms get-key-policy --region {region} \\\n    --key-id {}",
                account.settings.account, key.arn.key
            ),
        );
    }
}

/// Checks the policy of the replica: the statements for this account as the agent writes them, those for account B
/// while an offer is open, and no others.
async fn check_replica_policy(checks: &Checks, what: &str, account: &Account, target: &Target, key: &KeyArn) {
    let settings = &account.settings;
    let Some(policy) = checks.found(what, account.keys.policy(key, Freshness::Now).await) else { return };
    let missing = missing_statements(&policy, &replica_policy(&settings.account, &settings.role, &target.region));
    if missing.is_empty() {
        checks.passed(what, format!("allows {} to use the key, through RDS only", settings.role));
    }
    for statement in missing {
        let sid = statement["Sid"].as_str().unwrap_or_default();
        checks.failed(
            what,
            format!("its statement {sid} is missing, or not as the agent writes it"),
            format!("add it to the policy, in place of any other {sid}:\n{statement:#}"),
        );
    }
    let Target { account: other, role, .. } = target;
    match access_state(&policy, key, other, role) {
        AccessState::None => {
            checks.passed(what, format!("does not allow account {other} now: only while an offer is open"));
        }
        AccessState::Until(until) => checks.passed(what, format!("allows {role} of account {other} until {until}")),
        AccessState::Unexpected => checks.failed(
            what,
            format!("allows account {other}, but not as the agent writes it"),
            "remove RdsHandoffTargetCopies and RdsHandoffTargetGrants from it: `source-agent run` adds them again \
             while an offer is open",
        ),
    }
    for (sid, principal) in unexpected_principals(&policy, &settings.account) {
        checks.failed(
            what,
            format!("its statement {sid} allows {principal}"),
            "remove it: only one account may use this key, and only while an offer is open",
        );
    }
}

/// Checks that the existing key is in both Regions and as agreed.
async fn existing_key(checks: &Checks, account: &Account, target: &Target) {
    let existing = ExistingKeys { account, to: &target.account, region: &target.region, role: &target.role };
    let alias = existing.alias();
    let what = format!("existing key in {}", account.settings.region);
    if checks.found(&what, existing.primary().await).is_some() {
        checks.passed(&what, format!("{alias} names the primary"));
    }
    let what = format!("existing key in {}", target.region);
    if checks.found(&what, existing.replica().await).is_some() {
        let (role, to) = (&target.role, &target.account);
        checks.passed(&what, format!("{alias} names its replica, which {role} of account {to} may use through RDS"));
    }
}
