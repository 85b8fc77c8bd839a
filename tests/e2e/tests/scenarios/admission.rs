//! Admission: which handoffs may start and which wait for a quota or limit. No call is refused that could have waited,
//! no handoff is forgotten, and no sender delays another.

use std::time::Duration;

use agent_runtime::Exit;
use aws_sdk_rds::types::DbSnapshot;
use aws_sim::{Database, Durations, Quotas};
use e2e::{A, B, HOME, Lab, Ran, TARGET, World};
use protocol::wire::handoff::HandoffMessage;
use tokio_util::sync::CancellationToken;

/// A Lab with databases of these sizes, and these `[limits]` of both agents.
async fn lab(world: World, databases: &[(&'static str, u32)], source: &str, target: &str) -> Lab {
    let lab = Lab::new(World { databases: Vec::new(), ..world }).await;
    for (name, allocated_gib) in databases {
        lab.cloud.create_database(Database { allocated_gib: *allocated_gib, ..Database::new(A, HOME, name) });
    }
    let names: Vec<&str> = databases.iter().map(|(name, _)| *name).collect();
    lab.configure_source(&names, &format!("[limits]\n{source}"));
    lab.edit("target.toml", "[[from]]", &format!("[limits]\n{target}\n[[from]]"));
    lab.cloud.forget_calls();
    lab
}

fn quotas(copies_in_flight: usize) -> Quotas {
    Quotas { copies_in_flight, ..Quotas::default() }
}

/// A world with shorter copies and restores than usual, so that handoffs in a queue wait less long.
fn short_hours(quotas: Quotas) -> World {
    let durations = Durations {
        copy_across_regions: Duration::from_mins(45),
        copy_within_region: Duration::from_mins(30),
        restore: Duration::from_mins(15),
        ..Durations::default()
    };
    World { quotas, durations, remembers: Duration::ZERO, ..World::slow() }
}

/// The databases for which an account has called an action, in order, and the answers of AWS.
fn calls_of(lab: &Lab, account: &str, action: &str) -> (Vec<String>, Vec<String>) {
    let calls = lab.cloud.calls().into_iter().filter(|call| call.account == account && call.action == action);
    let name = |resources: &[String]| {
        let arn = resources.iter().find_map(|arn| arn.split_once("snapshot:rds-handoff-"));
        arn.and_then(|(_, name)| name.split('-').next()).unwrap_or_default().to_owned()
    };
    calls.map(|call| (name(&call.resources), call.answer)).unzip()
}

/// Runs both agents until these databases are restored. The target agent runs every two minutes, since it is idle for
/// hours.
async fn both(lab: &Lab, restored: &[&str]) -> (Ran, Ran) {
    let target = lab.target_until_restored_every(Duration::from_mins(2), restored);
    tokio::join!(lab.source(&Lab::ALONE), target)
}

#[tokio::test(start_paused = true)]
async fn copies_stay_within_quota_and_start_by_priority_then_size() {
    let sizes = [("small", 20), ("large", 300), ("medium", 100), ("urgent", 30), ("other", 50)];
    let lab = lab(short_hours(quotas(2)), &sizes, "copies_in_flight = 2", "copies_in_flight = 2").await;
    lab.edit("source.toml", "database = \"urgent\"", "priority = 5\ndatabase = \"urgent\"");
    let names = sizes.map(|(name, _)| format!("{name}-cutover-1"));
    let (source, target) = both(&lab, &names.each_ref().map(String::as_str)).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let order = ["urgent", "large", "medium", "other", "small"];
    let (copied, answers) = calls_of(&lab, A, "rds:CopyDBSnapshot");
    assert_eq!((copied, answers), (order.map(str::to_owned).into(), vec!["ok".to_owned(); 5]));
    let (_, answers) = calls_of(&lab, B, "rds:CopyDBSnapshot");
    assert_eq!(answers, vec!["ok"; 5]);
    assert!(source.waited("waiting for a copy slot, 1 before it"), "{}", source.out);
    assert!(source.stalled().is_empty(), "a waiting handoff was reported as stalled: {}", source.out);
    // Not more handoffs start than the copies in flight plus as many that wait for a copy slot.
    let calls = lab.cloud.calls();
    let last = calls.iter().rfind(|call| call.action == "rds:CreateDBSnapshot").unwrap().number;
    let first_copy = calls.iter().find(|call| call.action == "rds:CopyDBSnapshot").unwrap().number;
    assert!(last > first_copy, "the last snapshot did not wait for the first copy");
}

#[tokio::test(start_paused = true)]
async fn two_source_agents_retry_after_quota_refusal_without_fault() {
    let sizes = [("one", 100), ("two", 100), ("three", 100), ("four", 100), ("five", 100)];
    let lab = lab(short_hours(quotas(2)), &sizes, "copies_in_flight = 20", "copies_in_flight = 2").await;
    let names = sizes.map(|(name, _)| format!("{name}-cutover-1"));
    let names = names.each_ref().map(String::as_str);
    let (other, (source, target)) = tokio::join!(lab.source(&Lab::ALONE), both(&lab, &names));
    assert_eq!([source.exit, other.exit, target.exit], [Exit::Settled; 3], "{}\n{}", source.out, other.out);
    for ran in [&source, &other] {
        assert_eq!(ran.blocked().count(), 0, "{}", ran.out);
    }
    let (_, answers) = calls_of(&lab, A, "rds:CopyDBSnapshot");
    let refused = answers.iter().filter(|answer| *answer == "SnapshotQuotaExceeded").count();
    assert!(
        (1..=10).contains(&refused),
        "more refusals than one per waiting handoff and one every six hours: {answers:?}"
    );
}

/// Makes this many manual snapshots in the target Region.
async fn fill(lab: &Lab, account: &str, count: usize) {
    lab.cloud.create_database(Database::new(account, TARGET, "filler"));
    let admin = lab.admin(account, TARGET);
    for nth in 0..count {
        let call = admin.rds.create_db_snapshot().db_instance_identifier("filler");
        call.db_snapshot_identifier(format!("filler-{nth}")).send().await.unwrap();
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    lab.cloud.forget_calls();
}

/// Deletes a manual snapshot after these hours.
async fn make_room(lab: &Lab, account: &str, after: u64) {
    tokio::time::sleep(Duration::from_hours(after)).await;
    lab.admin(account, TARGET).rds.delete_db_snapshot().db_snapshot_identifier("filler-0").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn copy_waits_for_manual_snapshot_quota_without_refused_call() {
    let lab = lab(World::quick(), &[("orders", 100)], "", "").await;
    fill(&lab, A, 100).await;
    let ((source, target), ()) = tokio::join!(both(&lab, &["orders-cutover-1"]), make_room(&lab, A, 3));
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let text = "waiting for room for a manual snapshot in us-west-2 (quota 100, all used; raise L-272F1212)";
    assert!(source.waited(text) && source.blocked().next().is_none(), "{}", source.out);
    assert_eq!(calls_of(&lab, A, "rds:CopyDBSnapshot").1, ["ok"]);
    let reads = lab.cloud.calls().iter().filter(|call| call.action == "rds:DescribeAccountAttributes").count();
    assert!((1..=5).contains(&reads), "the quota is not read once an hour: {reads}");
}

#[tokio::test(start_paused = true)]
async fn snapshot_quota_below_default_is_learned_from_one_refusal() {
    let quotas = Quotas { manual_snapshots: 2, ..Quotas::default() };
    let lab = lab(World { quotas, ..World::quick() }, &[("orders", 100)], "", "").await;
    fill(&lab, B, 2).await;
    let ((source, target), ()) = tokio::join!(both(&lab, &["orders-cutover-1"]), make_room(&lab, B, 3));
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let text = "waiting for room for a manual snapshot in us-west-2 (quota 2, all used; raise L-272F1212)";
    assert!(target.waited(text) && target.blocked().next().is_none(), "{}", target.out);
    assert_eq!(calls_of(&lab, B, "rds:CopyDBSnapshot").1, ["SnapshotQuotaExceeded", "ok"]);
}

/// Runs two handoffs of which account B accepts one a day. The agents run for an hour, in which the first is restored,
/// and again from shortly before the second may start.
async fn accepts_one_a_day(limit: &str, used: &str) {
    let world = World { remembers: Duration::ZERO, ..World::quick() };
    let lab = lab(world, &[("one", 100), ("two", 100)], "", limit).await;
    lab.edit("source.toml", "label = \"cutover-1\"", "label = \"cutover-1\"\nstart_within = \"3d\"");
    let begun = tokio::time::Instant::now();
    let stop = CancellationToken::new();
    let an_hour = async {
        tokio::time::sleep(Duration::from_hours(1)).await;
        stop.cancel();
    };
    let source = lab.source_as(A, "rds-handoff-source-agent", &Lab::ALONE, stop.clone());
    let target = lab.target_until(&["run", "--watch"], stop.clone());
    let (source, target, ()) = tokio::join!(source, target, an_hour);
    assert_eq!((source.exit, target.exit), (Exit::Pending, Exit::Pending), "{}\n{}", source.out, target.out);
    let text = format!("waiting for the daily limit: {used} accepted since 2026-11-21 10:0");
    assert!(target.waited(&text), "{text}: {}", target.out);
    assert_eq!(lab.admin(B, TARGET).snapshots().await.len(), 1);

    tokio::time::sleep_until(begun + Duration::from_mins(23 * 60 + 30)).await;
    let early_count = async {
        tokio::time::sleep_until(begun + Duration::from_hours(24)).await;
        lab.admin(B, TARGET).snapshots().await.len()
    };
    let ((source, target), there) = tokio::join!(both(&lab, &["one-cutover-1", "two-cutover-1"]), early_count);
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(there, 1, "{}", target.out);
    let acts = lab.cloud.calls().into_iter().filter(|call| call.account == B && call.action.contains("Visibility"));
    let kept = acts.count();
    assert!(kept <= 2 * 3 * 2, "the visibility of a waiting message is not extended for an hour at a time: {kept}");
}

#[tokio::test(start_paused = true)]
async fn per_day_count_limits_handoffs_accepted_within_a_day() {
    accepts_one_a_day("per_day_count = 1", "1 of 1").await;
}

#[tokio::test(start_paused = true)]
async fn per_day_gib_limits_gib_accepted_within_a_day() {
    accepts_one_a_day("per_day_gib = 150", "100 of 150 GiB").await;
}

#[tokio::test(start_paused = true)]
async fn handoff_larger_than_per_day_gib_blocks() {
    let lab = lab(World::quick(), &[("one", 100)], "", "per_day_gib = 99").await;
    let (_, target) = tokio::join!(lab.source_for(Duration::from_hours(2)), lab.target_until_trouble());
    assert!(target.blocked_until("raise per_day_gib under [limits]"), "{}", target.out);
}

#[tokio::test(start_paused = true)]
async fn account_b_limits_concurrent_copies_and_restores() {
    let limits = "copies_in_flight = 2\nrestores_in_flight = 1";
    let lab =
        lab(short_hours(Quotas::default()), &[("one", 100), ("two", 100), ("three", 100), ("four", 100)], "", limits)
            .await;
    let names = ["one-cutover-1", "two-cutover-1", "three-cutover-1", "four-cutover-1"];
    let b = lab.admin(B, TARGET);
    let watch = async {
        let mut most = (0, 0);
        loop {
            tokio::time::sleep(Duration::from_mins(1)).await;
            let snapshots = b.rds.describe_db_snapshots().snapshot_type("manual").send().await.unwrap();
            let copies = snapshots.db_snapshots().iter().filter(|one| one.status() != Some("available")).count();
            let databases = b.rds.describe_db_instances().send().await.unwrap();
            let restores =
                databases.db_instances().iter().filter(|one| one.db_instance_status() == Some("creating")).count();
            most = (copies.max(most.0), restores.max(most.1));
            if databases.db_instances().len() == names.len() {
                return most;
            }
        }
    };
    let ((source, target), most) = tokio::join!(both(&lab, &names), watch);
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(most, (2, 1));
    for text in ["waiting for a copy slot", "waiting for a restore slot"] {
        assert!(target.waited(text), "{text}: {}", target.out);
    }
}

#[tokio::test(start_paused = true)]
async fn flood_from_one_sender_does_not_delay_other_senders() {
    let lab = lab(World::quick(), &[("orders", 100)], "", "copies_in_flight = 1").await;
    let receipts = "receipts = \"arn:aws:sqs:ap-northeast-1:444444444444:rds-handoff-receipts-222222222222\"";
    lab.edit("target.toml", "[restore]", &format!("[[from]]\naccount = \"444444444444\"\n{receipts}\n[restore]"));
    let b = lab.admin(B, TARGET);
    let stop = CancellationToken::new();
    let flood = async {
        let good = HandoffMessage::decode(&lab.message().await).unwrap();
        for nth in 0..200 {
            b.send("rds-handoff-inbox", &forged(&good, nth)).await;
        }
        lab.cloud.forget_calls();
        let begun = tokio::time::Instant::now();
        let watching = ["run", "--watch"];
        let target = lab.target_until(&watching, stop.clone());
        let restored = async {
            while lab.restored("orders-cutover-1").is_none() {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
            let took = begun.elapsed();
            tokio::time::sleep(Duration::from_hours(1)).await;
            stop.cancel();
            took
        };
        let (target, took) = tokio::join!(target, restored);
        assert!(took < Duration::from_mins(10), "{took:?}: {}", target.out);
    };
    let (source, ()) = tokio::join!(lab.source(&Lab::ALONE), flood);
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);
    let reads = lab.cloud.calls().into_iter().filter(|call| call.account == B);
    let reads = reads.filter(|call| call.resources.iter().any(|arn| arn.contains(":444444444444:snapshot:"))).count();
    assert!(reads < 400, "more than ten messages at a time were verified: {reads}");
    // The last poll, which was dropped, may have made ten of the returned messages invisible.
    tokio::time::sleep(Duration::from_mins(11)).await;
    assert_eq!(b.peek("rds-handoff-inbox").await.len(), 200, "not all messages are visible again");
}

/// A message with consistent fields from another account that shares no snapshot.
fn forged(good: &HandoffMessage, nth: usize) -> String {
    let mut forged = HandoffMessage { label: format!("flood-{nth}").parse().unwrap(), ..good.clone() };
    for account in [&mut forged.database_arn.account, &mut forged.snapshot.account, &mut forged.key.account] {
        *account = "444444444444".parse().unwrap();
    }
    let HandoffMessage { database_arn, identity, target_account, target_region, label, .. } = &forged;
    forged.handoff = protocol::HandoffId::of(database_arn, &identity.resource, target_account, target_region, label);
    let role = protocol::names::SnapshotRole::Shared;
    forged.snapshot.snapshot = protocol::names::snapshot(forged.database(), &forged.handoff, role);
    forged.encode()
}

#[tokio::test(start_paused = true)]
async fn agents_killed_while_handoffs_wait_lose_none() {
    let sizes = [("one", 100), ("two", 100), ("three", 100), ("four", 100)];
    let lab = lab(short_hours(quotas(2)), &sizes, "copies_in_flight = 2", "copies_in_flight = 1").await;
    let names = sizes.map(|(name, _)| format!("{name}-cutover-1"));
    let killed = tokio::time::timeout(Duration::from_mins(80), async {
        tokio::join!(lab.source(&Lab::ALONE), lab.target(&["run", "--watch"]))
    });
    assert!(killed.await.is_err(), "the agents ended before handoffs had to wait");
    let b: Vec<DbSnapshot> = lab
        .admin(B, TARGET)
        .rds
        .describe_db_snapshots()
        .snapshot_type("manual")
        .send()
        .await
        .unwrap()
        .db_snapshots()
        .to_vec();
    assert_eq!(b.len(), 1, "{b:?}");
    let (source, target) = both(&lab, &names.each_ref().map(String::as_str)).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    for account in [A, B] {
        assert_eq!(calls_of(&lab, account, "rds:CopyDBSnapshot").1, ["ok"; 4]);
    }
}
