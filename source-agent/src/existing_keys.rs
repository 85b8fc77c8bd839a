//! Key mode `existing`: the keys that account A's administrators have made for one target, with the templates of `deploy/`.
//!
//! They are looked at and never changed. So what is not as agreed is Blocked, with its fix, and goes on when it is fixed.

use agent_runtime::fault::statement::{TARGET_USES_KEY, lets_use, pasted};
use agent_runtime::{Fault, Freshness, Progress};
use protocol::ids::{Region, RoleName};
use protocol::{AccountId, names};

use crate::account::Account;
use crate::key_policy::lacking;
use crate::keys::{KeyView, key_tags};

/// The keys that account A's administrators made for one target.
pub(crate) struct ExistingKeys<'a> {
    pub(crate) account: &'a Account,
    /// Account B.
    pub(crate) to: &'a AccountId,
    /// The target Region.
    pub(crate) region: &'a Region,
    /// Account B's agent's.
    pub(crate) role: &'a RoleName,
}

impl ExistingKeys<'_> {
    /// The agreed name of both keys, each in its own Region.
    pub(crate) fn alias(&self) -> String {
        names::key_alias(&self.account.settings.region, self.to)
    }

    /// The primary. No handoff needs it but for its replica.
    pub(crate) async fn primary(&self) -> Result<Progress<KeyView>, Fault> {
        let home = &self.account.settings.region;
        let key = self.named(home, "source-region.yaml").await?;
        if !key.is_primary() {
            return Err(self.wrong_key(&key, "the primary of a multi-Region key", "source-region.yaml"));
        }
        key.progress()
    }

    /// The replica, under which every shared copy is, and which account B may use through RDS.
    pub(crate) async fn replica(&self) -> Result<Progress<KeyView>, Fault> {
        let home = &self.account.settings.region;
        let key = self.named(self.region, "source-target-region.yaml").await?;
        if key.primary.as_ref().is_none_or(|primary| primary.region != *home) {
            let kind = format!("the replica of a multi-Region key whose primary is in {home}");
            return Err(self.wrong_key(&key, &kind, "source-target-region.yaml"));
        }
        let policy = self.account.keys.policy(&key.arn, Freshness::Slow).await?;
        let lacking = lacking(&policy, &key.arn, self.to, self.role);
        if !lacking.is_empty() {
            let (to, role, lacking) = (self.to, self.role, lacking.join(", "));
            let what = format!("the policy of key {} does not let role {role} of account {to} use it", key.arn);
            return Err(self.unlike(&key, format!("{what} through RDS: {lacking}")).hint(format!(
                "deploy source-target-region.yaml again, with TargetAccount={to} and TargetRoleName={role}, or put these into \
                 the policy in place of others with their Sids:\n{}",
                pasted(&lets_use(TARGET_USES_KEY, to, role, self.region, None))
            )));
        }
        key.progress()
    }

    /// What the alias names in a Region, with the tags by which the agent's own policies know it.
    async fn named(&self, region: &Region, template: &str) -> Result<KeyView, Fault> {
        let (keys, home, alias, to) = (&self.account.keys, &self.account.settings.region, self.alias(), self.to);
        let Some(key) = keys.describe(region, &alias).await? else {
            let with = if region == home {
                "KeyMode=existing"
            } else {
                "PrimaryKeyArn, the output HandoffKey of source-region.yaml"
            };
            return Err(Fault::blocked(format!("{alias} names no key in {region}")).hint(format!(
                "deploy {template} there, with TargetAccount={to} and {with}: it makes the key and its alias"
            )));
        };
        let tags = key_tags(home, to);
        if keys.carries(&key.arn, &tags).await? {
            return Ok(key);
        }
        let tags: Vec<String> = tags.iter().map(|(name, value)| format!("TagKey={name},TagValue={value}")).collect();
        let what = format!("key {}, which {alias} names, does not carry the tags of this handoff key", key.arn);
        Err(self.unlike(&key, what).hint(format!(
            "let {alias} in {region} name the key that {template} makes; if this is the one, tag it again:\n\
             aws kms tag-resource --region {region} \\\n    --key-id {} \\\n    --tags {}",
            key.arn.key,
            tags.join(" \\\n        ")
        )))
    }

    fn wrong_key(&self, key: &KeyView, kind: &str, template: &str) -> Fault {
        let alias = self.alias();
        self.unlike(key, format!("key {}, which {alias} names, is not {kind}", key.arn))
            .hint(format!("let {alias} in {} name the key that {template} makes", key.arn.region))
    }

    fn unlike(&self, key: &KeyView, what: String) -> Fault {
        self.account.keys.forget(&self.alias(), &key.arn);
        Fault::blocked(what)
    }
}
