//! The configuration: the file as it is written, and the settings read from it.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

use agent_runtime::config::InvalidSetting;
use agent_runtime::poll::schedule::PollSchedule;
use protocol::ids::RoleName;
use protocol::verify::{Receiver, Sender};
use protocol::{AccountId, KeyArn, QueueArn, Region, names};
use serde::Deserialize;

use crate::profile::{Profile, Profiles, Rule};

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// This account.
    account: AccountId,
    /// The Region in which databases are restored.
    region: Region,
    /// The role that this agent runs as.
    role: Option<RoleName>,
    /// This account's own key.
    key: KeyArn,
    /// The queue that other accounts send to.
    inbox: Option<QueueArn>,
    /// The accounts whose handoffs are accepted.
    from: Vec<FileSender>,
    /// The restore profile.
    restore: Profile,
    /// Changes to the restore profile for some databases.
    #[serde(default)]
    rule: Vec<Rule>,
    /// Limits on concurrent work and on each day.
    #[serde(default)]
    limits: Limits,
    /// The poll schedule.
    #[serde(default)]
    polling: PollSchedule,
}

/// `[limits]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Most copies in flight in this Region of this account, by any caller (RDS User Guide, Copying a DB snapshot:
    /// 20).
    pub(crate) copies_in_flight: NonZeroU16,
    /// Most databases being created at once, by any caller. AWS has no such limit; an organization may need one.
    pub(crate) restores_in_flight: NonZeroU16,
    /// Most databases accepted within 24 hours. Default: unlimited.
    pub(crate) per_day_count: Option<NonZeroU16>,
    /// Most GiB accepted within 24 hours. Default: unlimited.
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

/// The settings of this account, checked.
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
    pub(crate) polling: PollSchedule,
}

impl Settings {
    /// Checks that the values are consistent with each other.
    pub(crate) fn of(file: File) -> Result<Self, InvalidSetting> {
        let wrong = |key, what: String| Err(InvalidSetting::of(key, what));
        let File { account, region, role, key, inbox, from, restore, rule, limits, polling } = file;
        if let Some(problem) = polling.problem() {
            return Err(InvalidSetting::of("polling", problem));
        }
        if key.account != account || key.region != region {
            return wrong(
                "key",
                format!(
                    "key {key} is not a key of account {account} in {region}: databases are encrypted under \
                     your own key"
                ),
            );
        }
        let inbox = inbox.unwrap_or_else(|| names::inbox(&account, &region));
        if inbox.account != account {
            return wrong(
                "inbox",
                format!("inbox {inbox} is not a queue of this account: name one of account {account}"),
            );
        }
        let mut senders = BTreeMap::new();
        for (nth, FileSender { account: sender, receipts, role }) in from.into_iter().enumerate() {
            let wrong = |key, what: String| Err(InvalidSetting::of(key, what).in_nth("from", nth));
            if sender == account {
                return wrong(
                    "account",
                    format!("[[from]] {sender} is this account itself: a handoff is between two accounts"),
                );
            }
            if receipts.account != sender {
                return wrong(
                    "receipts",
                    format!("receipts queue {receipts} is not a queue of account {sender}: that account creates it"),
                );
            }
            let role = role.unwrap_or_else(names::source_role);
            if senders.insert(sender.clone(), Sender { receipts, role }).is_some() {
                return wrong("account", format!("[[from]] {sender} appears twice: remove one"));
            }
        }
        restore.of_account(&account).map_err(|wrong_setting| wrong_setting.within("restore"))?;
        for (nth, rule) in rule.iter().enumerate() {
            rule.restore
                .of_account(&account)
                .map_err(|wrong_setting| wrong_setting.within("restore").in_nth("rule", nth))?;
        }
        let profiles = Profiles::of(restore, rule)?;
        let receiver = Receiver { account: account.clone(), region: region.clone(), senders };
        let role = role.unwrap_or_else(names::target_role);
        Ok(Self { account, region, role, key, inbox, receiver, profiles, limits, polling })
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
        agent_runtime::config::read(text, "target.toml", Settings::of).map_err(|error| error.to_string())
    }

    #[test]
    fn configuration_without_options_has_safe_defaults() {
        let settings = settings(FILE).unwrap();
        assert_eq!(settings.inbox.to_string(), "arn:aws:sqs:us-west-2:222222222222:rds-handoff-inbox");
        let profile = settings.profiles.for_database(&"orders".parse().unwrap());
        assert!(profile.deletion_protection() && !profile.publicly_accessible() && !profile.carries("team"));
        assert_eq!(profile.master_password(), MasterPassword::Managed);
    }

    #[test]
    fn profile_merges_only_first_rule_that_fits() {
        let rules = "[[rule]]\ndatabases = [\"orders-*\", \"billing\"]\n[rule.restore]\nport = 6000\nmulti_az = \"as-at-source\"\n\
                     [[rule]]\ndatabases = [\"*\"]\n[rule.restore]\nport = 7000\ncarry_tags = [\"team\"]\n";
        let settings = settings(&format!("{FILE}{rules}")).unwrap();
        let port = |name: &str| settings.profiles.for_database(&name.parse().unwrap()).port;
        assert_eq!(port("orders-eu"), Some(Choice::Own(6000)));
        assert_eq!(port("billing"), Some(Choice::Own(6000)));
        assert_eq!(port("orders"), Some(Choice::Own(7000)));
        let first = settings.profiles.for_database(&"billing".parse().unwrap());
        let hints = "class=db.m6g.large multi-az=true port=5432 storage=gp3".parse().unwrap();
        assert!(first.multi_az(&hints) && !first.carries("team"), "only one rule applies");
        assert_eq!(first.subnet_group(), "private");
    }

    #[test]
    fn inconsistent_configuration_is_refused_with_line_and_fix() {
        for (from, to, line, expected) in [
            ("222222222222:key", "111111111111:key", 4, "your own key"),
            ("kms:us-west-2", "kms:us-west-1", 4, "your own key"),
            ("account = \"111111111111\"", "account = \"222222222222\"", 6, "this account itself"),
            ("ap-northeast-1:111111111111", "ap-northeast-1:333333333333", 7, "not a queue of account 111111111111"),
            ("subnet_group = \"private\"", "", 8, "no safe default"),
            ("[\"sg-1\"]", "[]", 11, "no safe default"),
            ("[restore]", "[restore]\nidentifer = \"x\"", 9, "did you mean `identifier`"),
            ("[restore]", "[restore]\nidentifier = \"{label}--x\"", 9, "names that RDS refuses"),
            ("[\"sg-1\"]", "[\"sg-1\"]\n[restore.tags]\n\"aws:x\" = \"y\"", 12, "reserved prefix"),
            ("extended_support = false", "", 8, "costs by the hour"),
            ("[restore]", "[restore]\nclass = \"as-in-source\"", 9, "or \"as-at-source\""),
            ("[restore]", "[restore]\nbackup_window = \"3-4\"", 9, "not a backup window"),
            (
                "[restore]",
                "[restore]\nbackup_window = \"04:00-05:00\"\nmaintenance_window = \"sun:04:30-sun:05:30\"",
                10,
                "overlap",
            ),
            ("[restore]", "[restore]\nmonitoring_seconds = 60", 9, "needs monitoring_role"),
            (
                "[restore]",
                "[restore]\nmonitoring_role = \"arn:aws:iam::222222222222:role/m\"",
                9,
                "needs monitoring_seconds",
            ),
            ("[restore]", "[restore]\nmonitoring_seconds = 7", 9, "0, 1, 5"),
            ("[restore]", "[restore]\nperformance_insights_days = 8", 9, "7, 731"),
            ("[restore]", "[restore]\nstorage_type = \"gp4\"", 9, "gp2, gp3, io1"),
            ("[restore]", "[restore]\nstorage_type = \"gp2\"\niops = 3000", 9, "neither"),
            ("[restore]", "[restore]\nstorage_type = \"io1\"\nthroughput = 300", 10, "gp3 only"),
            ("[restore]", "[restore]\niops = 0", 9, "above 0"),
            ("[restore]", "[[rule]]\ndatabases = []\n[rule.restore]\n[restore]", 9, "fits no database"),
            ("[\"sg-1\"]", "[\"sg-1\"]\n[restore.tags]\n\"RDS:x\" = \"y\"", 12, "reserved prefix"),
            (
                "[restore]",
                "[restore]\nmonitoring_seconds = 60\nmonitoring_role = \"arn:aws:iam::333333333333:role/m\"",
                10,
                "not a role of this account",
            ),
            ("[restore]", "[restore]\nport = 80", 9, "1150"),
            ("[restore]", "[restore]\nsize_gib = 200\nautoscale_to_gib = 200", 10, "above size_gib"),
            ("[restore]", "[restore]\nmaster_password = \"secret\"", 9, "unknown variant `secret`"),
            (
                "[restore]",
                "[[rule]]\ndatabases = [\"*\"]\n[rule.restore]\nport = 80\n[restore]",
                11,
                "[[rule]] for *, merged",
            ),
            (
                "[restore]",
                "[[rule]]\ndatabases = [\"*\"]\n[rule.restore]\nprot = 80\n[restore]",
                11,
                "did you mean `port`",
            ),
            ("us-west-2\"\nkey", "us-gov-west-1\"\nkey", 3, "aws partition"),
        ] {
            let error = settings(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.starts_with(&format!("target.toml:{line}: ")) && error.contains(expected), "{line}: {error}");
        }
    }
}
