//! Databases that cannot be handed over, and similar ones that can.

use aws_sim::Database;

use crate::lab::{A, B, Clients, HERE, Lab, THERE, advance_time, code, hours, snapshot_arn};

const VALUE: &str = "InvalidParameterValue";
const COMBINATION: &str = "InvalidParameterCombination";
const ORACLE: &str = "19.0.0.0.ru-2024-10.rur-2024-10.r1";

impl Clients {
    async fn option_group(&self, name: &str, engine: &str, major: &str, options: &[&str]) {
        let group = self.rds.create_option_group().option_group_name(name).engine_name(engine);
        group.major_engine_version(major).option_group_description("x").send().await.unwrap();
        for option in options {
            let option = aws_sdk_rds::types::OptionConfiguration::builder().option_name(*option).build();
            let call = self.rds.modify_option_group().option_group_name(name).options_to_include(option);
            call.send().await.unwrap();
        }
    }

    async fn try_share(&self, id: &str, with: &str) -> String {
        let call = self.rds.modify_db_snapshot_attribute().db_snapshot_identifier(id).attribute_name("restore");
        let answer = call.values_to_add(with).send().await;
        if answer.is_ok() { "ok".to_owned() } else { code(answer) }
    }
}

#[tokio::test(start_paused = true)]
async fn share_is_refused_for_default_key_tde_and_rds_custom() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    let base = Database { kms_key: Some(key.clone()), ..Database::new(A, HERE, "") };
    let oracle = Database { engine: "oracle-ee".to_owned(), engine_version: ORACLE.to_owned(), ..base.clone() };
    for (name, database, expected) in [
        ("own-key", base.clone(), "ok"),
        ("default-key", Database { kms_key: Some("aws/rds".to_owned()), ..base.clone() }, VALUE),
        ("aws-owned-key", Database { kms_key: Some("sse-rds".to_owned()), ..base.clone() }, VALUE),
        ("plain", Database { kms_key: None, ..base.clone() }, "ok"),
        ("oracle", oracle.clone(), "ok"),
        ("oracle-tde", Database { tde: true, ..oracle.clone() }, VALUE),
        ("custom", Database { engine: "custom-oracle-ee".to_owned(), ..oracle.clone() }, VALUE),
    ] {
        lab.cloud.create_database(Database { identifier: name.to_owned(), ..database });
        here.snapshot(name, name).await;
        assert_eq!(here.try_share(name, B).await, expected, "{name}");
        let public = if name == "plain" { "ok" } else { VALUE };
        assert_eq!(here.try_share(name, "all").await, public, "{name}");
    }
    let owned = here.described("aws-owned-key").await;
    assert_eq!((owned.encrypted(), owned.kms_key_id()), (Some(true), None));
    let kind =
        |snapshot: aws_sdk_rds::types::DbSnapshot| snapshot.storage_encryption_type().unwrap().as_str().to_owned();
    assert_eq!(kind(owned), "sse-rds");
    assert_eq!(
        (kind(here.described("own-key").await), kind(here.described("plain").await)),
        ("sse-kms".to_owned(), "none".to_owned())
    );
    let tde = here.described("oracle-tde").await;
    assert!(tde.tde_credential_arn().is_some() && tde.option_group_name() == Some("oracle-tde-tde"));
    let found = here.rds.describe_db_instances().db_instance_identifier("oracle-tde").send().await.unwrap();
    assert!(found.db_instances()[0].tde_credential_arn().is_some());
}

#[tokio::test(start_paused = true)]
async fn copy_replaces_aws_owned_key_by_given_key() {
    let lab = Lab::new();
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    lab.cloud.create_database(Database { kms_key: Some("sse-rds".to_owned()), ..Database::new(A, HERE, "orders") });
    here.snapshot("orders", "owned").await;
    let copy = |clients: &Clients, target: &str, key: Option<&str>| {
        let call = clients.rds.copy_db_snapshot().source_db_snapshot_identifier(snapshot_arn(A, HERE, "owned"));
        call.target_db_snapshot_identifier(target).set_kms_key_id(key.map(str::to_owned)).send()
    };
    assert_eq!(code(copy(&there, "there", None).await), VALUE);
    let key = here.key().await;
    copy(&here, "keyed", Some(&key)).await.unwrap();
    copy(&here, "still-owned", None).await.unwrap();
    copy(&there, "there", Some(&there.key().await)).await.unwrap();
    advance_time(hours(8)).await;
    assert_eq!(here.described("keyed").await.kms_key_id(), Some(key.as_str()));
    assert_eq!(here.described("still-owned").await.storage_encryption_type().unwrap().as_str(), "sse-rds");
    assert_eq!(here.try_share("keyed", B).await, "ok");
    let content = lab.cloud.content(&snapshot_arn(A, HERE, "owned"));
    assert!(content.is_some() && lab.cloud.content(&snapshot_arn(A, THERE, "there")) == content);
    let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("still-owned");
    let made = call.db_instance_identifier("again").send().await.unwrap();
    assert_eq!(made.db_instance().unwrap().storage_encrypted(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn copy_and_restore_keep_persistent_options() {
    let lab = Lab::new();
    let (here, there) = (lab.agent(A, HERE), lab.agent(A, THERE));
    let key = here.key().await;
    let oracle = Database {
        engine: "oracle-ee".to_owned(),
        engine_version: ORACLE.to_owned(),
        kms_key: Some(key.clone()),
        ..Database::new(A, HERE, "orders")
    };
    lab.cloud.create_database(oracle);
    here.option_group("bound", "oracle-ee", "19", &["Timezone", "S3_INTEGRATION"]).await;
    here.option_group("free", "oracle-ee", "19", &["S3_INTEGRATION"]).await;
    here.option_group("other", "oracle-se2", "19", &[]).await;
    for clients in [&there, &lab.agent(B, HERE)] {
        clients.option_group("zoned", "oracle-ee", "19", &["Timezone"]).await;
        clients.option_group("lacking", "oracle-ee", "19", &[]).await;
    }
    let modify = |group: &str| {
        let call = here.rds.modify_db_instance().db_instance_identifier("orders").apply_immediately(true);
        call.option_group_name(group).send()
    };
    assert_eq!(code(modify("other").await), COMBINATION);
    modify("free").await.unwrap();
    advance_time(hours(1)).await;
    here.snapshot("orders", "free").await;
    modify("bound").await.unwrap();
    advance_time(hours(1)).await;
    assert_eq!(code(modify("free").await), COMBINATION);
    here.snapshot("orders", "bound").await;
    // The persistent option Timezone does not prevent sharing for Oracle.
    assert_eq!(here.try_share("bound", B).await, "ok");

    let across = |source: &str, target: &str, group: Option<&str>, key: String| {
        let call = there.rds.copy_db_snapshot().source_db_snapshot_identifier(snapshot_arn(A, HERE, source));
        let call = call.target_db_snapshot_identifier(target).kms_key_id(key);
        call.set_option_group_name(group.map(str::to_owned)).send()
    };
    let key_there = there.key().await;
    assert_eq!(code(across("bound", "x", None, key_there.clone()).await), COMBINATION);
    assert_eq!(code(across("bound", "x", Some("lacking"), key_there.clone()).await), COMBINATION);
    assert_eq!(code(across("bound", "x", Some("none"), key_there.clone()).await), "OptionGroupNotFoundFault");
    across("bound", "bound", Some("zoned"), key_there.clone()).await.unwrap();
    across("free", "free", None, key_there).await.unwrap();
    let group = |snapshot: aws_sdk_rds::types::DbSnapshot| snapshot.option_group_name().unwrap().to_owned();
    assert_eq!(group(there.described("bound").await), "zoned");
    assert_eq!(group(there.described("free").await), "default:oracle-ee-19");
    // Within the account and Region a copy keeps the group.
    here.copy("bound", "again", &key).await;
    assert_eq!(group(here.described("again").await), "bound");

    let restore = |snapshot: &str, id: &str, group: Option<&str>| {
        let call = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier(snapshot);
        call.db_instance_identifier(id).set_option_group_name(group.map(str::to_owned)).send()
    };
    assert_eq!(code(restore("bound", "x", Some("free")).await), COMBINATION);
    let kept = restore("bound", "kept", None).await.unwrap();
    assert_eq!(kept.db_instance().unwrap().option_group_memberships()[0].option_group_name(), Some("bound"));
    let default = restore("free", "default", None).await.unwrap();
    let membership = &default.db_instance().unwrap().option_group_memberships()[0];
    assert_eq!(membership.option_group_name(), Some("default:oracle-ee-19"));
}

#[tokio::test(start_paused = true)]
async fn copy_of_shared_snapshot_needs_own_or_copied_option_group() {
    let lab = Lab::new();
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let oracle = Database {
        engine: "oracle-ee".to_owned(),
        engine_version: ORACLE.to_owned(),
        kms_key: None,
        ..Database::new(A, HERE, "orders")
    };
    lab.cloud.create_database(oracle);
    lab.cloud.create_database(Database { kms_key: None, ..Database::new(A, HERE, "postgres") });
    a.option_group("bound", "oracle-ee", "19", &["OLS"]).await;
    let call = a.rds.modify_db_instance().db_instance_identifier("orders").apply_immediately(true);
    call.option_group_name("bound").send().await.unwrap();
    advance_time(hours(1)).await;
    for name in ["orders", "postgres"] {
        a.snapshot(name, name).await;
        a.share(name, B).await;
    }
    let copy = |source: &str, target: &str| {
        let call = b.rds.copy_db_snapshot().source_db_snapshot_identifier(snapshot_arn(A, HERE, source));
        call.target_db_snapshot_identifier(target)
    };
    assert_eq!(code(copy("orders", "x").send().await), COMBINATION);
    assert_eq!(code(copy("postgres", "x").copy_option_group(true).send().await), COMBINATION);
    let own = a.rds.copy_db_snapshot().source_db_snapshot_identifier("orders").copy_option_group(true);
    assert_eq!(code(own.target_db_snapshot_identifier("x").send().await), COMBINATION);
    copy("orders", "along").copy_option_group(true).send().await.unwrap();
    assert_eq!(b.described("along").await.option_group_name(), Some("bound"));
    let groups = b.rds.describe_option_groups().option_group_name("bound").send().await.unwrap();
    let group = &groups.option_groups_list()[0];
    assert_eq!((group.source_account_id(), group.source_option_group()), (Some(A), Some("bound")));
    assert_eq!(group.options()[0].option_name(), Some("OLS"));
    copy("orders", "named").option_group_name("bound").send().await.unwrap();
    copy("postgres", "postgres").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn rds_custom_and_outposts_are_refused() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let custom = "custom-sqlserver-se".to_owned();
    lab.cloud.create_database(Database { engine: custom, ..Database::new(A, HERE, "custom") });
    lab.database("orders");
    for name in ["custom", "orders"] {
        here.snapshot(name, name).await;
    }
    let copy = |source: &str| {
        let call = here.rds.copy_db_snapshot().source_db_snapshot_identifier(source);
        call.target_db_snapshot_identifier("copy")
    };
    assert_eq!(code(copy("custom").send().await), VALUE);
    assert_eq!(code(copy("orders").snapshot_target("outposts").send().await), VALUE);
    assert_eq!(code(copy("orders").target_custom_availability_zone("rds-caz-1").send().await), VALUE);
    // The pre-signed URL is ignored outside GovCloud.
    copy("orders").snapshot_target("region").pre_signed_url("https://not-looked-at").send().await.unwrap();
    let restore = here.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("custom");
    assert_eq!(code(restore.db_instance_identifier("again").send().await), VALUE);
    let create = here.rds.create_db_instance().db_instance_identifier("new").db_instance_class("db.m6g.large");
    let create = create.master_username("app").master_user_password("long-enough").allocated_storage(20);
    assert_eq!(code(create.clone().engine("custom-sqlserver-se").send().await), VALUE);
    assert_eq!(code(create.clone().engine("aurora-postgresql").send().await), VALUE);
    create.engine("sqlserver-se").send().await.unwrap();
}
