//! The configuration: the file as it is written, and the settings that it means.

use std::collections::BTreeMap;

use agent_runtime::pace::Pace;
use agent_runtime::settings::SettingsError;
use protocol::tags::{InstanceClass, Tags, is_value};
use protocol::trust::Receiver;
use protocol::{AccountId, KeyArn, QueueArn, Region, names};
use serde::Deserialize;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// This account.
    account: AccountId,
    /// The Region in which databases are taken over.
    region: Region,
    /// This account's own key.
    key: KeyArn,
    /// The queue that other accounts send to.
    inbox: Option<QueueArn>,
    /// Whom to trust.
    from: Vec<FileSender>,
    /// How to restore.
    restore: RestoreProfile,
    /// When to look again.
    #[serde(default)]
    look_again: Pace,
}

/// `[[from]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSender {
    account: AccountId,
    receipts: QueueArn,
}

/// `[restore]`: what happens to a database is this account's decision, never the message's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoreProfile {
    /// `{database}` and `{label}` stand for the source's.
    #[serde(default = "RestoreProfile::identifier")]
    pub(crate) identifier: String,
    /// Left out: as at the source.
    pub(crate) class: Option<InstanceClass>,
    /// No default: the default VPC is a trap.
    pub(crate) subnet_group: String,
    /// No default either.
    pub(crate) security_groups: Vec<String>,
    #[serde(default)]
    pub(crate) multi_az: bool,
    #[serde(default = "RestoreProfile::deletion_protection")]
    pub(crate) deletion_protection: bool,
    #[serde(default)]
    pub(crate) publicly_accessible: bool,
    /// Left out: as at the source.
    pub(crate) backup_retention_days: Option<u8>,
    /// Of the restored database, beside our own.
    #[serde(default)]
    pub(crate) tags: Tags,
}

impl RestoreProfile {
    fn identifier() -> String {
        "{database}-{label}".to_owned()
    }

    fn deletion_protection() -> bool {
        true
    }
}

/// What the file means.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) key: KeyArn,
    pub(crate) inbox: QueueArn,
    pub(crate) receiver: Receiver,
    pub(crate) restore: RestoreProfile,
    pub(crate) pace: Pace,
}

impl Settings {
    /// Checks what no type can: how the values go together.
    pub(crate) fn of(file: File) -> Result<Self, SettingsError> {
        let wrong = |what: String| Err(SettingsError::Contradictory(what));
        let File { account, region, key, inbox, from, restore, look_again } = file;
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
        for FileSender { account: sender, receipts } in from {
            if sender == account {
                return wrong(format!("[[from]] {sender} is this account itself: a handoff is between two accounts"));
            }
            if receipts.account != sender {
                return wrong(format!("receipts queue {receipts} is not a queue of account {sender}"));
            }
            if senders.insert(sender.clone(), receipts).is_some() {
                return wrong(format!("[[from]] {sender} stands twice"));
            }
        }
        if restore.security_groups.is_empty() || restore.subnet_group.is_empty() {
            return wrong(
                "[restore] needs subnet_group and at least one of security_groups: there is no safe default".to_owned(),
            );
        }
        if restore.backup_retention_days.is_some_and(|days| days > 35) {
            return wrong("[restore] backup_retention_days is at most 35".to_owned());
        }
        let (database, label) = ("orders".parse(), "cutover-1".parse());
        if let (Ok(database), Ok(label)) = (database, label)
            && let Err(error) = names::restored(&restore.identifier, &database, &label)
        {
            return wrong(format!(
                "[restore] identifier {:?} makes names that RDS refuses: {error}",
                restore.identifier
            ));
        }
        for (name, value) in &restore.tags {
            if name.is_empty() || name.len() > 128 || !is_value(name) || !is_value(value) {
                return wrong(format!(
                    "[restore.tags] {name} is outside what RDS takes: letters, digits, spaces and _.:/=+-@"
                ));
            }
            if name.starts_with("aws:") || name.starts_with("rds-handoff:") {
                return wrong(format!("[restore.tags] {name} has a reserved prefix"));
            }
        }
        let receiver = Receiver { account: account.clone(), region: region.clone(), senders };
        Ok(Self { account, region, key, inbox, receiver, restore, pace: look_again })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
account = "222222222222"
region = "us-west-2"
key = "arn:aws:kms:us-west-2:222222222222:key/own"
[[from]]
account = "111111111111"
receipts = "arn:aws:sqs:ap-northeast-1:111111111111:rds-handoff-receipts-222222222222"
[restore]
subnet_group = "private"
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
        assert!(
            settings.restore.deletion_protection && !settings.restore.publicly_accessible && !settings.restore.multi_az
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_its_mend() {
        for (from, to, expected) in [
            ("222222222222:key", "111111111111:key", "your own key"),
            ("kms:us-west-2", "kms:us-west-1", "your own key"),
            ("account = \"111111111111\"", "account = \"222222222222\"", "this account itself"),
            ("ap-northeast-1:111111111111", "ap-northeast-1:333333333333", "not a queue of account 111111111111"),
            ("subnet_group = \"private\"", "", "missing field `subnet_group`"),
            ("[\"sg-1\"]", "[]", "no safe default"),
            ("[restore]", "[restore]\nidentifer = \"x\"", "did you mean `identifier`"),
            ("[restore]", "[restore]\nidentifier = \"{label}--x\"", "names that RDS refuses"),
            ("[\"sg-1\"]", "[\"sg-1\"]\n[restore.tags]\n\"aws:x\" = \"y\"", "reserved prefix"),
            ("us-west-2\"\nkey", "us-gov-west-1\"\nkey", "target.toml:3"),
        ] {
            let error = settings(&FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
