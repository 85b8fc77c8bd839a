//! Creating, finding, tagging and copying the caller's own snapshots.

use aws_sdk_rds::types::{Filter, Tag};

use crate::lab::{A, HERE, Lab, THERE, advance_time, code, hours, message, snapshot_arn};

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

#[tokio::test(start_paused = true)]
async fn snapshot_identifiers_are_validated_and_stored_lower_case() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let take =
        |id: &str| here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier(id).send();
    let long = format!("a{}", "b".repeat(255));
    for wrong in ["1st", "a--b", "a-", "a_b", "rds:x", &long] {
        assert_eq!(code(take(wrong).await), "InvalidParameterValue", "{wrong}");
    }
    let taken = take("Mixed-Case").await.unwrap();
    assert_eq!(taken.db_snapshot().unwrap().db_snapshot_identifier(), Some("mixed-case"));
    assert_eq!(code(take("mixed-case").await), "DBSnapshotAlreadyExists");
    // The database is being backed up.
    assert_eq!(code(take("another").await), "InvalidDBInstanceState");
    advance_time(hours(1)).await;
    take(&long[..255]).await.unwrap();
    let none = here.rds.create_db_snapshot().db_instance_identifier("none").db_snapshot_identifier("x").send().await;
    assert_eq!(code(none), "DBInstanceNotFound");
}

#[tokio::test(start_paused = true)]
async fn describe_snapshots_pages_twenty_to_hundred_records() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    for index in 0..45 {
        lab.database(&format!("db-{index}"));
        let call = here.rds.create_db_snapshot().db_instance_identifier(format!("db-{index}"));
        call.db_snapshot_identifier(format!("snap-{index}")).send().await.unwrap();
    }
    assert_eq!(code(here.rds.describe_db_snapshots().max_records(19).send().await), "InvalidParameterValue");
    assert_eq!(code(here.rds.describe_db_snapshots().max_records(101).send().await), "InvalidParameterValue");
    let (mut pages, mut found, mut marker) = (0, Vec::new(), None);
    loop {
        let page = here.rds.describe_db_snapshots().max_records(20).set_marker(marker).send().await.unwrap();
        pages += 1;
        found.extend(page.db_snapshots().iter().map(|snapshot| snapshot.db_snapshot_identifier().unwrap().to_owned()));
        marker = page.marker().map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    found.sort();
    found.dedup();
    assert_eq!((pages, found.len()), (3, 45));
    let all = here.rds.describe_db_snapshots().send().await.unwrap();
    assert_eq!((all.db_snapshots().len(), all.marker()), (45, None));
    let filter = Filter::builder().name("db-instance-id").values("db-3").values("db-4").build();
    let some = here.rds.describe_db_snapshots().filters(filter).send().await.unwrap();
    assert_eq!(some.db_snapshots().len(), 2);
    let unknown = Filter::builder().name("colour").values("red").build();
    assert_eq!(code(here.rds.describe_db_snapshots().filters(unknown).send().await), "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn tags_are_validated_before_creation_and_later_changes() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let take = |id: &str, tag: Tag| {
        let call = here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier(id);
        call.tags(tag).send()
    };
    for wrong in [tag("aws:x", "y"), tag("x", "a;b"), tag("x", &"v".repeat(257)), tag(&"k".repeat(129), "v")] {
        assert_eq!(code(take("refused", wrong).await), "InvalidParameterValue");
    }
    assert_eq!(
        code(here.rds.describe_db_snapshots().db_snapshot_identifier("refused").send().await),
        "DBSnapshotNotFound"
    );
    let made = take("tagged", tag("who: +-=._/@", &"v".repeat(256))).await.unwrap();
    assert_eq!(made.db_snapshot().unwrap().tag_list().len(), 1);

    let arn = snapshot_arn(A, HERE, "tagged");
    let add = |tag: Tag| here.rds.add_tags_to_resource().resource_name(&arn).tags(tag).send();
    add(tag("x", "1")).await.unwrap();
    add(tag("x", "2")).await.unwrap();
    let listed = here.rds.list_tags_for_resource().resource_name(&arn).send().await.unwrap();
    assert!(listed.tag_list().contains(&tag("x", "2")) && listed.tag_list().len() == 2);
    here.rds.remove_tags_from_resource().resource_name(&arn).tag_keys("x").send().await.unwrap();
    for index in 0..49 {
        add(tag(&format!("n{index}"), "")).await.unwrap();
    }
    assert_eq!(code(add(tag("one-too-many", "")).await), "InvalidParameterValue");
    let stranger = lab.agent(crate::lab::B, HERE);
    let theirs = stranger.rds.add_tags_to_resource().resource_name(&arn).tags(tag("x", "y")).send().await;
    assert_eq!(code(theirs), "AccessDenied");
}

#[tokio::test(start_paused = true)]
async fn cross_region_copy_needs_source_arn_and_key_of_its_region() {
    let lab = Lab::new();
    lab.database("orders");
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    here.snapshot("orders", "first").await;
    let (key_here, key) = (here.key().await, there.key().await);
    let arn = snapshot_arn(A, HERE, "first");
    let copy = |source: &str, key: Option<&str>| {
        let call = there.rds.copy_db_snapshot().source_db_snapshot_identifier(source);
        call.target_db_snapshot_identifier("copy").set_kms_key_id(key.map(str::to_owned)).send()
    };
    assert_eq!(code(copy("first", Some(&key)).await), "DBSnapshotNotFound");
    assert_eq!(message(copy(&arn, None).await), "Must specify new KMS key for cross region encrypted snapshot copy.");
    assert_eq!(code(copy(&arn, Some(&key_here)).await), "KMSKeyNotAccessibleFault");
    there.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(code(copy(&arn, Some(&key)).await), "KMSKeyNotAccessibleFault");
    there.kms.enable_key().key_id(&key).send().await.unwrap();
    // The key may be named by its id as well as by its ARN.
    copy(&arn, key.rsplit('/').next()).await.unwrap();
    assert_eq!(code(copy(&arn, Some(&key)).await), "DBSnapshotAlreadyExists");
    assert_eq!(there.described("copy").await.kms_key_id(), Some(key.as_str()));
    // Only an available snapshot can be copied.
    let call = there.rds.copy_db_snapshot().source_db_snapshot_identifier("copy");
    assert_eq!(code(call.target_db_snapshot_identifier("again").send().await), "InvalidDBSnapshotState");
    advance_time(hours(4)).await;
    let call = there.rds.copy_db_snapshot().source_db_snapshot_identifier("copy");
    call.target_db_snapshot_identifier("again").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn tags_given_to_copy_replace_source_tags() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    here.snapshot("orders", "first").await;
    let arn = snapshot_arn(A, HERE, "first");
    here.rds.add_tags_to_resource().resource_name(arn).tags(tag("old", "1")).send().await.unwrap();
    let copy = |target: &str| {
        let call = here.rds.copy_db_snapshot().source_db_snapshot_identifier("first");
        call.target_db_snapshot_identifier(target).copy_tags(true)
    };
    let kept = copy("kept").send().await.unwrap();
    assert_eq!(kept.db_snapshot().unwrap().tag_list(), [tag("old", "1")]);
    let given = copy("given").tags(tag("new", "2")).send().await.unwrap();
    assert_eq!(given.db_snapshot().unwrap().tag_list(), [tag("new", "2")]);
}
