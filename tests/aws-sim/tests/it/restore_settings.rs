//! The parameters of a restore, and their defaults.

use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder as Restore;
use aws_sim::Database;

use crate::lab::{A, Clients, HERE, Lab, advance_time, code, hours};

type Change = fn(Restore) -> Restore;

const VALUE: &str = "InvalidParameterValue";
const COMBINATION: &str = "InvalidParameterCombination";

impl Clients {
    fn restore(&self, snapshot: &str, id: &str) -> Restore {
        let call = self.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(snapshot);
        call.db_instance_identifier(id)
    }

    async fn instance(&self, id: &str) -> aws_sdk_rds::types::DbInstance {
        let answer = self.rds.describe_db_instances().db_instance_identifier(id).send().await.unwrap();
        answer.db_instances()[0].clone()
    }

    async fn refuse(&self, snapshot: &str, cases: &[(&str, Change, &str)]) {
        for (what, change, expected) in cases {
            assert_eq!(code(change(self.restore(snapshot, "refused")).send().await), *expected, "{what}");
        }
    }

    async fn allow(&self, snapshot: &str, cases: &[(&str, Change)]) {
        for (index, (what, change)) in cases.iter().enumerate() {
            let id = format!("{snapshot}-{index}");
            let made = change(self.restore(snapshot, &id)).send().await;
            assert!(made.is_ok(), "{what}: {made:?}");
        }
    }
}

/// Creates a database with this engine and size, and a snapshot of it with the same name.
async fn snapshot_of(lab: &Lab, here: &Clients, name: &str, engine: &str, version: &str, allocated_gib: u32) {
    let database = Database::new(A, HERE, name);
    lab.cloud.create_database(Database {
        engine: engine.to_owned(),
        engine_version: version.to_owned(),
        allocated_gib,
        ..database
    });
    here.snapshot(name, name).await;
}

#[tokio::test(start_paused = true)]
async fn restore_takes_omitted_settings_from_source_or_default() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    snapshot_of(&lab, &here, "orders", "mysql", "8.4.3", 100).await;
    let modify = here.rds.modify_db_instance().db_instance_identifier("orders").apply_immediately(true);
    let modify =
        modify.db_port_number(3399).preferred_backup_window("05:00-06:00").enable_iam_database_authentication(true);
    let modify = modify.backup_retention_period(9).deletion_protection(true).multi_az(true).copy_tags_to_snapshot(true);
    modify.max_allocated_storage(500).send().await.unwrap();
    advance_time(hours(1)).await;
    here.snapshot("orders", "second").await;
    let creating = here.restore("second", "again").send().await.unwrap();
    let creating = creating.db_instance().unwrap();
    assert_eq!(creating.db_parameter_groups()[0].parameter_apply_status(), Some("applying"));
    assert_eq!(creating.percent_progress(), None);
    advance_time(hours(1)).await;

    let made = here.instance("again").await;
    let endpoint = made.endpoint().unwrap();
    assert_eq!((made.db_instance_status(), endpoint.port()), (Some("available"), Some(3399)));
    assert_eq!((made.backup_retention_period(), made.preferred_backup_window()), (Some(9), Some("05:00-06:00")));
    assert_eq!(
        (made.multi_az(), made.deletion_protection(), made.copy_tags_to_snapshot()),
        (Some(false), Some(false), Some(false))
    );
    assert_eq!((made.iam_database_authentication_enabled(), made.publicly_accessible()), (Some(false), Some(false)));
    assert_eq!((made.storage_type(), made.iops(), made.storage_throughput()), (Some("gp3"), Some(3000), Some(125)));
    assert_eq!((made.max_allocated_storage(), made.license_model()), (None, Some("general-public-license")));
    let group = &made.db_parameter_groups()[0];
    assert_eq!(
        (group.db_parameter_group_name(), group.parameter_apply_status()),
        (Some("default.mysql8.4"), Some("in-sync"))
    );
    let options = &made.option_group_memberships()[0];
    assert_eq!((options.option_group_name(), options.status()), (Some("default:mysql-8-4"), Some("in-sync")));
    assert_eq!(made.ca_certificate_identifier(), Some("rds-ca-rsa2048-g1"));
    assert_eq!(made.engine_lifecycle_support(), Some("open-source-rds-extended-support"));
    assert_eq!(made.monitoring_interval(), Some(0));
    assert!(made.enabled_cloudwatch_logs_exports().is_empty() && made.master_user_secret().is_none());
}

#[tokio::test(start_paused = true)]
async fn restore_validates_every_parameter() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    snapshot_of(&lab, &here, "orders", "postgres", "16.3", 100).await;
    lab.cloud.create_subnet_group(A, HERE, "inner");
    for (name, family) in [("fits", "postgres16"), ("older", "postgres15")] {
        let call = here.rds.create_db_parameter_group().db_parameter_group_name(name).description("x");
        call.db_parameter_group_family(family).send().await.unwrap();
    }
    for (name, major) in [("fits", "16"), ("older", "15")] {
        let call = here.rds.create_option_group().option_group_name(name).engine_name("postgres");
        call.major_engine_version(major).option_group_description("x").send().await.unwrap();
    }
    here.refuse(
        "orders",
        &[
            ("port", |call| call.port(1149), VALUE),
            ("zone of a Multi-AZ", |call| call.multi_az(true).availability_zone("eu-west-1a"), COMBINATION),
            ("zone without a subnet", |call| call.availability_zone("eu-west-1c"), "InvalidVPCNetworkStateFault"),
            ("zone elsewhere", |call| call.availability_zone("us-east-2a"), VALUE),
            ("class", |call| call.db_instance_class("m6g.large"), VALUE),
            ("retention", |call| call.backup_retention_period(36), VALUE),
            ("short backup window", |call| call.preferred_backup_window("05:00-05:29"), VALUE),
            ("malformed backup window", |call| call.preferred_backup_window("5:00-6:00"), VALUE),
            ("no time for maintenance", |call| call.preferred_backup_window("05:00-04:45"), VALUE),
            ("certificate", |call| call.ca_certificate_identifier("rds-ca-2019"), "CertificateNotFound"),
            ("name", |call| call.db_name("x"), COMBINATION),
            ("parameter group", |call| call.db_parameter_group_name("none"), "DBParameterGroupNotFound"),
            ("family", |call| call.db_parameter_group_name("older"), COMBINATION),
            ("default of another family", |call| call.db_parameter_group_name("default.postgres15"), COMBINATION),
            ("option group", |call| call.option_group_name("none"), "OptionGroupNotFoundFault"),
            ("major version", |call| call.option_group_name("older"), COMBINATION),
            ("subnet group", |call| call.db_subnet_group_name("none"), "DBSubnetGroupNotFoundFault"),
            ("log", |call| call.enable_cloudwatch_logs_exports("slowquery"), COMBINATION),
            ("engine", |call| call.engine("mysql"), VALUE),
            ("lifecycle", |call| call.engine_lifecycle_support("for-ever"), VALUE),
            ("license", |call| call.license_model("license-included"), VALUE),
            ("managed password", |call| call.manage_master_user_password(true), COMBINATION),
            ("key without a secret", |call| call.master_user_secret_kms_key_id("alias/aws/rds"), COMBINATION),
            ("network", |call| call.network_type("DUAL"), "NetworkTypeNotSupported"),
            ("unknown network type", |call| call.network_type("IPV6"), VALUE),
            ("security group", |call| call.vpc_security_group_ids("sg-none"), VALUE),
            ("log volume", |call| call.dedicated_log_volume(true), COMBINATION),
            ("domain", |call| call.domain("d-1"), VALUE),
            ("outposts", |call| call.backup_target("outposts"), VALUE),
        ],
    )
    .await;
    here.allow(
        "orders",
        &[
            ("port", |call| call.port(1150)),
            ("zone", |call| call.multi_az(false).availability_zone("eu-west-1b")),
            ("class and backups", |call| call.db_instance_class("db.m7g.large").backup_retention_period(35)),
            ("windows", |call| call.preferred_backup_window("23:45-00:15")),
            ("window where maintenance is by default", |call| call.preferred_backup_window("04:15-04:45")),
            ("certificate", |call| call.ca_certificate_identifier("rds-ca-ecc384-g1")),
            ("groups", |call| call.db_parameter_group_name("Fits").option_group_name("fits")),
            ("default groups", |call| {
                call.db_parameter_group_name("default.postgres16").option_group_name("default:postgres-16")
            }),
            ("subnet group", |call| call.db_subnet_group_name("inner").network_type("IPV4")),
            ("logs", |call| {
                call.enable_cloudwatch_logs_exports("postgresql").enable_cloudwatch_logs_exports("upgrade")
            }),
            ("engine", |call| call.engine("postgres").license_model("postgresql-license").backup_target("region")),
            ("lifecycle", |call| call.engine_lifecycle_support("open-source-rds-extended-support-disabled")),
            ("flags", |call| {
                let call = call.deletion_protection(true).copy_tags_to_snapshot(true).publicly_accessible(true);
                call.auto_minor_version_upgrade(false).enable_iam_database_authentication(true)
            }),
        ],
    )
    .await;
    advance_time(hours(1)).await;
    let groups = here.instance("orders-6").await;
    assert_eq!(groups.db_parameter_groups()[0].db_parameter_group_name(), Some("fits"));
    assert_eq!(groups.db_parameter_groups()[0].parameter_apply_status(), Some("in-sync"));
    assert_eq!(groups.option_group_memberships()[0].option_group_name(), Some("fits"));
    assert_eq!(here.instance("orders-1").await.availability_zone(), Some("eu-west-1b"));
    assert_eq!(here.instance("orders-9").await.enabled_cloudwatch_logs_exports(), ["postgresql", "upgrade"]);
    assert_eq!(here.instance("orders-4").await.preferred_maintenance_window(), Some("sun:05:00-sun:05:30"));
    let flags = here.instance("orders-12").await;
    assert_eq!((flags.deletion_protection(), flags.auto_minor_version_upgrade()), (Some(true), Some(false)));
    assert_eq!((flags.publicly_accessible(), flags.iam_database_authentication_enabled()), (Some(true), Some(true)));
}

#[tokio::test(start_paused = true)]
async fn restore_validates_storage_type_size_and_performance() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    for (name, engine, version, gib) in [
        ("small", "postgres", "16.3", 100),
        ("large", "postgres", "16.3", 400),
        ("oracle", "oracle-ee", "19.0.0.0.ru-2024-10.rur-2024-10.r1", 200),
        ("windows", "sqlserver-se", "15.00.4420.2.v1", 100),
    ] {
        snapshot_of(&lab, &here, name, engine, version, gib).await;
    }
    here.refuse(
        "small",
        &[
            ("smaller", |call| call.allocated_storage(99), COMBINATION),
            ("a little larger", |call| call.allocated_storage(109), COMBINATION),
            ("magnetic", |call| call.storage_type("standard"), "StorageTypeNotSupported"),
            ("unknown", |call| call.storage_type("gp4"), VALUE),
            ("too large", |call| call.allocated_storage(65_537), COMBINATION),
            ("gp3 below the threshold with IOPS", |call| call.storage_type("gp3").iops(3000), COMBINATION),
            ("gp3 below the threshold with throughput", |call| call.storage_throughput(125), COMBINATION),
            ("gp2 with IOPS", |call| call.storage_type("gp2").iops(3000), COMBINATION),
            ("io1 without IOPS", |call| call.storage_type("io1"), COMBINATION),
            ("io1 with too few", |call| call.storage_type("io1").iops(999), COMBINATION),
            ("io1 with too many for its size", |call| call.storage_type("io1").iops(5001), COMBINATION),
            ("io1 with too few for its size", |call| call.iops(1000).allocated_storage(2001), COMBINATION),
            ("io2 with throughput", |call| call.storage_type("io2").iops(3000).storage_throughput(500), COMBINATION),
        ],
    )
    .await;
    here.allow(
        "small",
        &[
            ("as large", |call| call.allocated_storage(100)),
            ("10 percent larger", |call| call.allocated_storage(110)),
            ("gp2", |call| call.storage_type("gp2")),
            ("io1 by its IOPS", |call| call.iops(5000)),
            ("io1 with few", |call| call.iops(1000).allocated_storage(2000)),
            ("io2 with many", |call| call.storage_type("io2").iops(100_000)),
            ("grown over the threshold", |call| call.allocated_storage(400)),
            ("log volume", |call| call.storage_type("io2").iops(5000).dedicated_log_volume(true)),
        ],
    )
    .await;
    here.refuse(
        "large",
        &[
            ("too few", |call| call.storage_type("gp3").iops(11_999), COMBINATION),
            ("too many", |call| call.storage_type("gp3").iops(64_001), COMBINATION),
            (
                "throughput above a quarter of the IOPS",
                |call| call.storage_type("gp3").iops(12_000).storage_throughput(3_001),
                COMBINATION,
            ),
        ],
    )
    .await;
    here.allow(
        "large",
        &[
            ("few", |call| call.storage_type("gp3").iops(12_000).storage_throughput(3_000)),
            ("many", |call| call.storage_type("gp3").iops(64_000).storage_throughput(4_000)),
        ],
    )
    .await;
    here.refuse("oracle", &[("IOPS", |call| call.storage_type("gp3").iops(11_999), COMBINATION)]).await;
    here.allow("oracle", &[("IOPS", |call| call.storage_type("gp3").iops(12_000))]).await;
    here.refuse(
        "windows",
        &[
            ("larger", |call| call.allocated_storage(200), COMBINATION),
            ("IOPS", |call| call.storage_type("gp3").iops(16_001), COMBINATION),
            ("a port of its own", |call| call.port(1434), VALUE),
        ],
    )
    .await;
    here.allow("windows", &[("IOPS", |call| call.storage_type("gp3").iops(16_000).port(1435))]).await;

    let seen = |instance: &aws_sdk_rds::types::DbInstance| {
        (instance.storage_type().unwrap().to_owned(), instance.iops(), instance.storage_throughput())
    };
    assert_eq!(seen(&here.instance("small-2").await), ("gp2".to_owned(), None, None));
    assert_eq!(seen(&here.instance("small-3").await), ("io1".to_owned(), Some(5000), None));
    assert_eq!(seen(&here.instance("small-6").await), ("gp3".to_owned(), Some(12_000), Some(500)));
    assert_eq!(seen(&here.instance("large-1").await), ("gp3".to_owned(), Some(64_000), Some(4_000)));
    // Provisioned IOPS are taken from the snapshot only if the storage type stays the same.
    advance_time(hours(1)).await;
    here.snapshot("small-3", "fast").await;
    here.restore("fast", "as-fast").storage_type("io1").send().await.unwrap();
    here.restore("fast", "usual").send().await.unwrap();
    assert_eq!(seen(&here.instance("as-fast").await), ("io1".to_owned(), Some(5000), None));
    assert_eq!(seen(&here.instance("usual").await), ("gp3".to_owned(), Some(3000), Some(125)));
}

#[tokio::test(start_paused = true)]
async fn restore_of_oracle_accepts_name_license_and_secret() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    snapshot_of(&lab, &here, "oracle", "oracle-se2", "19.0.0.0.ru-2024-10.rur-2024-10.r1", 100).await;
    here.refuse(
        "oracle",
        &[
            ("iam", |call| call.enable_iam_database_authentication(true), COMBINATION),
            ("lifecycle", |call| call.engine_lifecycle_support("open-source-rds-extended-support"), COMBINATION),
            (
                "secret's key",
                |call| call.manage_master_user_password(true).master_user_secret_kms_key_id("alias/none"),
                "KMSKeyNotAccessibleFault",
            ),
        ],
    )
    .await;
    let managed = here.restore("oracle", "managed").manage_master_user_password(true).db_name("SALES");
    let made = managed.license_model("license-included").send().await.unwrap();
    let made = made.db_instance().unwrap();
    assert_eq!((made.db_name(), made.license_model()), (Some("SALES"), Some("license-included")));
    assert_eq!(made.master_user_secret().unwrap().secret_status(), Some("creating"));
    advance_time(hours(1)).await;
    assert_eq!(here.instance("managed").await.master_user_secret().unwrap().secret_status(), Some("active"));
    assert_eq!(here.instance("managed").await.engine_lifecycle_support(), None);
}

#[tokio::test(start_paused = true)]
async fn total_storage_is_limited_by_quota() {
    let lab = Lab::with(|settings| settings.quotas.storage_gib = 250);
    let here = lab.agent(A, HERE);
    snapshot_of(&lab, &here, "orders", "postgres", "16.3", 100).await;
    here.refuse("orders", &[("too much", |call| call.allocated_storage(151), "StorageQuotaExceeded")]).await;
    here.allow("orders", &[("just enough", |call| call.allocated_storage(150))]).await;
    let modify = || here.rds.modify_db_instance().db_instance_identifier("orders");
    assert_eq!(code(modify().allocated_storage(110).send().await), "StorageQuotaExceeded");
}
