//! Asynchronous operations.

use std::time::Duration;

use aws_smithy_async::time::TimeSource as _;

use crate::copied_snapshot::copied_snapshot;
use crate::lab::{A, B, HERE, Lab, THERE, advance_time, code, hours, snapshot_arn};

#[tokio::test(start_paused = true)]
async fn copy_progress_increases_in_steps_and_reaches_100_when_available() {
    let lab = Lab::new();
    lab.database("orders");
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    here.snapshot("orders", "first").await;
    there.copy(&snapshot_arn(A, HERE, "first"), "copy", &there.key().await).await;
    let mut seen: Vec<(String, i32)> = Vec::new();
    while seen.last().is_none_or(|(status, _)| status != "available") {
        let now = there.described("copy").await;
        seen.push((now.status().unwrap().to_owned(), now.percent_progress().unwrap()));
        assert_eq!(lab.cloud.content(&snapshot_arn(A, THERE, "copy")).is_some(), now.status() == Some("available"));
        advance_time(Duration::from_mins(2)).await;
    }
    assert!(seen.is_sorted_by_key(|(_, percent)| *percent), "{seen:?}");
    for (status, percent) in &seen {
        assert_eq!(status == "available", *percent == 100, "{seen:?}");
    }
    let mut statuses: Vec<_> = seen.iter().map(|(status, _)| status.as_str()).collect();
    statuses.dedup();
    assert_eq!(statuses, ["creating", "copying", "available"]);
    let mut lumps: Vec<_> = seen.iter().map(|(_, percent)| percent).collect();
    lumps.dedup();
    assert!(lumps.len() > 5 && lumps.len() < seen.len() / 2, "{lumps:?}");
}

#[tokio::test(start_paused = true)]
async fn snapshot_end_is_seen_when_owner_first_describes_it() {
    let lab = Lab::new();
    lab.database("orders");
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    let begun = lab.cloud.clock().now();
    let call = here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("first");
    call.send().await.unwrap();
    assert_eq!(here.status("first").await, "creating");
    advance_time(hours(1)).await;
    // A describe call in another Region, or of other resources, does not count.
    there.rds.describe_db_snapshots().send().await.unwrap();
    here.rds.describe_db_instances().send().await.unwrap();
    let [ending] = &lab.cloud.endings()[..] else { panic!("expected one ending") };
    let lasted = ending.at.duration_since(begun).unwrap();
    assert!(lasted.abs_diff(Duration::from_mins(20)) < Duration::from_secs(1), "{lasted:?}");
    assert_eq!((ending.resource.as_str(), ending.seen), (snapshot_arn(A, HERE, "first").as_str(), None));
    here.rds.describe_db_snapshots().send().await.unwrap();
    let seen = lab.cloud.endings()[0].seen;
    assert!(seen.is_some_and(|seen| seen.duration_since(begun).unwrap() > hours(1)), "{seen:?}");
    here.status("first").await;
    assert_eq!(lab.cloud.endings()[0].seen, seen, "only the first describe call counts");
}

#[tokio::test(start_paused = true)]
async fn copies_of_one_database_run_one_after_another() {
    let lab = Lab::new();
    lab.database("orders");
    lab.database("users");
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    here.snapshot("orders", "orders").await;
    here.snapshot("users", "users").await;
    let key = there.key().await;
    for (source, target) in [("orders", "first"), ("orders", "second"), ("users", "other")] {
        there.copy(&snapshot_arn(A, HERE, source), target, &key).await;
    }
    advance_time(hours(2)).await;
    let second = there.described("second").await;
    assert_eq!((second.status(), second.percent_progress()), (Some("pending"), Some(0)));
    assert_eq!(there.status("first").await, "copying");
    assert_eq!(there.status("other").await, "copying");
    advance_time(hours(2)).await;
    assert_eq!(there.status("first").await, "available");
    assert_eq!(there.status("second").await, "copying");
    advance_time(hours(3)).await;
    assert_eq!(there.status("second").await, "available");
}

#[tokio::test(start_paused = true)]
async fn copy_fails_when_source_or_its_key_or_grant_is_gone() {
    let all = copied_snapshot().await;
    all.a.share("copy", B).await;
    all.a.allow_through_rds(&all.key, A, B).await;

    all.b.copy(&all.copy, "kept", &all.own).await;
    advance_time(hours(2)).await;
    assert_eq!(all.b.status("kept").await, "available");

    all.b.copy(&all.copy, "disabled", &all.own).await;
    all.a.kms.disable_key().key_id(&all.key).send().await.unwrap();
    advance_time(hours(2)).await;
    assert_eq!(all.b.status("disabled").await, "failed");
    all.a.kms.enable_key().key_id(&all.key).send().await.unwrap();

    all.b.copy(&all.copy, "revoked", &all.own).await;
    let grants = all.a.kms.list_grants().key_id(&all.key).send().await.unwrap();
    for grant in grants.grants() {
        all.a.kms.revoke_grant().key_id(&all.key).grant_id(grant.grant_id().unwrap()).send().await.unwrap();
    }
    advance_time(hours(2)).await;
    assert_eq!(all.b.status("revoked").await, "failed");

    all.b.copy(&all.copy, "orphan", &all.own).await;
    all.a.rds.delete_db_snapshot().db_snapshot_identifier("copy").send().await.unwrap();
    assert_eq!(all.b.status("orphan").await, "failed");
    assert_eq!(all.lab.cloud.content(&snapshot_arn(B, THERE, "orphan")), None);
    assert!(all.lab.cloud.content(&snapshot_arn(B, THERE, "kept")).is_some());
    all.b.rds.delete_db_snapshot().db_snapshot_identifier("orphan").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn deleting_running_copy_starts_next_copy_in_queue() {
    let all = copied_snapshot().await;
    for target in ["one", "two"] {
        all.a.copy("copy", target, &all.key).await;
    }
    all.a.rds.delete_db_snapshot().db_snapshot_identifier("one").send().await.unwrap();
    advance_time(Duration::from_mins(30)).await;
    assert_eq!(all.a.status("two").await, "copying");
    assert_eq!(
        code(all.a.rds.describe_db_snapshots().db_snapshot_identifier("one").send().await),
        "DBSnapshotNotFound"
    );
}

#[tokio::test(start_paused = true)]
async fn speed_divides_durations() {
    let lab = Lab::with(|settings| settings.speed = 60);
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let call = here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("fast");
    call.send().await.unwrap();
    assert_eq!(here.status("fast").await, "creating");
    advance_time(Duration::from_secs(21)).await;
    assert_eq!(here.status("fast").await, "available");
}
