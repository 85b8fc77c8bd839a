//! The world of the attacks: an offer is open, its database is restored in account B, and both accounts have resources
//! that are not the handoff's.

use std::collections::BTreeMap;
use std::time::Duration;

use agent_runtime::Exit;
use aws_sdk_kms::types::{GrantOperation, Tag as KeyTag};
use aws_sdk_rds::types::Tag;
use aws_sim::Database;
use e2e::{A, Admin, B, HOME, Invariant, Lab, TARGET, World};
use serde_json::json;

use super::policies::{Doc, Policies};

/// A third account.
pub(super) const C: &str = "333333333333";
/// A Region without a route.
pub(super) const ELSEWHERE: &str = "eu-west-1";

/// The Lab, and the names of its keys and snapshots in the attacks.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) lab: Lab,
    /// ARNs of the keys, by the names that attacks use.
    pub(super) keys: BTreeMap<&'static str, String>,
    /// The names of the handoff's three snapshots, by role.
    pub(super) snapshots: BTreeMap<&'static str, String>,
    pub(super) shipped: Policies,
}

pub(super) fn tags(tags: &[(&str, &str)]) -> Option<Vec<Tag>> {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build());
    Some(tags.collect()).filter(|tags: &Vec<Tag>| !tags.is_empty())
}

pub(super) fn key_tags(tags: &[(&str, &str)]) -> Option<Vec<KeyTag>> {
    let tags = tags.iter().map(|(key, value)| KeyTag::builder().tag_key(*key).tag_value(*value).build().unwrap());
    Some(tags.collect()).filter(|tags: &Vec<KeyTag>| !tags.is_empty())
}

/// The three tags of a handoff key; the tag `other`, if any, has a wrong value.
pub(super) fn handoff_key_tags(other: Option<&str>) -> Vec<(&'static str, &'static str)> {
    let right = [
        ("rds-handoff:role", "key", "own-key"),
        ("rds-handoff:source-region", HOME, ELSEWHERE),
        ("rds-handoff:target-account", B, C),
    ];
    right.map(|(key, right, wrong)| (key, if other == Some(key) { wrong } else { right })).to_vec()
}

impl Scene {
    pub(super) async fn new() -> Self {
        let lab = Lab::new(World { databases: vec![], requests: true, ..World::quick() }).await;
        for (account, role) in
            [(A, "app"), (A, "runner"), (B, "app"), (B, "runner"), (B, "rds-monitoring"), (B, "admin")]
        {
            lab.cloud.role(account, role);
        }
        let database_key = lab.admin(A, HOME).create_key("of orders").await;
        lab.cloud.create_database(Database { kms_key: Some(database_key.clone()), ..Database::new(A, HOME, "orders") });
        lab.configure_source(&["orders"], "");
        // Once there is an offer, the replica exists.
        let offered = lab.source_for(Duration::from_mins(15)).await;
        assert_eq!(offered.exit, Exit::Pending, "{}", offered.out);
        let mut scene =
            Self { shipped: Policies::shipped(&lab, &database_key).await, lab, keys: [].into(), snapshots: [].into() };
        scene.keys.insert("orders", database_key);
        for doc in scene.shipped.0.keys() {
            if !matches!(doc, Doc::ExistingRole | Doc::ExistingBoundary | Doc::ExistingPrimary | Doc::ExistingReplica) {
                scene.shipped.put(*doc, &scene.lab).await;
            }
        }
        // Account B restores under the policies with narrow parameters.
        let restored = Lab::in_time(scene.lab.target_until_restored(&["orders-cutover-1"])).await;
        assert_eq!(restored.exit, Exit::Settled, "{}", restored.out);
        let own = [(A, HOME, "source"), (A, TARGET, "shared"), (B, TARGET, "target")];
        for (account, region, role) in own {
            let name = scene.lab.admin(account, region).snapshots().await.pop().unwrap();
            assert!(name.ends_with(role), "{name}");
            scene.snapshots.insert(role, name);
        }
        scene.keys().await;
        scene.in_account_a().await;
        scene.in_account_b().await;
        scene.in_account_c().await;
        // Wait until all operations have finished.
        tokio::time::sleep(Duration::from_mins(5)).await;
        for invariant in Invariant::ALL {
            scene
                .lab
                .exempt(invariant, "from now on attackers act under the agents' roles, and some attacks must succeed");
        }
        scene
    }

    /// An independent copy of the scene.
    pub(super) fn fork(&self) -> Self {
        let (keys, snapshots, shipped) = (self.keys.clone(), self.snapshots.clone(), self.shipped.clone());
        Self { lab: self.lab.fork(), keys, snapshots, shipped }
    }

    async fn key(&mut self, name: &'static str, account: &str, region: &str, multi: bool, tags: &[(&str, &str)]) {
        let kms = self.lab.admin(account, region).kms;
        let made = kms.create_key().multi_region(multi).set_tags(key_tags(tags)).send().await.unwrap();
        let key = made.key_metadata().unwrap().arn().unwrap().to_owned();
        let grant = kms.create_grant().key_id(&key).grantee_principal(format!("arn:aws:iam::{account}:root"));
        grant.operations(GrantOperation::Decrypt).send().await.unwrap();
        self.keys.insert(name, key);
    }

    async fn keys(&mut self) {
        let replica = self.lab.replica_key().await;
        self.keys.insert("primary", format!("arn:aws:kms:{HOME}:{A}:key/{replica}"));
        self.keys.insert("replica", format!("arn:aws:kms:{TARGET}:{A}:key/{replica}"));
        self.keys.insert("own", self.lab.admin(B, TARGET).own_key().await);
        // Like the handoff key, except for one tag.
        let others = [
            ("rds-handoff:role", "other role", "primary of other role"),
            ("rds-handoff:source-region", "other source Region", "primary of other source Region"),
            ("rds-handoff:target-account", "other target account", "primary of other target account"),
        ];
        for (tag, replica, primary) in others {
            self.key(replica, A, TARGET, true, &handoff_key_tags(Some(tag))).await;
            self.key(primary, A, HOME, true, &handoff_key_tags(Some(tag))).await;
        }
        self.key("single-Region", A, TARGET, false, &handoff_key_tags(None)).await;
        self.key("elsewhere", A, ELSEWHERE, true, &handoff_key_tags(None)).await;
        self.key("team", A, TARGET, false, &[]).await;
        self.key("payroll", A, HOME, false, &[]).await;
        self.key("team of B", B, TARGET, false, &[]).await;
        self.key("open to B", A, TARGET, false, &[]).await;
        self.key("of C", C, TARGET, false, &[]).await;
        for (key, account) in [("open to B", A), ("of C", C)] {
            let policy = open_to(&[account, B]);
            let kms = self.lab.admin(account, TARGET).kms;
            kms.put_key_policy().key_id(&self.keys[key]).policy(policy).send().await.unwrap();
        }
        let kms = self.lab.admin(A, TARGET).kms;
        kms.create_alias().alias_name("alias/team").target_key_id(&self.keys["team"]).send().await.unwrap();
    }

    async fn in_account_a(&self) {
        let (home, abroad) = (self.lab.admin(A, HOME), self.lab.admin(A, TARGET));
        self.database(A, HOME, "payroll", Some("payroll"), &[]);
        self.database(A, HOME, "wiki", None, &[]);
        self.database(A, HOME, "plain", None, &[]);
        self.database(A, TARGET, "branch", Some("team"), &[]);
        self.database(A, TARGET, "lent", Some("open to B"), &[]);
        snapshot(&home, "orders", "archive", &[]).await;
        snapshot(&home, "payroll", "rds-handoff-payroll-source", &[]).await;
        snapshot(&home, "payroll", "rds-handoff-old-shared", &[("rds-handoff:role", "shared")]).await;
        snapshot(&abroad, "branch", "nightly", &[]).await;
        snapshot(&abroad, "branch", "rds-handoff-branch-shared", &[]).await;
        snapshot(&abroad, "branch", "rds-handoff-old-source", &[("rds-handoff:role", "source")]).await;
        snapshot(&abroad, "lent", "rds-handoff-lent-shared", &[]).await;
        share(&abroad, "rds-handoff-lent-shared").await;
        home.sqs.create_queue().queue_name(format!("rds-handoff-receipts-{C}")).send().await.unwrap();
    }

    async fn in_account_b(&self) {
        let b = self.lab.admin(B, TARGET);
        self.database(B, TARGET, "payroll", None, &[]);
        self.database(B, TARGET, "ledger", Some("own"), &[("rds-handoff:role", "database")]);
        self.database(B, TARGET, "stock-cutover-9", Some("team of B"), &[]);
        self.database(B, ELSEWHERE, "orders-cutover-1", None, &[("rds-handoff:role", "database")]);
        snapshot(&b, "ledger", "archive", &[("rds-handoff:role", "target")]).await;
        snapshot(&b, "ledger", "rds-handoff-ledger-target", &[]).await;
        snapshot(&b, "stock-cutover-9", "rds-handoff-stock-target", &[("rds-handoff:role", "target")]).await;
        self.lab.cloud.create_subnet_group(B, TARGET, "public");
        b.sqs.create_queue().queue_name("events").send().await.unwrap();
        b.set_queue_policy("events", &open_to(&[A, B])).await;
    }

    async fn in_account_c(&self) {
        let c = self.lab.admin(C, TARGET);
        for role in ["app", super::policies::SOURCE, super::policies::TARGET_ROLE] {
            self.lab.cloud.role(C, role);
        }
        self.database(C, TARGET, "bait", None, &[]);
        snapshot(&c, "bait", "rds-handoff-bait-shared", &[]).await;
        share(&c, "rds-handoff-bait-shared").await;
    }

    /// Creates a database; without a key it is not encrypted.
    fn database(&self, account: &str, region: &str, name: &str, key: Option<&str>, tags: &[(&str, &str)]) {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let kms_key = key.map(|key| self.keys[key].clone());
        self.lab.cloud.create_database(Database { kms_key, tags, ..Database::new(account, region, name) });
    }
}

/// A policy that lets these accounts do everything.
pub(super) fn open_to(accounts: &[&str]) -> String {
    let roots: Vec<String> = accounts.iter().map(|account| format!("arn:aws:iam::{account}:root")).collect();
    let statement = json!({ "Effect": "Allow", "Principal": { "AWS": roots }, "Action": "*", "Resource": "*" });
    json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
}

async fn snapshot(by: &Admin, database: &str, name: &str, pairs: &[(&str, &str)]) {
    let call = by.rds.create_db_snapshot().db_instance_identifier(database).db_snapshot_identifier(name);
    call.set_tags(tags(pairs)).send().await.unwrap();
    // RDS takes the snapshots of one database one after another.
    tokio::time::sleep(Duration::from_secs(10)).await;
}

async fn share(by: &Admin, name: &str) {
    let call = by.rds.modify_db_snapshot_attribute().db_snapshot_identifier(name).attribute_name("restore");
    call.values_to_add(B).send().await.unwrap();
}
