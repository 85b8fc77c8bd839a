//! Waves: many databases in one declaration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use agent_runtime::{Event, Exit};
use aws_sim::{Database, Quotas};
use e2e::{A, B, HOME, Lab, Ran, TARGET, World};
use serde_json::Value;
use stack::{Administrator, Pair};
use tokio_util::sync::CancellationToken;

/// A second target Region of account B.
const OTHER: &str = "eu-west-1";

/// A Lab without databases.
async fn lab(world: World) -> Lab {
    Lab::new(World { databases: Vec::new(), ..world }).await
}

/// Adds a database of this size and with a tag `team` to account A.
fn add(lab: &Lab, name: &str, allocated_gib: u32, team: &str) {
    let tags = BTreeMap::from([("team".to_owned(), team.to_owned())]);
    lab.cloud.create_database(Database { allocated_gib, tags, ..Database::new(A, HOME, name) });
}

/// Writes account A's configuration with the Lab's target and these tables.
fn declare(lab: &Lab, tables: &str) {
    lab.configure_source(&[], tables);
}

/// Deploys a second route, to account B's other Region. Returns the path of the target agent's configuration there.
async fn second_route(lab: &Lab) -> String {
    let pair = Pair { target_region: OTHER, ..Lab::PAIR };
    let [of_a, of_b, _, region] = pair.templates();
    let [first_a, first_b, ..] = Lab::PAIR.templates();
    for (account, role, routes) in
        [(A, "rds-handoff-source-agent", [first_a, of_a]), (B, "rds-handoff-target-agent", [first_b, of_b])]
    {
        let policies: Vec<String> =
            routes.iter().flat_map(|route| route.policies(role)).map(|policy| policy.to_string()).collect();
        let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
        lab.cloud.put_role_policies(account, role, &policies).unwrap();
    }
    let admin = lab.admin(B, OTHER);
    let admin = Administrator { kms: admin.kms, sqs: admin.sqs };
    let key = admin.deploy(&lab.cloud, &region).await.unwrap();
    lab.cloud.create_subnet_group(B, OTHER, "private");
    lab.cloud.create_security_group(B, OTHER, "sg-0123456789abcdef0");
    let text = format!(
        "account = \"{B}\"\nregion = \"{OTHER}\"\nkey = \"{key}\"\n[[from]]\naccount = \"{A}\"\n\
         receipts = \"arn:aws:sqs:{HOME}:{A}:rds-handoff-receipts-{B}\"\n[restore]\nsubnet_group = \"private\"\n\
         security_groups = [\"sg-0123456789abcdef0\"]\nextended_support = false\ndeletion_protection = false\n"
    );
    lab.write("other.toml", &text).to_str().unwrap().to_owned()
}

/// A second target for [`declare`].
fn other_target() -> String {
    format!("[[target]]\naccount = \"{B}\"\nregion = \"{OTHER}\"\n")
}

/// The JSON output of `plan`.
async fn planned(lab: &Lab) -> Value {
    let ran = lab.source(&["plan", "--format", "json"]).await;
    assert_eq!(ran.exit, Exit::Pending, "{}", ran.out);
    serde_json::from_str(&ran.out).unwrap()
}

fn assert_fits_100_columns(ran: &Ran) {
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
}

#[tokio::test(start_paused = true)]
async fn wave_by_pattern_and_tag_to_two_targets_settles() {
    let lab = lab(World::quick()).await;
    let other = second_route(&lab).await;
    for (name, team) in [("shop-1", "shop"), ("shop-2", "shop"), ("orders", "shop"), ("payroll", "pay")] {
        add(&lab, name, 100, team);
    }
    lab.cloud.create_database(Database { kms_key: None, ..Database::new(A, HOME, "shop-plain") });
    let waves = format!(
        "[[wave]]\nlabel = \"shop\"\ndatabases = [\"shop-*\"]\nto_region = \"{TARGET}\"\n\
         [[wave.override]]\ndatabases = [\"shop-2\"]\nto_region = \"{OTHER}\"\naccess_for = \"2d\"\npriority = 3\n\
         [[wave]]\nlabel = \"pay\"\ntags = {{ team = \"pay\" }}\nevery_target = true\n"
    );
    declare(&lab, &format!("{}{waves}", other_target()));

    let stop = CancellationToken::new();
    let source = async {
        let hello = lab.source(&["hello"]).await;
        assert_eq!(hello.exit, Exit::Settled, "{}", hello.out);
        let ready = |event: &Event| matches!(event, Event::AnswerReceived { lack: None, .. });
        assert_eq!(hello.count(ready), 4, "{}", hello.out);
        let ran = lab.source(&["run", "--format", "json"]).await;
        tokio::time::sleep(Duration::from_mins(45)).await;
        stop.cancel();
        ran
    };
    let watch = ["run", "--watch"];
    let there = ["run", "--watch", "--no-config", "--config", &other];
    let all =
        async { tokio::join!(source, lab.target_until(&watch, stop.clone()), lab.target_until(&there, stop.clone())) };
    let (source, one, two) = Box::pin(Lab::in_time(all)).await;
    assert_eq!((source.exit, one.exit, two.exit), (Exit::Settled, Exit::Settled, Exit::Settled), "{}", source.out);
    for (region, name, database) in [
        (TARGET, "shop-1-shop", "shop-1"),
        (OTHER, "shop-2-shop", "shop-2"),
        (TARGET, "payroll-pay", "payroll"),
        (OTHER, "payroll-pay", "payroll"),
    ] {
        let restored = lab.cloud.content(&format!("arn:aws:rds:{region}:{B}:db:{name}"));
        assert!(restored.is_some() && restored == lab.original(database), "{name} in {region}");
    }
    let a = lab.admin(A, HOME);
    let snapshots = a.snapshots().await;
    assert_eq!(snapshots.len(), 4, "orders or the unsupported database was selected: {snapshots:?}");
    let of_shop_2 = snapshots.iter().find(|name| name.contains("shop-2")).unwrap();
    let offer = a.tags(of_shop_2).await.into_iter().find(|(key, _)| key == "rds-handoff:offer").unwrap().1;
    assert!(offer.contains("access-until=2026-11-23T"), "{offer}");
}

#[tokio::test(start_paused = true)]
async fn plan_of_few_handoffs_shows_steps_and_forecast() {
    let lab = lab(World::slow()).await;
    second_route(&lab).await;
    for (name, size) in [("orders", 100), ("payroll", 2_000), ("shop-1", 400), ("depot", 50)] {
        add(&lab, name, size, "shop");
    }
    lab.cloud.create_database(Database { kms_key: None, ..Database::new(A, HOME, "shop-plain") });
    lab.cloud.create_database(Database { kms_key: None, ..Database::new(A, HOME, "shop-plain-2") });
    let wave = format!(
        "{}[[handoff]]\ndatabase = \"orders\"\nlabel = \"cutover-1\"\nto_region = \"{TARGET}\"\n\
         [[wave]]\nlabel = \"cutover-1\"\ndatabases = [\"*\"]\nexcept = [\"dep*\"]\nto_region = \"{TARGET}\"\n\
         [[wave.override]]\ndatabases = [\"shop-*\"]\nto_region = \"{OTHER}\"\npriority = 10\n",
        other_target()
    );
    declare(&lab, &wave);
    let ran = lab.source(&["plan"]).await;
    assert_eq!(ran.exit, Exit::Pending, "{}", ran.out);
    assert_fits_100_columns(&ran);
    insta::assert_snapshot!("wave_plan_few", ran.out);
    let mut json = planned(&lab).await;
    for handoff in json["handoffs"].as_array_mut().unwrap() {
        assert_eq!(handoff["steps"].as_array_mut().unwrap().drain(..).count(), 19);
    }
    insta::assert_json_snapshot!("wave_plan_few_json", json);

    // The forecast of an active handoff uses the progress that AWS reports.
    let before = json["forecast"]["lands_seconds"].as_u64().unwrap();
    assert_eq!(lab.source_for(Duration::from_hours(2)).await.exit, Exit::Pending);
    let json = planned(&lab).await;
    let after = json["forecast"]["lands_seconds"].as_u64().unwrap();
    assert!(after + 9 * 3_600 < before, "finished snapshots and copy progress do not count: {before} {after}");
    let quotas = json["forecast"]["quotas"].as_array().unwrap();
    let used: Vec<u64> = quotas.iter().map(|quota| quota["used"].as_u64().unwrap()).collect();
    assert_eq!(used, [3, 1, 1, 2, 2], "{quotas:?}");
    assert!(quotas.iter().all(|quota| quota["needed"] == 0), "{quotas:?}");
}

#[tokio::test(start_paused = true)]
async fn plan_of_many_handoffs_is_table_with_steps_on_request() {
    let lab = lab(World::slow()).await;
    second_route(&lab).await;
    for number in 1..=40 {
        add(&lab, &format!("shop-{number:02}"), 100 * (number % 7 + 1), "shop");
    }
    let wave = format!(
        "{}[[wave]]\nlabel = \"cutover-1\"\ndatabases = [\"*\"]\nto_region = \"{TARGET}\"\n\
         [[wave.override]]\ndatabases = [\"shop-?0\"]\nto_region = \"{OTHER}\"\n\
         [[wave.override]]\ndatabases = [\"shop-07\"]\npriority = 10\n",
        other_target()
    );
    declare(&lab, &wave);
    lab.edit("source.toml", "[[wave]]", "[limits]\ncopies_in_flight = 6\n[[wave]]");
    lab.cloud.forget_calls();
    let ran = lab.source(&["plan"]).await;
    assert_eq!(ran.exit, Exit::Pending, "{}", ran.out);
    assert_fits_100_columns(&ran);
    insta::assert_snapshot!("wave_plan_many", ran.out);
    let calls = lab.cloud.calls();
    assert!(calls.len() < 20, "{} calls for 40 handoffs", calls.len());
    assert!(calls.iter().all(|call| !call.mutating));

    for name in ["shop-07", "shop-07/cutover-1"] {
        let one = lab.source(&["plan", "--handoff", name]).await;
        assert_eq!((one.exit, one.out.matches("create").count()), (Exit::Pending, 0));
        assert_eq!(one.out.matches("  todo      snapshot  ").count(), 1, "{}", one.out);
        assert!(one.out.contains("\nshop-07/cutover-1  ap-northeast-1 -> "), "{}", one.out);
        assert!(one.words().contains("40 handoffs: 40 not begun"), "{}", one.out);
    }
    for name in ["shop-41", "shop-07/cutover-2"] {
        let none = lab.source(&["plan", "--handoff", name]).await;
        assert_eq!(none.exit, Exit::Usage);
        assert!(none.words().contains("no handoff of shop-"), "{}", none.out);
    }
    // A copy that is not an agent's uses one of the copy slots.
    lab.cloud.create_database(Database { allocated_gib: 2_000, ..Database::new(A, TARGET, "other") });
    let there = lab.admin(A, TARGET);
    there.rds.create_db_snapshot().db_instance_identifier("other").db_snapshot_identifier("x").send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(3)).await;
    let copy = there.rds.copy_db_snapshot().source_db_snapshot_identifier("x").target_db_snapshot_identifier("y");
    copy.send().await.unwrap();
    tokio::time::sleep(Duration::from_mins(20)).await;
    let json = planned(&lab).await;
    let copies = |quota: &&Value| quota["quota"] == "copies-in-flight" && quota["region"] == TARGET;
    let quotas = json["forecast"]["quotas"].as_array().unwrap();
    assert_eq!(quotas.iter().find(copies).unwrap()["used"], 1);
    let handoffs = json["forecast"]["handoffs"].as_array().unwrap();
    // Five slots are left for the five snapshots ready after 4,600 s. The next one, ready after 5,600 s, waits.
    let begun = |of: &&Value| of["region"] == TARGET && of["copy_begins_seconds"].as_u64().unwrap() <= 5_600;
    assert_eq!(handoffs.iter().filter(begun).count(), 5);
    tokio::time::sleep(Duration::from_hours(1)).await;

    let json = planned(&lab).await;
    assert_eq!(json["handoffs"].as_array().unwrap().len(), 40);
    // At most six copies at once to one Region.
    let handoffs = json["forecast"]["handoffs"].as_array().unwrap();
    assert_eq!(handoffs[0]["database"], "shop-07");
    let seconds = |of: &Value, what: &str| of[what].as_u64().unwrap();
    for region in [TARGET, OTHER] {
        let copies = handoffs.iter().filter(|of| of["region"] == region).map(|of| {
            // A copy takes an hour and 10 s per GiB.
            let begins = seconds(of, "copy_begins_seconds");
            (begins, begins + 3_600 + 10 * seconds(of, "size_gib"))
        });
        let copies: Vec<(u64, u64)> = copies.collect();
        let most = copies.iter().map(|(now, _)| copies.iter().filter(|(from, to)| (from..to).contains(&now)).count());
        assert_eq!(most.max(), Some(copies.len().min(6)));
    }
}

#[tokio::test(start_paused = true)]
async fn plan_over_quota_is_blocked_and_run_moves_what_fits() {
    let quotas = Quotas { manual_snapshots: 3, ..Quotas::default() };
    let lab = lab(World { quotas, ..World::quick() }).await;
    let mut names = Vec::new();
    for number in 1..=5 {
        add(&lab, &format!("shop-{number}"), 100, "shop");
        names.push(format!("shop-{number}-cutover-1"));
    }
    declare(&lab, "[[wave]]\nlabel = \"cutover-1\"\ndatabases = [\"*\"]\n");
    let ran = lab.source(&["plan"]).await;
    assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
    assert_fits_100_columns(&ran);
    let words = ran.words();
    for region in [HOME, TARGET] {
        let what =
            format!("error: 5 manual snapshots are to be created in {region}, but the quota L-272F1212 has room for 3");
        assert!(words.contains(&what), "{words}");
        let fix = format!("--region {region} --service-code rds \\ --quota-code L-272F1212 --desired-value 5");
        assert!(words.contains(&fix), "{words}");
    }
    assert_eq!(ran.out.matches("no room\n").count(), 2, "{}", ran.out);

    let done = async {
        let restored = || names.iter().filter(|name| lab.restored(name).is_some()).count();
        while restored() < 3 {
            lab.target(&["run"]).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    let both = async { tokio::join!(lab.source_for(Duration::from_hours(2)), done) };
    let (source, ()) = Box::pin(Lab::in_time(both)).await;
    assert_eq!(source.exit, Exit::Pending, "{}", source.out);
    assert!(source.waited("room for a manual snapshot"), "{}", source.out);
}

#[tokio::test(start_paused = true)]
async fn unmatched_patterns_and_unsupported_databases_are_reported() {
    let lab = lab(World::quick()).await;
    for (name, team) in [("shop-1", "shop"), ("shop-2", "shop"), ("payroll", "pay")] {
        add(&lab, name, 100, team);
    }
    let database = |name| Database::new(A, HOME, name);
    lab.cloud.create_database(Database { kms_key: None, ..database("shop-plain") });
    lab.cloud.create_database(Database { cluster: Some("aurora".to_owned()), ..database("shop-member") });
    lab.cloud.create_database(Database { engine: "custom-sqlserver-ee".to_owned(), ..database("shop-custom") });
    lab.cloud.create_database(database("shop-going"));
    let a = lab.admin(A, HOME);
    a.rds.delete_db_instance().db_instance_identifier("shop-going").skip_final_snapshot(true).send().await.unwrap();
    declare(
        &lab,
        "[[wave]]\nlabel = \"cutover-1\"\ndatabases = [\"shop-*\", \"depot-*\"]\nexcept = [\"shop-9\"]\n\
         [[wave.override]]\ndatabases = [\"payroll\"]\npriority = 1\n",
    );
    lab.cloud.forget_calls();
    let (plan, check) = (lab.source(&["plan"]).await, lab.source(&["check"]).await);
    assert_eq!((plan.exit, check.exit), (Exit::Pending, Exit::Settled), "{}\n{}", plan.out, check.out);
    for ran in [&plan, &check] {
        assert_fits_100_columns(ran);
        for words in [
            "wave cutover-1: depot-* selects no database",
            "wave cutover-1: except shop-9 excludes no database",
            "wave cutover-1: the override for payroll has no effect",
            "shop-plain left out, because it is not encrypted",
            "shop-member left out, because it is a member of DB cluster aurora",
            "shop-custom left out, because RDS Custom is not supported",
            "shop-going left out, because it is being deleted",
        ] {
            assert!(ran.words().contains(words), "{}\nlacks {words}", ran.out);
        }
    }
    assert!(check.words().contains("passed wave cutover-1 to account 222222222222 in us-west-2: 2 databases, 200 GiB"));
    let versions = lab.cloud.calls().iter().filter(|call| call.action == "rds:DescribeDBEngineVersions").count();
    assert_eq!(versions, 1, "not one call for the one engine version and Region");

    let (source, _) = lab.run_handoffs(&["shop-1-cutover-1", "shop-2-cutover-1"]).await;
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);

    // An unsupported or missing database that is named without a pattern is refused.
    lab.edit("source.toml", "\"shop-*\"", "\"shop-*\", \"shop-plain\", \"shop-3\"");
    for command in ["plan", "run"] {
        let ran = lab.source(&[command]).await;
        assert_eq!(ran.exit, Exit::Usage, "{}", ran.out);
        let words = ran.words();
        assert!(words.contains("shop-plain/cutover-1: it is not encrypted"), "{words}");
        assert!(words.contains("shop-3/cutover-1: no such DB instance in account 111111111111"), "{words}");
    }
    let check = lab.source(&["check"]).await;
    assert_eq!(check.exit, Exit::Blocked, "{}", check.out);
    for words in ["database shop-3: it does not exist in ap-northeast-1", "shop-plain/cutover-1: it is not encrypted"] {
        assert!(check.words().contains(words), "{}", check.out);
    }
}

#[tokio::test(start_paused = true)]
async fn active_wave_continues_after_its_declaration_is_removed() {
    let lab = lab(World::quick()).await;
    add(&lab, "shop-1", 100, "shop");
    add(&lab, "shop-2", 100, "shop");
    declare(&lab, "[[wave]]\nlabel = \"cutover-1\"\ndatabases = [\"shop-*\"]\naccess_for = \"2d\"\n");
    assert_eq!(lab.source_for(Duration::from_secs(30)).await.exit, Exit::Pending);
    assert_eq!(lab.admin(A, HOME).snapshots().await.len(), 2);

    // The database is deleted, so no pattern matches it any more. The terms of the wave still apply.
    let a = lab.admin(A, HOME);
    a.rds.delete_db_instance().db_instance_identifier("shop-1").skip_final_snapshot(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let plan = lab.source(&["plan", "--handoff", "shop-1"]).await;
    assert!(plan.words().contains("access for 2 days"), "{}", plan.out);

    declare(&lab, "");
    let (source, target) = lab.run_handoffs(&["shop-1-cutover-1", "shop-2-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}", source.out);
}

#[tokio::test(start_paused = true)]
async fn plan_lists_handoffs_in_order_of_precedence() {
    let lab = lab(World::quick()).await;
    for (name, size) in [("small", 20), ("large", 500), ("urgent", 20), ("taken", 20)] {
        add(&lab, name, size, "shop");
    }
    let wave = "[[wave]]\nlabel = \"cutover-1\"\ndatabases = [\"*\"]\nexcept = [\"taken\"]\n\
                [[wave.override]]\ndatabases = [\"urgent\"]\npriority = 1\n";
    declare(&lab, "[[handoff]]\ndatabase = \"taken\"\nlabel = \"cutover-1\"\n");
    assert_eq!(lab.source_for(Duration::from_secs(30)).await.exit, Exit::Pending);
    let a = lab.admin(A, HOME);
    let snapshot = a.snapshots().await.pop().unwrap();
    let mut text = wave.to_owned();
    let _ = write!(text, "[[handoff]]\ndatabase = \"taken\"\nlabel = \"cutover-1\"\npriority = -1\n");
    declare(&lab, &text);
    let order = async || {
        let json: Value = serde_json::from_str(&lab.source(&["plan", "--format", "json"]).await.out).unwrap();
        let names = json["handoffs"].as_array().unwrap().iter().map(|one| one["handoff"].as_str().unwrap().to_owned());
        names.map(|name| name.split('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        order().await,
        ["taken", "urgent", "large", "small"],
        "not active handoffs first, then by priority and size"
    );
    a.rds
        .add_tags_to_resource()
        .resource_name(format!("arn:aws:rds:{HOME}:{A}:snapshot:{snapshot}"))
        .tags(aws_sdk_rds::types::Tag::builder().key("rds-handoff:ended").value("revoked/2026-11-21T10:05:00Z").build())
        .send()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(order().await[0], "taken", "the handoff to withdraw is not first");
}
