//! The permissions that each request needs, and on which resources.

use crate::copied_snapshot::{CopiedSnapshot, copied_snapshot};
use crate::lab::{A, B, Clients, HERE, Lab, THERE, advance_time, code, hours};
use crate::permission_probe::{PermissionProbe, TO_STORE, call, rds};

fn each<'a>(actions: &[&'a str], resource: &str) -> Vec<(&'a str, String)> {
    actions.iter().map(|action| (*action, resource.to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn copy_and_restore_need_permission_on_every_resource() {
    let CopiedSnapshot { lab, a, key, .. } = copied_snapshot().await;
    let probe = PermissionProbe::of(&lab);
    let new = a.key().await;
    let tag = || aws_sdk_rds::types::Tag::builder().key("k").value("v").build();
    let copy = call!(clients => {
        let call = clients.rds.copy_db_snapshot().source_db_snapshot_identifier("copy");
        call.target_db_snapshot_identifier("second").kms_key_id(&new).tags(tag())
    });
    let needs = [
        vec![
            ("rds:CopyDBSnapshot", rds(THERE, "snapshot:copy")),
            ("rds:CopyDBSnapshot", rds(THERE, "snapshot:second")),
        ],
        vec![("rds:AddTagsToResource", rds(THERE, "snapshot:second"))],
        each(&["kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt"], &key),
        each(&TO_STORE, &new),
    ];
    probe.assert_needs(THERE, copy, &needs.concat()).await;
    let tags_copied = call!(clients => {
        let call = clients.rds.copy_db_snapshot().source_db_snapshot_identifier("copy");
        call.target_db_snapshot_identifier("third").kms_key_id(&new).copy_tags(true)
    });
    let needs = needs.concat().into_iter().map(|(action, resource)| (action, resource.replace("second", "third")));
    probe.assert_needs(THERE, tags_copied, &needs.collect::<Vec<_>>()).await;

    // A restore needs permission on the default groups that it uses.
    let restore = call!(clients => {
        let call = clients.rds.restore_db_instance_from_db_snapshot().db_instance_identifier("orders");
        call.db_snapshot_identifier("copy").tags(tag())
    });
    let resources = ["db:orders", "snapshot:copy", "og:default:postgres-16", "pg:default.postgres16", "subgrp:default"];
    let needs = [
        resources.map(|resource| ("rds:RestoreDBInstanceFromDBSnapshot", rds(THERE, resource))).to_vec(),
        vec![("rds:AddTagsToResource", rds(THERE, "db:orders"))],
        each(&TO_STORE, &key),
    ];
    probe.assert_needs(THERE, restore, &needs.concat()).await;
    lab.cloud.create_subnet_group(A, THERE, "private");
    let elsewhere = call!(clients => {
        let call = clients.rds.restore_db_instance_from_db_snapshot().db_instance_identifier("other");
        call.db_snapshot_identifier("copy").db_subnet_group_name("private")
    });
    let resources = ["db:other", "snapshot:copy", "subgrp:private", "og:default:postgres-16", "pg:default.postgres16"];
    let needs = resources.map(|resource| ("rds:RestoreDBInstanceFromDBSnapshot", rds(THERE, resource))).to_vec();
    probe.assert_needs(THERE, elsewhere, &[needs, each(&TO_STORE, &key)].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn rds_actions_need_documented_permissions() {
    let lab = Lab::new();
    lab.database("orders");
    lab.cloud.role(A, "metrics");
    let probe = PermissionProbe::of(&lab);
    let key = lab.agent(A, HERE).key().await;
    let here = |resource: &str| rds(HERE, resource);
    let tag = || aws_sdk_rds::types::Tag::builder().key("k").value("v").build();

    let snapshot = call!(clients => {
        let call = clients.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("first");
        call.tags(tag())
    });
    let needs = [
        ("rds:CreateDBSnapshot", here("db:orders")),
        ("rds:CreateDBSnapshot", here("snapshot:first")),
        ("rds:AddTagsToResource", here("snapshot:first")),
    ];
    probe.assert_needs(HERE, snapshot, &needs).await;
    advance_time(hours(1)).await;

    let modify = |clients: &Clients| clients.rds.modify_db_instance().db_instance_identifier("orders");
    let grouped = call!(clients => modify(&clients).db_parameter_group_name("default.postgres16"));
    let db = ("rds:ModifyDBInstance", here("db:orders"));
    probe.assert_needs(HERE, grouped, &[db.clone(), ("rds:ModifyDBInstance", here("pg:default.postgres16"))]).await;
    let role = format!("arn:aws:iam::{A}:role/metrics");
    let monitored = call!(clients => modify(&clients).monitoring_interval(5).monitoring_role_arn(&role));
    probe.assert_needs(HERE, monitored, &[db.clone(), ("iam:PassRole", role.clone())]).await;
    advance_time(hours(1)).await;
    let secret = format!("arn:aws:secretsmanager:{HERE}:{A}:secret:rds!db-*");
    let managed = call!(clients => {
        modify(&clients).manage_master_user_password(true).master_user_secret_kms_key_id(&key)
    });
    let needs = [
        vec![db.clone()],
        each(&["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"], &key),
        each(&["secretsmanager:CreateSecret", "secretsmanager:TagResource"], &secret),
    ];
    probe.assert_needs(HERE, managed, &needs.concat()).await;
    advance_time(hours(1)).await;
    let rotated = call!(clients => modify(&clients).rotate_master_user_password(true).apply_immediately(true));
    probe.assert_needs(HERE, rotated, &[db, ("secretsmanager:RotateSecret", secret)]).await;

    // Lists are judged on all resources of the type, and on the instance that the request names.
    let all = |resource: &str| here(&format!("{resource}:*"));
    probe
        .assert_needs(
            HERE,
            call!(clients => clients.rds.describe_db_instances()),
            &[("rds:DescribeDBInstances", all("db"))],
        )
        .await;
    let needs = [("rds:DescribeDBSnapshots", here("db:orders")), ("rds:DescribeDBSnapshots", all("snapshot"))];
    let of_orders = call!(clients => clients.rds.describe_db_snapshots().db_instance_identifier("orders"));
    probe.assert_needs(HERE, of_orders, &needs).await;
    let one = call!(clients => clients.rds.describe_db_snapshots().db_snapshot_identifier("first"));
    probe.assert_needs(HERE, one, &[("rds:DescribeDBSnapshots", here("snapshot:first"))]).await;
    let groups = [
        ("rds:DescribeDBSubnetGroups", all("subgrp")),
        ("rds:DescribeDBParameterGroups", all("pg")),
        ("rds:DescribeOptionGroups", all("og")),
    ];
    let [subnets, parameters, options] = groups;
    probe.assert_needs(HERE, call!(clients => clients.rds.describe_db_subnet_groups()), &[subnets]).await;
    probe.assert_needs(HERE, call!(clients => clients.rds.describe_db_parameter_groups()), &[parameters]).await;
    probe.assert_needs(HERE, call!(clients => clients.rds.describe_option_groups()), &[options]).await;
    probe
        .assert_needs(
            HERE,
            call!(clients => clients.rds.describe_certificates()),
            &[("rds:DescribeCertificates", "*".into())],
        )
        .await;

    let admin = lab.agent(A, HERE);
    advance_time(hours(1)).await;
    admin.rds.modify_db_instance().db_instance_identifier("orders").copy_tags_to_snapshot(true).send().await.unwrap();
    let delete = call!(clients => {
        clients.rds.delete_db_instance().db_instance_identifier("orders").final_db_snapshot_identifier("last")
    });
    let needs = [
        ("rds:DeleteDBInstance", here("db:orders")),
        ("rds:CreateDBSnapshot", here("snapshot:last")),
        ("rds:AddTagsToResource", here("snapshot:last")),
    ];
    probe.assert_needs(HERE, delete, &needs).await;
}

#[tokio::test(start_paused = true)]
async fn kms_and_sqs_actions_need_documented_permissions() {
    let lab = Lab::new();
    let probe = PermissionProbe::of(&lab);
    let tag = || aws_sdk_kms::types::Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let create = call!(clients => clients.kms.create_key().multi_region(true).tags(tag()));
    let any = |region: &str| format!("arn:aws:kms:{region}:{A}:key/*");
    probe.assert_needs(HERE, create, &[("kms:CreateKey", "*".to_owned()), ("kms:TagResource", any(HERE))]).await;

    let key = lab.agent(A, HERE).kms.create_key().multi_region(true).send().await.unwrap();
    let key = key.key_metadata().unwrap().arn().unwrap().to_owned();
    let replicate = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region(THERE).tags(tag()));
    let needs = [
        ("kms:ReplicateKey", key.clone()),
        ("kms:CreateKey", "*".to_owned()),
        ("kms:TagResource", key.replace(HERE, THERE)),
    ];
    probe.assert_needs(HERE, replicate, &needs).await;
    probe
        .assert_needs(
            HERE,
            call!(clients => clients.kms.list_aliases().key_id(&key)),
            &[("kms:ListAliases", "*".into())],
        )
        .await;

    let stranger = lab.agent(B, HERE);
    assert_eq!(code(stranger.kms.list_aliases().key_id(&key).send().await), "AccessDeniedException");

    let queue = call!(clients => clients.sqs.create_queue().queue_name("q").tags("k", "v"));
    let arn = format!("arn:aws:sqs:{HERE}:{A}:q");
    probe.assert_needs(HERE, queue, &[("sqs:CreateQueue", arn.clone()), ("sqs:TagQueue", arn)]).await;
}
