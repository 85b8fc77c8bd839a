//! KMS keys, as this agent sees them. SDK types stop here.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::shared::Shared;
use agent_runtime::step::schedule::PollSchedule;
use agent_runtime::{AwsResult as _, Clients, Fault, Progress, Working};
use aws_sdk_kms::operation::create_alias::CreateAliasError;
use aws_sdk_kms::operation::describe_key::DescribeKeyError;
use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use jiff::Timestamp;
use protocol::ids::Region;
use protocol::state::pair;
use protocol::tags::{self, Tags};
use protocol::{AccountId, KeyArn};

/// A key is what its alias and its tags say, and an administrator's change of it shows in what AWS refuses: looked at again this
/// slowly.
const KEY: Duration = Duration::from_hours(6);

/// A key, as KMS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyView {
    pub(crate) arn: KeyArn,
    pub(crate) created: Option<Timestamp>,
    pub(crate) condition: Condition,
    /// The primary of a multi-Region key, which may be this one.
    pub(crate) primary: Option<KeyArn>,
}

/// What can be done with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Usable,
    /// It will be, in a moment.
    Creating,
    /// In this state only an administrator helps.
    Unusable(String),
}

/// A grant on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) id: String,
    /// Under whose account it was issued.
    pub(crate) issuer: String,
}

/// Reads and writes of keys.
#[derive(Debug)]
pub(crate) struct Keys {
    clients: Clients,
    soon: Duration,
    listed: Shared<Region, BTreeSet<KeyArn>>,
    described: Shared<(Region, String), Option<KeyView>>,
    tags: Shared<KeyArn, Tags>,
    policies: Shared<KeyArn, serde_json::Value>,
    grants: Shared<KeyArn, Vec<Grant>>,
}

impl Keys {
    pub(crate) fn new(clients: Clients, pace: &PollSchedule) -> Self {
        Self {
            clients,
            soon: pace.floor() / 2,
            listed: Shared::new(),
            described: Shared::new(),
            tags: Shared::new(),
            policies: Shared::new(),
            grants: Shared::new(),
        }
    }

    /// A key by alias or ARN in a Region; `None` when KMS knows none.
    pub(crate) async fn describe(&self, region: &Region, key: &str) -> Result<Option<KeyView>, Fault> {
        let fresh = |view: &Option<KeyView>| match view {
            Some(view) if view.condition == Condition::Usable => KEY,
            _ => self.soon,
        };
        let name = (region.clone(), key.to_owned());
        let view = self.described.get(&name, fresh, async || {
            let answer = self.clients.kms(region).describe_key().key_id(key).send().await;
            let answer = answer.missing_ok("kms:DescribeKey", DescribeKeyError::is_not_found_exception)?;
            Ok(answer.and_then(|answer| KeyView::of(answer.key_metadata()?)))
        });
        Ok(Option::clone(&*view.await?))
    }

    /// The tags of a key. They are written when it is made, and by nobody later.
    pub(crate) async fn tags(&self, key: &KeyArn) -> Result<Rc<Tags>, Fault> {
        let fresh = |tags: &Tags| if tags.is_empty() { self.soon } else { KEY };
        self.tags
            .get(key, fresh, async || {
                let pages = self.clients.kms(&key.region).list_resource_tags().key_id(key.to_string()).into_paginator();
                let tags = pages.items().send().try_collect().await.op("kms:ListResourceTags")?;
                Ok(tags.iter().map(|tag| pair(tag.tag_key(), tag.tag_value())).collect())
            })
            .await
    }

    /// Are these among the tags of a key?
    pub(crate) async fn carries(&self, key: &KeyArn, wanted: &Tags) -> Result<bool, Fault> {
        let tags = self.tags(key).await?;
        Ok(wanted.iter().all(|(name, value)| tags.get(name) == Some(value)))
    }

    /// Of all keys of a Region the primary ones of ours, by id. KMS has no look-up by tag, so this asks for every key's tags: it is
    /// asked only while the alias is missing, and by `status`.
    pub(crate) async fn ours(&self, region: &Region, account: &AccountId, ours: &Tags) -> Result<Vec<KeyView>, Fault> {
        let list = async || {
            let pages = self.clients.kms(region).list_keys().into_paginator();
            let listed = pages.items().send().try_collect().await.op("kms:ListKeys")?;
            Ok(listed.iter().filter_map(|key| key.key_arn()?.parse().ok()).collect())
        };
        let arns = self.listed.get(region, |_| self.soon, list).await?;
        let mut found = Vec::new();
        for arn in arns.iter().filter(|arn| arn.account == *account) {
            match self.carries(arn, ours).await {
                Ok(true) => {}
                Ok(false) => continue,
                // AWS managed keys of some services tell their tags to nobody: they are not ours.
                Err(fault) if fault.is_refusal() => continue,
                Err(fault) => return Err(fault),
            }
            let view = self.describe(region, &arn.to_string()).await?;
            found.extend(view.filter(|view| view.is_primary() && !view.is_dying()));
        }
        Ok(found)
    }

    /// Names a key. That the alias exists already is for the next look to judge.
    pub(crate) async fn name(&self, key: &KeyView, alias: &str) -> Result<(), Fault> {
        let region = &key.arn.region;
        let call = self.clients.kms(region).create_alias().alias_name(alias).target_key_id(key.arn.key.as_str());
        let answer = call.send().await.missing_ok("kms:CreateAlias", CreateAliasError::is_already_exists_exception);
        let name = (region.clone(), alias.to_owned());
        self.described.acted(&name);
        if answer?.is_some() {
            self.described.put(&name, Some(key.clone()));
        }
        Ok(())
    }

    /// This process has made a key with these tags, and KMS has told what it is like.
    pub(crate) fn made(&self, key: Option<&KeyMetadata>, tags: Tags) {
        let Some(key) = key.and_then(KeyView::of) else { return };
        let mut listed = self.listed.peek(&key.arn.region).map(|(_, keys)| BTreeSet::clone(&keys)).unwrap_or_default();
        listed.insert(key.arn.clone());
        self.listed.put(&key.arn.region, listed);
        self.tags.put(&key.arn, tags);
        self.described.put(&(key.arn.region.clone(), key.arn.to_string()), Some(key));
    }

    /// This process has changed a key.
    pub(crate) fn acted(&self, region: &Region, key: &str) {
        self.listed.acted(region);
        self.described.acted(&(region.clone(), key.to_owned()));
    }

    /// Somebody else may mend a key, or its name, at any moment: what was read of them does not serve.
    pub(crate) fn forget(&self, alias: &str, key: &KeyArn) {
        self.acted(&key.region, alias);
        self.tags.acted(key);
        self.policies.acted(key);
    }

    /// The policy of a key, as it was read at most this long ago.
    pub(crate) async fn policy(&self, key: &KeyArn, fresh: Duration) -> Result<Rc<serde_json::Value>, Fault> {
        self.policies
            .get(
                key,
                |_| fresh,
                async || {
                    let answer = self.clients.kms(&key.region).get_key_policy().key_id(key.to_string()).send().await;
                    let answer = answer.op("kms:GetKeyPolicy")?;
                    serde_json::from_str(answer.policy().unwrap_or_default())
                        .map_err(|error| Fault::fatal(format!("the policy of key {key} is not JSON: {error}")))
                },
            )
            .await
    }

    /// Replaces the policy of a key, whole: KMS knows no other way.
    pub(crate) async fn set_policy(&self, key: &KeyArn, policy: &serde_json::Value) -> Result<(), Fault> {
        let call = self.clients.kms(&key.region).put_key_policy().key_id(key.to_string()).policy(policy.to_string());
        let answer = call.send().await.op("kms:PutKeyPolicy");
        self.policies.acted(key);
        answer?;
        self.policies.put(key, policy.clone());
        Ok(())
    }

    /// The grants on a key, as they were read at most this long ago.
    pub(crate) async fn grants(&self, key: &KeyArn, fresh: Duration) -> Result<Rc<Vec<Grant>>, Fault> {
        self.grants
            .get(
                key,
                |_| fresh,
                async || {
                    let pages = self.clients.kms(&key.region).list_grants().key_id(key.to_string()).into_paginator();
                    let grants = pages.items().send().try_collect().await.op("kms:ListGrants")?;
                    let grant = |grant: &aws_sdk_kms::types::GrantListEntry| {
                        Some(Grant { id: grant.grant_id()?.to_owned(), issuer: grant.issuing_account()?.to_owned() })
                    };
                    Ok(grants.iter().filter_map(grant).collect())
                },
            )
            .await
    }

    /// Revokes grants.
    pub(crate) async fn revoke(&self, key: &KeyArn, grants: Vec<Grant>) -> Result<(), Fault> {
        use aws_sdk_kms::operation::revoke_grant::RevokeGrantError;
        let known = self.grants.peek(key);
        let mut revoked = BTreeSet::new();
        let mut answer = Ok(());
        for Grant { id, .. } in grants {
            let call = self.clients.kms(&key.region).revoke_grant().key_id(key.to_string()).grant_id(&id);
            let missing = RevokeGrantError::is_not_found_exception;
            answer = call.send().await.missing_ok("kms:RevokeGrant", missing).map(drop);
            if answer.is_err() {
                break;
            }
            revoked.insert(id);
        }
        self.grants.acted(key);
        answer?;
        if let Some((began, known)) = known {
            let left = known.iter().filter(|other| !revoked.contains(&other.id)).cloned().collect();
            self.grants.put_as_of(key, began, left);
        }
        Ok(())
    }
}

impl KeyView {
    fn of(key: &KeyMetadata) -> Option<Self> {
        let condition = match key.key_state() {
            Some(KeyState::Enabled | KeyState::Updating) => Condition::Usable,
            Some(KeyState::Creating) => Condition::Creating,
            other => Condition::Unusable(other.map_or("in no state", |state| state.as_str()).to_owned()),
        };
        let primary = key.multi_region_configuration().and_then(|regions| regions.primary_key()?.arn()?.parse().ok());
        let created = key.creation_date().and_then(|time| Timestamp::from_second(time.secs()).ok());
        Some(Self { arn: key.arn()?.parse().ok()?, created, condition, primary })
    }

    /// Is it the primary of a multi-Region key?
    pub(crate) fn is_primary(&self) -> bool {
        self.primary.as_ref() == Some(&self.arn)
    }

    /// Ready when it can be used.
    pub(crate) fn progress(self) -> Result<Progress<Self>, Fault> {
        match &self.condition {
            Condition::Usable => Ok(Progress::Ready(self)),
            Condition::Creating => {
                Ok(Progress::Working(Working { since: self.created, ..Working::new("the key is being created") }))
            }
            Condition::Unusable(state) => Err(Fault::blocked(format!("key {} is {state}", self.arn)).hint(format!(
                "enable it, or cancel its deletion: aws kms cancel-key-deletion, aws kms enable-key --region {} --key-id {}",
                self.arn.region, self.arn.key
            ))),
        }
    }

    fn is_dying(&self) -> bool {
        matches!(&self.condition, Condition::Unusable(state) if state.starts_with("Pending"))
    }
}

/// The tags of the handoff key to a target account: with them a key is ours.
pub(crate) fn key_tags(source_region: &Region, target: &AccountId) -> Tags {
    Tags::from([
        pair(tags::ROLE, tags::ROLE_KEY),
        pair(tags::KEY_SOURCE_REGION, source_region),
        pair(tags::KEY_TARGET_ACCOUNT, target),
    ])
}

/// Tags as KMS takes them.
pub(crate) fn kms_tags(tags: &Tags) -> Result<Vec<Tag>, Fault> {
    tags.iter()
        .map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::fatal(format!("a tag could not be built: {error}")))
}
