//! Identifiers in every action, filters, and pages.

use aws_sdk_rds::types::Filter;

use crate::lab::{A, B, HERE, Lab, THERE, code, snapshot_arn};

const VALUE: &str = "InvalidParameterValue";

/// The error code of a call, or `ok`.
macro_rules! answer {
    ($call:expr) => {{
        let answer = $call.send().await;
        if answer.is_ok() { "ok".to_owned() } else { code(answer) }
    }};
}

#[tokio::test(start_paused = true)]
async fn every_action_validates_identifiers() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    here.snapshot("orders", "first").await;
    let rds = &here.rds;
    for wrong in ["1st", "a--b", "a-", "a_b", &format!("a{}", "b".repeat(255))] {
        let answers = [
            answer!(rds.describe_db_instances().db_instance_identifier(wrong)),
            answer!(rds.modify_db_instance().db_instance_identifier(wrong)),
            answer!(rds.reboot_db_instance().db_instance_identifier(wrong)),
            answer!(rds.delete_db_instance().db_instance_identifier(wrong).skip_final_snapshot(true)),
            answer!(rds.delete_db_instance().db_instance_identifier("orders").final_db_snapshot_identifier(wrong)),
            answer!(rds.create_db_snapshot().db_instance_identifier(wrong).db_snapshot_identifier("x")),
            answer!(rds.describe_db_snapshots().db_snapshot_identifier(wrong)),
            answer!(rds.describe_db_snapshots().db_instance_identifier(wrong)),
            answer!(rds.delete_db_snapshot().db_snapshot_identifier(wrong)),
            answer!(rds.describe_db_snapshot_attributes().db_snapshot_identifier(wrong)),
            answer!(rds.copy_db_snapshot().source_db_snapshot_identifier(wrong).target_db_snapshot_identifier("x")),
            answer!(rds.copy_db_snapshot().source_db_snapshot_identifier("first").target_db_snapshot_identifier(wrong)),
            answer!(
                rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(wrong).db_instance_identifier("x")
            ),
            answer!(
                rds.restore_db_instance_from_db_snapshot()
                    .db_snapshot_identifier("first")
                    .db_instance_identifier(wrong)
            ),
        ];
        assert_eq!(answers, [VALUE; 14], "{wrong}");
    }
    // An instance's identifier is shorter than a snapshot's.
    let long = "a".repeat(64);
    assert_eq!(answer!(rds.describe_db_instances().db_instance_identifier(&long)), VALUE);
    assert_eq!(answer!(rds.describe_db_instances().db_instance_identifier(&long[..63])), "DBInstanceNotFound");
    assert_eq!(answer!(rds.describe_db_snapshots().db_snapshot_identifier(&long)), "DBSnapshotNotFound");
    // Some actions accept an ARN, which must be of the right type; the others do not.
    let (snapshot, instance) = (snapshot_arn(A, HERE, "first"), format!("arn:aws:rds:{HERE}:{A}:db:orders"));
    assert_eq!(answer!(rds.describe_db_instances().db_instance_identifier(&instance)), "ok");
    assert_eq!(answer!(rds.describe_db_instances().db_instance_identifier(&snapshot)), VALUE);
    assert_eq!(answer!(rds.reboot_db_instance().db_instance_identifier(&instance)), VALUE);
    assert_eq!(answer!(rds.describe_db_snapshots().db_snapshot_identifier(&snapshot)), "ok");
    assert_eq!(answer!(rds.describe_db_snapshots().db_snapshot_identifier(&instance)), VALUE);
    assert_eq!(answer!(rds.delete_db_snapshot().db_snapshot_identifier(&snapshot)), VALUE);
    // Case does not matter.
    assert_eq!(answer!(rds.describe_db_instances().db_instance_identifier("ORDERS")), "ok");
    assert_eq!(answer!(rds.delete_db_snapshot().db_snapshot_identifier("First")), "ok");
    for (found, expected) in [
        (answer!(rds.delete_db_snapshot().db_snapshot_identifier("first")), "DBSnapshotNotFound"),
        (
            answer!(rds.delete_db_instance().db_instance_identifier("none").skip_final_snapshot(true)),
            "DBInstanceNotFound",
        ),
        (answer!(rds.describe_db_snapshot_attributes().db_snapshot_identifier("none")), "DBSnapshotNotFound"),
    ] {
        assert_eq!(found, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_filter_or_marker_is_refused() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    for index in 0..25 {
        lab.database(&format!("db-{index}"));
    }
    let mysql = aws_sim::Database {
        engine: "mysql".to_owned(),
        engine_version: "8.4.3".to_owned(),
        ..aws_sim::Database::new(A, HERE, "other")
    };
    lab.cloud.create_database(mysql.clone());
    let member = aws_sim::Database { identifier: "member".to_owned(), engine: "postgres".to_owned(), ..mysql };
    lab.cloud.create_database(aws_sim::Database { cluster: Some("group".to_owned()), ..member });
    let rds = &here.rds;
    let describe = || rds.describe_db_instances();
    let filtered = async |name: &str, value: &str| {
        let filter = Filter::builder().name(name).values(value).build();
        describe().filters(filter).send().await.map(|found| found.db_instances().len()).map_err(|_| ())
    };
    let other = describe().db_instance_identifier("other").send().await.unwrap().db_instances()[0].clone();
    assert_eq!(filtered("engine", "mysql").await, Ok(1));
    assert_eq!(filtered("db-instance-id", "Other").await, Ok(1));
    assert_eq!(filtered("db-instance-id", other.db_instance_arn().unwrap()).await, Ok(1));
    assert_eq!(filtered("dbi-resource-id", other.dbi_resource_id().unwrap()).await, Ok(1));
    assert_eq!(filtered("db-cluster-id", "group").await, Ok(1));
    assert_eq!(filtered("db-cluster-id", &format!("arn:aws:rds:{HERE}:{A}:cluster:group")).await, Ok(1));
    assert_eq!(filtered("domain", "d-1").await, Ok(0));
    assert_eq!(filtered("Engine", "mysql").await, Err(()));
    let empty = Filter::builder().name("engine").set_values(Some(Vec::new())).build();
    assert_eq!(answer!(describe().filters(empty)), "InvalidParameterCombination");
    let any = || Filter::builder().name("engine").values("mysql").build();
    assert_eq!(answer!(rds.describe_db_subnet_groups().filters(any())), VALUE);
    assert_eq!(
        answer!(rds.list_tags_for_resource().resource_name(other.db_instance_arn().unwrap()).filters(any())),
        VALUE
    );

    here.snapshot("other", "snap").await;
    let snapshots = async |name: &str, value: &str| {
        let filter = Filter::builder().name(name).values(value).build();
        rds.describe_db_snapshots().filters(filter).send().await.unwrap().db_snapshots().len()
    };
    for (name, value) in [
        ("db-snapshot-id", "snap"),
        ("db-instance-id", other.db_instance_arn().unwrap()),
        ("dbi-resource-id", other.dbi_resource_id().unwrap()),
        ("snapshot-type", "manual"),
        ("engine", "mysql"),
    ] {
        assert_eq!((snapshots(name, value).await, snapshots(name, "none").await), (1, 0), "{name}");
    }

    let first = describe().max_records(20).send().await.unwrap();
    let marker = first.marker().unwrap();
    assert!(!marker.contains("db-"), "{marker}");
    let rest = describe().max_records(20).marker(marker).send().await.unwrap();
    assert_eq!((first.db_instances().len(), rest.db_instances().len(), rest.marker()), (20, 7, None));
    for wrong in ["db-3", "x", &marker[1..]] {
        assert_eq!(answer!(describe().marker(wrong)), VALUE);
        assert_eq!(answer!(rds.describe_db_snapshots().marker(wrong)), VALUE);
    }
    assert_eq!(answer!(describe().max_records(19)), VALUE);
    assert_eq!(answer!(describe().max_records(100)), "ok");
}

#[tokio::test(start_paused = true)]
async fn describe_refuses_resources_of_other_account_or_region() {
    let lab = Lab::new();
    lab.database("orders");
    let (here, stranger, there) = (lab.agent(A, HERE), lab.agent(B, HERE), lab.agent(A, THERE));
    here.snapshot("orders", "first").await;
    let arn = format!("arn:aws:rds:{HERE}:{A}:db:orders");
    assert_eq!(answer!(stranger.rds.describe_db_instances().db_instance_identifier(&arn)), "AccessDenied");
    assert_eq!(answer!(there.rds.describe_db_instances().db_instance_identifier(&arn)), "DBInstanceNotFound");
    assert_eq!(answer!(stranger.rds.delete_db_snapshot().db_snapshot_identifier("first")), "DBSnapshotNotFound");
    for wrong in ["orders", "arn:aws:kms:eu-west-1:111111111111:key/x", "arn:aws:rds:eu-west-1:111111111111:thing:x"] {
        assert_eq!(answer!(here.rds.list_tags_for_resource().resource_name(wrong)), VALUE, "{wrong}");
    }
    assert_eq!(answer!(there.rds.list_tags_for_resource().resource_name(&arn)), VALUE);
    let absent = format!("arn:aws:rds:{HERE}:{A}:db:none");
    assert_eq!(answer!(here.rds.list_tags_for_resource().resource_name(&absent)), "DBInstanceNotFound");
    assert_eq!(answer!(here.rds.list_tags_for_resource().resource_name(&arn)), "ok");
}
