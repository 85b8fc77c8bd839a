//! Automated snapshots, tags set by AWS, deletions, and refused shares.

use aws_sdk_rds::types::Tag;
use aws_sim::Database;

use crate::copied_snapshot::copied_snapshot;
use crate::lab::{A, B, HERE, Lab, THERE, advance_time, code, hours, message, snapshot_arn};

const VALUE: &str = "InvalidParameterValue";
const COMBINATION: &str = "InvalidParameterCombination";

fn tag(key: &str) -> Tag {
    Tag::builder().key(key).value("v").build()
}

#[tokio::test(start_paused = true)]
async fn automated_snapshots_can_be_copied_but_not_shared_or_deleted() {
    let lab = Lab::with(|settings| settings.quotas.manual_snapshots = 1);
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    for name in ["rds:orders-2026-11-18-03-05", "awsbackup:job-1"] {
        lab.cloud.create_backup(A, HERE, "orders", name);
        let share = here.rds.modify_db_snapshot_attribute().db_snapshot_identifier(name).attribute_name("restore");
        assert_eq!(code(share.values_to_add(B).send().await), VALUE);
        assert_eq!(code(here.rds.describe_db_snapshot_attributes().db_snapshot_identifier(name).send().await), VALUE);
        let delete = here.rds.delete_db_snapshot().db_snapshot_identifier(name).send().await;
        assert_eq!(code(delete), "InvalidDBSnapshotState");
        // These snapshots do not count as manual.
        here.copy(name, "copy", &key).await;
        advance_time(hours(2)).await;
        assert_eq!(here.described("copy").await.snapshot_type(), Some("manual"));
        here.share("copy", B).await;
        let again = here.rds.copy_db_snapshot().source_db_snapshot_identifier(name);
        assert_eq!(code(again.target_db_snapshot_identifier("more").send().await), "SnapshotQuotaExceeded");
        here.rds.delete_db_snapshot().db_snapshot_identifier("copy").send().await.unwrap();
    }
    let by_name = || here.rds.describe_db_snapshots().db_snapshot_identifier("rds:orders-2026-11-18-03-05");
    assert_eq!(code(by_name().send().await), COMBINATION);
    by_name().snapshot_type("automated").send().await.unwrap();
    let listed = async |kind: Option<&str>| {
        let call = here.rds.describe_db_snapshots().set_snapshot_type(kind.map(str::to_owned));
        let found = call.send().await.unwrap();
        found.db_snapshots().iter().map(|of| of.snapshot_type().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, ["automated"]);
    assert_eq!(listed(Some("automated")).await, ["automated"]);
    assert_eq!(listed(Some("awsbackup")).await, ["awsbackup"]);
    assert!(listed(Some("manual")).await.is_empty());
    assert_eq!(code(here.rds.describe_db_snapshots().snapshot_type("other").send().await), VALUE);
}

#[tokio::test(start_paused = true)]
async fn aws_tags_cannot_be_changed_and_are_not_copied_or_restored() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let name = "aws:cloudformation:stack-name".to_owned();
    let tags = [(name.clone(), "app".to_owned()), ("team".to_owned(), "red".to_owned())].into();
    lab.cloud.create_database(Database { tags, ..Database::new(A, HERE, "orders") });
    let arn = format!("arn:aws:rds:{HERE}:{A}:db:orders");
    let add = |tag: Tag| here.rds.add_tags_to_resource().resource_name(&arn).tags(tag).send();
    assert_eq!(code(add(tag("AWS:x")).await), VALUE);
    assert_eq!(
        code(here.rds.add_tags_to_resource().resource_name(&arn).tags(tag("x")).tags(tag("x")).send().await),
        VALUE
    );
    let remove = |key: &str| here.rds.remove_tags_from_resource().resource_name(&arn).tag_keys(key).send();
    assert_eq!(code(remove(&name).await), VALUE);
    // They do not count towards the limit of 50 tags.
    for index in 0..49 {
        add(tag(&format!("n{index}"))).await.unwrap();
    }
    assert_eq!(code(add(tag("one-more")).await), VALUE);
    remove("n0").await.unwrap();
    let call = here.rds.modify_db_instance().db_instance_identifier("orders").copy_tags_to_snapshot(true);
    call.send().await.unwrap();
    // The instance's tags are copied to a snapshot that is created without tags.
    let take = |id: &str| here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier(id);
    take("other").tags(tag("a")).send().await.unwrap();
    advance_time(hours(1)).await;
    assert_eq!(here.described("other").await.tag_list().len(), 1);
    take("first").send().await.unwrap();
    advance_time(hours(1)).await;
    assert_eq!(here.described("first").await.tag_list().len(), 50);
    let copy = |target: &str, tags: bool| {
        let call = here.rds.copy_db_snapshot().source_db_snapshot_identifier("first").copy_tags(tags);
        call.target_db_snapshot_identifier(target).send()
    };
    assert_eq!(message(copy("copy", true).await), "Tag keys cannot start with the reserved prefix");
    copy("copy", false).await.unwrap();
    // A restored instance inherits the source instance's tags, not the snapshot's.
    let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("other");
    let made = call.db_instance_identifier("again").send().await.unwrap();
    let made = made.db_instance().unwrap().tag_list();
    assert!(made.len() == 49 && !made.iter().any(|tag| tag.key() == Some(name.as_str())));
}

#[tokio::test(start_paused = true)]
async fn share_accepts_only_other_accounts_ids_and_no_contradiction() {
    let all = copied_snapshot().await;
    let modify = || all.a.rds.modify_db_snapshot_attribute().db_snapshot_identifier("copy").attribute_name("restore");
    assert_eq!(code(modify().values_to_add(A).send().await), VALUE);
    assert_eq!(code(modify().values_to_add(B).values_to_remove(B).send().await), COMBINATION);
    assert_eq!(code(modify().send().await), COMBINATION);
    for wrong in ["2222222222222", "22222222222x", "All", &format!("arn:aws:iam::{B}:root")] {
        assert_eq!(code(modify().values_to_add(wrong).send().await), VALUE, "{wrong}");
        assert_eq!(code(modify().values_to_remove(wrong).send().await), VALUE, "{wrong}");
    }
    let other = all.a.rds.modify_db_snapshot_attribute().db_snapshot_identifier("copy").attribute_name("copy");
    assert_eq!(code(other.values_to_add(B).send().await), VALUE);
    modify().values_to_add(B).values_to_add("333333333333").values_to_remove("444444444444").send().await.unwrap();
    modify().values_to_remove("333333333333").send().await.unwrap();
    let shared = all.a.rds.describe_db_snapshot_attributes().db_snapshot_identifier("copy").send().await.unwrap();
    let shared = shared.db_snapshot_attributes_result().unwrap().db_snapshot_attributes()[0].clone();
    assert_eq!(shared.attribute_values(), [B]);
    // A snapshot that is not available cannot be shared.
    all.a.copy("copy", "again", &all.key).await;
    let early = all.a.rds.modify_db_snapshot_attribute().db_snapshot_identifier("again").attribute_name("restore");
    assert_eq!(code(early.clone().values_to_add(B).send().await), "InvalidDBSnapshotState");
    advance_time(hours(2)).await;
    early.values_to_add(B).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn delete_is_refused_in_wrong_state_or_with_wrong_parameters() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let delete = || here.rds.delete_db_instance().db_instance_identifier("orders");
    let drop_snapshot = |id: &str| here.rds.delete_db_snapshot().db_snapshot_identifier(id).send();
    let take = here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("first");
    take.send().await.unwrap();
    assert_eq!(code(drop_snapshot("first").await), "InvalidDBSnapshotState");
    assert_eq!(code(delete().final_db_snapshot_identifier("last").send().await), "InvalidDBInstanceState");
    advance_time(hours(1)).await;
    // A snapshot that is being restored cannot be deleted.
    let restore = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("first");
    restore.db_instance_identifier("again").send().await.unwrap();
    assert_eq!(code(drop_snapshot("first").await), "InvalidDBSnapshotState");
    let early = here.rds.delete_db_instance().db_instance_identifier("again").skip_final_snapshot(true).send().await;
    assert_eq!(code(early), "InvalidDBInstanceState");
    advance_time(hours(1)).await;
    assert_eq!(code(delete().send().await), COMBINATION);
    assert_eq!(code(delete().skip_final_snapshot(true).final_db_snapshot_identifier("last").send().await), COMBINATION);
    assert_eq!(code(delete().final_db_snapshot_identifier("first").send().await), "DBSnapshotAlreadyExists");
    drop_snapshot("first").await.unwrap();
    let protect =
        |on: bool| here.rds.modify_db_instance().db_instance_identifier("orders").deletion_protection(on).send();
    protect(true).await.unwrap();
    assert_eq!(code(delete().skip_final_snapshot(true).send().await), COMBINATION);
    protect(false).await.unwrap();
    delete().final_db_snapshot_identifier("last").delete_automated_backups(true).send().await.unwrap();
    assert_eq!(code(delete().skip_final_snapshot(true).send().await), "InvalidDBInstanceState");
    advance_time(hours(1)).await;
    assert_eq!(here.status("last").await, "available");
    assert_eq!(code(delete().skip_final_snapshot(true).send().await), "DBInstanceNotFound");
    let there = lab.agent(A, THERE);
    there.copy(&snapshot_arn(A, HERE, "last"), "copy", &there.key().await).await;
    there.rds.delete_db_snapshot().db_snapshot_identifier("copy").send().await.unwrap();
}
