//! Where databases may go: `[[target]]`.

use agent_runtime::settings::Patterns;
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
    /// Which of a database's tags the account is told. Left out: none.
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
    /// Of handoffs that begin: one that is under way has its own.
    pub(crate) key_mode: KeyMode,
    pub(crate) carry_tags: Patterns,
}

impl Target {
    /// A target that is known by account and Region only: its queues have the agreed names.
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

    /// All targets of an account.
    pub(super) fn all(home: &AccountId, home_region: &Region, file: &[FileTarget]) -> Result<Vec<Self>, String> {
        let mut targets: Vec<Self> = Vec::new();
        for target in file {
            let FileTarget { account, region, .. } = target;
            if account == home {
                return Err(format!(
                    "target {account} is the source account itself: a handoff is between two accounts"
                ));
            }
            if region == home_region {
                return Err(format!(
                    "target {account} is in {region}, the source's own Region: that is not supported yet; choose a target \
                     in another Region"
                ));
            }
            if targets.iter().any(|other| other.account == *account && other.region == *region) {
                return Err(format!("target {account} in {region} stands twice"));
            }
            let agreed = Self::agreed(home, home_region, account, region);
            let target = Self {
                inbox: target.inbox.clone().unwrap_or(agreed.inbox),
                receipts: target.receipts.clone().unwrap_or(agreed.receipts),
                role: target.role.clone().unwrap_or(agreed.role),
                key_mode: target.key_mode,
                carry_tags: target.carry_tags.clone(),
                ..agreed
            };
            if target.inbox.account != *account {
                return Err(format!("inbox {} is not a queue of target account {account}", target.inbox));
            }
            if target.receipts.account != *home {
                return Err(format!("receipts queue {} is not a queue of this account", target.receipts));
            }
            if targets.iter().any(|other| other.receipts == target.receipts && other.account != *account) {
                return Err(format!(
                    "receipts queue {} serves two target accounts: a sender is known by its queue, so each needs its own",
                    target.receipts
                ));
            }
            if targets.iter().any(|other| other.account == *account && other.key_mode != target.key_mode) {
                return Err(format!(
                    "target {account} has two key modes: one handoff key serves it in all Regions; say the same key_mode in each"
                ));
            }
            targets.push(target);
        }
        Ok(targets)
    }
}

/// The targets that what is declared may go to.
pub(super) struct Destination<'a> {
    pub(super) to_account: Option<&'a AccountId>,
    pub(super) to_region: Option<&'a Region>,
}

impl Destination<'_> {
    /// Those that fit.
    pub(super) fn among(&self, targets: &[Target], name: &str) -> Result<Vec<Target>, String> {
        let fits = |target: &&Target| {
            self.to_account.is_none_or(|account| *account == target.account)
                && self.to_region.is_none_or(|region| *region == target.region)
        };
        let fitting: Vec<Target> = targets.iter().filter(fits).cloned().collect();
        if fitting.is_empty() {
            return Err(format!("{name} goes to no [[target]]: add one, or correct to_account or to_region"));
        }
        Ok(fitting)
    }

    /// The only one.
    pub(super) fn only(&self, targets: &[Target], name: &str) -> Result<Target, String> {
        let mut fitting = self.among(targets, name)?;
        match (fitting.pop(), fitting.is_empty()) {
            (Some(target), true) => Ok(target),
            _ => Err(format!("{name} fits several [[target]]s: add to_account or to_region")),
        }
    }
}
