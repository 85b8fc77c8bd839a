//! `check`: what account B needs, and whether it is there. Reads only.

use std::collections::BTreeSet;

use agent_runtime::check::{self, Checks};
use agent_runtime::events::Screen;
use agent_runtime::{AwsResult as _, Exit};
use aws_sdk_kms::types::KeyState;
use protocol::names;

use crate::account::Account;
use crate::groups;

/// Looks at everything that can be seen from account B, and names who can see the rest.
pub(crate) async fn check(account: &Account, screen: &Screen, caller: &str) -> Exit {
    let (checks, settings) = (Checks::default(), &account.settings);
    check::role(&checks, caller, &names::target_role());
    own_key(&checks, account).await;
    for sender in settings.receiver.senders.keys() {
        check::own_queue(&checks, &account.clients, &settings.inbox, sender, &names::source_role()).await;
    }
    check::quotas(&checks, &account.clients, &settings.region, &["ManualSnapshots", "DBInstances", "AllocatedStorage"])
        .await;
    profiles(&checks, account).await;
    for (sender, receipts) in &settings.receiver.senders {
        let who = format!("only account {sender} can see it: `source-agent check` does");
        checks.unseen(&format!("queue {}", receipts.queue), who);
    }
    checks.unseen(
        "service-linked role",
        "an administrator can see it: aws iam get-role --role-name AWSServiceRoleForRDS",
    );
    checks.report(screen, caller, &settings.account, &settings.region)
}

async fn own_key(checks: &Checks, account: &Account) {
    let key = &account.settings.key;
    let answer = account.clients.kms(&key.region).describe_key().key_id(key.to_string()).send().await;
    let Some(answer) = checks.found("own key", answer.op("kms:DescribeKey")) else { return };
    let Some(metadata) = answer.key_metadata() else { return };
    match metadata.key_state() {
        Some(KeyState::Enabled | KeyState::Updating) => checks.passed("own key", format!("{key} is enabled")),
        state => checks.failed(
            "own key",
            format!("{key} is {}", state.map_or("in no state", KeyState::as_str)),
            "enable it, or name another key: databases rest under it",
        ),
    }
}

/// Every group that some profile names.
async fn profiles(checks: &Checks, account: &Account) {
    let (mut subnets, mut parameters, mut options) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for profile in account.settings.profiles.all() {
        subnets.insert(profile.subnet_group());
        parameters.extend(groups::made_by_hand(profile.parameter_group.as_deref()));
        options.extend(groups::made_by_hand(profile.option_group.as_deref()));
    }
    for name in subnets {
        let what = format!("subnet group {name}");
        if checks.found(&what, groups::subnet_group(account, name).await).is_some() {
            checks.passed(&what, "is there");
        }
    }
    for name in parameters {
        let what = format!("parameter group {name}");
        if let Some(family) = checks.found(&what, groups::parameter_group(account, name).await) {
            checks.passed(&what, format!("for {family}; each handoff checks that its database is"));
        }
    }
    for name in options {
        let what = format!("option group {name}");
        if let Some((engine, major)) = checks.found(&what, groups::option_group(account, name).await) {
            checks.passed(&what, format!("for {engine} {major}; each handoff checks that its database is"));
        }
    }
}
