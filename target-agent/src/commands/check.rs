//! `check`: whether everything that account B needs for a handoff is in place. Read-only.

use std::collections::BTreeSet;

use agent_runtime::Exit;
use agent_runtime::aws::quotas::QuotaName;
use agent_runtime::check::{self, Checks};
use agent_runtime::ui::Screen;
use protocol::verify::Sender;
use protocol::{KeyArn, tags};

use crate::account::Account;
use crate::config::Settings;
use crate::groups;
use crate::own_key;

/// Checks everything that can be read from account B, and reports who can read the rest.
pub(crate) async fn check(account: &Account, screen: &Screen, caller: &str) -> Exit {
    let (checks, settings) = (Checks::default(), &account.settings);
    check::role(&checks, caller, &settings.role);
    let of_receipts = settings.receiver.senders.values().map(|sender| &sender.receipts.region);
    let regions = of_receipts.chain([&settings.region, &settings.inbox.region]).collect();
    check::enabled(&checks, &account.clients, &settings.account, regions).await;
    own_key(&checks, account).await;
    let senders = settings.receiver.senders.iter().map(|(account, Sender { role, .. })| (account, role)).collect();
    check::own_queue(&checks, &account.clients, &settings.inbox, senders).await;
    check::quotas(&checks, &account.clients, &settings.region, &QuotaName::ALL).await;
    profiles(&checks, account).await;
    unseen(&checks, account);
    for (sender, Sender { receipts, .. }) in &settings.receiver.senders {
        let who = format!("only account {sender} can see it: `source-agent check` does");
        checks.unseen(&format!("queue {}", receipts.queue), who);
    }
    check::service_linked_role(&checks, &settings.account, "AWSServiceRoleForRDS");
    checks.report(screen, caller, &settings.account, &settings.region)
}

/// Checks the key that databases are encrypted under.
async fn own_key(checks: &Checks, account: &Account) {
    let key = &account.settings.key;
    let KeyArn { region, key: id, account: home } = key;
    if checks.found("own key", own_key::usable(account).await).is_some() {
        checks.passed("own key", format!("{key} is enabled, symmetric, and customer managed"));
    }
    checks.unseen(
        "own key, tag",
        format!(
            "the agent's policies identify the key by its tag {} = {}; an administrator of account {home} can see it:\n\
             aws kms list-resource-tags --region {region} \\\n    --key-id {id}",
            tags::ROLE,
            tags::ROLE_OWN_KEY
        ),
    );
}

/// Checks every group that a profile names.
async fn profiles(checks: &Checks, account: &Account) {
    let (mut subnets, mut parameters, mut options) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for profile in account.settings.profiles.all() {
        subnets.insert(profile.subnet_group());
        parameters.extend(groups::not_default(profile.parameter_group.as_deref()));
        options.extend(groups::not_default(profile.option_group.as_deref()));
    }
    for name in subnets {
        let what = format!("subnet group {name}");
        if checks.found(&what, groups::subnet_group(account, name).await).is_some() {
            checks.passed(&what, "exists");
        }
    }
    for name in parameters {
        let what = format!("parameter group {name}");
        if let Some(family) = checks.found(&what, groups::parameter_group(account, name).await) {
            checks.passed(&what, format!("for {family}; each handoff checks that its database fits"));
        }
    }
    for name in options {
        let what = format!("option group {name}");
        if let Some((engine, major)) = checks.found(&what, groups::option_group(account, name).await) {
            checks.passed(&what, format!("for {engine} {major}; each handoff checks that its database fits"));
        }
    }
}

/// Reports what profiles name and the agent's role may not read: each once, with the command that shows it.
fn unseen(checks: &Checks, account: &Account) {
    let Settings { account: home, region, profiles, .. } = &account.settings;
    let mut unseen = BTreeSet::new();
    for profile in profiles.all() {
        for group in profile.security_groups() {
            let command = format!("ec2 describe-security-groups --region {region} --group-ids {group}");
            unseen.insert((
                format!("security group {group}"),
                ", and whether it is in the subnet group's VPC",
                command,
            ));
        }
        if let Some(ca) = &profile.ca {
            let command = format!("rds describe-certificates --region {region} --certificate-identifier {ca}");
            unseen.insert((format!("certificate authority {ca}"), "", command));
        }
        if let Some(role) = &profile.monitoring_role {
            let name = role.as_str().rsplit('/').next().unwrap_or_default();
            let command = format!("iam get-role --role-name {name}");
            unseen.insert((
                format!("monitoring role {name}"),
                ", and whether it trusts monitoring.rds.amazonaws.com",
                command,
            ));
        }
    }
    for (what, more, command) in unseen {
        checks.unseen(&what, format!("an administrator of account {home} can see it{more}:\naws {command}"));
    }
}
