//! The restore profile.

use std::time::Duration;

use agent_runtime::{Event, Exit};
use aws_sdk_rds::types::DbInstance;
use aws_sim::Database;
use e2e::{A, B, HOME, Lab, TARGET, World};
use protocol::Stage;
use tokio_util::sync::CancellationToken;

const UNPROTECTED: &str = "deletion_protection = false";

async fn restored(lab: &Lab, name: &str) -> DbInstance {
    let b = lab.admin(B, TARGET);
    let answer = b.rds.describe_db_instances().db_instance_identifier(name).send().await.unwrap();
    answer.db_instances()[0].clone()
}

async fn parameter_group(lab: &Lab, name: &str, family: &str) {
    let call = lab.admin(B, TARGET).rds.create_db_parameter_group().db_parameter_group_name(name);
    call.db_parameter_group_family(family).description("of the scenario").send().await.unwrap();
}

fn tag<'a>(database: &'a DbInstance, key: &str) -> Option<&'a str> {
    database.tag_list().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value())
}

#[tokio::test(start_paused = true)]
async fn restore_applies_every_profile_setting() {
    let lab = Lab::new(World::quick()).await;
    parameter_group(&lab, "orders-16", "postgres16").await;
    lab.edit(
        "target.toml",
        UNPROTECTED,
        "port = 6543\nstorage_type = \"io1\"\niops = 3000\nsize_gib = 200\nautoscale_to_gib = 500\n\
         parameter_group = \"orders-16\"\noption_group = \"default:postgres-16\"\nlicense = \"postgresql-license\"\n\
         ca = \"rds-ca-rsa4096-g1\"\niam_authentication = true\nlog_exports = [\"postgresql\"]\n\
         auto_minor_version_upgrade = false\ncopy_tags_to_snapshots = true\nbackup_retention_days = 14\n\
         backup_window = \"01:00-01:45\"\nmaintenance_window = \"tue:02:00-tue:02:30\"\nmonitoring_seconds = 60\n\
         monitoring_role = \"arn:aws:iam::222222222222:role/rds-monitoring\"\nperformance_insights_days = 31",
    );
    lab.cloud.role(B, "rds-monitoring");
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);

    let database = restored(&lab, "orders-cutover-1").await;
    assert_eq!(database.endpoint().unwrap().port(), Some(6543));
    assert_eq!((database.storage_type(), database.iops()), (Some("io1"), Some(3000)));
    assert_eq!((database.allocated_storage(), database.max_allocated_storage()), (Some(200), Some(500)));
    let group = &database.db_parameter_groups()[0];
    assert_eq!(group.db_parameter_group_name(), Some("orders-16"));
    assert_eq!(group.parameter_apply_status(), Some("in-sync"));
    assert_eq!(database.option_group_memberships()[0].option_group_name(), Some("default:postgres-16"));
    assert_eq!(database.license_model(), Some("postgresql-license"));
    assert_eq!(database.ca_certificate_identifier(), Some("rds-ca-rsa4096-g1"));
    assert_eq!(database.iam_database_authentication_enabled(), Some(true));
    assert_eq!(database.enabled_cloudwatch_logs_exports(), ["postgresql"]);
    assert_eq!(database.auto_minor_version_upgrade(), Some(false));
    assert_eq!(database.copy_tags_to_snapshot(), Some(true));
    assert_eq!(database.backup_retention_period(), Some(14));
    assert_eq!(database.preferred_backup_window(), Some("01:00-01:45"));
    assert_eq!(database.preferred_maintenance_window(), Some("tue:02:00-tue:02:30"));
    assert_eq!(database.monitoring_interval(), Some(60));
    assert_eq!(database.monitoring_role_arn(), Some("arn:aws:iam::222222222222:role/rds-monitoring"));
    assert_eq!(database.engine_lifecycle_support(), Some("open-source-rds-extended-support-disabled"));
    let own = database.kms_key_id();
    assert_eq!(
        (database.performance_insights_enabled(), database.performance_insights_kms_key_id()),
        (Some(true), own)
    );
    assert_eq!(database.performance_insights_retention_period(), Some(31));
    let secret = database.master_user_secret().unwrap();
    assert_eq!(
        (secret.secret_status(), secret.kms_key_id()),
        (Some("active"), own),
        "no active secret under B's own key"
    );

    // All settings took three calls: one call changes only the password.
    let calls = lab.cloud.calls();
    for (action, count) in [("rds:RestoreDBInstanceFromDBSnapshot", 1), ("rds:ModifyDBInstance", 2)] {
        assert_eq!(calls.iter().filter(|call| call.action == action && call.answer == "ok").count(), count, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn as_at_source_settings_and_rules_by_name_are_applied() {
    let lab = Lab::new(World::quick()).await;
    let billing = lab.admin(A, HOME).rds.create_db_instance().db_instance_identifier("billing").engine("postgres");
    let billing = billing.db_instance_class("db.r6g.2xlarge").multi_az(true).port(6000).storage_encrypted(true);
    let billing = billing.storage_type("io1").iops(2000).allocated_storage(200);
    billing.master_username("admin_user").master_user_password("not-a-secret").send().await.unwrap();
    lab.configure_source(&["orders", "billing"], "");
    lab.edit(
        "target.toml",
        UNPROTECTED,
        "deletion_protection = false\nclass = \"db.t4g.medium\"\n[[rule]]\ndatabases = [\"bill*\"]\n[rule.restore]\n\
         class = \"as-at-source\"\nmulti_az = \"as-at-source\"\nport = \"as-at-source\"\nstorage_type = \"as-at-source\"",
    );
    let (source, target) = lab.run_handoffs(&["orders-cutover-1", "billing-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let (orders, billing) = (restored(&lab, "orders-cutover-1").await, restored(&lab, "billing-cutover-1").await);
    assert_eq!((orders.db_instance_class(), orders.multi_az()), (Some("db.t4g.medium"), Some(false)));
    assert_eq!((billing.db_instance_class(), billing.multi_az()), (Some("db.r6g.2xlarge"), Some(true)));
    assert_eq!(billing.endpoint().unwrap().port(), Some(6000));
    assert_eq!((billing.storage_type(), billing.iops()), (Some("io1"), Some(2000)));
}

#[tokio::test(start_paused = true)]
async fn tags_are_carried_only_when_both_accounts_list_them() {
    let mut world = World::quick();
    world.databases = vec![];
    let lab = Lab::new(world).await;
    let tags =
        [("team", "payments"), ("cost-center", "4711"), ("secret", "x"), ("aws:cloudformation:stack-name", "orders")];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    lab.cloud.create_database(Database { tags, ..Database::new(A, HOME, "orders") });
    lab.configure_source(&["orders"], "carry_tags = [\"team\", \"cost-*\", \"aws:*\"]");
    lab.edit(
        "target.toml",
        UNPROTECTED,
        "deletion_protection = false\ncarry_tags = [\"cost-*\", \"secret\", \"aws:*\"]\n[restore.tags]\nowner = \"b\"",
    );
    let message = async {
        let message = lab.message().await;
        assert!(message.contains("\"version\":2") && !message.contains("secret"), "{message}");
        lab.target_until_restored(&["orders-cutover-1"]).await
    };
    let (source, target) = Box::pin(Lab::in_time(async { tokio::join!(lab.source(&Lab::ALONE), message) })).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let database = restored(&lab, "orders-cutover-1").await;
    assert_eq!(tag(&database, "cost-center"), Some("4711"));
    assert_eq!(tag(&database, "owner"), Some("b"));
    assert_eq!(
        (tag(&database, "team"), tag(&database, "secret")),
        (None, None),
        "a tag was carried that only one account lists"
    );
    assert_eq!(tag(&database, "aws:cloudformation:stack-name"), None);
}

#[tokio::test(start_paused = true)]
async fn wrong_parameter_or_option_group_blocks_before_copy() {
    let lab = Lab::new(World::quick()).await;
    parameter_group(&lab, "orders", "postgres15").await;
    lab.edit(
        "target.toml",
        UNPROTECTED,
        "deletion_protection = false\nparameter_group = \"orders\"\noption_group = \"none-yet\"",
    );
    let b = lab.admin(B, TARGET);
    let target = async {
        let ran = lab.target_until_trouble().await;
        assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
        let text = "parameter group orders is for postgres15, and the database needs one for postgres16";
        assert!(ran.blocked_by(text), "{}", ran.out);
        b.rds.delete_db_parameter_group().db_parameter_group_name("orders").send().await.unwrap();
        parameter_group(&lab, "orders", "postgres16").await;

        let ran = lab.target(&["run", "--once"]).await;
        assert!(ran.blocked_by("there is no option group none-yet in us-west-2"), "{}", ran.out);
        for (engine, major) in [("mysql", "8.4"), ("postgres", "16")] {
            let group = b.rds.create_option_group().option_group_name("none-yet").option_group_description("later");
            group.engine_name(engine).major_engine_version(major).send().await.unwrap();
            if engine == "mysql" {
                let ran = lab.target(&["run", "--once"]).await;
                assert!(ran.blocked_by("option group none-yet is for mysql 8.4"), "{}", ran.out);
                b.rds.delete_option_group().option_group_name("none-yet").send().await.unwrap();
            }
        }
        assert!(b.snapshots().await.is_empty(), "a snapshot was copied");
        lab.target_until_restored(&["orders-cutover-1"]).await
    };
    let (source, target) = Box::pin(Lab::in_time(async { tokio::join!(lab.source(&Lab::ALONE), target) })).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
}

#[tokio::test(start_paused = true)]
async fn plan_warns_when_master_password_is_kept() {
    let lab = Lab::new(World::quick()).await;
    lab.edit("target.toml", UNPROTECTED, "deletion_protection = false\nmaster_password = \"keep\"");
    let (source, target) = tokio::join!(lab.source(&Lab::ALONE), async {
        let file = lab.write("message.json", &lab.message().await);
        let plan = lab.target(&["plan", "--message", file.to_str().unwrap()]).await;
        assert!(plan.words().contains("risk: the master password of orders/cutover-1 stays as it is"), "{}", plan.out);
        lab.target_until_restored(&["orders-cutover-1"]).await
    });
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(restored(&lab, "orders-cutover-1").await.master_user_secret(), None);
    assert!(lab.cloud.calls().iter().all(|call| call.action != "rds:ModifyDBInstance"));
}

/// Runs a handoff until the database is restored and available, but no target agent has read that yet.
async fn restored_without_agent(profile: &str) -> Lab {
    let lab = Lab::new(World::slow()).await;
    parameter_group(&lab, "ours", "postgres16").await;
    parameter_group(&lab, "theirs", "postgres16").await;
    lab.edit("target.toml", UNPROTECTED, &format!("{UNPROTECTED}\n{profile}"));
    let stop = CancellationToken::new();
    let source = async {
        let ran = lab.source(&Lab::ALONE).await;
        stop.cancel();
        ran
    };
    let (source, _) = tokio::join!(source, lab.target_until(&["run", "--watch"], stop.clone()));
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);
    tokio::time::sleep(Duration::from_hours(1)).await;
    lab
}

#[tokio::test(start_paused = true)]
async fn restored_receipt_waits_until_parameter_group_is_in_sync() {
    let lab = restored_without_agent("parameter_group = \"ours\"").await;
    let b = lab.admin(B, TARGET);
    let other = b.rds.modify_db_instance().db_instance_identifier("orders-cutover-1").db_parameter_group_name("theirs");
    other.apply_immediately(true).send().await.unwrap();
    tokio::time::sleep(Duration::from_hours(1)).await;

    let target = lab.target(&["run"]).await;
    assert_eq!(target.exit, Exit::Settled, "{}", target.out);
    let database = restored(&lab, "orders-cutover-1").await;
    let group = &database.db_parameter_groups()[0];
    assert_eq!(group.db_parameter_group_name(), Some("ours"));
    assert_eq!(group.parameter_apply_status(), Some("in-sync"), "the database was not rebooted");
    let calls = lab.cloud.calls();
    let sent = calls.iter().rposition(|call| call.action == "sqs:SendMessage" && call.account == B).unwrap();
    let rebooted = calls.iter().position(|call| call.action == "rds:RebootDBInstance").unwrap();
    assert!(rebooted < sent, "`restored` was sent before the reboot");
}

#[tokio::test(start_paused = true)]
async fn restored_receipt_waits_for_pending_changes_and_secret() {
    let lab = restored_without_agent("master_password = \"keep\"").await;
    let rds = lab.admin(B, TARGET).rds;
    let modify = || rds.modify_db_instance().db_instance_identifier("orders-cutover-1");
    // This change waits for the maintenance window.
    modify().db_instance_class("db.r6g.large").send().await.unwrap();
    modify().manage_master_user_password(true).send().await.unwrap();

    let target = lab.target(&["run"]).await;
    assert_eq!(target.exit, Exit::Settled, "{}", target.out);
    let words = target.words();
    assert!(words.contains("the secret of its master password is creating"), "{}", target.out);
    assert!(words.contains("changes are still pending"), "{}", target.out);
    let database = restored(&lab, "orders-cutover-1").await;
    assert_eq!(database.db_instance_class(), Some("db.r6g.large"));
}

#[tokio::test(start_paused = true)]
async fn stall_is_reported_once_and_fails_nothing() {
    let mut world = World::slow();
    world.durations.restore = Duration::from_hours(5);
    let lab = Lab::new(world).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(target.stalled(), ["restore"], "{}", target.out);
}

#[tokio::test(start_paused = true)]
async fn setting_refused_by_rds_blocks_after_password_was_replaced() {
    let lab = Lab::new(World::quick()).await;
    // It overlaps the default backup window of the database.
    lab.edit("target.toml", UNPROTECTED, "deletion_protection = false\nmaintenance_window = \"sun:03:00-sun:03:30\"");
    let (source, target) = tokio::join!(lab.source(&Lab::ALONE), lab.target_until_trouble());
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Blocked), "{}\n{}", source.out, target.out);
    assert!(target.blocked_until("correct [restore], or the [[rule]] that fits orders"), "{}", target.out);
    assert!(
        restored(&lab, "orders-cutover-1").await.master_user_secret().is_some(),
        "the password was not replaced first"
    );
    lab.edit("target.toml", "sun:03:00-sun:03:30", "sun:05:00-sun:05:30");
    let target = lab.target(&["run"]).await;
    assert_eq!(target.exit, Exit::Settled, "{}", target.out);
    let window = restored(&lab, "orders-cutover-1").await.preferred_maintenance_window().map(str::to_owned);
    assert_eq!(window.as_deref(), Some("sun:05:00-sun:05:30"));
}

#[tokio::test(start_paused = true)]
async fn landed_receipt_is_sent_although_profile_no_longer_fits() {
    let lab = Lab::new(World::quick()).await;
    let b = lab.admin(B, TARGET);
    let target = async {
        while b.snapshots().await.is_empty() {
            lab.target(&["run", "--once"]).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        lab.edit("target.toml", "\"private\"", "\"later\"");
        lab.target_until_trouble().await
    };
    let (source, target) = Box::pin(Lab::in_time(async { tokio::join!(lab.source(&Lab::ALONE), target) })).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Blocked), "{}\n{}", source.out, target.out);
    let landed = |event: &Event| matches!(event, Event::ReceiptRecorded { stage: Stage::Landed, .. });
    assert_eq!(source.count(landed), 1, "{}", source.out);
    assert!(target.blocked_by("no subnet group later"), "{}", target.out);
    lab.cloud.create_subnet_group(B, TARGET, "later");
    let target = lab.target(&["run"]).await;
    assert_eq!(target.exit, Exit::Settled, "{}", target.out);
}

#[tokio::test(start_paused = true)]
async fn size_below_database_size_blocks_before_copy() {
    let lab = Lab::new(World::quick()).await;
    lab.edit(
        "target.toml",
        UNPROTECTED,
        "deletion_protection = false\nsize_gib = 109\niops = 12000\nparameter_group = \"Ours\"",
    );
    parameter_group(&lab, "ours", "postgres16").await;
    let b = lab.admin(B, TARGET);
    let target = async {
        let ran = lab.target_until_trouble().await;
        assert!(ran.blocked_by("size_gib is 109, but a database of 100 GiB needs at least 110"), "{}", ran.out);
        assert!(b.snapshots().await.is_empty(), "a snapshot was copied");
        lab.edit("target.toml", "109", "400");
        lab.target_until_restored(&["orders-cutover-1"]).await
    };
    let (source, target) = Box::pin(Lab::in_time(async { tokio::join!(lab.source(&Lab::ALONE), target) })).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    let database = restored(&lab, "orders-cutover-1").await;
    assert_eq!(
        (database.storage_type(), database.iops()),
        (Some("gp3"), Some(12000)),
        "not gp3 with the configured IOPS"
    );
    assert_eq!(
        database.db_parameter_groups()[0].db_parameter_group_name(),
        Some("ours"),
        "the name is not matched in lower case"
    );
}
