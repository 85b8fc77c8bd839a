//! The manual procedure of a handoff in two accounts.

use aws_sdk_kms::types::KeyState;
use aws_sim::Database;

use crate::lab::{A, B, HERE, Lab, THERE, advance_time, allowing_through_rds, code, hours, message, snapshot_arn};

#[tokio::test(start_paused = true)]
async fn manual_handoff_across_accounts_and_regions_preserves_content() {
    let lab = Lab::new();
    let mut database = Database::new(A, HERE, "orders");
    database.content = (0..4096_u32).flat_map(u32::to_be_bytes).collect();
    lab.cloud.create_database(database.clone());
    let (a_here, a, b) = (lab.agent(A, HERE), lab.agent(A, THERE), lab.agent(B, THERE));

    a_here.snapshot("orders", "source").await;
    let primary = a_here.kms.create_key().multi_region(true).send().await.unwrap();
    let primary = primary.key_metadata().unwrap().arn().unwrap().to_owned();
    let replica = a_here.kms.replicate_key().key_id(&primary).replica_region(THERE).send().await.unwrap();
    let replica = replica.replica_key_metadata().unwrap().arn().unwrap().to_owned();
    assert_eq!(replica, primary.replace(HERE, THERE));
    advance_time(hours(1)).await;

    a.copy(&snapshot_arn(A, HERE, "source"), "shared", &replica).await;
    advance_time(hours(4)).await;
    let shared = a.described("shared").await;
    assert_eq!((shared.status(), shared.source_region()), (Some("available"), Some(HERE)));
    assert_eq!(shared.kms_key_id(), Some(replica.as_str()));

    let own = b.key().await;
    let arn = snapshot_arn(A, THERE, "shared");
    let copy = || {
        let call = b.rds.copy_db_snapshot().source_db_snapshot_identifier(&arn);
        call.target_db_snapshot_identifier("target").kms_key_id(&own).send()
    };
    assert_eq!(code(copy().await), "DBSnapshotNotFound");
    a.share("shared", B).await;
    let refusal = message(copy().await);
    assert!(refusal.starts_with(&format!("The source snapshot KMS key [{replica}] does not exist")), "{refusal}");
    a.kms.put_key_policy().key_id(&replica).policy(allowing_through_rds(A, B, "{}")).send().await.unwrap();
    copy().await.unwrap();
    advance_time(hours(2)).await;

    // B's copy is independent: A now withdraws all access.
    let grants = a.kms.list_grants().key_id(&replica).send().await.unwrap();
    let issued: Vec<_> = grants.grants().iter().filter_map(|grant| grant.issuing_account()).collect();
    assert!(issued.contains(&format!("arn:aws:iam::{B}:root").as_str()), "{issued:?}");
    a.kms.disable_key().key_id(&replica).send().await.unwrap();
    let call = a.rds.modify_db_snapshot_attribute().db_snapshot_identifier("shared").attribute_name("restore");
    call.values_to_remove(B).send().await.unwrap();

    let target = b.described("target").await;
    assert_eq!(target.db_snapshot_identifier(), Some("target"));
    assert_eq!(target.kms_key_id(), Some(own.as_str()));
    assert_eq!(target.source_db_snapshot_identifier(), Some(arn.as_str()));
    let source = a_here.described("source").await;
    assert_eq!(target.original_snapshot_create_time(), source.original_snapshot_create_time());
    assert_eq!(target.dbi_resource_id(), source.dbi_resource_id());
    assert!(target.snapshot_create_time() > source.snapshot_create_time());

    let call = b.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("target");
    call.db_instance_identifier("orders").send().await.unwrap();
    assert_eq!(lab.cloud.content(&format!("arn:aws:rds:{THERE}:{B}:db:orders")), None);
    advance_time(hours(1)).await;
    let restored = b.rds.describe_db_instances().db_instance_identifier("orders").send().await.unwrap();
    let restored = &restored.db_instances()[0];
    assert_eq!(restored.db_instance_status(), Some("available"));
    assert_eq!(restored.kms_key_id(), Some(own.as_str()));
    assert_ne!(restored.dbi_resource_id(), source.dbi_resource_id());
    assert_eq!(lab.cloud.content(restored.db_instance_arn().unwrap()), Some(database.content));
    let replica = a.kms.describe_key().key_id(&replica).send().await.unwrap();
    assert_eq!(replica.key_metadata().unwrap().key_state(), Some(&KeyState::Disabled));
}

#[tokio::test(start_paused = true)]
async fn trace_is_deterministic_and_fingerprint_omits_ids() {
    async fn run(seed: u64) -> (String, String) {
        let lab = Lab::with(|settings| settings.seed = seed);
        lab.database("orders");
        let (a_here, a) = (lab.agent(A, HERE), lab.agent(A, THERE));
        a_here.snapshot("orders", "source").await;
        let key = a.key().await;
        a.kms.create_alias().alias_name("alias/k").target_key_id(&key).send().await.unwrap();
        a.copy(&snapshot_arn(A, HERE, "source"), "copy", "alias/k").await;
        advance_time(hours(4)).await;
        (format!("{:?}", lab.cloud.calls()), lab.cloud.fingerprint())
    }
    let (first, again, other) = (run(1).await, run(1).await, run(2).await);
    assert_eq!(first, again);
    assert_ne!(first.0, other.0);
    assert_eq!(first.1, other.1);
    assert!(first.1.contains("alias/k") && first.1.contains("available"), "{}", first.1);
}
