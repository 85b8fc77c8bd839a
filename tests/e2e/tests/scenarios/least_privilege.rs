//! Each action that `deploy/` allows an agent is needed: without it, a scenario that used it fails.
//!
//! This is not shown for: `kms:DescribeKey`, which two statements allow; the permissions on the source's key that AWS
//! documents for copying a snapshot, of which the simulated AWS checks fewer; and the permission for a key's first
//! policy, which AWS may check and the simulated AWS does not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::Database;
use e2e::{A, B, HOME, Lab, TARGET, World};
use serde_json::{Value, json};
use stack::Pair;
use tokio::sync::OnceCell;

use crate::sample::{SHARDS, sharded};

const SOURCE: &str = "rds-handoff-source-agent";
const TARGET_ROLE: &str = "rds-handoff-target-agent";
const REQUESTS: &str = "rds-handoff-requests";
const REQUEST: &str = r#"{"version":1,"kind":"request","database":"orders","label":"cutover-1"}"#;
const PATIENCE: [&str; 3] = ["run", "--patience", "30s"];

/// What the agents do under their policies, and the condition for success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scenario {
    /// A handoff that is declared and requested settles, with every setting of the restore profile.
    Handoff,
    /// `check` of both agents passes.
    Check,
    /// Invalid messages, receipts and requests go to the dead-letter queues.
    DeadLetter,
    /// A received message becomes visible again when an agent ends.
    Release,
    /// A changed parameter group of a restored database is corrected with a reboot.
    Reboot,
}

const SCENARIOS: [Scenario; 5] =
    [Scenario::Check, Scenario::DeadLetter, Scenario::Release, Scenario::Handoff, Scenario::Reboot];

/// Permissions that AWS documents as needed and the simulated AWS does not check: the statement, its action unless all
/// are meant, and the source.
const STATED: [(&str, Option<&str>, &str); 5] = [
    ("GivesThemTheirFirstPolicy", None, "Service Authorization Reference, AWS KMS, dependent actions of CreateKey"),
    ("ReadsSharedCopiesThroughRds", None, "RDS User Guide, Copying a DB snapshot, permissions"),
    ("ReadsTheDatabasesKeysThroughRds", Some("kms:DescribeKey"), "RDS User Guide, Copying a DB snapshot, permissions"),
    ("StoresUnderTheReplicaThroughRds", Some("kms:DescribeKey"), "RDS User Guide, Copying a DB snapshot, permissions"),
    (
        "StoresUnderTheOwnKeyThroughServices",
        Some("kms:DescribeKey"),
        "RDS User Guide, Copying a DB snapshot, permissions",
    ),
];

/// The evidence that a permission is needed.
fn kind(broken: bool, sid: &str, action: &str) -> String {
    let stated = STATED.iter().find(|(of, only, _)| *of == sid && only.is_none_or(|only| only == action));
    match (broken, stated) {
        (true, _) => "simulator proves".to_owned(),
        (false, Some((.., source))) => format!("AWS states: {source}"),
        (false, None) => "assumed".to_owned(),
    }
}

/// The allowed actions of policies, each with the Sid of its statement.
pub(crate) fn permissions(policies: &[Value]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for statement in policies.iter().flat_map(|policy| policy["Statement"].as_array().into_iter().flatten()) {
        if statement["Effect"] != "Allow" {
            continue;
        }
        let sid = statement["Sid"].as_str().unwrap();
        let actions = statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
        found.extend(actions.iter().map(|action| (sid.to_owned(), action.as_str().unwrap().to_owned())));
    }
    found
}

fn without(policies: &[Value], sid: &str, action: &str) -> Vec<String> {
    let mut policies = policies.to_vec();
    for statement in policies.iter_mut().flat_map(|policy| policy["Statement"].as_array_mut().into_iter().flatten()) {
        if statement["Sid"] == sid {
            match &mut statement["Action"] {
                Value::Array(actions) if actions.len() > 1 => actions.retain(|other| other != action),
                // A statement needs at least one action: take one that no agent uses.
                only => *only = Value::from("rds:StopDBInstance"),
            }
        }
    }
    policies.iter().map(ToString::to_string).collect()
}

/// An agent's role under the templates of one key mode.
struct Role {
    account: &'static str,
    name: &'static str,
    /// The role's name in the table.
    shown: &'static str,
    policies: Vec<Value>,
    existing_key: bool,
}

async fn lab(existing_key: bool) -> Lab {
    let lab = Lab::new(World { databases: vec![], existing_key, requests: true, ..World::quick() }).await;
    // A customer managed key: the policy of the AWS managed key allows every principal that may use RDS.
    let key = lab.admin(A, HOME).create_key("databases of account A").await;
    lab.cloud.create_database(Database { kms_key: Some(key), ..Database::new(A, HOME, "orders") });
    let key_mode = if existing_key { "key_mode = \"existing\"" } else { "" };
    lab.configure_source(&["orders"], &format!("{key_mode}\n[requests]"));
    lab.cloud.role(B, "rds-monitoring");
    let group = lab.admin(B, TARGET).rds.create_db_parameter_group().db_parameter_group_name("ours");
    group.db_parameter_group_family("postgres16").description("ours").send().await.unwrap();
    let group = lab.admin(B, TARGET).rds.create_option_group().option_group_name("ours");
    let group = group.engine_name("postgres").major_engine_version("16").option_group_description("ours");
    group.send().await.unwrap();
    lab.edit(
        "target.toml",
        "deletion_protection = false",
        "deletion_protection = false\nparameter_group = \"ours\"\noption_group = \"ours\"\nmonitoring_seconds = 60\n\
         monitoring_role = \"arn:aws:iam::222222222222:role/rds-monitoring\"",
    );
    lab
}

/// Runs both agents until both have settled, or one of them is blocked or has failed.
async fn moves(lab: &Lab) -> bool {
    let source = async { lab.source(&PATIENCE).await.exit == Exit::Settled };
    let target = async {
        for _ in 0..100 {
            let ran = lab.target(&PATIENCE).await;
            match ran.exit {
                Exit::Settled if lab.restored("orders-cutover-1").is_some() => return true,
                Exit::Settled => tokio::time::sleep(Duration::from_mins(2)).await,
                _ => return false,
            }
        }
        false
    };
    tokio::pin!(source, target);
    let both = async {
        tokio::select! {
            good = &mut source => good && target.await,
            good = &mut target => good && source.await,
        }
    };
    // A handoff takes less than 20 minutes. One that takes longer lacks a permission.
    let both = tokio::time::timeout(Duration::from_mins(25), both).await;
    both == Ok(true) && lab.restored("orders-cutover-1") == lab.original("orders")
}

/// Whether a scenario succeeds. Each takes less than half an hour; one that takes longer lacks a permission.
async fn succeeds(scenario: Scenario, lab: &Lab) -> bool {
    tokio::time::timeout(Duration::from_mins(40), Box::pin(run_scenario(scenario, lab))).await.unwrap_or(false)
}

async fn run_scenario(scenario: Scenario, lab: &Lab) -> bool {
    let (a, b, receipts) = (lab.admin(A, HOME), lab.admin(B, TARGET), format!("rds-handoff-receipts-{B}"));
    match scenario {
        Scenario::Handoff => {
            a.send(REQUESTS, REQUEST).await;
            if !moves(lab).await {
                return false;
            }
            // The last receipts are read and deleted.
            let _ = lab.source(&PATIENCE).await;
            tokio::time::sleep(Duration::from_mins(11)).await;
            a.peek(&receipts).await.is_empty()
                && a.peek(REQUESTS).await.is_empty()
                && b.peek("rds-handoff-inbox").await.is_empty()
        }
        Scenario::Check => {
            lab.source(&["check"]).await.exit == Exit::Settled && lab.target(&["check"]).await.exit == Exit::Settled
        }
        Scenario::DeadLetter => {
            b.send("rds-handoff-inbox", "rubbish").await;
            a.send(&receipts, "rubbish").await;
            a.send(REQUESTS, "rubbish").await;
            let one = ["run", "--once"];
            let _ = (lab.target(&one).await, lab.source(&one).await);
            let dead = format!("{receipts}-dead");
            let others = [a.peek(&dead).await, a.peek("rds-handoff-requests-dead").await];
            b.peek("rds-handoff-inbox-dead").await.len() == 1 && others.iter().all(|messages| messages.len() == 1)
        }
        Scenario::Release => {
            // A message of a newer version stays in the queue, invisible for 15 minutes.
            let newer = r#"{"kind":"handoff","version":9}"#;
            b.send("rds-handoff-inbox", newer).await;
            a.send(&receipts, newer).await;
            a.send(REQUESTS, newer).await;
            let one = ["run", "--once"];
            let _ = (lab.target(&one).await, lab.source(&one).await);
            tokio::time::sleep(Duration::from_mins(11)).await;
            b.peek("rds-handoff-inbox").await.is_empty()
                && a.peek(&receipts).await.is_empty()
                && a.peek(REQUESTS).await.is_empty()
        }
        Scenario::Reboot => {
            if !moves(lab).await {
                return false;
            }
            // The tag `restored` is removed from account B's copy, and the database gets another group.
            let copy = b.snapshots().await.into_iter().find(|name| name.ends_with("-target")).unwrap();
            let arn = format!("arn:aws:rds:{TARGET}:{B}:snapshot:{copy}");
            b.rds.remove_tags_from_resource().resource_name(arn).tag_keys("rds-handoff:restored").send().await.unwrap();
            let other = b.rds.modify_db_instance().db_instance_identifier("orders-cutover-1");
            other.db_parameter_group_name("default.postgres16").apply_immediately(true).send().await.unwrap();
            tokio::time::sleep(Duration::from_mins(1)).await;
            lab.target(&PATIENCE).await.exit == Exit::Settled
        }
    }
}

fn roles() -> [Role; 3] {
    let pair = Pair { requests: true, ..Lab::PAIR };
    let existing = Pair { existing_key: true, ..pair };
    let role = |account, name, policies| Role { account, name, shown: name, policies, existing_key: false };
    let managed = role(A, SOURCE, pair.policies(SOURCE));
    let existing =
        Role { shown: "source-agent, existing key", existing_key: true, ..role(A, SOURCE, existing.policies(SOURCE)) };
    assert_eq!(without_kms(&managed), without_kms(&existing), "the key mode changes more than the KMS permissions");
    [managed, role(B, TARGET_ROLE, pair.policies(TARGET_ROLE)), existing]
}

/// The scenarios that use each action of each statement of each role.
type Uses = BTreeMap<(&'static str, String, String), BTreeSet<Scenario>>;

/// Finds the uses by the decisions of the simulated AWS. All shards share the result.
async fn uses() -> &'static Uses {
    static USES: OnceCell<Uses> = OnceCell::const_new();
    let find = async || {
        let (roles, mut uses) = (roles(), Uses::new());
        for existing_key in [false, true] {
            let ready = lab(existing_key).await;
            for scenario in SCENARIOS {
                let lab = ready.fork();
                assert!(Box::pin(succeeds(scenario, &lab)).await, "{scenario:?} fails under the shipped policies");
                let decisions = lab.cloud.calls().into_iter().flat_map(|call| call.decisions);
                for decision in decisions.filter(|decision| decision.allowed) {
                    let is_asking =
                        |role: &&Role| role.existing_key == existing_key && decision.principal.contains(role.name);
                    let Some(role) = roles.iter().find(is_asking) else { continue };
                    for ground in decision.grounds.iter().filter(|ground| ground.layer == "identity-based policy") {
                        let key = (role.shown, ground.statement.clone(), decision.action.clone());
                        uses.entry(key).or_default().insert(scenario);
                    }
                }
            }
        }
        uses
    };
    USES.get_or_init(find).await
}

/// The table row of one action of one statement, with the first scenario that breaks without it, if any.
async fn row(role: &Role, sid: &str, action: &str, ready: &Lab) -> String {
    let by = uses().await.get(&(role.shown, sid.to_owned(), action.to_owned())).cloned().unwrap_or_default();
    let reduced = without(&role.policies, sid, action);
    let reduced: Vec<&str> = reduced.iter().map(String::as_str).collect();
    let mut broken = None;
    for scenario in &by {
        let lab = ready.fork();
        lab.cloud.put_role_policies(role.account, role.name, &reduced).unwrap();
        if !Box::pin(succeeds(*scenario, &lab)).await {
            broken = Some(*scenario);
            break;
        }
    }
    let proof = match broken {
        Some(scenario) => format!("without it {scenario:?} breaks"),
        None if by.is_empty() => "not used by any scenario".to_owned(),
        None => "used, and nothing breaks without it".to_owned(),
    };
    let (kind, step) = (kind(broken.is_some(), sid, action), &crate::deploy::steps(role.name)[action]);
    format!("{:<26} {sid:<36} {action:<42} {step:<20} {proof:<40} {kind}\n", role.shown)
}

/// Removes each `SHARDS`-th permission. Its rows must be in the accepted table; the shard that ends last compares the
/// whole table.
async fn least_privilege(shard: usize) {
    static FOUND: Mutex<BTreeMap<usize, String>> = Mutex::new(BTreeMap::new());
    let roles = roles();
    let shown = roles.iter().flat_map(|role| {
        let all = permissions(&role.policies).into_iter().map(move |(sid, action)| (role, sid, action));
        all.filter(|(role, _, action)| !role.existing_key || action.starts_with("kms:"))
    });
    let shown: Vec<_> = shown.enumerate().collect();
    let ready = [lab(false).await, lab(true).await];
    let mut rows = Vec::new();
    for (at, (role, sid, action)) in shown.iter().skip(shard).step_by(SHARDS) {
        rows.push((*at, row(role, sid, action, &ready[usize::from(role.existing_key)]).await));
    }
    let table = {
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(rows.iter().cloned());
        (found.len() == shown.len()).then(|| found.values().map(String::as_str).collect::<String>())
    };
    if let Some(table) = table {
        insta::assert_snapshot!("least_privilege", table);
    }
    let accepted = include_str!("snapshots/scenarios__least_privilege__least_privilege.snap");
    let other: String = rows.into_iter().map(|(_, row)| row).filter(|row| !accepted.contains(row.trim_end())).collect();
    assert_eq!(other, "", "rows that are not in the accepted table");
}

#[rustfmt::skip]
sharded!(least_privilege() in
    removing_each_permission_breaks_scenario_in_table_1 0, removing_each_permission_breaks_scenario_in_table_2 1,
    removing_each_permission_breaks_scenario_in_table_3 2, removing_each_permission_breaks_scenario_in_table_4 3);

fn without_kms(role: &Role) -> Vec<(String, String)> {
    permissions(&role.policies).into_iter().filter(|(_, action)| !action.starts_with("kms:")).collect()
}

#[test]
fn existing_key_policies_allow_no_kms_changes() {
    let existing = Pair { existing_key: true, ..Lab::PAIR };
    let mut allowed = BTreeSet::new();
    for policy in existing.policies(SOURCE) {
        for statement in policy["Statement"].as_array().into_iter().flatten() {
            // Statements that allow KMS only through RDS are for the copies.
            if statement["Condition"]["StringEquals"]["kms:ViaService"].is_null() {
                allowed
                    .extend(permissions(&[json!({ "Statement": [statement] })]).into_iter().map(|(_, action)| action));
            }
        }
    }
    allowed.retain(|action| action.starts_with("kms:"));
    assert_eq!(allowed, ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:ListResourceTags"].map(str::to_owned).into());
}
