//! What another account sees of a snapshot, and what it may do with it.

use crate::copied_snapshot::copied_snapshot;
use crate::lab::{A, B, HERE, Lab, THERE, advance_time, code, hours, snapshot_arn};

#[tokio::test(start_paused = true)]
async fn shared_snapshot_is_listed_by_arn_or_type_without_tags() {
    let all = copied_snapshot().await;
    let tag = aws_sdk_rds::types::Tag::builder().key("secret").value("no").build();
    all.a.rds.add_tags_to_resource().resource_name(&all.copy).tags(tag).send().await.unwrap();
    assert_eq!(all.a.described("copy").await.tag_list().len(), 1);
    let describe = || all.b.rds.describe_db_snapshots();
    assert_eq!(
        code(describe().db_snapshot_identifier(&all.copy).include_shared(true).send().await),
        "DBSnapshotNotFound"
    );
    all.a.share("copy", B).await;

    for seen in [
        describe().db_snapshot_identifier(&all.copy).include_shared(true),
        describe().db_snapshot_identifier(&all.copy).snapshot_type("shared"),
        describe().snapshot_type("shared"),
        describe().include_shared(true),
    ] {
        let answer = seen.send().await.unwrap();
        let [snapshot] = answer.db_snapshots() else { panic!("{answer:?}") };
        assert_eq!(snapshot.db_snapshot_identifier(), Some(all.copy.as_str()));
        assert!(snapshot.tag_list().is_empty());
    }
    for unseen in [
        describe().db_snapshot_identifier(&all.copy),
        describe().db_snapshot_identifier("copy").include_shared(true),
        describe().db_snapshot_identifier(&all.copy).snapshot_type("manual").include_shared(true),
    ] {
        assert_eq!(code(unseen.send().await), "DBSnapshotNotFound");
    }
    for empty in [
        describe(),
        describe().snapshot_type("manual"),
        describe().db_instance_identifier("orders").include_shared(true),
    ] {
        assert!(empty.send().await.unwrap().db_snapshots().is_empty());
    }
    // A share applies only in the snapshot's own Region.
    let here = all.lab.agent(B, HERE);
    assert!(here.rds.describe_db_snapshots().snapshot_type("shared").send().await.unwrap().db_snapshots().is_empty());
}

#[tokio::test(start_paused = true)]
async fn share_is_allowed_only_to_owner_and_with_account_ids() {
    let all = copied_snapshot().await;
    let share = |clients: &crate::lab::Clients, id: &str, with: &str| {
        let call = clients.rds.modify_db_snapshot_attribute().db_snapshot_identifier(id).attribute_name("restore");
        call.values_to_add(with).send()
    };
    assert_eq!(code(share(&all.b, "copy", B).await), "DBSnapshotNotFound");
    assert_eq!(code(share(&all.a, &all.copy, B).await), "InvalidParameterValue");
    assert_eq!(code(share(&all.a, "rds:orders-2026", B).await), "InvalidParameterValue");
    assert_eq!(code(share(&all.a, "copy", "22222222222").await), "InvalidParameterValue");
    assert_eq!(code(share(&all.a, "copy", "all").await), "InvalidParameterValue");
    // The first snapshot is encrypted with the AWS managed key.
    assert_eq!(code(share(&all.a_here, "first", B).await), "InvalidParameterValue");
    share(&all.a, "copy", B).await.unwrap();
    share(&all.a, "copy", B).await.unwrap();
    let attributes = all.a.rds.describe_db_snapshot_attributes().db_snapshot_identifier("copy").send().await.unwrap();
    let attributes = attributes.db_snapshot_attributes_result().unwrap().db_snapshot_attributes();
    assert_eq!(attributes[0].attribute_values(), [B]);
    let theirs = all.b.rds.describe_db_snapshot_attributes().db_snapshot_identifier("copy").send().await;
    assert_eq!(code(theirs), "DBSnapshotNotFound");
}

#[tokio::test(start_paused = true)]
async fn copy_of_shared_encrypted_snapshot_needs_own_key_in_its_region() {
    let all = copied_snapshot().await;
    all.a.share("copy", B).await;
    all.a.allow_through_rds(&all.key, A, B).await;
    let copy = |clients: &crate::lab::Clients, key: Option<&str>| {
        let call = clients.rds.copy_db_snapshot().source_db_snapshot_identifier(&all.copy);
        call.target_db_snapshot_identifier("mine").set_kms_key_id(key.map(str::to_owned)).send()
    };
    assert_eq!(code(copy(&all.b, None).await), "KMSKeyNotAccessibleFault");
    let (b_here, a_key_here) = (all.lab.agent(B, HERE), all.a_here.key().await);
    let key_here = b_here.key().await;
    assert_eq!(code(copy(&b_here, Some(&key_here)).await), "InvalidParameterValue");
    // A key of another Region, and keys of A's with which B may not store.
    assert_eq!(code(copy(&all.b, Some(&key_here)).await), "KMSKeyNotAccessibleFault");
    assert_eq!(code(copy(&all.b, Some(&a_key_here)).await), "KMSKeyNotAccessibleFault");
    assert_eq!(code(copy(&all.b, Some(&all.key)).await), "KMSKeyNotAccessibleFault");
    // The snapshot is shared only with B.
    let stranger = all.lab.agent("333333333333", THERE);
    assert_eq!(code(copy(&stranger, Some("alias/aws/rds")).await), "DBSnapshotNotFound");
    copy(&all.b, Some(&all.own)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn managed_key_cannot_be_used_by_other_account() {
    let lab = Lab::new();
    lab.database("orders");
    let mut plain = aws_sim::Database::new(A, HERE, "plain");
    plain.kms_key = None;
    lab.cloud.create_database(plain);
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let managed = a.kms.describe_key().key_id("alias/aws/rds").send().await.unwrap();
    let managed = managed.key_metadata().unwrap().arn().unwrap().to_owned();
    a.snapshot("plain", "plain").await;
    a.share("plain", B).await;
    let source = snapshot_arn(A, HERE, "plain");
    let copy = |target: &str, key: Option<String>| {
        let call = b.rds.copy_db_snapshot().source_db_snapshot_identifier(&source);
        call.target_db_snapshot_identifier(target).set_kms_key_id(key).send()
    };
    assert_eq!(code(copy("under-theirs", Some(managed)).await), "KMSKeyNotAccessibleFault");
    copy("under-mine", Some("alias/aws/rds".to_owned())).await.unwrap();
    copy("under-none", None).await.unwrap();
    advance_time(hours(3)).await;
    assert!(b.described("under-mine").await.encrypted().unwrap());
    assert!(!b.described("under-none").await.encrypted().unwrap());
    let content = lab.cloud.content(&source);
    assert!(content.is_some());
    for copy in ["under-mine", "under-none"] {
        assert_eq!(lab.cloud.content(&snapshot_arn(B, HERE, copy)), content);
    }
}
