//! Observing the state of the simulation before and after each call that may change it.
//!
//! It is for tests that check invariants of their own at every call. It is not part of AWS, and no value is masked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Call;
use crate::kms::Key;
use crate::rds::instance::Instance;
use crate::rds::snapshot::Snapshot;
use crate::world::World;

/// Is notified of each request that may change state ([`Call::mutating`]) twice, in the order in which requests take
/// effect.
///
/// Both methods are called while the state is locked: calling the [`crate::Cloud`] from them would deadlock.
pub trait Observer: Send + Sync + fmt::Debug {
    /// `call` has arrived and is about to be authorized. Called again for each attempt of a `ReceiveMessage` that waits
    /// for messages.
    fn before(&self, call: &Call, world: View<'_>);

    /// `call`, the one that [`Observer::before`] was last called with, has succeeded. Not called if it was refused.
    fn after(&self, call: &Call, world: View<'_>);
}

/// A read-only view of the state at one instant.
#[derive(Clone, Copy)]
pub struct View<'a>(&'a World);

/// A DB snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotView<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The account that owns it.
    pub account: &'a str,
    /// The Region that it is in.
    pub region: &'a str,
    /// Whether it is the unfinished result of `CopyDBSnapshot`.
    pub copying: bool,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// The accounts that it is shared with, or `all`.
    pub shares: &'a BTreeSet<String>,
}

/// A DB instance.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseView<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The account that owns it.
    pub account: &'a str,
    /// The Region that it is in.
    pub region: &'a str,
    /// `DBInstanceStatus`, as in RDS.
    pub status: &'static str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
}

/// A KMS key of one Region.
#[derive(Clone, Copy, Debug)]
pub struct KeyView<'a> {
    /// Its ARN.
    pub arn: &'a str,
    /// The account that owns it.
    pub account: &'a str,
    /// The Region that it is in.
    pub region: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Its policy as last set, whether or not it is in effect yet.
    pub policy: &'a str,
    key: &'a Key,
}

/// A grant on a key.
#[derive(Clone, Copy, Debug)]
pub struct GrantView<'a> {
    /// Its id.
    pub id: &'a str,
    /// The ARN of the root user of the account that created it.
    pub issuer: &'a str,
    /// The principal that may use the key.
    pub grantee: &'a str,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").finish_non_exhaustive()
    }
}

impl<'a> View<'a> {
    pub(crate) fn of(world: &'a World) -> Self {
        Self(world)
    }

    /// All snapshots, by ARN.
    pub fn snapshots(self) -> impl Iterator<Item = SnapshotView<'a>> + use<'a> {
        self.0.rds.snapshots.iter().map(|(arn, snapshot)| snapshot_view(arn, snapshot))
    }

    /// All DB instances, by ARN.
    pub fn databases(self) -> impl Iterator<Item = DatabaseView<'a>> + use<'a> {
        let world = self.0;
        world.rds.instances.iter().map(|(arn, instance)| DatabaseView {
            arn,
            account: &instance.arn.account,
            region: &instance.arn.region,
            status: instance.status(world.now),
            tags: &instance.tags,
        })
    }

    /// All keys, by ARN.
    pub fn keys(self) -> impl Iterator<Item = KeyView<'a>> + use<'a> {
        self.0.kms.keys.iter().map(|(arn, key)| key_view(arn, key))
    }

    /// The key with this ARN.
    pub fn key(self, arn: &str) -> Option<KeyView<'a>> {
        self.0.kms.keys.get_key_value(arn).map(|(arn, key)| key_view(arn, key))
    }

    /// All aliases by ARN, each with the ARN of its key.
    pub fn aliases(self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.0.kms.aliases.iter().map(|(alias, key)| (alias.as_str(), key.as_str()))
    }

    /// The ARN of the key that this alias ARN names.
    pub fn alias(self, arn: &str) -> Option<&'a str> {
        self.0.kms.aliases.get(arn).map(String::as_str)
    }

    /// The tags of the snapshot, the DB instance or the key with this ARN; `None` when there is none.
    pub fn tags(self, arn: &str) -> Option<&'a BTreeMap<String, String>> {
        let World { rds, kms, .. } = self.0;
        let snapshot = rds.snapshots.get(arn).map(|snapshot| &snapshot.tags);
        let instance = || rds.instances.get(arn).map(|instance| &instance.tags);
        snapshot.or_else(instance).or_else(|| kms.keys.get(arn).map(|key| &key.tags))
    }

    /// All that callers have set on the RDS or KMS resource with this ARN, as a text that differs when any of it
    /// differs; `None` if there is no such resource. It excludes what changes without a call, such as progress, and
    /// grants, which RDS creates on any key that it uses.
    pub fn settings(self, arn: &str) -> Option<String> {
        let World { rds, kms, .. } = self.0;
        let snapshot = || rds.snapshots.get(arn).map(snapshot_settings);
        let instance = || rds.instances.get(arn).map(instance_settings);
        let subnets = || rds.subnet_groups.get(arn).map(|group| format!("{group:?}"));
        let parameters = || rds.parameter_groups.get(arn).map(|group| format!("{group:?}"));
        let options = || rds.option_groups.get(arn).map(|group| format!("{group:?}"));
        let alias = || kms.aliases.get(arn).cloned();
        let key = || kms.keys.get(arn).map(key_settings);
        snapshot().or_else(instance).or_else(key).or_else(alias).or_else(subnets).or_else(parameters).or_else(options)
    }
}

impl<'a> KeyView<'a> {
    /// The grants that `ListGrants` shows, by id.
    pub fn grants(&self) -> impl Iterator<Item = GrantView<'a>> + use<'a> {
        self.key.grants.iter().map(|(id, grant)| GrantView {
            id,
            issuer: &grant.terms.issuer,
            grantee: &grant.terms.grantee,
        })
    }
}

fn snapshot_view<'a>(arn: &'a str, snapshot: &'a Snapshot) -> SnapshotView<'a> {
    SnapshotView {
        arn,
        account: &snapshot.arn.account,
        region: &snapshot.arn.region,
        copying: snapshot.copying(),
        tags: &snapshot.tags,
        shares: &snapshot.shares,
    }
}

fn key_view<'a>(arn: &'a str, key: &'a Key) -> KeyView<'a> {
    let policy = &key.policy.shown().text;
    KeyView { arn, account: &key.arn.account, region: &key.arn.region, tags: &key.tags, policy, key }
}

fn snapshot_settings(snapshot: &Snapshot) -> String {
    format!("{:?} {:?} {:?} {}", snapshot.tags, snapshot.shares, snapshot.key, snapshot.option_group)
}

fn instance_settings(instance: &Instance) -> String {
    use crate::rds::instance::Stage::{Available, Creating, Deleting, Modifying, Rebooting};
    let asked = match &instance.stage {
        Available | Creating { .. } => String::new(),
        Modifying { changes, .. } => format!("modify {changes:?}"),
        Rebooting { .. } => "reboot".to_owned(),
        Deleting { .. } => "delete".to_owned(),
    };
    format!("{:?} {:?} {:?} {:?} {asked}", instance.tags, instance.setup, instance.pending, instance.secret)
}

fn key_settings(key: &Key) -> String {
    let (state, policy) = (key.state.name(), &key.policy.shown().text);
    format!("{:?} {state} {:?} {:?} {:?} {policy}", key.tags, key.description, key.primary, key.rotation)
}
