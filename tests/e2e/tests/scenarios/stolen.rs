//! What somebody who has got hold of an agent's role cannot do with it.

use aws_sdk_rds::error::ProvideErrorMetadata;
use aws_sim::Database;
use e2e::{A, B, HOME, Lab, TARGET, World};

const SOURCE: &str = "rds-handoff-source-agent";
const TARGET_ROLE: &str = "rds-handoff-target-agent";
const STRANGER: &str = "333333333333";

/// Refused for want of a permission, and for nothing else.
#[track_caller]
fn denied<T, E: ProvideErrorMetadata>(what: &str, answer: Result<T, E>) {
    let error = answer.err().unwrap_or_else(|| panic!("{what} was allowed"));
    let code = error.code().unwrap_or_default();
    assert!(code.starts_with("AccessDenied"), "{what}: {code}: {:?}", error.message());
}

#[tokio::test(start_paused = true)]
async fn the_source_role_reaches_nothing_but_what_is_handed_over() {
    let lab = Lab::new(World::slow()).await;
    // Of somebody else in account A.
    let owner = lab.admin(A, HOME);
    let take = owner.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("nightly");
    take.send().await.unwrap();
    let key = owner.create_key("of another team").await;
    tokio::time::sleep(std::time::Duration::from_hours(1)).await;

    let thief = lab.thief(A, SOURCE, HOME);
    let share = thief.rds.modify_db_snapshot_attribute().db_snapshot_identifier("nightly").attribute_name("restore");
    denied("sharing another snapshot", share.values_to_add(STRANGER).send().await);
    denied("deleting it", thief.rds.delete_db_snapshot().db_snapshot_identifier("nightly").send().await);
    denied(
        "deleting the database",
        thief.rds.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await,
    );
    let public = thief.rds.modify_db_instance().db_instance_identifier("orders").publicly_accessible(true);
    denied("making it public", public.send().await);
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::{A}:root","arn:aws:iam::{STRANGER}:root"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    denied("another key's policy", thief.kms.put_key_policy().key_id(&key).policy(policy).send().await);
    denied("deleting a key", thief.kms.schedule_key_deletion().key_id(&key).send().await);
    let inbox = lab.thief(A, SOURCE, TARGET);
    let url = lab.admin(B, TARGET).queue_url("rds-handoff-inbox");
    denied("reading the inbox", inbox.sqs.receive_message().queue_url(&url).send().await);
    denied("emptying the inbox", inbox.sqs.purge_queue().queue_url(&url).send().await);
}

#[tokio::test(start_paused = true)]
async fn the_target_role_reaches_nothing_but_what_it_was_given() {
    let lab = Lab::new(World::quick()).await;
    // Another database of account B, and one that was handed over.
    lab.cloud.create_database(Database::new(B, TARGET, "payroll"));
    let (source, target) = lab.move_all(&["orders-cutover-1"]).await;
    assert_eq!(
        (source.exit, target.exit),
        (agent_runtime::Exit::Settled, agent_runtime::Exit::Settled),
        "{}",
        target.out
    );

    let thief = lab.thief(B, TARGET_ROLE, TARGET);
    for name in ["payroll", "orders-cutover-1"] {
        let delete = thief.rds.delete_db_instance().db_instance_identifier(name).skip_final_snapshot(true);
        denied("deleting a database", delete.send().await);
    }
    let modify = thief.rds.modify_db_instance().db_instance_identifier("payroll").deletion_protection(false);
    denied("changing another database", modify.send().await);
    let take = thief.rds.create_db_snapshot().db_instance_identifier("payroll").db_snapshot_identifier("mine");
    denied("a snapshot of another database", take.send().await);
    let copy = lab.admin(B, TARGET).snapshots().await.remove(0);
    let share = thief.rds.modify_db_snapshot_attribute().db_snapshot_identifier(&copy).attribute_name("restore");
    denied("sharing the target copy", share.values_to_add(STRANGER).send().await);
    denied("deleting the target copy", thief.rds.delete_db_snapshot().db_snapshot_identifier(&copy).send().await);
    // Neither key serves but through RDS, and account A's not at all any more.
    let own = lab.admin(B, TARGET).own_key().await;
    let blob = aws_sdk_kms::primitives::Blob::new(b"0123456789".to_vec());
    denied("encrypting with the own key", thief.kms.encrypt().key_id(own).plaintext(blob.clone()).send().await);
    let replica = format!("arn:aws:kms:{TARGET}:{A}:key/{}", lab.replica_key().await);
    denied("encrypting with account A's", thief.kms.encrypt().key_id(&replica).plaintext(blob).send().await);
    let receipts = lab.thief(B, TARGET_ROLE, HOME);
    let url = lab.admin(A, HOME).queue_url(&format!("rds-handoff-receipts-{B}"));
    denied("reading the receipts", receipts.sqs.receive_message().queue_url(url).send().await);
}
