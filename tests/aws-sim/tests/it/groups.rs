//! Parameter groups, option groups, subnet groups, engine versions and certificates.

use aws_sdk_rds::types::{DbEngineVersion, Filter, OptionConfiguration, Tag};

use crate::lab::{A, B, HERE, Lab, advance_time, code, hours};

const VALUE: &str = "InvalidParameterValue";
const COMBINATION: &str = "InvalidParameterCombination";

#[tokio::test(start_paused = true)]
async fn parameter_groups_are_created_listed_and_deleted() {
    let lab = Lab::with(|settings| settings.quotas.parameter_groups = 2);
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let create = |name: &str, family: &str| {
        let call = here.rds.create_db_parameter_group().db_parameter_group_name(name).description("mine");
        call.db_parameter_group_family(family).tags(Tag::builder().key("k").value("v").build())
    };
    let bare = here.rds.create_db_parameter_group().db_parameter_group_name("x").db_parameter_group_family("mysql8.4");
    assert_eq!(code(bare.description("").send().await), "MissingParameter");
    for (name, family) in
        [("a--b", "postgres16"), ("x", "postgres9"), ("x", "mysql8"), ("default.postgres16", "postgres16")]
    {
        assert_eq!(code(create(name, family).send().await), VALUE, "{name} {family}");
    }
    let made = create("Mine", "postgres16").send().await.unwrap();
    let made = made.db_parameter_group().unwrap();
    let arn = format!("arn:aws:rds:{HERE}:{A}:pg:mine");
    assert_eq!((made.db_parameter_group_name(), made.db_parameter_group_arn()), (Some("mine"), Some(arn.as_str())));
    assert_eq!(here.rds.list_tags_for_resource().resource_name(&arn).send().await.unwrap().tag_list().len(), 1);
    assert_eq!(code(create("mine", "mysql8.4").send().await), "DBParameterGroupAlreadyExists");
    create("other", "mysql8.4").send().await.unwrap();
    assert_eq!(code(create("third", "mysql8.4").send().await), "DBParameterGroupQuotaExceeded");
    let describe = || here.rds.describe_db_parameter_groups();
    let all = describe().send().await.unwrap();
    let names: Vec<_> =
        all.db_parameter_groups().iter().map(|group| group.db_parameter_group_name().unwrap()).collect();
    assert_eq!(names, ["default.postgres16", "mine", "other"]);
    let default = describe().db_parameter_group_name("default.oracle-ee-19").send().await.unwrap();
    assert_eq!(default.db_parameter_groups()[0].db_parameter_group_family(), Some("oracle-ee-19"));
    assert_eq!(code(describe().db_parameter_group_name("none").send().await), "DBParameterGroupNotFound");
    let theirs = lab.agent(B, HERE).rds.describe_db_parameter_groups().db_parameter_group_name("mine").send().await;
    assert_eq!(code(theirs), "DBParameterGroupNotFound");

    let delete = |name: &str| here.rds.delete_db_parameter_group().db_parameter_group_name(name).send();
    let call = here.rds.modify_db_instance().db_instance_identifier("orders").db_parameter_group_name("mine");
    call.send().await.unwrap();
    assert_eq!(code(delete("mine").await), "InvalidDBParameterGroupState");
    assert_eq!(code(delete("default.postgres16").await), "InvalidDBParameterGroupState");
    assert_eq!(code(delete("none").await), "DBParameterGroupNotFound");
    delete("other").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn option_groups_are_created_modified_and_deleted() {
    let lab = Lab::with(|settings| settings.quotas.option_groups = 2);
    lab.cloud.create_database(aws_sim::Database {
        engine: "sqlserver-ee".to_owned(),
        engine_version: "16.00.4175.1.v1".to_owned(),
        ..aws_sim::Database::new(A, HERE, "orders")
    });
    let here = lab.agent(A, HERE);
    let create = |name: &str, engine: &str, major: &str| {
        let call = here.rds.create_option_group().option_group_name(name).engine_name(engine);
        call.major_engine_version(major).option_group_description("mine").send()
    };
    assert_eq!(code(create("a_b", "mysql", "8.4").await), VALUE);
    assert_eq!(code(create("x", "aurora-mysql", "8.0").await), VALUE);
    assert_eq!(code(create("x", "mysql", "8").await), COMBINATION);
    create("mine", "sqlserver-ee", "16.00").await.unwrap();
    assert_eq!(code(create("Mine", "mysql", "8.4").await), "OptionGroupAlreadyExistsFault");
    create("other", "mysql", "8.4").await.unwrap();
    assert_eq!(code(create("third", "mysql", "8.4").await), "OptionGroupQuotaExceededFault");

    let include = |group: &str, option: &str| {
        let option = OptionConfiguration::builder().option_name(option).build();
        here.rds.modify_option_group().option_group_name(group).options_to_include(option).send()
    };
    let remove =
        |option: &str| here.rds.modify_option_group().option_group_name("mine").options_to_remove(option).send();
    assert_eq!(code(include("other", "TDE").await), VALUE);
    assert_eq!(code(include("none", "TDE").await), "OptionGroupNotFoundFault");
    include("mine", "SQLSERVER_BACKUP_RESTORE").await.unwrap();
    let full = include("mine", "TDE").await.unwrap();
    let tde = &full.option_group().unwrap().options()[1];
    assert_eq!((tde.option_name(), tde.persistent(), tde.permanent()), (Some("TDE"), Some(true), Some(false)));
    remove("TDE").await.unwrap();
    include("mine", "TDE").await.unwrap();
    let call = here.rds.modify_db_instance().db_instance_identifier("orders").option_group_name("mine");
    call.apply_immediately(true).send().await.unwrap();
    advance_time(hours(1)).await;
    // A persistent option cannot be removed while an instance uses the group.
    assert_eq!(code(remove("TDE").await), "InvalidOptionGroupStateFault");
    remove("SQLSERVER_BACKUP_RESTORE").await.unwrap();

    let describe = || here.rds.describe_option_groups();
    let count =
        async |call: aws_sdk_rds::operation::describe_option_groups::builders::DescribeOptionGroupsFluentBuilder| {
            call.send().await.unwrap().option_groups_list().len()
        };
    assert_eq!(count(describe()).await, 3);
    assert_eq!(count(describe().engine_name("mysql")).await, 1);
    assert_eq!(count(describe().engine_name("mysql").major_engine_version("8.0")).await, 0);
    assert_eq!(code(describe().major_engine_version("8.4").send().await), COMBINATION);
    assert_eq!(code(describe().option_group_name("mine").engine_name("mysql").send().await), COMBINATION);
    assert_eq!(code(describe().option_group_name("none").send().await), "OptionGroupNotFoundFault");

    let delete = |name: &str| here.rds.delete_option_group().option_group_name(name).send();
    for used in ["mine", "default:sqlserver-ee-16-00"] {
        assert_eq!(code(delete(used).await), "InvalidOptionGroupStateFault");
    }
    // A group that a snapshot uses cannot be deleted either.
    here.snapshot("orders", "kept").await;
    let call = here.rds.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true);
    call.send().await.unwrap();
    advance_time(hours(1)).await;
    assert_eq!(code(delete("mine").await), "InvalidOptionGroupStateFault");
    here.rds.delete_db_snapshot().db_snapshot_identifier("kept").send().await.unwrap();
    delete("mine").await.unwrap();
    assert_eq!(code(delete("mine").await), "OptionGroupNotFoundFault");
}

#[tokio::test(start_paused = true)]
async fn restore_needs_subnet_group_when_default_vpc_is_deleted() {
    let lab = Lab::with(|settings| settings.quotas.subnet_groups = 3);
    lab.database("orders");
    let here = lab.agent(A, HERE);
    here.snapshot("orders", "first").await;
    let create = |name: &str, subnets: usize| {
        let call = here.rds.create_db_subnet_group().db_subnet_group_name(name).db_subnet_group_description("x");
        call.set_subnet_ids(Some((0..subnets).map(|index| format!("subnet-{index}")).collect())).send()
    };
    assert_eq!(code(create("inner", 1).await), "DBSubnetGroupDoesNotCoverEnoughAZs");
    assert_eq!(code(create("inner", 21).await), "DBSubnetQuotaExceededFault");
    for wrong in ["default", "1st", "a/b", &"a".repeat(256)] {
        assert_eq!(code(create(wrong, 2).await), VALUE, "{wrong}");
    }
    create("inner", 20).await.unwrap();
    assert_eq!(code(create("inner", 2).await), "DBSubnetGroupAlreadyExists");
    create("spare", 2).await.unwrap();
    assert_eq!(code(create("fourth", 2).await), "DBSubnetGroupQuotaExceeded");

    lab.cloud.delete_default_vpc(A, HERE);
    let restore = || {
        let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("first");
        call.db_instance_identifier("again")
    };
    assert_eq!(code(restore().send().await), "InvalidSubnet");
    restore().db_subnet_group_name("inner").send().await.unwrap();
    let delete = |name: &str| here.rds.delete_db_subnet_group().db_subnet_group_name(name).send();
    for used in ["inner", "default"] {
        assert_eq!(code(delete(used).await), "InvalidDBSubnetGroupStateFault");
    }
    delete("spare").await.unwrap();
    assert_eq!(code(delete("spare").await), "DBSubnetGroupNotFoundFault");
    let describe = here.rds.describe_db_subnet_groups().db_subnet_group_name("spare").send().await;
    assert_eq!(code(describe), "DBSubnetGroupNotFoundFault");
}

#[tokio::test(start_paused = true)]
async fn engine_versions_list_their_parameter_group_family() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let describe = || here.rds.describe_db_engine_versions();
    let families = |versions: &[DbEngineVersion]| {
        let mut all: Vec<_> =
            versions.iter().map(|version| version.db_parameter_group_family().unwrap().to_owned()).collect();
        all.sort();
        all
    };
    let mysql = describe().engine("mysql").send().await.unwrap();
    assert_eq!(families(mysql.db_engine_versions()), ["mysql8.0", "mysql8.4"]);
    let default = describe().engine("postgres").default_only(true).send().await.unwrap();
    assert_eq!(families(default.db_engine_versions()), ["postgres16"]);
    let one = describe().engine("postgres").engine_version("16.3").send().await.unwrap();
    let one = &one.db_engine_versions()[0];
    assert_eq!((one.major_engine_version(), one.engine_version()), (Some("16"), Some("16.3")));
    assert!(one.exportable_log_types().contains(&"postgresql".to_owned()));
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let sql = describe().filters(filter("db-parameter-group-family", "sqlserver-se-15.0")).send().await.unwrap();
    assert_eq!(sql.db_engine_versions().len(), 1);
    assert!(describe().engine("none").send().await.unwrap().db_engine_versions().is_empty());
    assert_eq!(code(describe().filters(filter("colour", "red")).send().await), VALUE);
    // A new instance gets a supported version.
    let create = |version: &str| {
        let call = here.rds.create_db_instance().db_instance_identifier(format!("v{}", version.len()));
        let call = call.db_instance_class("db.m6g.large").engine("mysql").engine_version(version);
        call.master_username("app").master_user_password("long-enough").allocated_storage(20).send()
    };
    assert_eq!(code(create("8").await), COMBINATION);
    assert_eq!(create("8.4").await.unwrap().db_instance().unwrap().engine_version(), Some("8.4.3"));
    assert_eq!(create("8.0.40").await.unwrap().db_instance().unwrap().engine_version(), Some("8.0.40"));
}

#[tokio::test(start_paused = true)]
async fn describe_certificates_lists_current_authorities() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let all = here.rds.describe_certificates().send().await.unwrap();
    assert_eq!((all.certificates().len(), all.default_certificate_for_new_launches()), (3, Some("rds-ca-rsa2048-g1")));
    let one = here.rds.describe_certificates().certificate_identifier("RDS-CA-ECC384-G1").send().await.unwrap();
    assert_eq!(one.certificates().len(), 1);
    let old = here.rds.describe_certificates().certificate_identifier("rds-ca-2019").send().await;
    assert_eq!(code(old), "CertificateNotFound");
}

#[tokio::test(start_paused = true)]
async fn account_attributes_list_all_quotas_with_usage() {
    let lab = Lab::new();
    lab.database("orders");
    let here = lab.agent(A, HERE);
    let figures = here.rds.describe_account_attributes().send().await.unwrap();
    let of = |name: &str| {
        let quota = figures.account_quotas().iter().find(|quota| quota.account_quota_name() == Some(name));
        quota.map(|quota| (quota.used().unwrap(), quota.max().unwrap()))
    };
    assert_eq!(figures.account_quotas().len(), 18);
    assert_eq!((of("AllocatedStorage"), of("DBInstances")), (Some((100, 100_000)), Some((1, 40))));
    assert_eq!((of("OptionGroups"), of("DBParameterGroups")), (Some((0, 20)), Some((0, 50))));
}
