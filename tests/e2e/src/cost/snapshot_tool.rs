//! The calls of the functions of awslabs/rds-snapshot-tool. Account A's function shares the snapshots with its tags
//! every 10 minutes; account B's copies shared snapshots every 30 minutes, first within the source Region and then
//! across. Each run lists all snapshots. Nothing is restored, and no share is revoked.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_rds::operation::describe_db_snapshots::builders::DescribeDBSnapshotsFluentBuilder;
use aws_sdk_rds::types::{DbSnapshot, Tag};
use aws_sim::Database;

use super::scripts::allows_account_b;
use crate::{A, Admin, B, HOME, Lab, TARGET};

/// The tool in both accounts.
pub(super) struct Tool {
    a: Admin,
    b_home: Admin,
    b: Admin,
    keys: [String; 2],
}

impl Tool {
    /// Creates databases under a key that account B may use, and a key of account B in each Region.
    pub(super) async fn set_up(lab: &Lab, databases: &[&str]) -> Self {
        let (a, b_home, b) = (lab.admin(A, HOME), lab.admin(B, HOME), lab.admin(B, TARGET));
        let key = a.create_key("of the databases").await;
        a.set_key_policy(&key, &allows_account_b(HOME)).await;
        for database in databases {
            lab.cloud.create_database(Database { kms_key: Some(key.clone()), ..Database::new(A, HOME, database) });
        }
        let keys = [b_home.create_key("own").await, b.own_key().await];
        Self { a, b_home, b, keys }
    }

    /// Runs the tool until account B has all copies in the target Region.
    pub(super) async fn run(&self, databases: usize) {
        self.take_snapshots().await;
        let share = every(Duration::from_mins(10), async || {
            self.share().await;
            false
        });
        let copy = every(Duration::from_mins(30), async || self.copy().await == databases);
        tokio::select! {
            biased;
            () = copy => {}
            () = share => {}
        }
    }

    async fn take_snapshots(&self) {
        let mut pages = self.a.rds.describe_db_instances().into_paginator().send();
        while let Some(page) = pages.next().await {
            for database in page.expect("databases").db_instances().iter().filter_map(|it| it.db_instance_identifier())
            {
                let call = self.a.rds.create_db_snapshot().db_instance_identifier(database);
                let call = call.db_snapshot_identifier(format!("{database}-2026-11-21"));
                let call = call.tags(tag("CreatedBy", "Snapshot Tool for RDS")).tags(tag("shareAndCopy", "YES"));
                call.send().await.expect("a snapshot");
            }
        }
    }

    /// `share_snapshots_rds`: reads the tags of each snapshot twice, and also shares snapshots that are shared already.
    async fn share(&self) {
        let manual = self.a.rds.describe_db_snapshots().snapshot_type("manual");
        for snapshot in listed(manual).await {
            let (arn, id) = (snapshot.db_snapshot_arn(), snapshot.db_snapshot_identifier());
            for _ in ["is it made by the tool", "is it to be shared"] {
                self.a
                    .rds
                    .list_tags_for_resource()
                    .set_resource_name(arn.map(str::to_owned))
                    .send()
                    .await
                    .expect("tags");
            }
            if snapshot.status() == Some("available") {
                let call = self.a.rds.modify_db_snapshot_attribute().set_db_snapshot_identifier(id.map(str::to_owned));
                call.attribute_name("restore").values_to_add(B).send().await.expect("shared");
            }
        }
    }

    /// `copy_snapshots_dest_rds`; returns how many copies are available in the target Region. The next run retries what
    /// AWS refused.
    async fn copy(&self) -> usize {
        let all = listed(self.b_home.rds.describe_db_snapshots().include_shared(true)).await;
        let is_shared = |it: &DbSnapshot| it.db_snapshot_arn().is_some_and(|arn| !arn.contains(B));
        let (shared, own): (Vec<_>, Vec<_>) = all.into_iter().partition(is_shared);
        let (own, target) = (by_name(own), by_name(listed(self.b.rds.describe_db_snapshots()).await));
        let is_available = |of: Option<&DbSnapshot>| of.is_some_and(|it| it.status() == Some("available"));
        for snapshot in &shared {
            let arn = snapshot.db_snapshot_arn().unwrap_or_default();
            let id = arn.rsplit(':').next().unwrap_or_default();
            let copy = async |to: &Admin, from: &str, key: &str| {
                let call = to.rds.copy_db_snapshot().source_db_snapshot_identifier(from).kms_key_id(key);
                let _ = call.target_db_snapshot_identifier(id).send().await;
            };
            if !own.contains_key(id) && !target.contains_key(id) {
                copy(&self.b_home, arn, &self.keys[0]).await;
            } else if !target.contains_key(id) && is_available(own.get(id)) {
                copy(&self.b, &format!("arn:aws:rds:{HOME}:{B}:snapshot:{id}"), &self.keys[1]).await;
            } else if own.contains_key(id) && is_available(target.get(id)) {
                self.b_home.rds.delete_db_snapshot().db_snapshot_identifier(id).send().await.expect("deleted");
            }
        }
        target.values().filter(|it| is_available(Some(it))).count()
    }
}

/// Calls `run` once in each interval, at a random time in it, until it returns true. At fixed times AWS's durations,
/// which are multiples of the interval, would end always just before a run or always just after.
async fn every(interval: Duration, mut run: impl AsyncFnMut() -> bool) {
    loop {
        let before = interval.mul_f64(fastrand::f64());
        tokio::time::sleep(before).await;
        if run().await {
            return;
        }
        tokio::time::sleep(interval.saturating_sub(before)).await;
    }
}

/// The snapshots of all pages.
async fn listed(call: DescribeDBSnapshotsFluentBuilder) -> Vec<DbSnapshot> {
    let mut pages = call.into_paginator().send();
    let mut all = Vec::new();
    while let Some(page) = pages.next().await {
        all.extend(page.expect("snapshots").db_snapshots.unwrap_or_default());
    }
    all
}

fn by_name(snapshots: Vec<DbSnapshot>) -> BTreeMap<String, DbSnapshot> {
    snapshots.into_iter().map(|it| (it.db_snapshot_identifier().unwrap_or_default().to_owned(), it)).collect()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}
