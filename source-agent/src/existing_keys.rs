//! Key mode `existing`: the keys that account A's administrators have made for one target, with the templates of
//! `deploy/`.
//!
//! The agent reads these keys and never changes them. If one is not as agreed the handoff is `Blocked`, with a fix for
//! the administrators, and continues when they have fixed it.

use agent_runtime::fault::statement::{TARGET_USES_KEY, allow_key_use, pasted};
use agent_runtime::{Fault, Freshness, Progress};
use protocol::ids::{Region, RoleName};
use protocol::{AccountId, names};

use crate::account::Account;
use crate::key_policy::missing_actions;
use crate::keys::{KeyView, key_tags};

/// The existing keys for one target.
pub(crate) struct ExistingKeys<'a> {
    pub(crate) account: &'a Account,
    /// Account B.
    pub(crate) to: &'a AccountId,
    /// The target Region.
    pub(crate) region: &'a Region,
    /// The role of account B's agent.
    pub(crate) role: &'a RoleName,
}

impl ExistingKeys<'_> {
    /// The alias of both keys, each in its own Region.
    pub(crate) fn alias(&self) -> String {
        names::key_alias(&self.account.settings.region, self.to)
    }

    /// The primary. A handoff uses only its replica.
    pub(crate) async fn primary(&self) -> Result<Progress<KeyView>, Fault> {
        let home = &self.account.settings.region;
        let key = self.key_by_alias(home, "source-region.yaml").await?;
        if !key.is_primary() {
            return Err(self.wrong_key(&key, "the primary of a multi-Region key", "source-region.yaml"));
        }
        key.progress()
    }

    /// The replica, which encrypts every shared copy and which account B may use through RDS.
    pub(crate) async fn replica(&self) -> Result<Progress<KeyView>, Fault> {
        let home = &self.account.settings.region;
        let key = self.key_by_alias(self.region, "source-target-region.yaml").await?;
        if key.primary.as_ref().is_none_or(|primary| primary.region != *home) {
            let kind = format!("the replica of a multi-Region key whose primary is in {home}");
            return Err(self.wrong_key(&key, &kind, "source-target-region.yaml"));
        }
        let policy = self.account.keys.policy(&key.arn, Freshness::Slow).await?;
        let missing = missing_actions(&policy, &key.arn, self.to, self.role);
        if !missing.is_empty() {
            let (to, role, missing) = (self.to, self.role, missing.join(", "));
            let what = format!("the policy of key {} does not let role {role} of account {to} use it", key.arn);
            return Err(self.blocked(&key, format!("{what} through RDS: {missing}")).hint(format!(
                "deploy source-target-region.yaml again, with TargetAccount={to} and TargetRoleName={role}, or put these statements \
                 into the policy, in place of those with the same Sids:\n{}",
                pasted(&allow_key_use(TARGET_USES_KEY, to, role, self.region, None))
            )));
        }
        key.progress()
    }

    /// The key that the alias names in a Region. Its tags are checked, because the IAM policies of the agent depend on
    /// them.
    async fn key_by_alias(&self, region: &Region, template: &str) -> Result<KeyView, Fault> {
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
        Err(self.blocked(&key, what).hint(format!(
            "let {alias} in {region} name the key that {template} makes; if this is the one, tag it again:\n\
             aws kms tag-resource --region {region} \\\n    --key-id {} \\\n    --tags {}",
            key.arn.key,
            tags.join(" \\\n        ")
        )))
    }

    fn wrong_key(&self, key: &KeyView, kind: &str, template: &str) -> Fault {
        let alias = self.alias();
        self.blocked(key, format!("key {}, which {alias} names, is not {kind}", key.arn))
            .hint(format!("let {alias} in {} name the key that {template} makes", key.arn.region))
    }

    /// A blocked fault. What is cached of the key is invalidated, so that the next pass sees the fix.
    fn blocked(&self, key: &KeyView, what: String) -> Fault {
        self.account.keys.invalidate_all(&self.alias(), &key.arn);
        Fault::blocked(what)
    }
}
