//! Handoffs without faults.

use std::time::Duration;

use agent_runtime::Exit;
use e2e::{A, B, HOME, Lab, TARGET, World, differences};
use tokio_util::sync::CancellationToken;

use crate::cost::CALLS_OF_ONE;

#[tokio::test(start_paused = true)]
async fn handoff_restores_identical_content_and_leaves_no_access_open() {
    let lab = Lab::new(World::slow()).await;
    let begun = tokio::time::Instant::now();
    let target_done = CancellationToken::new();
    let source = async {
        let ran = lab.source(&["run"]).await;
        // Account B is still restoring when account A has settled.
        tokio::time::sleep(Duration::from_mins(45)).await;
        target_done.cancel();
        ran
    };
    let (source, target) = tokio::join!(source, lab.target_until(&["run", "--watch"], target_done.clone()));
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);
    assert_eq!(target.exit, Exit::Settled, "{}", target.out);

    // AWS needs 20 min for the snapshot, 3 h for the copy and 1 h for the second copy; the agents add little.
    let hours = begun.elapsed().as_secs_f64() / 3600.0;
    assert!((5.0..5.3).contains(&hours), "{hours}");
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    assert!(lab.restored("orders-cutover-1").is_some());

    let calls = lab.cloud.calls();
    let polls = calls.iter().filter(|call| call.action == "sqs:ReceiveMessage").count();
    println!("{} calls, and {polls} polls of the two queues", calls.len() - polls);
    assert!(calls.len() - polls <= CALLS_OF_ONE, "{}", calls.len() - polls);

    // KMS may not list a new key yet: a process that finds no key lists them a second time before it creates one.
    let made = calls.iter().position(|call| call.action == "kms:CreateKey").unwrap();
    assert_eq!(calls[..made].iter().filter(|call| call.action == "kms:ListKeys").count(), 2);

    assert_no_access_is_open(&lab).await;
    let b = lab.admin(B, TARGET);
    let answer = b.rds.describe_db_instances().db_instance_identifier("orders-cutover-1").send().await.unwrap();
    let database = &answer.db_instances()[0];
    assert_eq!(database.db_instance_status(), Some("available"));
    let own = format!("arn:aws:kms:{TARGET}:{B}:key/");
    assert!(database.kms_key_id().unwrap().starts_with(&own), "not encrypted under B's own key");
    assert_eq!(database.publicly_accessible(), Some(false));
}

#[tokio::test(start_paused = true)]
async fn observing_each_step_twice_changes_no_agent_state() {
    for hello in [&["run"][..], &Lab::ALONE] {
        let lab = Lab::new(World::quick()).await;
        lab.observe_twice();
        let both = async { tokio::join!(lab.source(hello), lab.target_until_restored(&["orders-cutover-1"])) };
        let (source, target) = Lab::in_time(both).await;
        assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
        assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    }
}

/// Asserts that account B has no access to anything of account A any more.
async fn assert_no_access_is_open(lab: &Lab) {
    let a = lab.admin(A, TARGET);
    assert_eq!(a.snapshots().await, Vec::<String>::new(), "the shared copy still exists");
    let key = lab.replica_key().await;
    let policy = a.kms.get_key_policy().key_id(&key).send().await.unwrap();
    assert!(!policy.policy().unwrap().contains(B), "the key policy still names B");
    let grants = a.kms.list_grants().key_id(&key).send().await.unwrap();
    assert!(grants.grants().iter().all(|grant| !grant.issuing_account().unwrap().contains(B)), "B still has a grant");
}

#[tokio::test(start_paused = true)]
async fn restore_profile_decides_settings_of_restored_database() {
    let lab = Lab::new(World::quick()).await;
    lab.edit(
        "target.toml",
        "deletion_protection = false",
        "identifier = \"moved-{database}\"\nclass = \"db.r6g.xlarge\"\nmulti_az = true\npublicly_accessible = true\n\
         backup_retention_days = 14\n[restore.tags]\nteam = \"payments\"",
    );
    let (source, target) = lab.run_handoffs(&["moved-orders"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}", target.out);
    let b = lab.admin(B, TARGET);
    let answer = b.rds.describe_db_instances().db_instance_identifier("moved-orders").send().await.unwrap();
    let database = &answer.db_instances()[0];
    assert_eq!(database.db_instance_class(), Some("db.r6g.xlarge"));
    assert_eq!(database.multi_az(), Some(true));
    assert_eq!(database.deletion_protection(), Some(true), "not enabled by default");
    assert_eq!(database.publicly_accessible(), Some(true));
    assert_eq!(database.backup_retention_period(), Some(14));
    let group = database.db_subnet_group().and_then(|group| group.db_subnet_group_name());
    assert_eq!(group, Some("private"));
    let groups: Vec<_> =
        database.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id()).collect();
    assert_eq!(groups, ["sg-0123456789abcdef0"]);
    let tags = database.tag_list();
    assert!(tags.iter().any(|tag| tag.key() == Some("team") && tag.value() == Some("payments")), "{tags:?}");
    assert!(tags.iter().any(|tag| tag.key() == Some("rds-handoff:id")), "{tags:?}");
}

#[tokio::test(start_paused = true)]
async fn run_after_settled_handoff_changes_nothing() {
    let lab = Lab::new(World::quick()).await;
    lab.run_handoffs(&["orders-cutover-1"]).await;
    lab.settle().await;
    let world = lab.cloud.fingerprint();
    lab.cloud.forget_calls();
    let (source, target) = (lab.source(&["run"]).await, lab.target(&["run"]).await);
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled));
    assert_eq!(differences(&lab.cloud.fingerprint(), &world), "");
    let changes: Vec<_> = lab
        .cloud
        .calls()
        .into_iter()
        .filter(|call| call.mutating && !call.action.ends_with("ReceiveMessage"))
        .collect();
    assert!(changes.is_empty(), "{changes:?}");
}

#[tokio::test(start_paused = true)]
async fn two_concurrent_handoffs_share_one_key() {
    let lab = Lab::new(World { databases: vec!["orders", "payroll"], ..World::quick() }).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1", "payroll-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    for name in ["orders", "payroll"] {
        assert_eq!(lab.restored(&format!("{name}-cutover-1")), lab.original(name));
    }
    let made =
        |action: &str| lab.cloud.calls().iter().filter(|call| call.action == action && call.answer == "ok").count();
    assert_eq!((made("kms:CreateKey"), made("kms:ReplicateKey")), (1, 1));
    assert_no_access_is_open(&lab).await;
}

#[tokio::test(start_paused = true)]
async fn handoff_that_settles_keeps_key_open_for_other_offers() {
    let lab = Lab::new(World { databases: vec!["orders", "payroll"], ..World::slow() }).await;
    lab.configure_source(&["orders"], "");
    let later = async {
        // Account B is still copying payroll when orders has landed.
        tokio::time::sleep(Duration::from_mins(30)).await;
        lab.configure_source(&["payroll"], "");
        lab.source(&["run"]).await
    };
    let restored = ["orders-cutover-1", "payroll-cutover-1"];
    let check_policy = async {
        // Both offers are open: the key policy allows account B until the later one ends.
        tokio::time::sleep(Duration::from_mins(4 * 60 + 10)).await;
        let a = lab.admin(A, HOME);
        let mut ends = Vec::new();
        for snapshot in a.snapshots().await {
            let tags = a.tags(&snapshot).await;
            let (_, offer) = tags.iter().find(|(key, _)| key == "rds-handoff:offer").unwrap();
            ends.extend(offer.split(' ').filter_map(|word| word.strip_prefix("access-until=")).map(str::to_owned));
        }
        ends.sort();
        let key = lab.replica_key().await;
        let policy = lab.admin(A, TARGET).kms.get_key_policy().key_id(key).send().await.unwrap();
        let policy = policy.policy().unwrap().to_owned();
        assert_eq!(ends.len(), 2);
        let until = policy.split("\"aws:CurrentTime\":\"").nth(1).unwrap().split('"').next().unwrap();
        assert!(
            until >= ends[1].as_str() && until.ends_with(":00:00Z"),
            "not the next full hour after the later end: {ends:?}\n{policy}"
        );
    };
    let work = async { tokio::join!(lab.source(&["run"]), later, lab.target_until_restored(&restored), check_policy) };
    let (first, second, target, ()) = Box::pin(Lab::in_time(work)).await;
    for ran in [first, second, target] {
        assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    }
    assert_eq!(lab.restored("payroll-cutover-1"), lab.original("payroll"));
    assert_no_access_is_open(&lab).await;
}

#[tokio::test(start_paused = true)]
async fn repeated_run_once_settles_handoff() {
    let lab = Lab::new(World::quick()).await;
    let mut passes = 0;
    loop {
        passes += 1;
        assert!(passes < 200, "not settled after {passes} passes");
        let source = lab.source(&["run", "--once"]).await;
        let target = lab.target(&["run", "--once"]).await;
        if source.exit == Exit::Settled && lab.restored("orders-cutover-1").is_some() && target.exit == Exit::Settled {
            break;
        }
        assert!(matches!(source.exit, Exit::Pending | Exit::Settled), "{}", source.out);
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    assert_no_access_is_open(&lab).await;
}

#[tokio::test(start_paused = true)]
async fn active_handoff_continues_without_its_database_and_declaration() {
    let lab = Lab::new(World::quick()).await;
    let source = lab.source_for(Duration::from_mins(1)).await;
    assert_eq!(source.exit, Exit::Pending, "not stopped halfway: {}", source.out);
    let original = lab.original("orders");
    let a = lab.admin(A, HOME);
    a.rds.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    lab.configure_source(&[], "");
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(lab.restored("orders-cutover-1"), original);
}

#[tokio::test(start_paused = true)]
async fn same_seed_makes_identical_calls() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let lab = Lab::new(World::quick()).await;
        lab.run_handoffs(&["orders-cutover-1"]).await;
        let calls: Vec<_> = lab.cloud.calls().iter().map(|call| format!("{call:?}")).collect();
        runs.push(calls);
    }
    assert_eq!(runs[0], runs[1]);
}
