//! A permission or a resource is missing. The agent prints who must add what to which policy; the scenario applies this
//! fix literally, and the same run of the agent continues.

use std::cell::RefCell;
use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::{Database, FULL_ACCESS};
use e2e::{A, B, HOME, Lab, Ran, TARGET, Told, World, without_request_ids};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const SOURCE: &str = "rds-handoff-source-agent";
const TARGET_ROLE: &str = "rds-handoff-target-agent";
const PATIENT: [&str; 3] = ["run", "--patience", "10h"];
/// Without hello, because the target agent starts only when the message has arrived.
const ALONE: [&str; 4] = ["run", "--no-hello", "--patience", "10h"];

fn policy(statements: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// Runs the target agent once the message has arrived.
async fn target(lab: &Lab) -> Ran {
    lab.message().await;
    lab.target(&PATIENT).await
}

/// Runs each agent once, and applies each fix that `agent` prints. Returns the printed fixes.
async fn continues_after_fix(lab: &Lab, agent: &str, fix: impl AsyncFn(&Told)) -> String {
    let all = RefCell::new(String::new());
    let fixer = async {
        for nth in 0.. {
            let reported = lab.told(agent, nth).await;
            fix(&reported).await;
            *all.borrow_mut() += &reported.0;
        }
    };
    let both = async {
        tokio::select! {
            biased;
            ran = async { tokio::join!(lab.source(&ALONE), target(lab)) } => ran,
            () = fixer => unreachable!("the fixer has no end"),
        }
    };
    let (source, target) = Box::pin(Lab::in_time(both)).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    fits_100_columns(&all.into_inner())
}

/// Asserts that the text fits 100 columns, except for lines with an ARN. Returns it without request ids.
#[track_caller]
fn fits_100_columns(text: &str) -> String {
    assert!(!text.is_empty(), "nothing was printed");
    for line in text.lines().filter(|line| !line.contains("arn:aws:")) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    without_request_ids(text)
}

#[tokio::test(start_paused = true)]
async fn inbox_policy_without_source_agent_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let b = lab.admin(B, TARGET);
    let other = json!([{ "Effect": "Allow", "Principal": { "AWS": B }, "Action": "sqs:GetQueueUrl", "Resource": "*" }]);
    b.set_queue_policy("rds-handoff-inbox", &policy(&other)).await;
    let impatient = lab.source(&["run", "--format", "json"]).await;
    assert_eq!(impatient.exit, Exit::Blocked, "{}", impatient.out);
    let last: Value = serde_json::from_str(impatient.out.lines().last().unwrap()).unwrap();
    // Each attempt has another request id, but only the first is reported.
    let sent = lab.cloud.calls().iter().filter(|call| call.action == "sqs:SendMessage").count();
    let reported =
        impatient.out.lines().filter(|line| line.contains(r#""event":"fault""#) && line.contains("SendMessage"));
    assert!(sent > 1 && reported.count() == 1, "{sent}: {}", impatient.out);
    // The request id identifies the call in the simulated AWS.
    let call = last["request_id"].as_str().and_then(|id| id.strip_prefix("00000000-0000-4000-8000-")).unwrap();
    let calls = lab.cloud.calls();
    let refused = calls.iter().find(|made| made.number == call.parse::<usize>().unwrap()).unwrap();
    assert_eq!((refused.action.as_str(), &last["status"]), ("sqs:SendMessage", &json!(403)));
    assert!(!last["text"].as_str().unwrap().contains("request id"), "{last}");
    let (words, paste) = last["fix"].as_str().unwrap().split_once('\n').unwrap();
    assert_eq!(words, "account 222222222222 adds this to the policy of queue rds-handoff-inbox:");
    assert_eq!(serde_json::from_str::<Value>(paste).unwrap()["Action"], "sqs:SendMessage");
    let reported = continues_after_fix(&lab, "source-agent", async |reported| {
        b.add_to_queue_policy("rds-handoff-inbox", &reported.statements()).await;
    });
    let reported = reported.await;
    assert_eq!(reported.matches("AccessDenied").count(), 1, "not reported exactly once: {reported}");
    insta::assert_snapshot!("inbox", reported);
}

#[tokio::test(start_paused = true)]
async fn receipts_policy_without_target_agent_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let (a, receipts) = (lab.admin(A, HOME), format!("rds-handoff-receipts-{B}"));
    let other = json!([{ "Effect": "Allow", "Principal": { "AWS": A }, "Action": "sqs:GetQueueUrl", "Resource": "*" }]);
    a.set_queue_policy(&receipts, &policy(&other)).await;
    let reported = continues_after_fix(&lab, "target-agent", async |reported| {
        a.add_to_queue_policy(&receipts, &reported.statements()).await;
    });
    insta::assert_snapshot!("receipts", reported.await);
}

/// Runs account A's agent until it has published, then stops it.
async fn published(lab: &Lab) {
    let stop = CancellationToken::new();
    let source = lab.source_as(A, SOURCE, &Lab::ALONE, stop.clone());
    let stopping = async {
        lab.message().await;
        stop.cancel();
    };
    let (source, ()) = tokio::join!(source, stopping);
    assert_eq!(source.exit, Exit::Pending, "{}", source.out);
}

/// Applies the fix that the target agent prints while account A's agent does not run. Then that one runs and settles.
/// Returns the printed fix.
async fn target_continues_after_fix(lab: &Lab, fix: impl AsyncFn(&Told)) -> String {
    let fixing = async {
        let reported = lab.told("target-agent", 0).await;
        fix(&reported).await;
        reported.0
    };
    let (target, reported) = Box::pin(Lab::in_time(async { tokio::join!(lab.target(&PATIENT), fixing) })).await;
    assert_eq!(target.exit, Exit::Settled, "{}", target.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    let source = lab.source(&Lab::ALONE).await;
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);
    fits_100_columns(&reported)
}

#[tokio::test(start_paused = true)]
async fn key_policy_without_account_b_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    published(&lab).await;
    let (a, key) = (lab.admin(A, TARGET), lab.replica_key().await);
    let right: Value = serde_json::from_str(&a.key_policy(&key).await).unwrap();
    let mut without = right.clone();
    without["Statement"].as_array_mut().unwrap().retain(|statement| !statement.to_string().contains(B));
    assert_ne!(without, right);
    a.set_key_policy(&key, &without.to_string()).await;
    let reported = target_continues_after_fix(&lab, async |reported| {
        a.add_to_key_policy(&key, &reported.statements()).await;
        let fixed: Value = serde_json::from_str(&a.key_policy(&key).await).unwrap();
        assert_eq!(fixed, right, "not what account A's agent had written");
    });
    insta::assert_snapshot!("key_policy", reported.await.replace(&key, "KEY"));
    let left = a.key_policy(&key).await;
    assert!(!left.contains(B), "account A's agent did not remove account B: {left}");
}

async fn unshare(lab: &Lab) -> String {
    let a = lab.admin(A, TARGET);
    let copy = a.snapshots().await.pop().unwrap();
    let call = a.rds.modify_db_snapshot_attribute().db_snapshot_identifier(&copy).attribute_name("restore");
    call.values_to_remove(B).send().await.unwrap();
    copy
}

#[tokio::test(start_paused = true)]
async fn unshared_copy_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    published(&lab).await;
    unshare(&lab).await;
    let reported = target_continues_after_fix(&lab, async |reported| {
        let command = reported.paste().replace("\\\n", "");
        let words: Vec<&str> = command.split_whitespace().collect();
        assert_eq!(words[..3], ["aws", "rds", "modify-db-snapshot-attribute"]);
        let option = |name: &str| words[words.iter().position(|word| *word == name).unwrap() + 1];
        let call = lab.admin(A, option("--region")).rds.modify_db_snapshot_attribute();
        let call = call.attribute_name(option("--attribute-name")).values_to_add(option("--values-to-add"));
        call.db_snapshot_identifier(option("--db-snapshot-identifier")).send().await.unwrap();
    });
    insta::assert_snapshot!("unshared", reported.await);
}

#[tokio::test(start_paused = true)]
async fn running_source_agent_shares_unshared_copy_again() {
    let lab = Lab::new(World::quick()).await;
    let target = async {
        lab.message().await;
        unshare(&lab).await;
        lab.target(&PATIENT).await
    };
    let both = async { tokio::join!(lab.source(&ALONE), target) };
    let (source, target) = Box::pin(Lab::in_time(both)).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert!(target.blocked().any(|(_, fault)| fault.step == Some("verify")), "{}", target.out);
    assert_eq!(source.acted("share"), 2, "{}", source.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
}

/// The deployed policies of a role without some actions, and the statements that are added to them.
struct Policies<'a> {
    lab: &'a Lab,
    account: &'static str,
    role: &'static str,
    documents: RefCell<Vec<String>>,
}

impl<'a> Policies<'a> {
    /// Removes the actions for which `removed` is true, given a Sid and an action.
    fn without(
        lab: &'a Lab,
        account: &'static str,
        role: &'static str,
        removed: impl Fn(&str, &Value) -> bool,
    ) -> Self {
        let mut documents: Vec<Value> = Lab::PAIR.policies(role);
        for statement in documents.iter_mut().flat_map(|it| it["Statement"].as_array_mut().unwrap()) {
            let sid = statement["Sid"].as_str().unwrap().to_owned();
            let mut actions =
                statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
            actions.retain(|action| !removed(&sid, action));
            if actions.is_empty() {
                // A statement needs at least one action: take one that no agent uses.
                actions.push(Value::from("rds:StopDBInstance"));
            }
            statement["Action"] = Value::Array(actions);
        }
        let documents = RefCell::new(documents.iter().map(Value::to_string).collect());
        let policies = Self { lab, account, role, documents };
        policies.put();
        policies
    }

    fn put(&self) {
        let documents = self.documents.borrow();
        let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
        self.lab.cloud.put_role_policies(self.account, self.role, &documents).unwrap();
    }

    fn add(&self, statements: Vec<Value>) {
        self.documents.borrow_mut().push(policy(&Value::Array(statements)));
        self.put();
    }
}

#[tokio::test(start_paused = true)]
async fn role_without_action_blocks_until_fix_is_applied() {
    for (account, role, agent, action) in [
        (A, SOURCE, "source-agent", "rds:CopyDBSnapshot"),
        (A, SOURCE, "source-agent", "sqs:SendMessage"),
        (B, TARGET_ROLE, "target-agent", "rds:RestoreDBInstanceFromDBSnapshot"),
    ] {
        let lab = Lab::new(World::quick()).await;
        let policies = Policies::without(&lab, account, role, |_, other| other == action);
        let reported = continues_after_fix(&lab, agent, async |reported| policies.add(reported.statements())).await;
        insta::assert_snapshot!(format!("role_{}", action.replace(':', "_")), reported);
    }
}

#[tokio::test(start_paused = true)]
async fn role_without_key_permission_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let policies = Policies::without(&lab, B, TARGET_ROLE, |sid, _| {
        ["StoresUnderTheOwnKeyThroughServices", "LetsServicesKeepTheOwnKey"].contains(&sid)
    });
    let key = lab.admin(B, TARGET).own_key().await;
    let reported =
        continues_after_fix(&lab, "target-agent", async |reported| policies.add(reported.statements())).await;
    insta::assert_snapshot!("own_key", reported.replace(&key, "arn:aws:kms:us-west-2:222222222222:key/KEY"));

    let lab = Lab::new(World { databases: vec![], ..World::quick() }).await;
    let key = lab.admin(A, HOME).create_key("databases of account A").await;
    lab.cloud.create_database(Database { kms_key: Some(key.clone()), ..Database::new(A, HOME, "orders") });
    lab.configure_source(&["orders"], "");
    // The snapshot is taken, but not yet copied.
    assert_eq!(lab.source(&["run", "--no-hello", "--once"]).await.exit, Exit::Pending);
    let policies = Policies::without(&lab, A, SOURCE, |sid, _| {
        ["ReadsTheDatabasesKeysThroughRds", "LetsRdsKeepTheDatabasesKeys"].contains(&sid)
    });
    let reported =
        continues_after_fix(&lab, "source-agent", async |reported| policies.add(reported.statements())).await;
    insta::assert_snapshot!("database_key", reported.replace(&key, "arn:aws:kms:ap-northeast-1:111111111111:key/KEY"));
}

#[tokio::test(start_paused = true)]
async fn key_policy_without_source_agent_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let a = lab.admin(A, TARGET);
    let alias = format!("alias/rds-handoff-{HOME}-{B}");
    while a.kms.describe_key().key_id(&alias).send().await.is_err() {
        lab.source(&["run", "--no-hello", "--once"]).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let key = lab.replica_key().await;
    let right: Value = serde_json::from_str(&a.key_policy(&key).await).unwrap();
    let mut without = right.clone();
    without["Statement"].as_array_mut().unwrap().retain(|statement| statement["Sid"] == "AccountAdministers");
    a.set_key_policy(&key, &without.to_string()).await;
    let reported = continues_after_fix(&lab, "source-agent", async |reported| {
        a.add_to_key_policy(&key, &reported.statements()).await;
        let fixed: Value = serde_json::from_str(&a.key_policy(&key).await).unwrap();
        assert_eq!(fixed, right, "not the policy that the agent had made the key with");
    });
    insta::assert_snapshot!("key_policy_source", reported.await.replace(&key, "KEY"));
}

/// A Deny statement with the condition that the fix says.
fn with_exception(deny: &Value, reported: &Told) -> Value {
    let mut deny = deny.clone();
    if deny["Condition"].is_null() {
        deny["Condition"] = json!({});
    }
    let [exception] = &reported.statements()[..] else { panic!("{}", reported.0) };
    deny["Condition"].as_object_mut().unwrap().extend(exception.as_object().unwrap().clone());
    deny
}

#[tokio::test(start_paused = true)]
async fn service_control_policy_in_account_a_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let deny = json!({ "Effect": "Deny", "Action": "rds:ModifyDBSnapshotAttribute", "Resource": "*" });
    let attach = |deny: &Value| lab.cloud.set_service_control_policies(A, &[FULL_ACCESS, &policy(deny)]).unwrap();
    attach(&deny);
    let reported =
        continues_after_fix(&lab, "source-agent", async |reported| attach(&with_exception(&deny, reported))).await;
    insta::assert_snapshot!("scp_source", reported);
}

#[tokio::test(start_paused = true)]
async fn service_control_policy_in_account_b_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let deny = json!({
        "Effect": "Deny", "Action": ["rds:*", "sqs:*"], "Resource": "*",
        "Condition": { "StringNotEquals": { "aws:ResourceAccount": B } },
    });
    let attach = |deny: &Value| lab.cloud.set_service_control_policies(B, &[FULL_ACCESS, &policy(deny)]).unwrap();
    attach(&deny);
    let reported =
        continues_after_fix(&lab, "target-agent", async |reported| attach(&with_exception(&deny, reported))).await;
    insta::assert_snapshot!("scp_target", reported);
}

#[tokio::test(start_paused = true)]
async fn resource_control_policy_on_inbox_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let deny = json!({
        "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*",
        "Condition": { "StringNotEquals": { "aws:PrincipalAccount": B } },
    });
    let attach = |deny: &Value| lab.cloud.set_resource_control_policies(B, &[&policy(deny)]).unwrap();
    attach(&deny);
    let reported =
        continues_after_fix(&lab, "source-agent", async |reported| attach(&with_exception(&deny, reported))).await;
    insta::assert_snapshot!("rcp", reported);
}

#[tokio::test(start_paused = true)]
async fn permissions_boundary_without_action_blocks_until_fix_is_applied() {
    let lab = Lab::new(World::quick()).await;
    let statements = RefCell::new(vec![json!({ "Effect": "Allow", "Action": ["rds:*", "kms:*"], "Resource": "*" })]);
    let put = || {
        let boundary = policy(&Value::from(statements.borrow().clone()));
        lab.cloud.put_role_boundary(A, SOURCE, Some(&boundary)).unwrap();
    };
    put();
    let reported = continues_after_fix(&lab, "source-agent", async |reported| {
        statements.borrow_mut().extend(reported.statements());
        put();
    });
    insta::assert_snapshot!("boundary", reported.await);
}
