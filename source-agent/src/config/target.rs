//! The accounts and Regions that databases may go to: `[[target]]`.

use agent_runtime::config::{InvalidSetting, Patterns};
use protocol::ids::RoleName;
use protocol::tags::KeyMode;
use protocol::{AccountId, QueueArn, Region, names};
use serde::Deserialize;

/// `[[target]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileTarget {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) inbox: Option<QueueArn>,
    pub(crate) receipts: Option<QueueArn>,
    pub(crate) role: Option<RoleName>,
    /// Who holds the handoff key.
    #[serde(default)]
    pub(crate) key_mode: KeyMode,
    /// Which tags of a database are sent to the account. Default: none.
    #[serde(default)]
    pub(crate) carry_tags: Patterns,
}

/// An account and Region that databases may go to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Target {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) inbox: QueueArn,
    pub(crate) receipts: QueueArn,
    pub(crate) role: RoleName,
    /// For new handoffs. One that is under way has its key mode in its route tag.
    pub(crate) key_mode: KeyMode,
    pub(crate) carry_tags: Patterns,
}

impl Target {
    /// A target with the default names of its queues and role.
    pub(crate) fn agreed(home: &AccountId, home_region: &Region, account: &AccountId, region: &Region) -> Self {
        Self {
            account: account.clone(),
            region: region.clone(),
            inbox: names::inbox(account, region),
            receipts: names::receipts(home, home_region, account),
            role: names::target_role(),
            key_mode: KeyMode::default(),
            carry_tags: Patterns::default(),
        }
    }

    /// All targets of the file.
    pub(super) fn all(
        home: &AccountId,
        home_region: &Region,
        file: &[FileTarget],
    ) -> Result<Vec<Self>, InvalidSetting> {
        let mut targets: Vec<Self> = Vec::new();
        for (nth, target) in file.iter().enumerate() {
            let target = Self::of(target, home, home_region, &targets);
            targets.push(target.map_err(|wrong_setting| wrong_setting.in_nth("target", nth))?);
        }
        Ok(targets)
    }

    /// One target, checked against those before it in the file.
    fn of(file: &FileTarget, home: &AccountId, home_region: &Region, others: &[Self]) -> Result<Self, InvalidSetting> {
        let wrong = |key, what| Err(InvalidSetting::of(key, what));
        let FileTarget { account, region, .. } = file;
        if account == home {
            return wrong(
                "account",
                format!("target {account} is the source account itself: a handoff is between two accounts"),
            );
        }
        if region == home_region {
            return wrong(
                "region",
                format!(
                    "target {account} is in {region}, the source's own Region: that is not supported yet; choose a target \
                     in another Region"
                ),
            );
        }
        if others.iter().any(|other| other.account == *account && other.region == *region) {
            return Err(InvalidSetting::new(format!("target {account} in {region} is declared twice: remove one")));
        }
        let agreed = Self::agreed(home, home_region, account, region);
        let target = Self {
            inbox: file.inbox.clone().unwrap_or(agreed.inbox),
            receipts: file.receipts.clone().unwrap_or(agreed.receipts),
            role: file.role.clone().unwrap_or(agreed.role),
            key_mode: file.key_mode,
            carry_tags: file.carry_tags.clone(),
            ..agreed
        };
        if target.inbox.account != *account {
            let inbox = &target.inbox;
            return wrong(
                "inbox",
                format!("inbox {inbox} is not a queue of target account {account}: its ARN must have that account"),
            );
        }
        if target.receipts.account != *home {
            let receipts = &target.receipts;
            return wrong(
                "receipts",
                format!("receipts queue {receipts} is not a queue of this account: it must be in account {home}"),
            );
        }
        if others.iter().any(|other| other.receipts == target.receipts && other.account != *account) {
            return wrong(
                "receipts",
                format!(
                    "receipts queue {} is used for two target accounts: the queue identifies the sender, so each account needs its own",
                    target.receipts
                ),
            );
        }
        if others.iter().any(|other| other.account == *account && other.key_mode != target.key_mode) {
            return wrong(
                "key_mode",
                format!(
                    "target {account} has two key modes: one handoff key is used for all its Regions; set the same key_mode in each"
                ),
            );
        }
        Ok(target)
    }
}

/// Selects targets by account and Region.
pub(super) struct Destination<'a> {
    pub(super) to_account: Option<&'a AccountId>,
    pub(super) to_region: Option<&'a Region>,
}

impl Destination<'_> {
    /// The configuration key that an error refers to.
    fn key(&self) -> &'static str {
        if self.to_region.is_some() { "to_region" } else { "to_account" }
    }

    /// All targets that match; at least one.
    pub(super) fn among(&self, targets: &[Target], name: &str) -> Result<Vec<Target>, InvalidSetting> {
        let matches = |target: &&Target| {
            self.to_account.is_none_or(|account| *account == target.account)
                && self.to_region.is_none_or(|region| *region == target.region)
        };
        let matching: Vec<Target> = targets.iter().filter(matches).cloned().collect();
        if matching.is_empty() {
            let what = format!("{name} matches no [[target]]: add one, or correct to_account or to_region");
            return Err(InvalidSetting::of(self.key(), what));
        }
        Ok(matching)
    }

    /// The only target that matches.
    pub(super) fn only(&self, targets: &[Target], name: &str) -> Result<Target, InvalidSetting> {
        let mut matching = self.among(targets, name)?;
        match (matching.pop(), matching.is_empty()) {
            (Some(target), true) => Ok(target),
            _ => Err(InvalidSetting::new(format!("{name} matches several [[target]]s: add to_account or to_region"))),
        }
    }
}
