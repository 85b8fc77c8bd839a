//! What people do by hand: a script for each database, with the credentials of both accounts, that makes a call and
//! then polls its resource until it is available, as the AWS CLI's `aws rds wait` does.

use std::time::Duration;

use aws_sdk_kms::types::KeyState;
use aws_sdk_rds::operation::copy_db_snapshot::CopyDBSnapshotError;
use futures_util::future::join_all;
use serde_json::json;

use crate::{A, Admin, B, HOME, Lab, TARGET};

/// The clients and keys that the scripts share, and their poll interval.
struct Scripts {
    a_home: Admin,
    a: Admin,
    b: Admin,
    /// Account A's key in the target Region.
    replica: String,
    /// Account B's key in the target Region.
    own: String,
    poll: Duration,
}

/// Runs all scripts concurrently.
pub(super) async fn run(lab: &Lab, databases: &[&str], poll: Duration) {
    let (a_home, a, b) = (lab.admin(A, HOME), lab.admin(A, TARGET), lab.admin(B, TARGET));
    let own = b.own_key().await;
    let primary = a_home.kms.create_key().multi_region(true).send().await.expect("a key");
    let primary = primary.key_metadata().and_then(|key| key.arn()).expect("its ARN").to_owned();
    let replicate = a_home.kms.replicate_key().key_id(&primary).replica_region(TARGET);
    replicate.policy(allows_account_b(TARGET)).send().await.expect("a replica");
    let replica = primary.replace(HOME, TARGET);
    while a
        .kms
        .describe_key()
        .key_id(&replica)
        .send()
        .await
        .expect("the replica")
        .key_metadata()
        .map(|key| key.key_state())
        != Some(Some(&KeyState::Enabled))
    {
        tokio::time::sleep(poll).await;
    }
    let scripts = Scripts { a_home, a, b, replica, own, poll };
    join_all(databases.iter().map(|database| scripts.move_over(database))).await;
}

impl Scripts {
    async fn move_over(&self, database: &str) {
        let Self { a_home, a, b, .. } = self;
        let name = |what: &str| format!("{database}-{what}");
        let (source, shared, target) = (name("source"), name("shared"), name("target"));

        let create = a_home.rds.create_db_snapshot().db_instance_identifier(database);
        create.db_snapshot_identifier(&source).send().await.expect("a snapshot");
        self.snapshot_available(a_home, &source).await;

        self.copy(a, &format!("arn:aws:rds:{HOME}:{A}:snapshot:{source}"), &shared, &self.replica).await;
        self.snapshot_available(a, &shared).await;
        let share = a.rds.modify_db_snapshot_attribute().db_snapshot_identifier(&shared).attribute_name("restore");
        share.clone().values_to_add(B).send().await.expect("shared");

        self.copy(b, &format!("arn:aws:rds:{TARGET}:{A}:snapshot:{shared}"), &target, &self.own).await;
        self.snapshot_available(b, &target).await;
        share.values_to_remove(B).send().await.expect("not shared any more");
        a.rds.delete_db_snapshot().db_snapshot_identifier(&shared).send().await.expect("deleted");

        let restore = b.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(&target);
        let restore = restore.db_instance_identifier(name("restored")).db_subnet_group_name("private");
        restore.send().await.expect("a database");
        self.instance_available(b, &name("restored")).await;
    }

    /// Retries for as long as the quota of copies in flight is used up.
    async fn copy(&self, to: &Admin, source: &str, target: &str, key: &str) {
        let call = to.rds.copy_db_snapshot().source_db_snapshot_identifier(source);
        let call = call.target_db_snapshot_identifier(target).kms_key_id(key);
        while let Err(refused) = call.clone().send().await {
            let full = refused.as_service_error().is_some_and(CopyDBSnapshotError::is_snapshot_quota_exceeded_fault);
            assert!(full, "{refused:?}");
            tokio::time::sleep(self.poll).await;
        }
    }

    async fn snapshot_available(&self, of: &Admin, name: &str) {
        self.wait_for_first_poll().await;
        let call = of.rds.describe_db_snapshots().db_snapshot_identifier(name);
        while call.clone().send().await.expect("a snapshot").db_snapshots()[0].status() != Some("available") {
            tokio::time::sleep(self.poll).await;
        }
    }

    /// Waits for a random part of the interval before the first poll: AWS's durations here are multiples of the
    /// interval, so polls would otherwise come exactly when the work is complete.
    async fn wait_for_first_poll(&self) {
        tokio::time::sleep(self.poll.mul_f64(fastrand::f64())).await;
    }

    async fn instance_available(&self, of: &Admin, name: &str) {
        self.wait_for_first_poll().await;
        let call = of.rds.describe_db_instances().db_instance_identifier(name);
        while call.clone().send().await.expect("a database").db_instances()[0].db_instance_status() != Some("available")
        {
            tokio::time::sleep(self.poll).await;
        }
    }
}

/// A policy of account A's key that allows account B to copy snapshots under that key, in this Region.
pub(super) fn allows_account_b(region: &str) -> String {
    let root = |account: &str| json!({ "AWS": format!("arn:aws:iam::{account}:root") });
    let through = json!({ "kms:CallerAccount": B, "kms:ViaService": format!("rds.{region}.amazonaws.com") });
    let uses = ["kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"];
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": root(A), "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": root(B), "Action": uses, "Resource": "*", "Condition": { "StringEquals": through } },
    ] })
    .to_string()
}
