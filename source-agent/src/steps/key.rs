//! Steps 2 and 3: the handoff key, its replica in the target Region, and their aliases.
//!
//! `kms:CreateKey` has no client token, and KMS has no look-up by tag. So the tags are written in the call, the SDK's
//! own retry is off for it, the alias decides which key is used, and a process that sees no key reads twice before it
//! creates one.

use std::time::Duration;

use agent_runtime::aws::rds::snapshot::is_young;
use agent_runtime::{Acted, AwsResult as _, Fault, Observed, Progress, Step, StepId, Working};
use aws_config::retry::RetryConfig;
use aws_sdk_kms::operation::replicate_key::{ReplicateKeyError, ReplicateKeyOutput};
use jiff::Timestamp;
use protocol::ids::Region;
use protocol::{KeyArn, names};

use crate::account::Account;
use crate::handoff::Handoff;
use crate::key_policy;
use crate::keys::{Condition, KeyView, key_tags, kms_tags};

/// Longer than a read of KMS is stale in practice: "typically less than a few seconds" (KMS Developer Guide,
/// Eventual consistency).
const KEY_SETTLE: Duration = Duration::from_mins(1);

/// The multi-Region primary key, in the source Region. One for each source Region and target account.
pub(crate) struct HandoffKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
}

/// The replica of the handoff key, in the target Region.
pub(crate) struct ReplicaKey<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) key: &'a KeyView,
}

/// The alias of one of the two keys, in that key's Region: aliases are not replicated.
pub(crate) struct KeyAlias<'a> {
    pub(crate) account: &'a Account,
    pub(crate) of: &'a Handoff,
    pub(crate) key: &'a KeyView,
}

impl HandoffKey<'_> {
    fn alias(&self) -> String {
        names::key_alias(&self.account.settings.region, &self.of.route.account)
    }
}

impl Step for HandoffKey<'_> {
    type Output = KeyView;
    const SHARED: bool = true;
    const PROPAGATION_DELAY: Duration = KEY_SETTLE;
    const OBSERVE_TWICE: bool = true;

    fn id(&self) -> StepId {
        StepId("key")
    }

    fn resource(&self) -> String {
        self.alias()
    }

    fn describe(&self) -> String {
        format!("multi-Region handoff key in {}", self.account.settings.region)
    }

    async fn observe(&self) -> Result<Observed<KeyView>, Fault> {
        let (account, region) = (self.account, &self.account.settings.region);
        let ours = key_tags(region, &self.of.route.account);
        let named = account.keys.describe(region, &self.alias()).await?;
        let found = match named {
            Some(key) => Some(key),
            None => account.keys.ours(region, &account.settings.account, &ours).await?.into_iter().next(),
        };
        let Some(key) = found else { return Ok(Observed::Todo) };
        match usable(account, self.of, key).await? {
            Progress::Ready(key) if !key.is_primary() => Err(Fault::not_ours(
                &format!("alias {}", self.alias()),
                &format!("key {} is not the primary of a multi-Region key", key.arn),
            )),
            progress => Ok(progress.into()),
        }
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let Account { settings, clients, keys, .. } = self.account;
        let policy = key_policy::primary_policy(&settings.account);
        let tags = key_tags(&settings.region, &self.of.route.account);
        let once = aws_sdk_kms::config::Config::builder().retry_config(RetryConfig::disabled());
        let answer = clients
            .kms(&settings.region)
            .create_key()
            .multi_region(true)
            .description(format!("rds-handoff from {} to account {}", settings.region, self.of.route.account))
            .policy(policy.to_string())
            .set_tags(Some(kms_tags(&tags)?))
            .customize()
            .config_override(once)
            .send()
            .await;
        let answer = answer.op("kms:CreateKey").inspect_err(|_| keys.invalidate(&settings.region, &self.alias()))?;
        keys.cache_created(answer.key_metadata(), tags);
        Ok(Acted::Done)
    }

    #[expect(clippy::expect_used, reason = "it consists of a Region and an account, which have been parsed")]
    fn planned_output(&self) -> KeyView {
        let Account { settings, .. } = self.account;
        let arn = format!("arn:aws:kms:{}:{}:key/new-key", settings.region, settings.account);
        let arn: KeyArn = arn.parse().expect("it is the ARN of a key");
        KeyView { primary: Some(arn.clone()), arn, created: None, condition: Condition::Usable }
    }
}

impl Step for ReplicaKey<'_> {
    type Output = KeyView;
    const SHARED: bool = true;
    const PROPAGATION_DELAY: Duration = Duration::from_secs(30);

    fn id(&self) -> StepId {
        StepId("replica-key")
    }

    fn resource(&self) -> String {
        self.arn().to_string()
    }

    fn describe(&self) -> String {
        format!("replica of the handoff key in {}", self.of.route.region)
    }

    async fn observe(&self) -> Result<Observed<KeyView>, Fault> {
        match self.account.keys.describe(&self.of.route.region, &self.arn().to_string()).await? {
            Some(key) => Ok(usable(self.account, self.of, key).await?.into()),
            None => Ok(Observed::Todo),
        }
    }

    async fn act(&self) -> Result<Acted, Fault> {
        let Account { settings, clients, keys, .. } = self.account;
        let region = &self.of.route.region;
        let policy = key_policy::replica_policy(&settings.account, &settings.role, region);
        let tags = key_tags(&settings.region, &self.of.route.account);
        let answer = clients
            .kms(&settings.region)
            .replicate_key()
            .key_id(self.key.arn.to_string())
            .replica_region(region.as_str())
            .description(format!("rds-handoff from {} to account {}", settings.region, self.of.route.account))
            .policy(policy.to_string())
            .set_tags(Some(kms_tags(&tags)?))
            .send()
            .await;
        keys.invalidate(region, &self.arn().to_string());
        let answer = answer.missing_ok("kms:ReplicateKey", ReplicateKeyError::is_already_exists_exception)?;
        keys.cache_created(answer.as_ref().and_then(ReplicateKeyOutput::replica_key_metadata), tags);
        Ok(Acted::Done)
    }

    fn planned_output(&self) -> KeyView {
        let primary = Some(self.key.arn.clone());
        KeyView { arn: self.arn(), created: None, condition: Condition::Usable, primary }
    }

    fn changed(&self) -> Option<Timestamp> {
        self.key.created
    }
}

impl ReplicaKey<'_> {
    /// A replica has the id of its primary (KMS Developer Guide, Multi-Region keys).
    fn arn(&self) -> KeyArn {
        KeyArn { region: self.of.route.region.clone(), ..self.key.arn.clone() }
    }
}

impl Step for KeyAlias<'_> {
    type Output = ();
    const SHARED: bool = true;

    fn id(&self) -> StepId {
        StepId(if self.key.is_primary() { "key-alias" } else { "replica-alias" })
    }

    fn resource(&self) -> String {
        format!("{} {}", self.region(), self.alias())
    }

    fn describe(&self) -> String {
        format!("{} in {}", self.alias(), self.region())
    }

    async fn observe(&self) -> Result<Observed<()>, Fault> {
        is_named(self.account, self.of, self.region(), &self.alias(), self.key).await
    }

    async fn act(&self) -> Result<Acted, Fault> {
        self.account.keys.create_alias(self.key, &self.alias()).await.map(|()| Acted::Done)
    }

    fn planned_output(&self) {}

    fn changed(&self) -> Option<Timestamp> {
        self.key.created
    }
}

impl KeyAlias<'_> {
    fn region(&self) -> &Region {
        &self.key.arn.region
    }

    fn alias(&self) -> String {
        names::key_alias(&self.account.settings.region, &self.of.route.account)
    }
}

/// Whether the alias names this key.
async fn is_named(
    account: &Account,
    of: &Handoff,
    region: &Region,
    alias: &str,
    key: &KeyView,
) -> Result<Observed<()>, Fault> {
    match account.keys.describe(region, alias).await? {
        None => Ok(Observed::Todo),
        Some(named) if named.arn == key.arn => Ok(Observed::Ready(())),
        Some(other) if is_ours(account, of, &other).await? => {
            Ok(Observed::Working(Working::new("another agent has given the alias to another key of ours")))
        }
        Some(other) => {
            Err(Fault::not_ours(&format!("{alias} in {region}"), &format!("it names {}, not {}", other.arn, key.arn)))
        }
    }
}

async fn is_ours(account: &Account, of: &Handoff, key: &KeyView) -> Result<bool, Fault> {
    account.keys.carries(&key.arn, &key_tags(&account.settings.region, &of.route.account)).await
}

/// Checks that the key is ours, and waits until it can be used.
async fn usable(account: &Account, of: &Handoff, key: KeyView) -> Result<Progress<KeyView>, Fault> {
    if !is_ours(account, of, &key).await? {
        let tags = account.keys.tags(&key.arn).await?;
        if tags.is_empty() && is_young(key.created, account.clock.now()) {
            return Ok(Progress::Working(Working::new("waiting for the tags of the key")));
        }
        return Err(Fault::not_ours(&format!("key {}", key.arn), "it does not carry the tags of this handoff key"));
    }
    key.progress()
}
