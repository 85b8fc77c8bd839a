//! A resource that has a name of ours but does not belong to the handoff stays untouched, and is reported.

use std::time::Duration;

use agent_runtime::{Event, Exit};
use aws_sdk_rds::types::Tag;
use aws_sim::Database;
use e2e::{A, B, HOME, Lab, TARGET, World, differences};
use protocol::{Reason, Stage};

const WEEK: Duration = Duration::from_hours(168);

/// The id that the handoff of `orders` will have.
async fn id(lab: &Lab) -> String {
    let plan = lab.source(&["plan", "--format", "json"]).await.out;
    serde_json::from_str::<serde_json::Value>(&plan).unwrap()["handoffs"][0]["id"].as_str().unwrap().to_owned()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

async fn take_snapshot(lab: &Lab, region: &str, database: &str, name: &str, tags: Vec<Tag>) {
    let call = lab.admin(A, region).rds.create_db_snapshot().db_instance_identifier(database);
    call.db_snapshot_identifier(name).set_tags(Some(tags)).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
}

/// Asserts that the handoff fails because a name is taken, with these words.
async fn assert_name_taken(lab: &Lab, expected: &str) {
    let ran = lab.source(&Lab::ALONE).await;
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.out);
    let stopped = ran.failed().any(|fault| fault.reason == Reason::NameTaken && fault.what.contains(expected));
    assert!(stopped, "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn source_snapshot_without_our_tags_stays_untouched() {
    let lab = Lab::new(World::quick()).await;
    let name = format!("rds-handoff-orders-{}-source", id(&lab).await);
    take_snapshot(&lab, HOME, "orders", &name, vec![tag("team", "orders")]).await;
    let world = lab.cloud.fingerprint();
    assert_name_taken(&lab, "does not carry this handoff's tags").await;
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
}

#[tokio::test(start_paused = true)]
async fn source_snapshot_with_other_content_stays_untouched() {
    let lab = Lab::new(World { databases: vec!["orders", "payroll"], ..World::quick() }).await;
    lab.configure_source(&["orders"], "");
    let id = id(&lab).await;
    let tags = vec![
        tag("rds-handoff:role", "source"),
        tag("rds-handoff:id", &id),
        tag("rds-handoff:label", "cutover-1"),
        tag("rds-handoff:database", "orders"),
        tag("rds-handoff:route", &format!("account={B} region={TARGET} key=managed")),
        tag("rds-handoff:hints", "class=db.m6g.large multi-az=false port=5432 storage=gp3"),
    ];
    take_snapshot(&lab, HOME, "payroll", &format!("rds-handoff-orders-{id}-source"), tags).await;
    let world = lab.cloud.fingerprint();
    let ran = lab.source(&Lab::ALONE).await;
    assert_eq!(ran.exit, Exit::Usage, "{}", ran.out);
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
}

#[tokio::test(start_paused = true)]
async fn shared_copy_with_other_content_is_not_shared() {
    let lab = Lab::new(World::quick()).await;
    let id = id(&lab).await;
    lab.cloud.create_database(Database::new(A, TARGET, "payroll"));
    let tags = vec![tag("rds-handoff:role", "shared"), tag("rds-handoff:id", &id)];
    take_snapshot(&lab, TARGET, "payroll", &format!("rds-handoff-orders-{id}-shared"), tags).await;
    assert_name_taken(&lab, "other content").await;
    let a = lab.admin(A, TARGET);
    assert_eq!(a.snapshots().await.len(), 1);
    let name = a.snapshots().await.pop().unwrap();
    let shares = a.rds.describe_db_snapshot_attributes().db_snapshot_identifier(name).send().await.unwrap();
    let attributes = shares.db_snapshot_attributes_result().unwrap().db_snapshot_attributes();
    assert!(attributes.iter().all(|attribute| attribute.attribute_values().is_empty()), "the copy was shared");
}

#[tokio::test(start_paused = true)]
async fn alias_of_foreign_key_stops_handoff_and_key_stays_untouched() {
    let lab = Lab::new(World::quick()).await;
    let a = lab.admin(A, HOME);
    let key = a.create_key("somebody else's").await;
    let alias = format!("alias/rds-handoff-{HOME}-{B}");
    a.kms.create_alias().alias_name(alias).target_key_id(&key).send().await.unwrap();
    tokio::time::sleep(WEEK).await;
    assert_name_taken(&lab, &key).await;
    let policy = a.kms.get_key_policy().key_id(&key).send().await.unwrap();
    assert!(!policy.policy().unwrap().contains("RdsHandoff"));
}

#[tokio::test(start_paused = true)]
async fn taken_name_of_restored_database_is_rejected_before_copy() {
    let lab = Lab::new(World::quick()).await;
    lab.cloud.create_database(Database::new(B, TARGET, "orders-cutover-1"));
    let source = lab.source(&Lab::ALONE);
    let (source, target) = tokio::join!(source, lab.target_until_trouble());
    assert_eq!((source.exit, target.exit), (Exit::Failed, Exit::Failed), "{}\n{}", source.out, target.out);
    assert!(target.failed().any(|fault| fault.reason == Reason::NameTaken), "{}", target.out);
    let heard = |event: &Event| {
        matches!(event, Event::ReceiptRecorded { stage: Stage::Rejected, reason: Some(Reason::NameTaken), .. })
    };
    assert_eq!(source.count(heard), 1, "{}", source.out);
    let b = lab.admin(B, TARGET);
    assert_eq!(b.snapshots().await, Vec::<String>::new(), "a snapshot was copied");
    assert_eq!(lab.restored("orders-cutover-1").unwrap(), format!("the rows of orders-cutover-1 in {B}").into_bytes());
}

#[tokio::test(start_paused = true)]
async fn target_copy_without_our_tags_stays_untouched() {
    let lab = Lab::new(World::quick()).await;
    let name = format!("rds-handoff-orders-{}-target", id(&lab).await);
    lab.cloud.create_database(Database::new(B, TARGET, "other"));
    let b = lab.admin(B, TARGET);
    let call = b.rds.create_db_snapshot().db_instance_identifier("other").db_snapshot_identifier(&name);
    call.tags(tag("team", "other")).send().await.unwrap();
    let source = lab.source(&Lab::ALONE);
    let (source, target) = tokio::join!(source, lab.target_until_trouble());
    assert_eq!((source.exit, target.exit), (Exit::Failed, Exit::Failed), "{}\n{}", source.out, target.out);
    assert!(target.failed().any(|fault| fault.reason == Reason::NameTaken), "{}", target.out);
    assert_eq!(b.tags(&name).await, [("team".to_owned(), "other".to_owned())]);
}
