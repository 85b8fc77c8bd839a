//! Faults that a gate injects into single requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sim::{Call, Disturbance, Gate};

use crate::lab::{A, Clients, HERE, Lab, advance_time, code};

/// Applies a list of faults to the first calls of one action.
#[derive(Debug)]
struct Script {
    action: &'static str,
    left: Mutex<Vec<Disturbance>>,
}

impl Gate for Script {
    fn judge(&self, call: &Call) -> Disturbance {
        assert!(call.answer.is_empty());
        if call.action != self.action {
            return Disturbance::None;
        }
        self.left.lock().unwrap().pop().unwrap_or(Disturbance::None)
    }
}

fn clients_with_faults(lab: &Lab, action: &'static str, script: &[Disturbance]) -> Clients {
    let left = Mutex::new(script.iter().rev().copied().collect());
    let transport = lab.cloud.connector().with_gate(Arc::new(Script { action, left }));
    lab.clients(&lab.cloud.role(A, "agent"), HERE, transport)
}

const TAKE: &str = "rds:CreateDBSnapshot";

fn answers(lab: &Lab) -> Vec<String> {
    lab.cloud.calls().into_iter().filter(|call| call.action == TAKE).map(|call| call.answer).collect()
}

#[tokio::test(start_paused = true)]
async fn lost_answer_has_effect_and_other_faults_have_none() {
    let cases: [(&[Disturbance], &[&str], bool); 4] = [
        (&[Disturbance::LostAnswer], &["ok", "DBSnapshotAlreadyExists"], false),
        (&[Disturbance::ServerError], &["InternalFailure", "ok"], true),
        (&[Disturbance::Throttle], &["Throttling", "ok"], true),
        (&[Disturbance::Refuse], &["(refused)", "ok"], true),
    ];
    for (script, expected, succeeds) in cases {
        let lab = Lab::new();
        lab.database("orders");
        let agent = clients_with_faults(&lab, TAKE, script);
        let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
        assert_eq!(call.send().await.is_ok(), succeeds, "{script:?}");
        assert_eq!(answers(&lab), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn never_answered_request_has_effect_only_when_configured() {
    for (effect, left) in [(true, 1), (false, 0)] {
        let lab = Lab::new();
        lab.database("orders");
        let agent = clients_with_faults(&lab, TAKE, &[Disturbance::NeverAnswer { effect }]);
        let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
        let killed = tokio::time::timeout(Duration::from_secs(1), call.send()).await;
        assert!(killed.is_err());
        let found = agent.rds.describe_db_snapshots().send().await.unwrap();
        assert_eq!(found.db_snapshots().len(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn delayed_request_takes_effect_after_client_is_gone() {
    let lab = Lab::new();
    lab.database("orders");
    let agent = clients_with_faults(&lab, TAKE, &[Disturbance::Delay(Duration::from_secs(10))]);
    let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
    assert!(tokio::time::timeout(Duration::from_secs(1), call.send()).await.is_err());
    let find = || agent.rds.describe_db_snapshots().db_snapshot_identifier("x").send();
    assert_eq!(code(find().await), "DBSnapshotNotFound");
    advance_time(Duration::from_secs(10)).await;
    find().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn late_answer_arrives_after_immediate_effect() {
    let lab = Lab::new();
    lab.database("orders");
    let agent = clients_with_faults(&lab, TAKE, &[Disturbance::LateAnswer(seconds(10))]);
    let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x").send();
    let (find, begun) = (lab.agent(A, HERE), tokio::time::Instant::now());
    let look = async {
        advance_time(seconds(1)).await;
        find.status("x").await
    };
    let (answer, status) = tokio::join!(call, look);
    assert!(answer.is_ok() && status == "creating");
    assert!(begun.elapsed() >= seconds(10));
}

/// An agent whose first 20 calls of `action` are answered from the state of `age` seconds ago.
fn with_stale_reads(lab: &Lab, action: &'static str, age: u64) -> Clients {
    clients_with_faults(lab, action, &[Disturbance::StaleRead(seconds(age)); 20])
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const DESCRIBE: &str = "rds:DescribeDBSnapshots";

#[tokio::test(start_paused = true)]
async fn stale_read_returns_earlier_state() {
    let lab = Lab::with(|settings| settings.durations.snapshot = seconds(8));
    lab.database("orders");
    advance_time(seconds(100)).await;
    let agent = lab.agent(A, HERE);
    let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
    call.send().await.unwrap();
    advance_time(seconds(20)).await;
    let name = async |age| {
        let found = with_stale_reads(&lab, DESCRIBE, age).rds.describe_db_snapshots().send().await.unwrap();
        found.db_snapshots().first().map(|snapshot| snapshot.status().unwrap().to_owned())
    };
    // At that time the snapshot did not exist.
    assert_eq!(name(21).await, None);
    assert_eq!(name(19).await.as_deref(), Some("creating"));
    assert_eq!(name(5).await.as_deref(), Some("available"));
    assert_eq!(name(0).await.as_deref(), Some("available"));
    agent.rds.delete_db_snapshot().db_snapshot_identifier("x").send().await.unwrap();
    advance_time(seconds(29)).await;
    assert_eq!(name(30).await.as_deref(), Some("available"));
    assert_eq!(name(28).await, None);
    advance_time(seconds(2)).await;
    assert_eq!(name(60).await, None, "a stale read is at most 30 s old");
    advance_time(seconds(100)).await;
    let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("y");
    call.send().await.unwrap();
    assert_eq!(name(10).await, None, "the state before a change is kept, however old that state is");
}

#[tokio::test(start_paused = true)]
async fn stale_read_never_predates_the_simulation() {
    let lab = Lab::new();
    lab.database("orders");
    advance_time(seconds(1)).await;
    let agent = with_stale_reads(&lab, "rds:DescribeDBInstances", 30);
    assert_eq!(agent.rds.describe_db_instances().send().await.unwrap().db_instances().len(), 1);
    lab.database("bills");
    assert_eq!(agent.rds.describe_db_instances().send().await.unwrap().db_instances().len(), 1);
    lab.cloud.forget_history();
    assert_eq!(agent.rds.describe_db_instances().send().await.unwrap().db_instances().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn stale_read_affects_only_reads_of_rds_and_kms() {
    let lab = Lab::new();
    lab.database("orders");
    advance_time(seconds(100)).await;
    let agent = with_stale_reads(&lab, TAKE, 30);
    let take = || agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x").send();
    take().await.unwrap();
    assert_eq!(code(take().await), "DBSnapshotAlreadyExists");
    agent.sqs.create_queue().queue_name("q").send().await.unwrap();
    let agent = with_stale_reads(&lab, "sqs:GetQueueUrl", 30);
    agent.sqs.get_queue_url().queue_name("q").send().await.unwrap();
    let agent = with_stale_reads(&lab, "sts:GetCallerIdentity", 30);
    agent.sts.get_caller_identity().send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stale_describe_key_creates_no_managed_key() {
    let lab = Lab::new();
    advance_time(seconds(100)).await;
    let own = lab.agent(A, HERE);
    let keys = async || own.kms.list_keys().send().await.unwrap().keys().len();
    // A describe call of this alias creates the AWS managed key, but a stale one does not.
    let look = |age| with_stale_reads(&lab, "kms:DescribeKey", age).kms.describe_key().key_id("alias/aws/rds").send();
    look(10).await.unwrap();
    assert_eq!(keys().await, 0);
    look(0).await.unwrap();
    assert_eq!(keys().await, 1);
    advance_time(seconds(5)).await;
    let listed =
        async |age| with_stale_reads(&lab, "kms:ListKeys", age).kms.list_keys().send().await.unwrap().keys().len();
    assert_eq!((listed(10).await, listed(3).await), (0, 1));
    let key = own.key().await;
    advance_time(seconds(5)).await;
    let look = |age| with_stale_reads(&lab, "kms:DescribeKey", age).kms.describe_key().key_id(&key).send();
    assert_eq!(code(look(10).await), "NotFoundException");
    look(3).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stale_read_fails_when_no_states_are_kept() {
    let lab = Lab::with(|settings| settings.remembers = Duration::ZERO);
    lab.database("orders");
    let agent = with_stale_reads(&lab, "rds:DescribeDBInstances", 10);
    assert_eq!(code(agent.rds.describe_db_instances().send().await), "InternalFailure");
    agent.rds.describe_db_snapshots().send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn trace_records_principal_action_and_resources() {
    let lab = Lab::new();
    lab.database("orders");
    let agent = lab.agent(A, HERE);
    agent.rds.describe_db_instances().send().await.unwrap();
    let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
    call.send().await.unwrap();
    let calls = lab.cloud.calls();
    let (read, wrote) = (&calls[0], &calls[1]);
    assert_eq!((read.number, read.mutating, read.action.as_str()), (1, false, "rds:DescribeDBInstances"));
    assert_eq!((wrote.number, wrote.mutating, wrote.answer.as_str()), (2, true, "ok"));
    assert_eq!(wrote.principal, format!("arn:aws:sts::{A}:assumed-role/agent/agent"));
    assert_eq!((wrote.account.as_str(), wrote.region.as_str()), (A, HERE));
    let prefix = format!("arn:aws:rds:{HERE}:{A}:");
    assert_eq!(wrote.resources, [format!("{prefix}db:orders"), format!("{prefix}snapshot:x")]);
    lab.cloud.forget_calls();
    assert!(lab.cloud.calls().is_empty());
}
