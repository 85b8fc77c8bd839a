//! Restoring, creating, modifying and deleting instances.

use aws_sdk_rds::types::Tag;

use crate::copied_snapshot::copied_snapshot;
use crate::lab::{A, B, HERE, Lab, advance_time, code, hours};

#[tokio::test(start_paused = true)]
async fn restore_of_shared_encrypted_snapshot_is_refused() {
    let all = copied_snapshot().await;
    all.a.share("copy", B).await;
    all.a.allow_through_rds(&all.key, A, B).await;
    let restore = |id: &str| {
        let call = all.b.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(id);
        call.db_instance_identifier("orders").send()
    };
    assert_eq!(code(restore(&all.copy).await), "InvalidRestoreFault");
    all.b.copy(&all.copy, "mine", &all.own).await;
    assert_eq!(code(restore("mine").await), "InvalidDBSnapshotState");
    advance_time(hours(2)).await;
    restore("mine").await.unwrap();
    assert_eq!(code(restore("mine").await), "DBInstanceAlreadyExists");
}

#[tokio::test(start_paused = true)]
async fn restore_uses_given_subnet_and_security_groups() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    here.snapshot("orders", "first").await;
    let restore = || {
        let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("first");
        call.db_instance_identifier("again").multi_az(true).tags(Tag::builder().key("k").value("v").build())
    };
    assert_eq!(code(restore().db_subnet_group_name("inner").send().await), "DBSubnetGroupNotFoundFault");
    lab.cloud.create_subnet_group(A, HERE, "inner");
    let restore = || restore().db_subnet_group_name("inner");
    assert_eq!(code(restore().vpc_security_group_ids("sg-1").send().await), "InvalidParameterValue");
    lab.cloud.create_security_group(A, HERE, "sg-1");
    let made = restore().vpc_security_group_ids("sg-1").deletion_protection(true).send().await.unwrap();
    let made = made.db_instance().unwrap();
    assert_eq!((made.db_instance_status(), made.endpoint()), (Some("creating"), None));
    assert_eq!(made.tag_list().len(), 1);
    advance_time(hours(1)).await;
    let found = here.rds.describe_db_instances().db_instance_identifier("again").send().await.unwrap();
    let found = &found.db_instances()[0];
    assert_eq!(found.db_instance_status(), Some("available"));
    assert!(found.endpoint().unwrap().address().unwrap().starts_with("again."));
    assert_eq!(found.db_subnet_group().unwrap().db_subnet_group_name(), Some("inner"));
    assert_eq!(found.vpc_security_groups()[0].vpc_security_group_id(), Some("sg-1"));
    assert_eq!(
        (found.multi_az(), found.deletion_protection(), found.engine_version()),
        (Some(true), Some(true), Some("16.3"))
    );
    let deletion = here.rds.delete_db_instance().db_instance_identifier("again").skip_final_snapshot(true).send().await;
    assert_eq!(code(deletion), "InvalidParameterCombination");
}

#[tokio::test(start_paused = true)]
async fn modify_needs_available_instance_and_takes_time() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let create = || {
        let call = here.rds.create_db_instance().db_instance_identifier("orders").engine("postgres");
        call.db_instance_class("db.t4g.small").allocated_storage(20).master_username("app").storage_encrypted(true)
    };
    assert_eq!(code(create().send().await), "MissingParameter");
    assert_eq!(code(create().master_user_password("short").send().await), "InvalidParameterValue");
    create().master_user_password("long enough".replace(' ', "-")).send().await.unwrap();
    let modify = || here.rds.modify_db_instance().db_instance_identifier("orders");
    assert_eq!(code(modify().backup_retention_period(14).send().await), "InvalidDBInstanceState");
    advance_time(hours(1)).await;
    let at_once = modify().backup_retention_period(14).db_instance_class("db.t4g.large").send().await.unwrap();
    let at_once = at_once.db_instance().unwrap();
    assert_eq!((at_once.backup_retention_period(), at_once.db_instance_class()), (Some(14), Some("db.t4g.small")));
    let waiting = at_once.pending_modified_values().unwrap();
    assert_eq!(waiting.db_instance_class(), Some("db.t4g.large"));

    let both = modify().manage_master_user_password(true).master_user_password("also-given").send().await;
    assert_eq!(code(both), "InvalidParameterCombination");
    let call = modify().db_instance_class("db.t4g.large").manage_master_user_password(true).apply_immediately(true);
    let running = call.send().await.unwrap();
    assert_eq!(running.db_instance().unwrap().db_instance_status(), Some("resetting-master-credentials"));
    advance_time(hours(1)).await;
    let done = here.rds.describe_db_instances().send().await.unwrap();
    let done = &done.db_instances()[0];
    assert_eq!((done.db_instance_status(), done.db_instance_class()), (Some("available"), Some("db.t4g.large")));
    assert!(done.master_user_secret().is_some());
    assert!(lab.cloud.content(done.db_instance_arn().unwrap()).is_some());
}
