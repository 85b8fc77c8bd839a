//! The configuration: the file as it is written, and the settings that it means.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

use agent_runtime::pace::Pace;
use agent_runtime::settings::SettingsError;
use protocol::ids::RoleName;
use protocol::verify::{Receiver, Sender};
use protocol::{AccountId, KeyArn, QueueArn, Region, names};
use serde::Deserialize;

use crate::profile::{Profile, Profiles, Rule};

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// This account.
    account: AccountId,
    /// The Region in which databases are taken over.
    region: Region,
    /// The role that this agent runs as.
    role: Option<RoleName>,
    /// This account's own key.
    key: KeyArn,
    /// The queue that other accounts send to.
    inbox: Option<QueueArn>,
    /// Whom to trust.
    from: Vec<FileSender>,
    /// How to restore.
    restore: Profile,
    /// How to restore some databases otherwise.
    #[serde(default)]
    rule: Vec<Rule>,
    /// How much is taken on at once.
    #[serde(default)]
    limits: Limits,
    /// When to look again.
    #[serde(default)]
    look_again: Pace,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Copies in flight in this Region of this account, whoever began them (RDS User Guide, Copying a DB snapshot: 20).
    pub(crate) copies_in_flight: NonZeroU16,
    /// Databases that are being created, by whomever. AWS has no such limit; networks and people may.
    pub(crate) restores_in_flight: NonZeroU16,
    /// Accepted within 24 hours. Left out: as many as come.
    pub(crate) per_day_count: Option<NonZeroU16>,
    /// Their sizes together.
    pub(crate) per_day_gib: Option<NonZeroU32>,
}

impl Default for Limits {
    fn default() -> Self {
        let twenty = NonZeroU16::new(20).unwrap_or(NonZeroU16::MIN);
        Self { copies_in_flight: twenty, restores_in_flight: twenty, per_day_count: None, per_day_gib: None }
    }
}

/// `[[from]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSender {
    account: AccountId,
    receipts: QueueArn,
    role: Option<RoleName>,
}

/// What the file means.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) role: RoleName,
    pub(crate) key: KeyArn,
    pub(crate) inbox: QueueArn,
    pub(crate) receiver: Receiver,
    pub(crate) profiles: Profiles,
    pub(crate) limits: Limits,
    pub(crate) pace: Pace,
}

impl Settings {
    /// Checks what no type can: how the values go together.
    pub(crate) fn of(file: File) -> Result<Self, SettingsError> {
        let wrong = |what: String| Err(SettingsError::Contradictory(what));
        let File { account, region, role, key, inbox, from, restore, rule, limits, look_again } = file;
        if let Some(complaint) = look_again.complaint() {
            return wrong(complaint.to_owned());
        }
        if key.account != account || key.region != region {
            return wrong(format!(
                "key {key} is not a key of account {account} in {region}: databases rest under your own key"
            ));
        }
        let inbox = inbox.unwrap_or_else(|| names::inbox(&account, &region));
        if inbox.account != account {
            return wrong(format!("inbox {inbox} is not a queue of this account"));
        }
        let mut senders = BTreeMap::new();
        for FileSender { account: sender, receipts, role } in from {
            if sender == account {
                return wrong(format!("[[from]] {sender} is this account itself: a handoff is between two accounts"));
            }
            if receipts.account != sender {
                return wrong(format!("receipts queue {receipts} is not a queue of account {sender}"));
            }
            let role = role.unwrap_or_else(names::source_role);
            if senders.insert(sender.clone(), Sender { receipts, role }).is_some() {
                return wrong(format!("[[from]] {sender} stands twice"));
            }
        }
        let roles = std::iter::once(&restore).chain(rule.iter().map(|rule| &rule.restore));
        for role in roles.filter_map(|profile| profile.monitoring_role.as_ref()) {
            if !role.as_str().starts_with(&format!("arn:aws:iam::{account}:")) {
                return wrong(format!("monitoring_role {role} is not a role of this account"));
            }
        }
        let profiles = Profiles::of(restore, rule).map_err(SettingsError::Contradictory)?;
        let receiver = Receiver { account: account.clone(), region: region.clone(), senders };
        let role = role.unwrap_or_else(names::target_role);
        Ok(Self { account, region, role, key, inbox, receiver, profiles, limits, pace: look_again })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Choice, MasterPassword};

    const FILE: &str = r#"
account = "222222222222"
region = "us-west-2"
key = "arn:aws:kms:us-west-2:222222222222:key/own"
[[from]]
account = "111111111111"
receipts = "arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-receipts-222222222222"
[restore]
subnet_group = "private"
extended_support = false
security_groups = ["sg-1"]
"#;

    fn settings(text: &str) -> Result<Settings, String> {
        let file = agent_runtime::settings::parse(text, "target.toml").map_err(|error| error.to_string())?;
        Settings::of(file).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults_are_safe() {
        let settings = settings(FILE).unwrap();
        assert_eq!(settings.inbox.to_string(), "arn:aws:sqs:us-west-2:222222222222:rds-handoff-inbox");
        let profile = settings.profiles.for_database(&"orders".parse().unwrap());
        assert!(profile.deletion_protection() && !profile.publicly_accessible() && !profile.carries("team"));
        assert_eq!(profile.master_password(), MasterPassword::Managed);
    }

    #[test]
    fn the_first_rule_that_fits_is_laid_over_the_profile() {
        let rules = "[[rule]]\ndatabases = [\"orders-*\", \"billing\"]\n[rule.restore]\nport = 6000\nmulti_az = \"as-at-source\"\n\
                     [[rule]]\ndatabases = [\"*\"]\n[rule.restore]\nport = 7000\ncarry_tags = [\"team\"]\n";
        let settings = settings(&format!("{FILE}{rules}")).unwrap();
        let port = |name: &str| settings.profiles.for_database(&name.parse().unwrap()).port;
        assert_eq!(port("orders-eu"), Some(Choice::Own(6000)));
        assert_eq!(port("billing"), Some(Choice::Own(6000)));
        assert_eq!(port("orders"), Some(Choice::Own(7000)));
        let first = settings.profiles.for_database(&"billing".parse().unwrap());
        let hints = "class=db.m6g.large multi-az=true port=5432 storage=gp3".parse().unwrap();
        assert!(first.multi_az(&hints) && !first.carries("team"), "one rule alone decides");
        assert_eq!(first.subnet_group(), "private");
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_its_mend() {
        for (from, to, expected) in [
            ("222222222222:key", "111111111111:key", "your own key"),
            ("kms:us-west-2", "kms:us-west-1", "your own key"),
            ("account = \"111111111111\"", "account = \"222222222222\"", "this account itself"),
            ("ap-northeast-1:111111111111", "ap-northeast-1:333333333333", "not a queue of account 111111111111"),
            ("subnet_group = \"private\"", "", "no safe default"),
            ("[\"sg-1\"]", "[]", "no safe default"),
            ("[restore]", "[restore]\nidentifer = \"x\"", "did you mean `identifier`"),
            ("[restore]", "[restore]\nidentifier = \"{label}--x\"", "names that RDS refuses"),
            ("[\"sg-1\"]", "[\"sg-1\"]\n[restore.tags]\n\"aws:x\" = \"y\"", "reserved prefix"),
            ("extended_support = false", "", "costs by the hour"),
            ("[restore]", "[restore]\nclass = \"as-in-source\"", "or \"as-at-source\""),
            ("[restore]", "[restore]\nbackup_window = \"3-4\"", "no backup window"),
            (
                "[restore]",
                "[restore]\nbackup_window = \"04:00-05:00\"\nmaintenance_window = \"sun:04:30-sun:05:30\"",
                "overlap",
            ),
            ("[restore]", "[restore]\nmonitoring_seconds = 60", "needs monitoring_role"),
            (
                "[restore]",
                "[restore]\nmonitoring_role = \"arn:aws:iam::222222222222:role/m\"",
                "needs monitoring_seconds",
            ),
            ("[restore]", "[restore]\nmonitoring_seconds = 7", "0, 1, 5"),
            ("[restore]", "[restore]\nperformance_insights_days = 8", "7, 731"),
            ("[restore]", "[restore]\nstorage_type = \"gp4\"", "gp2, gp3, io1"),
            ("[restore]", "[restore]\nstorage_type = \"gp2\"\niops = 3000", "neither"),
            ("[restore]", "[restore]\nstorage_type = \"io1\"\nthroughput = 300", "gp3 only"),
            ("[restore]", "[restore]\niops = 0", "above 0"),
            ("[restore]", "[[rule]]\ndatabases = []\n[rule.restore]\n[restore]", "fits none"),
            ("[\"sg-1\"]", "[\"sg-1\"]\n[restore.tags]\n\"RDS:x\" = \"y\"", "reserved prefix"),
            (
                "[restore]",
                "[restore]\nmonitoring_seconds = 60\nmonitoring_role = \"arn:aws:iam::333333333333:role/m\"",
                "not a role of this account",
            ),
            ("[restore]", "[restore]\nport = 80", "1150"),
            ("[restore]", "[restore]\nsize_gib = 200\nautoscale_to_gib = 200", "above size_gib"),
            ("[restore]", "[restore]\nmaster_password = \"secret\"", "unknown variant `secret`"),
            (
                "[restore]",
                "[[rule]]\ndatabases = [\"*\"]\n[rule.restore]\nport = 80\n[restore]",
                "[[rule]] for *, with",
            ),
            ("[restore]", "[[rule]]\ndatabases = [\"*\"]\n[rule.restore]\nprot = 80\n[restore]", "did you mean `port`"),
            ("us-west-2\"\nkey", "us-gov-west-1\"\nkey", "target.toml:3"),
        ] {
            let error = settings(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
