//! Creating source databases and their first snapshots.

use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder as Create;
use aws_sim::Database;

use crate::lab::{A, HERE, Lab, advance_time, code, hours};

const VALUE: &str = "InvalidParameterValue";
const COMBINATION: &str = "InvalidParameterCombination";
const MISSING: &str = "MissingParameter";

type Change = fn(Create) -> Create;

#[tokio::test(start_paused = true)]
async fn create_database_accepts_only_consistent_parameters() {
    let lab = Lab::new();
    lab.cloud.role(A, "m");
    let here = lab.agent(A, HERE);
    let create = |id: &str| {
        let call = here.rds.create_db_instance().db_instance_identifier(id).engine("postgres").allocated_storage(20);
        call.db_instance_class("db.t4g.small").master_username("app").master_user_password("long-enough")
    };
    let refused: [(&str, Change, &str); 16] = [
        ("no storage size", |call| call.set_allocated_storage(None), MISSING),
        ("no password", |call| call.set_master_user_password(None), MISSING),
        ("both passwords", |call| call.manage_master_user_password(true), COMBINATION),
        ("a space in the password", |call| call.master_user_password("long enough"), VALUE),
        ("a password too long for MySQL", |call| call.engine("mysql").master_user_password("p".repeat(42)), VALUE),
        ("a master with a hyphen", |call| call.master_username("app-user"), VALUE),
        ("a long master", |call| call.master_username("a".repeat(17)), VALUE),
        ("a key but no encryption", |call| call.kms_key_id("alias/aws/rds"), COMBINATION),
        (
            "a key that does not exist",
            |call| call.storage_encrypted(true).kms_key_id("alias/x"),
            "KMSKeyNotAccessibleFault",
        ),
        ("too small", |call| call.allocated_storage(19), COMBINATION),
        ("io1 too small", |call| call.iops(1000), COMBINATION),
        ("an unknown engine", |call| call.engine("foxpro"), VALUE),
        ("an unknown version", |call| call.engine_version("9.6"), COMBINATION),
        ("narrow autoscaling", |call| call.max_allocated_storage(21), COMBINATION),
        ("overlapping windows", |call| call.preferred_maintenance_window("mon:02:00-mon:04:00"), VALUE),
        ("monitoring without a role", |call| call.monitoring_interval(5), COMBINATION),
    ];
    for (what, change, expected) in refused {
        assert_eq!(code(change(create("refused")).send().await), expected, "{what}");
    }
    let allowed: [(&str, Change); 7] = [
        ("managed", |call| call.set_master_user_password(None).manage_master_user_password(true)),
        ("mysql", |call| call.engine("mysql").master_user_password("p".repeat(41))),
        ("default-key", |call| call.storage_encrypted(true)),
        ("own-size", |call| call.iops(1000).allocated_storage(100).max_allocated_storage(110)),
        ("major", |call| call.engine_version("15").port(1150).db_name("app")),
        ("watched", |call| {
            let call = call.monitoring_interval(5).monitoring_role_arn("arn:aws:iam::111111111111:role/m");
            call.enable_performance_insights(true).enable_cloudwatch_logs_exports("postgresql")
        }),
        ("windows", |call| {
            call.preferred_maintenance_window("mon:02:00-mon:03:00").preferred_backup_window("03:00-04:00")
        }),
    ];
    for (what, change) in allowed {
        let made = change(create(what)).send().await;
        assert!(made.is_ok(), "{what}: {made:?}");
    }
    assert_eq!(code(create("mysql").send().await), "DBInstanceAlreadyExists");
    advance_time(hours(1)).await;
    let found = here.rds.describe_db_instances().db_instance_identifier("managed").send().await.unwrap();
    assert_eq!(found.db_instances()[0].master_user_secret().unwrap().secret_status(), Some("active"));
    let found = here.rds.describe_db_instances().db_instance_identifier("major").send().await.unwrap();
    assert_eq!(
        (found.db_instances()[0].engine_version(), found.db_instances()[0].db_name()),
        (Some("15.7"), Some("app"))
    );
}

#[tokio::test(start_paused = true)]
async fn snapshot_needs_usable_key_and_no_cluster_membership() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    lab.cloud.create_database(Database { kms_key: Some(key.clone()), ..Database::new(A, HERE, "orders") });
    lab.cloud.create_database(Database { cluster: Some("group".to_owned()), ..Database::new(A, HERE, "member") });
    let take = |database: &str, id: &str| {
        here.rds.create_db_snapshot().db_instance_identifier(database).db_snapshot_identifier(id).send()
    };
    assert_eq!(code(take("member", "x").await), VALUE);
    here.kms.disable_key().key_id(&key).send().await.unwrap();
    assert_eq!(code(take("orders", "x").await), "InvalidDBInstanceState");
    here.kms.enable_key().key_id(&key).send().await.unwrap();
    take("orders", "first").await.unwrap();
    advance_time(hours(1)).await;
    here.kms.disable_key().key_id(&key).send().await.unwrap();
    let restore = || {
        let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("first");
        call.db_instance_identifier("again").send()
    };
    assert_eq!(code(restore().await), "KMSKeyNotAccessibleFault");
    here.kms.enable_key().key_id(&key).send().await.unwrap();
    restore().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn restore_of_magnetic_storage_is_refused() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    for kind in ["standard", "gp2"] {
        let database = Database { storage_type: kind.to_owned(), ..Database::new(A, HERE, kind) };
        lab.cloud.create_database(database);
        here.snapshot(kind, kind).await;
    }
    let restore = |id: &str| {
        let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(id);
        call.db_instance_identifier("again").storage_type("gp3").send()
    };
    assert_eq!(code(restore("standard").await), "StorageTypeNotSupported");
    restore("gp2").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn unsupported_action_or_parameter_combination_is_refused() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    assert_eq!(code(here.rds.describe_events().send().await), "InvalidAction");
    let both = || here.rds.describe_db_snapshots().dbi_resource_id("db-X");
    assert_eq!(code(both().db_instance_identifier("orders").send().await), COMBINATION);
    both().send().await.unwrap();
    let arn = format!("arn:aws:rds:{HERE}:{A}:db:orders");
    let none: Option<Vec<aws_sdk_rds::types::Tag>> = Some(Vec::new());
    let add = here.rds.add_tags_to_resource().resource_name(&arn).set_tags(none);
    assert_eq!(code(add.send().await), MISSING);
    let remove = here.rds.remove_tags_from_resource().resource_name(&arn).set_tag_keys(Some(Vec::new()));
    assert_eq!(code(remove.send().await), MISSING);
}
