//! Modifying DB instances: what changes, and when.

use std::time::Duration;

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder as Modify;
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration as Logs, DbInstance};
use aws_sim::Database;

use crate::lab::{A, Clients, HERE, Lab, advance_time, code, hours, message};

const VALUE: &str = "InvalidParameterValue";
const COMBINATION: &str = "InvalidParameterCombination";

type Change = fn(Modify) -> Modify;

impl Clients {
    fn modify(&self) -> Modify {
        self.rds.modify_db_instance().db_instance_identifier("orders")
    }

    async fn orders(&self) -> DbInstance {
        let answer = self.rds.describe_db_instances().db_instance_identifier("orders").send().await.unwrap();
        answer.db_instances()[0].clone()
    }

    async fn orders_status(&self) -> String {
        self.orders().await.db_instance_status().unwrap().to_owned()
    }
}

fn lab() -> (Lab, Clients) {
    let lab = Lab::new();
    lab.database("orders");
    lab.cloud.role(A, "metrics");
    lab.cloud.create_subnet_group(A, HERE, "inner");
    let here = lab.agent(A, HERE);
    (lab, here)
}

fn logs(enable: &[&str], disable: &[&str]) -> Logs {
    let own = |list: &[&str]| Some(list.iter().map(|log| (*log).to_owned()).collect());
    Logs::builder().set_enable_log_types(own(enable)).set_disable_log_types(own(disable)).build()
}

#[tokio::test(start_paused = true)]
async fn modify_without_apply_immediately_waits_for_window() {
    let (_lab, here) = lab();
    let call = here.modify().db_instance_class("db.m7g.large").multi_az(true).allocated_storage(200);
    let call = call.license_model("postgresql-license").ca_certificate_identifier("rds-ca-ecc384-g1");
    let call = call.enable_iam_database_authentication(true).backup_retention_period(0);
    let asked = call.preferred_maintenance_window("thu:01:00-thu:01:30").send().await.unwrap();
    let asked = asked.db_instance().unwrap();
    assert_eq!((asked.db_instance_status(), asked.db_instance_class()), (Some("available"), Some("db.m6g.large")));
    let waits = here.orders().await.pending_modified_values().unwrap().clone();
    assert_eq!((waits.db_instance_class(), waits.multi_az()), (Some("db.m7g.large"), Some(true)));
    assert_eq!((waits.allocated_storage(), waits.iops(), waits.storage_type()), (Some(200), None, None));
    assert_eq!((waits.license_model(), waits.ca_certificate_identifier()), (None, Some("rds-ca-ecc384-g1")));
    assert_eq!((waits.iam_database_authentication_enabled(), waits.backup_retention_period()), (Some(true), Some(0)));
    // A change back to the present value cancels the pending change.
    here.modify().enable_iam_database_authentication(false).send().await.unwrap();
    assert_eq!(here.orders().await.pending_modified_values().unwrap().iam_database_authentication_enabled(), None);

    // The lab's clock begins on Wednesday, 2026-11-18, at 11:06:40.
    advance_time(hours(13)).await;
    advance_time(Duration::from_mins(53)).await;
    assert_eq!(here.orders_status().await, "available");
    advance_time(Duration::from_mins(1)).await;
    assert_eq!(here.orders_status().await, "modifying");
    assert_eq!(code(here.modify().multi_az(false).send().await), "InvalidDBInstanceState");
    advance_time(Duration::from_mins(10)).await;
    let done = here.orders().await;
    assert_eq!(
        (done.db_instance_status(), done.db_instance_class()),
        (Some("storage-optimization"), Some("db.m7g.large"))
    );
    assert_eq!(
        (done.multi_az(), done.allocated_storage(), done.backup_retention_period()),
        (Some(true), Some(200), Some(0))
    );
    assert_eq!(done.certificate_details().unwrap().ca_identifier(), Some("rds-ca-ecc384-g1"));
    assert_eq!(done.pending_modified_values().unwrap().db_instance_class(), None);
}

#[tokio::test(start_paused = true)]
async fn busy_instance_is_maintained_later_in_window_or_next_week() {
    let (_lab, here) = lab();
    let window = |text: &str| here.modify().preferred_maintenance_window(text).multi_az(true).send();
    window("wed:11:10-wed:12:00").await.unwrap();
    // The snapshot takes 20 minutes.
    let take =
        |id: &str| here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier(id).send();
    take("first").await.unwrap();
    advance_time(Duration::from_mins(10)).await;
    assert_eq!(here.orders_status().await, "backing-up");
    advance_time(Duration::from_mins(11)).await;
    assert_eq!(here.orders_status().await, "modifying");
    advance_time(Duration::from_mins(30)).await;
    assert_eq!((here.orders_status().await.as_str(), here.orders().await.multi_az()), ("available", Some(true)));

    // 11:58: the next snapshot ends within this window.
    let next = here.modify().preferred_maintenance_window("wed:12:00-wed:12:30").multi_az(false);
    next.send().await.unwrap();
    take("second").await.unwrap();
    advance_time(Duration::from_mins(19)).await;
    assert_eq!(here.orders_status().await, "backing-up");
    advance_time(Duration::from_mins(20)).await;
    assert_eq!(here.orders().await.multi_az(), Some(false));
    // 12:37: the window has closed, and opens again in a week.
    here.modify().multi_az(true).send().await.unwrap();
    advance_time(hours(24 * 6)).await;
    assert_eq!(here.orders().await.multi_az(), Some(false));
    advance_time(hours(24)).await;
    assert_eq!(here.orders().await.multi_az(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn instance_busy_for_whole_window_waits_for_next_window() {
    let lab = Lab::with(|settings| settings.durations.snapshot = hours(1));
    lab.database("orders");
    let here = lab.agent(A, HERE);
    // Wednesday, 11:06:40.
    let call = here.modify().preferred_maintenance_window("wed:11:10-wed:11:40").multi_az(true);
    call.send().await.unwrap();
    here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x").send().await.unwrap();
    advance_time(hours(2)).await;
    assert_eq!((here.orders_status().await.as_str(), here.orders().await.multi_az()), ("available", Some(false)));
    advance_time(hours(24 * 7)).await;
    assert_eq!(here.orders().await.multi_az(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn some_changes_ignore_apply_immediately() {
    let (_lab, here) = lab();
    let at_once = here.modify().backup_retention_period(14).deletion_protection(true).copy_tags_to_snapshot(true);
    let at_once = at_once.auto_minor_version_upgrade(false).preferred_backup_window("08:00-09:00");
    let now = at_once.max_allocated_storage(110).send().await.unwrap();
    let now = now.db_instance().unwrap();
    assert_eq!((now.db_instance_status(), now.backup_retention_period()), (Some("available"), Some(14)));
    assert_eq!((now.deletion_protection(), now.copy_tags_to_snapshot()), (Some(true), Some(true)));
    assert_eq!((now.auto_minor_version_upgrade(), now.max_allocated_storage()), (Some(false), Some(110)));
    assert_eq!(now.preferred_backup_window(), Some("08:00-09:00"));

    let busy: [(&str, &str, Change); 6] = [
        ("port", "modifying", |call| call.db_port_number(5433)),
        ("public", "modifying", |call| call.publicly_accessible(true)),
        ("logs", "configuring-log-exports", |call| {
            call.cloudwatch_logs_export_configuration(logs(&["postgresql", "upgrade"], &[]))
        }),
        ("monitoring", "configuring-enhanced-monitoring", |call| {
            call.monitoring_interval(60).monitoring_role_arn(format!("arn:aws:iam::{A}:role/metrics"))
        }),
        ("insights", "modifying", |call| call.enable_performance_insights(true)),
        ("password", "resetting-master-credentials", |call| call.master_user_password("long-enough")),
    ];
    for (what, status, change) in busy {
        let changed = change(here.modify()).send().await.unwrap();
        let changed = changed.db_instance().unwrap();
        assert_eq!(changed.db_instance_status(), Some(status), "{what}");
        assert_eq!(code(here.modify().send().await), "InvalidDBInstanceState", "{what}");
        let pending = changed.pending_modified_values().unwrap();
        match what {
            "password" => assert_eq!(pending.master_user_password(), Some("****")),
            "port" => assert_eq!(pending.port(), Some(5433)),
            "logs" => {
                let logs = pending.pending_cloudwatch_logs_exports().unwrap();
                assert_eq!(logs.log_types_to_enable(), ["postgresql", "upgrade"]);
            }
            _ => assert_eq!(pending.port(), None),
        }
        advance_time(Duration::from_mins(10)).await;
        assert_eq!(here.orders_status().await, "available", "{what}");
    }
    let done = here.orders().await;
    assert_eq!((done.endpoint().unwrap().port(), done.publicly_accessible()), (Some(5433), Some(true)));
    assert_eq!(done.enabled_cloudwatch_logs_exports(), ["postgresql", "upgrade"]);
    assert_eq!((done.monitoring_interval(), done.performance_insights_enabled()), (Some(60), Some(true)));
    assert_eq!(done.performance_insights_retention_period(), Some(7));
    assert!(done.enhanced_monitoring_resource_arn().is_some() && done.performance_insights_kms_key_id().is_some());
    let less = here.modify().cloudwatch_logs_export_configuration(logs(&[], &["upgrade"]));
    less.monitoring_interval(0).enable_performance_insights(false).send().await.unwrap();
    advance_time(Duration::from_mins(10)).await;
    let done = here.orders().await;
    assert_eq!(done.enabled_cloudwatch_logs_exports(), ["postgresql"]);
    assert_eq!((done.monitoring_interval(), done.performance_insights_enabled()), (Some(0), Some(false)));
}

#[tokio::test(start_paused = true)]
async fn modify_validates_every_parameter() {
    let (lab, here) = lab();
    let role = |call: Modify| call.monitoring_role_arn(format!("arn:aws:iam::{A}:role/metrics"));
    let refused: [(&str, Change, &str); 23] = [
        ("maintenance in backup", |call| call.preferred_maintenance_window("mon:03:15-mon:03:45"), VALUE),
        ("maintenance around backup", |call| call.preferred_maintenance_window("sun:23:00-mon:05:00"), VALUE),
        ("short maintenance", |call| call.preferred_maintenance_window("mon:06:00-mon:06:29"), VALUE),
        ("malformed maintenance", |call| call.preferred_maintenance_window("06:00-07:00"), VALUE),
        ("monitoring without a role", |call| call.monitoring_interval(60), COMBINATION),
        ("an invalid role ARN", |call| call.monitoring_interval(60).monitoring_role_arn("metrics"), VALUE),
        (
            "odd interval",
            |call| call.monitoring_interval(2).monitoring_role_arn("arn:aws:iam::111111111111:role/metrics"),
            VALUE,
        ),
        (
            "a role without monitoring",
            |call| call.monitoring_interval(0).monitoring_role_arn("arn:aws:iam::1:role/x"),
            COMBINATION,
        ),
        ("insights off with retention", |call| call.performance_insights_retention_period(7), COMBINATION),
        (
            "odd retention of insights",
            |call| call.enable_performance_insights(true).performance_insights_retention_period(94),
            VALUE,
        ),
        ("log", |call| call.cloudwatch_logs_export_configuration(logs(&["audit"], &[])), COMBINATION),
        (
            "log on and off",
            |call| call.cloudwatch_logs_export_configuration(logs(&["upgrade"], &["upgrade"])),
            COMBINATION,
        ),
        ("less storage", |call| call.allocated_storage(99), COMBINATION),
        ("narrow autoscaling", |call| call.max_allocated_storage(109), COMBINATION),
        ("io1 without IOPS", |call| call.storage_type("io1"), COMBINATION),
        ("rotation, no secret", |call| call.rotate_master_user_password(true).apply_immediately(true), COMBINATION),
        ("key without a secret", |call| call.master_user_secret_kms_key_id("alias/aws/rds"), COMBINATION),
        ("password with a slash", |call| call.master_user_password("with/a/slash"), VALUE),
        ("port", |call| call.db_port_number(65_536), VALUE),
        ("certificate", |call| call.ca_certificate_identifier("mine"), "CertificateNotFound"),
        ("log volume", |call| call.dedicated_log_volume(true), COMBINATION),
        ("new name", |call| call.new_db_instance_identifier("other"), VALUE),
        ("another subnet group of its VPC", |call| call.db_subnet_group_name("inner"), "InvalidVPCNetworkStateFault"),
    ];
    for (what, change, expected) in refused {
        assert_eq!(code(change(here.modify()).send().await), expected, "{what}");
    }
    let absent = here.rds.modify_db_instance().db_instance_identifier("none").send().await;
    assert_eq!(code(absent), "DBInstanceNotFound");
    let allowed = [
        here.modify().preferred_maintenance_window("mon:03:30-mon:04:00"),
        here.modify().preferred_maintenance_window("sun:23:00-mon:03:00"),
        role(here.modify().monitoring_interval(1)),
        here.modify().enable_performance_insights(true).performance_insights_retention_period(93),
        here.modify().performance_insights_retention_period(731),
        here.modify().max_allocated_storage(110).db_subnet_group_name("default"),
        here.modify().storage_type("io1").iops(2000).dedicated_log_volume(true),
    ];
    for call in allowed {
        call.send().await.unwrap();
        advance_time(Duration::from_mins(10)).await;
    }
    let other = here.key().await;
    assert_eq!(code(here.modify().performance_insights_kms_key_id(other).send().await), COMBINATION);
    drop(lab);
}

#[tokio::test(start_paused = true)]
async fn storage_change_is_refused_during_storage_optimization() {
    let (_lab, here) = lab();
    here.modify().allocated_storage(101).apply_immediately(true).send().await.unwrap();
    advance_time(Duration::from_mins(10)).await;
    let grown = here.orders().await;
    // The size is rounded up to 10 percent more.
    assert_eq!((grown.allocated_storage(), grown.db_instance_status()), (Some(110), Some("storage-optimization")));
    assert_eq!(grown.percent_progress(), Some("0"));
    let again = message(here.modify().allocated_storage(200).send().await);
    assert!(again.contains("previous storage change is being optimized"), "{again}");
    // During storage optimization other changes and snapshots are possible.
    here.modify().allocated_storage(110).backup_retention_period(3).send().await.unwrap();
    here.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("x").send().await.unwrap();
    advance_time(hours(3)).await;
    assert_eq!(here.orders_status().await, "storage-optimization");
    advance_time(hours(4)).await;
    assert_eq!((here.orders_status().await.as_str(), here.orders().await.percent_progress()), ("available", None));
    let faster = || here.modify().storage_type("io1").iops(2000).apply_immediately(true);
    faster().send().await.unwrap();
    advance_time(hours(8)).await;
    // Size and IOPS of provisioned storage can only be increased together.
    assert_eq!(code(here.modify().allocated_storage(200).send().await), COMBINATION);
    assert_eq!(code(here.modify().iops(3000).send().await), COMBINATION);
    here.modify().allocated_storage(200).iops(3000).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn managed_password_creates_and_rotates_secret() {
    let (_lab, here) = lab();
    let key = here.key().await;
    let managed = here.modify().manage_master_user_password(true).master_user_secret_kms_key_id(&key);
    let managed = managed.send().await.unwrap();
    let managed = managed.db_instance().unwrap();
    assert_eq!(managed.db_instance_status(), Some("resetting-master-credentials"));
    let secret = managed.master_user_secret().unwrap().clone();
    assert_eq!((secret.secret_status(), secret.kms_key_id()), (Some("creating"), Some(key.as_str())));
    advance_time(Duration::from_mins(10)).await;
    let status = async || {
        let secret = here.orders().await.master_user_secret().cloned();
        secret.map(|secret| (secret.secret_arn().unwrap().to_owned(), secret.secret_status().unwrap().to_owned()))
    };
    let arn = secret.secret_arn().unwrap().to_owned();
    assert_eq!(status().await, Some((arn.clone(), "active".to_owned())));
    // Switching it on again changes nothing; the key can no longer be changed.
    here.modify().manage_master_user_password(true).send().await.unwrap();
    assert_eq!(status().await, Some((arn.clone(), "active".to_owned())));
    let other = here.modify().manage_master_user_password(true).master_user_secret_kms_key_id(&key);
    assert_eq!(code(other.send().await), COMBINATION);
    assert_eq!(code(here.modify().master_user_password("long-enough").send().await), COMBINATION);
    assert_eq!(code(here.modify().rotate_master_user_password(true).send().await), COMBINATION);
    here.modify().rotate_master_user_password(true).apply_immediately(true).send().await.unwrap();
    assert_eq!(status().await, Some((arn, "rotating".to_owned())));
    advance_time(Duration::from_mins(10)).await;
    assert_eq!(code(here.modify().manage_master_user_password(false).send().await), COMBINATION);
    here.modify().manage_master_user_password(false).master_user_password("long-enough").send().await.unwrap();
    assert_eq!(status().await, None);
}

#[tokio::test(start_paused = true)]
async fn parameter_group_needs_reboot_and_option_group_waits_for_window() {
    let (lab, here) = lab();
    let group = here.rds.create_db_parameter_group().db_parameter_group_name("mine").description("x");
    group.db_parameter_group_family("postgres16").send().await.unwrap();
    let group = here.rds.create_option_group().option_group_name("mine").option_group_description("x");
    group.engine_name("postgres").major_engine_version("16").send().await.unwrap();
    here.modify().db_parameter_group_name("mine").option_group_name("mine").send().await.unwrap();
    let group = async || {
        let group = here.orders().await.db_parameter_groups()[0].clone();
        (group.db_parameter_group_name().unwrap().to_owned(), group.parameter_apply_status().unwrap().to_owned())
    };
    let is = |status: &str| ("mine".to_owned(), status.to_owned());
    assert_eq!(group().await, is("applying"));
    advance_time(hours(1)).await;
    assert_eq!((group().await, here.orders_status().await.as_str()), (is("pending-reboot"), "available"));
    let options = here.orders().await.option_group_memberships().to_vec();
    let options: Vec<_> = options.iter().map(|of| (of.option_group_name().unwrap(), of.status().unwrap())).collect();
    assert_eq!(
        options,
        [("default:postgres-16", "pending-maintenance-removal"), ("mine", "pending-maintenance-apply")]
    );
    let reboot = || here.rds.reboot_db_instance().db_instance_identifier("orders");
    assert_eq!(code(reboot().force_failover(true).send().await), COMBINATION);
    reboot().send().await.unwrap();
    assert_eq!(here.orders_status().await, "rebooting");
    assert_eq!(code(reboot().send().await), "InvalidDBInstanceState");
    advance_time(hours(1)).await;
    assert_eq!(group().await, is("in-sync"));
    advance_time(hours(24 * 7)).await;
    let options = here.orders().await.option_group_memberships().to_vec();
    assert_eq!(
        (options.len(), options[0].option_group_name(), options[0].status()),
        (1, Some("mine"), Some("in-sync"))
    );
    let twice = Database { multi_az: true, ..Database::new(A, HERE, "twice") };
    lab.cloud.create_database(twice);
    let failover = here.rds.reboot_db_instance().db_instance_identifier("twice").force_failover(true).send().await;
    assert_eq!(failover.unwrap().db_instance().unwrap().availability_zone(), Some("eu-west-1b"));
    let absent = here.rds.reboot_db_instance().db_instance_identifier("none").send().await;
    assert_eq!(code(absent), "DBInstanceNotFound");
}

#[tokio::test(start_paused = true)]
async fn fingerprint_is_equal_after_same_modifications() {
    async fn run(seed: u64, class: &str) -> String {
        let lab = Lab::with(|settings| settings.seed = seed);
        lab.database("orders");
        let here = lab.agent(A, HERE);
        let call = here.modify().manage_master_user_password(true).enable_performance_insights(true);
        call.db_instance_class(class).send().await.unwrap();
        advance_time(hours(1)).await;
        lab.cloud.fingerprint()
    }
    let (one, same, other) = (run(1, "db.t4g.small").await, run(2, "db.t4g.small").await, run(1, "db.t4g.large").await);
    assert_eq!(one, same);
    assert_ne!(one, other);
}
