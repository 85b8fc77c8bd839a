//! What a gate does to requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sim::{Call, Disturbance, Gate};

use crate::lab::{A, Clients, HERE, Lab, code, pass};

/// Disturbs the first calls of one action, each in its own way.
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

fn disturbed(lab: &Lab, action: &'static str, script: &[Disturbance]) -> Clients {
    let left = Mutex::new(script.iter().rev().copied().collect());
    let transport = lab.cloud.connector().with_gate(Arc::new(Script { action, left }));
    lab.clients(&lab.cloud.role(A, "agent"), HERE, transport)
}

const TAKE: &str = "rds:CreateDBSnapshot";

fn answers(lab: &Lab) -> Vec<String> {
    lab.cloud.calls().into_iter().filter(|call| call.action == TAKE).map(|call| call.answer).collect()
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_took_effect_and_a_server_error_did_not() {
    let cases: [(&[Disturbance], &[&str], bool); 4] = [
        (&[Disturbance::LostAnswer], &["ok", "DBSnapshotAlreadyExists"], false),
        (&[Disturbance::ServerError], &["InternalFailure", "ok"], true),
        (&[Disturbance::Throttle], &["Throttling", "ok"], true),
        (&[Disturbance::Refuse], &["(refused)", "ok"], true),
    ];
    for (script, expected, succeeds) in cases {
        let lab = Lab::new();
        lab.database("orders");
        let agent = disturbed(&lab, TAKE, script);
        let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
        assert_eq!(call.send().await.is_ok(), succeeds, "{script:?}");
        assert_eq!(answers(&lab), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_agent_leaves_behind_what_was_accepted() {
    for (effect, left) in [(true, 1), (false, 0)] {
        let lab = Lab::new();
        lab.database("orders");
        let agent = disturbed(&lab, TAKE, &[Disturbance::NeverAnswer { effect }]);
        let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
        let killed = tokio::time::timeout(Duration::from_secs(1), call.send()).await;
        assert!(killed.is_err());
        let found = agent.rds.describe_db_snapshots().send().await.unwrap();
        assert_eq!(found.db_snapshots().len(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_request_takes_effect_although_its_agent_is_gone() {
    let lab = Lab::new();
    lab.database("orders");
    let agent = disturbed(&lab, TAKE, &[Disturbance::Delay(Duration::from_secs(10))]);
    let call = agent.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x");
    assert!(tokio::time::timeout(Duration::from_secs(1), call.send()).await.is_err());
    let find = || agent.rds.describe_db_snapshots().db_snapshot_identifier("x").send();
    assert_eq!(code(find().await), "DBSnapshotNotFound");
    pass(Duration::from_secs(10)).await;
    find().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_trace_tells_who_did_what_to_what() {
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
