//! Invalid input is refused with an error that names the cause and the fix, before anything is created.

use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::Database;
use e2e::{A, B, HOME, Lab, World, differences};
use protocol::tags::Outcome;
use tokio_util::sync::CancellationToken;

/// Asserts that no call has changed anything.
fn assert_nothing_was_changed(lab: &Lab) {
    let changes: Vec<_> =
        lab.cloud.calls().into_iter().filter(|call| call.mutating && !call.action.starts_with("sqs:Rec")).collect();
    assert!(changes.is_empty(), "{changes:?}");
}

/// Asserts that `plan` and `run` refuse the configuration with these words.
async fn assert_refused(lab: &Lab, expected: &[&str]) {
    for command in ["plan", "run"] {
        let ran = lab.source(&[command]).await;
        assert_eq!(ran.exit, Exit::Usage, "{}", ran.out);
        let words = ran.words();
        for expected in expected {
            assert!(words.contains(expected), "{words}\nlacks {expected}");
        }
        assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
        assert_nothing_was_changed(lab);
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_database_is_refused_with_list_of_existing_ones() {
    let lab = Lab::new(World::quick()).await;
    lab.configure_source(&["orders", "ordres"], "");
    assert_refused(&lab, &["ordres/cutover-1: no such DB instance in account 111111111111", "there are: orders"]).await;
}

#[tokio::test(start_paused = true)]
async fn unsupported_database_kinds_are_refused() {
    let lab = Lab::new(World::quick()).await;
    let database = |name| Database::new(A, HOME, name);
    lab.cloud.create_database(Database { kms_key: None, ..database("plain") });
    lab.cloud.create_database(Database { cluster: Some("aurora".to_owned()), ..database("member") });
    lab.cloud.create_database(Database { engine: "custom-sqlserver-ee".to_owned(), ..database("custom") });
    lab.configure_source(&["plain", "member", "custom"], "");
    let reasons = ["plain/cutover-1: it is not encrypted", "DB cluster aurora", "RDS Custom"];
    assert_refused(&lab, &reasons).await;
    let check = lab.source(&["check"]).await;
    assert_eq!(check.exit, Exit::Blocked, "{}", check.out);
    assert!(reasons.iter().all(|reason| check.words().contains(reason)), "{}", check.out);
}

#[tokio::test(start_paused = true)]
async fn invalid_configuration_is_refused_without_any_aws_call() {
    let lab = Lab::new(World::quick()).await;
    for (text, expected) in [
        ("account = \"111111111111\"\nregoin = \"x\"", "source.toml:2: unknown key `regoin`; did you mean `region`?"),
        ("account = \"111111111111\"\nregion = \"cn-north-1\"\ntarget = []", "aws partition"),
        (
            "account = \"111111111111\"\nregion = \"eu-west-1\"\n[[target]]\naccount = \"111111111111\"\nregion = \"eu-north-1\"",
            "between two accounts",
        ),
        (
            "account = \"111111111111\"\nregion = \"eu-west-1\"\n[[target]]\naccount = \"222222222222\"\nregion = \"eu-west-1\"",
            "not supported yet",
        ),
    ] {
        lab.write("source.toml", text);
        let ran = lab.source(&["run"]).await;
        let words = ran.words();
        assert_eq!(ran.exit, Exit::Usage);
        assert!(words.contains(expected), "{words}");
    }
    assert!(lab.cloud.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn credentials_of_another_account_are_refused() {
    let lab = Lab::new(World::quick()).await;
    let ran = lab.source_as(B, "rds-handoff-target-agent", &["run"], CancellationToken::new()).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.words().contains("belong to account 222222222222"), "{}", ran.out);
    let calls = lab.cloud.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn plan_accepts_one_handoff_by_flags_alone() {
    let lab = Lab::new(World::quick()).await;
    let by_flags = lab.source(&Lab::BY_FLAGS).await;
    assert_eq!(by_flags.exit, Exit::Pending, "{}", by_flags.out);
    assert_eq!(by_flags.out, lab.source(&["plan"]).await.out);
    let missing = lab.source(&["plan", "--no-config", "--account", A]).await;
    assert_eq!(missing.exit, Exit::Usage);
    assert!(missing.words().contains("--region is missing"), "{}", missing.out);
    let wrong = lab.source(&["plan", "--no-config", "--label", "Cutover_1"]).await;
    assert_eq!(wrong.exit, Exit::Usage);
    assert!(wrong.words().contains("single inner hyphens"), "{}", wrong.out);
}

#[tokio::test(start_paused = true)]
async fn label_is_refused_for_recreated_database() {
    let lab = Lab::new(World::quick()).await;
    lab.run_handoffs(&["orders-cutover-1"]).await;
    lab.settle().await;
    let a = lab.admin(A, HOME);
    a.rds.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    lab.cloud.create_database(Database::new(A, HOME, "orders"));
    lab.cloud.forget_calls();
    assert_refused(&lab, &["this label was used for another database of that name", "under a new label"]).await;
}

#[tokio::test(start_paused = true)]
async fn invalid_declaration_does_not_stop_active_handoff() {
    let lab = Lab::new(World::quick()).await;
    let source = lab.source_for(Duration::from_secs(30)).await;
    assert_eq!(source.exit, Exit::Pending, "{}", source.out);
    lab.cloud.create_database(Database::new(A, HOME, "payroll"));
    lab.configure_source(&["orders", "payroll", "ordres"], "");
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Usage, Exit::Settled), "{}", source.out);
    assert!(source.words().contains("ordres/cutover-1: no such DB instance"), "{}", source.out);
    let snapshots = lab.admin(A, HOME).snapshots().await;
    assert!(snapshots.iter().all(|name| name.contains("-orders-")), "a new handoff was started: {snapshots:?}");
}

#[tokio::test(start_paused = true)]
async fn offer_expires_although_database_was_recreated() {
    let lab = Lab::new(World::quick()).await;
    let source = lab.source_for(Duration::from_mins(10)).await;
    assert!(source.waited("waiting for account 222222222222 to begin"), "{}", source.out);
    let a = lab.admin(A, HOME);
    a.rds.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    lab.cloud.create_database(Database::new(A, HOME, "orders"));
    tokio::time::sleep(Duration::from_hours(8 * 24)).await;
    let source = lab.source(&["run"]).await;
    assert_eq!(source.exit, Exit::Failed, "{}", source.out);
    assert!(source.settled(Outcome::Expired), "{}", source.out);
    assert_eq!(lab.admin(A, "us-west-2").snapshots().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn handoff_to_removed_target_is_untouched_until_access_expires() {
    let lab = Lab::new(World::quick()).await;
    lab.source_for(Duration::from_mins(10)).await;
    let text = format!(
        "account = \"{A}\"\nregion = \"{HOME}\"\n[[target]]\naccount = \"333333333333\"\nregion = \"us-east-1\"\n"
    );
    lab.write("source.toml", &text);
    let status = lab.source(&["status"]).await;
    assert!(status.words().contains("is under way to account 222222222222"), "{}", status.out);
    let world = lab.cloud.fingerprint();
    assert_eq!(lab.source(&["run"]).await.exit, Exit::Settled);
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
    tokio::time::sleep(Duration::from_hours(8 * 24)).await;
    let source = lab.source(&["run"]).await;
    assert_eq!(source.exit, Exit::Failed, "{}", source.out);
    assert_eq!(lab.admin(A, "us-west-2").snapshots().await, Vec::<String>::new());
}
