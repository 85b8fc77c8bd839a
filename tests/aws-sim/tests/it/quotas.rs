//! Service quotas.

use crate::lab::{A, B, HERE, Lab, THERE, advance_time, code, hours, message, snapshot_arn};

#[tokio::test(start_paused = true)]
async fn copies_in_progress_are_limited_to_twenty() {
    let lab = Lab::new();
    lab.database("orders");
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    here.snapshot("orders", "first").await;
    let key = there.key().await;
    let source = snapshot_arn(A, HERE, "first");
    for index in 0..20 {
        there.copy(&source, &format!("copy-{index}"), &key).await;
    }
    let call = || {
        let call = there.rds.copy_db_snapshot().source_db_snapshot_identifier(&source).kms_key_id(&key);
        call.target_db_snapshot_identifier("one-more").send()
    };
    assert_eq!(message(call().await), "Cannot copy more than 20 snapshots across regions");
    advance_time(hours(4)).await;
    call().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn manual_snapshots_are_limited_per_account_and_region() {
    let lab = Lab::with(|settings| settings.quotas.manual_snapshots = 2);
    lab.database("orders");
    let here = lab.agent(A, HERE);
    here.snapshot("orders", "one").await;
    here.snapshot("orders", "two").await;
    let third =
        || here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("three").send();
    let refused = third().await;
    assert_eq!(code(refused), "SnapshotQuotaExceeded");
    let figures = here.rds.describe_account_attributes().send().await.unwrap();
    let manual = figures.account_quotas().iter().find(|quota| quota.account_quota_name() == Some("ManualSnapshots"));
    assert_eq!(manual.map(|quota| (quota.used(), quota.max())), Some((Some(2), Some(2))));
    here.rds.delete_db_snapshot().db_snapshot_identifier("one").send().await.unwrap();
    third().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn snapshot_is_shared_with_at_most_twenty_accounts() {
    let all = crate::copied_snapshot::copied_snapshot().await;
    let share = |account: String| {
        let call = all.a.rds.modify_db_snapshot_attribute().db_snapshot_identifier("copy").attribute_name("restore");
        call.values_to_add(account).send()
    };
    for index in 0..20 {
        share(format!("{:012}", 400 + index)).await.unwrap();
    }
    assert_eq!(code(share(B.to_owned()).await), "SharedSnapshotQuotaExceeded");
    share(format!("{:012}", 400)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn instances_are_limited_by_quota() {
    let lab = Lab::with(|settings| settings.quotas.instances = 1);
    lab.database("orders");
    let here = lab.agent(A, HERE);
    here.snapshot("orders", "first").await;
    let restore = || {
        let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("first");
        call.db_instance_identifier("again").send()
    };
    assert_eq!(code(restore().await), "InstanceQuotaExceeded");
    let call = here.rds.delete_db_instance().db_instance_identifier("orders");
    call.skip_final_snapshot(true).send().await.unwrap();
    advance_time(hours(1)).await;
    restore().await.unwrap();
}
