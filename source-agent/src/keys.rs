//! Reads and writes of KMS keys, through the cache. No other module uses the SDK's KMS types, except to create keys.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use agent_runtime::aws::cache::Resource;
use agent_runtime::{AwsResult as _, Cache, Fault, Freshness, Progress, Working};
use aws_sdk_kms::operation::create_alias::CreateAliasError;
use aws_sdk_kms::operation::describe_key::DescribeKeyError;
use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use jiff::Timestamp;
use protocol::ids::Region;
use protocol::state::pair;
use protocol::tags::{self, Tags};
use protocol::{AccountId, KeyArn};

/// A key, as `kms:DescribeKey` returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyView {
    pub(crate) arn: KeyArn,
    pub(crate) created: Option<Timestamp>,
    pub(crate) condition: Condition,
    /// The primary of the multi-Region key, possibly this key.
    pub(crate) primary: Option<KeyArn>,
}

/// Whether a key can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Usable,
    /// It will be usable in a moment.
    Creating,
    /// It is in this state, which only an administrator can change.
    Unusable(String),
}

/// A grant on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) id: String,
    /// The account under which it was issued.
    pub(crate) issuer: String,
}

/// Cache key: a key by alias or ARN. If an administrator changes the key after it was read, AWS refuses the calls that
/// use it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct KeyByName(String);

impl Resource for KeyByName {
    type View = Option<KeyView>;

    /// KMS reports no progress of a key that is being created.
    fn busy(view: &Option<KeyView>, _: Timestamp) -> Option<Duration> {
        let is_usable = view.as_ref().is_some_and(|view| view.condition == Condition::Usable);
        (!is_usable).then_some(Duration::ZERO)
    }
}

/// Cache key: all keys of a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct AllKeys;

impl Resource for AllKeys {
    type View = BTreeSet<KeyArn>;

    /// Keys are listed only while one is missing, which another agent may be creating.
    fn busy(_: &BTreeSet<KeyArn>, _: Timestamp) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// Cache key: the tags of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TagsOf(KeyArn);

impl Resource for TagsOf {
    type View = Tags;

    /// Tags may be visible later than their key.
    fn busy(view: &Tags, _: Timestamp) -> Option<Duration> {
        view.is_empty().then_some(Duration::ZERO)
    }
}

/// Cache key: the policy of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct PolicyOf(KeyArn);

impl Resource for PolicyOf {
    type View = serde_json::Value;
}

/// Cache key: the grants on a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct GrantsOf(KeyArn);

impl Resource for GrantsOf {
    type View = Vec<Grant>;
}

/// Reads and writes keys.
#[derive(Debug)]
pub(crate) struct Keys {
    cache: Rc<Cache>,
}

impl Keys {
    pub(crate) fn new(cache: &Rc<Cache>) -> Self {
        Self { cache: cache.clone() }
    }

    /// Describes a key by alias or ARN in a Region; `None` if there is none.
    pub(crate) async fn describe(&self, region: &Region, key: &str) -> Result<Option<KeyView>, Fault> {
        let by_name = KeyByName(key.to_owned());
        let view = self.cache.get(region, &by_name, Freshness::Progress, async || {
            let answer = self.cache.clients.kms(region).describe_key().key_id(key).send().await;
            let answer = answer.missing_ok("kms:DescribeKey", DescribeKeyError::is_not_found_exception)?;
            Ok(answer.and_then(|answer| KeyView::of(answer.key_metadata()?)))
        });
        Ok(Option::clone(&*view.await?))
    }

    /// The tags of a key. They are written when it is created and not changed later.
    pub(crate) async fn tags(&self, key: &KeyArn) -> Result<Rc<Tags>, Fault> {
        let read = async || {
            let call = self.cache.clients.kms(&key.region).list_resource_tags().key_id(key.to_string());
            let tags = call.into_paginator().items().send().try_collect().await.op("kms:ListResourceTags")?;
            Ok(tags.iter().map(|tag| pair(tag.tag_key(), tag.tag_value())).collect())
        };
        self.cache.get(&key.region, &TagsOf(key.clone()), Freshness::Progress, read).await
    }

    /// Whether a key has all of these tags.
    pub(crate) async fn carries(&self, key: &KeyArn, wanted: &Tags) -> Result<bool, Fault> {
        let tags = self.tags(key).await?;
        Ok(wanted.iter().all(|(name, value)| tags.get(name) == Some(value)))
    }

    /// Our primary keys among all keys of a Region, ordered by id. KMS has no look-up by tag, so this reads the tags of
    /// every key. It is called only while the alias is missing, and by `status`.
    pub(crate) async fn ours(&self, region: &Region, account: &AccountId, ours: &Tags) -> Result<Vec<KeyView>, Fault> {
        let list = async || {
            let pages = self.cache.clients.kms(region).list_keys().into_paginator();
            let listed = pages.items().send().try_collect().await.op("kms:ListKeys")?;
            Ok(listed.iter().filter_map(|key| key.key_arn()?.parse().ok()).collect())
        };
        let arns = self.cache.get(region, &AllKeys, Freshness::Progress, list).await?;
        let mut found = Vec::new();
        for arn in arns.iter().filter(|arn| arn.account == *account) {
            match self.carries(arn, ours).await {
                Ok(true) => {}
                Ok(false) => continue,
                // Nobody may read the tags of some services' AWS managed keys, which are not ours.
                Err(fault) if fault.is_refusal() => continue,
                Err(fault) => return Err(fault),
            }
            let view = self.describe(region, &arn.to_string()).await?;
            found.extend(view.filter(|view| view.is_primary() && !view.is_pending()));
        }
        Ok(found)
    }

    /// Creates an alias for a key. If the alias exists already, the next read decides whether it is ours.
    pub(crate) async fn create_alias(&self, key: &KeyView, alias: &str) -> Result<(), Fault> {
        let region = &key.arn.region;
        let call = self.cache.clients.kms(region).create_alias().alias_name(alias).target_key_id(key.arn.key.as_str());
        let answer = call.send().await.missing_ok("kms:CreateAlias", CreateAliasError::is_already_exists_exception);
        let by_name = KeyByName(alias.to_owned());
        self.cache.acted(region, &by_name);
        if answer?.is_some() {
            self.cache.put(region, &by_name, Some(key.clone()));
        }
        Ok(())
    }

    /// Caches a key that this process has created with these tags, from the answer of KMS.
    pub(crate) fn cache_created(&self, key: Option<&KeyMetadata>, tags: Tags) {
        let Some(key) = key.and_then(KeyView::of) else { return };
        let region = &key.arn.region;
        let mut listed = self.cache.peek(region, &AllKeys).map(|keys| BTreeSet::clone(&keys)).unwrap_or_default();
        listed.insert(key.arn.clone());
        self.cache.put(region, &AllKeys, listed);
        self.cache.put(region, &TagsOf(key.arn.clone()), tags);
        self.cache.put(region, &KeyByName(key.arn.to_string()), Some(key.clone()));
    }

    /// Invalidates what is cached of a key that this process has changed.
    pub(crate) fn invalidate(&self, region: &Region, key: &str) {
        self.cache.acted(region, &AllKeys);
        self.cache.acted(region, &KeyByName(key.to_owned()));
    }

    /// Invalidates alias, tags and policy of a key that an administrator may fix at any moment.
    pub(crate) fn invalidate_all(&self, alias: &str, key: &KeyArn) {
        self.invalidate(&key.region, alias);
        self.cache.acted(&key.region, &TagsOf(key.clone()));
        self.cache.acted(&key.region, &PolicyOf(key.clone()));
    }

    /// The policy of a key.
    pub(crate) async fn policy(&self, key: &KeyArn, freshness: Freshness) -> Result<Rc<serde_json::Value>, Fault> {
        let read = async || {
            let answer = self.cache.clients.kms(&key.region).get_key_policy().key_id(key.to_string()).send().await;
            let answer = answer.op("kms:GetKeyPolicy")?;
            serde_json::from_str(answer.policy().unwrap_or_default())
                .map_err(|error| Fault::fatal(format!("the policy of key {key} is not JSON: {error}")))
        };
        self.cache.get(&key.region, &PolicyOf(key.clone()), freshness, read).await
    }

    /// Replaces the whole policy of a key, which is the only way in KMS.
    pub(crate) async fn set_policy(&self, key: &KeyArn, policy: &serde_json::Value) -> Result<(), Fault> {
        let call = self.cache.clients.kms(&key.region).put_key_policy();
        let call = call.key_id(key.to_string()).policy(policy.to_string());
        let answer = call.send().await.op("kms:PutKeyPolicy");
        let policy_of = PolicyOf(key.clone());
        self.cache.acted(&key.region, &policy_of);
        answer?;
        self.cache.put(&key.region, &policy_of, policy.clone());
        Ok(())
    }

    /// The grants on a key.
    pub(crate) async fn grants(&self, key: &KeyArn, freshness: Freshness) -> Result<Rc<Vec<Grant>>, Fault> {
        let read = async || {
            let pages = self.cache.clients.kms(&key.region).list_grants().key_id(key.to_string()).into_paginator();
            let grants = pages.items().send().try_collect().await.op("kms:ListGrants")?;
            let grant = |grant: &aws_sdk_kms::types::GrantListEntry| {
                Some(Grant { id: grant.grant_id()?.to_owned(), issuer: grant.issuing_account()?.to_owned() })
            };
            Ok(grants.iter().filter_map(grant).collect())
        };
        self.cache.get(&key.region, &GrantsOf(key.clone()), freshness, read).await
    }

    /// Revokes grants.
    pub(crate) async fn revoke(&self, key: &KeyArn, grants: Vec<Grant>) -> Result<(), Fault> {
        use aws_sdk_kms::operation::revoke_grant::RevokeGrantError;
        let grants_of = GrantsOf(key.clone());
        let mut revoked = BTreeSet::new();
        for Grant { id, .. } in grants {
            let call = self.cache.clients.kms(&key.region).revoke_grant().key_id(key.to_string()).grant_id(&id);
            let missing = RevokeGrantError::is_not_found_exception;
            let answer = call.send().await.missing_ok("kms:RevokeGrant", missing);
            answer.inspect_err(|_| self.cache.acted(&key.region, &grants_of))?;
            revoked.insert(id);
        }
        self.cache.wrote(&key.region, &grants_of, |known| known.retain(|grant| !revoked.contains(&grant.id)));
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

    /// Whether it is the primary of a multi-Region key.
    pub(crate) fn is_primary(&self) -> bool {
        self.primary.as_ref() == Some(&self.arn)
    }

    /// `Ready` when the key can be used; blocked, with a fix, if only an administrator can change that.
    pub(crate) fn progress(self) -> Result<Progress<Self>, Fault> {
        match &self.condition {
            Condition::Usable => Ok(Progress::Ready(self)),
            Condition::Creating => {
                Ok(Progress::Working(Working { since: self.created, ..Working::new("the key is being created") }))
            }
            Condition::Unusable(state) => Err(Fault::blocked(format!("key {} is {state}", self.arn)).hint(format!(
                "cancel its deletion if it is pending, then enable it:\n\
                 aws kms cancel-key-deletion --region {region} --key-id {key}\n\
                 aws kms enable-key --region {region} --key-id {key}",
                region = self.arn.region,
                key = self.arn.key
            ))),
        }
    }

    /// Whether it is waiting for its deletion, or for another state in which it is not used.
    fn is_pending(&self) -> bool {
        matches!(&self.condition, Condition::Unusable(state) if state.starts_with("Pending"))
    }
}

/// The tags of the handoff key for a target account. A key with these tags is ours.
pub(crate) fn key_tags(source_region: &Region, target: &AccountId) -> Tags {
    Tags::from([
        pair(tags::ROLE, tags::ROLE_KEY),
        pair(tags::KEY_SOURCE_REGION, source_region),
        pair(tags::KEY_TARGET_ACCOUNT, target),
    ])
}

/// Converts tags to the SDK's type.
pub(crate) fn kms_tags(tags: &Tags) -> Result<Vec<Tag>, Fault> {
    tags.iter()
        .map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build())
        .collect::<Result<_, _>>()
        .map_err(|error| Fault::fatal(format!("a tag could not be built: {error}")))
}
