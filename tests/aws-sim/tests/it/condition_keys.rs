//! The condition keys that each request has.

use std::collections::BTreeMap;

use aws_sdk_kms::primitives::Blob;
use serde_json::{Value, json};

use crate::copied_snapshot::{CopiedSnapshot, copied_snapshot};
use crate::lab::{A, HERE, Lab, THERE, advance_time, hours};
use crate::permission_probe::{PermissionProbe, TO_STORE, call, rds};

fn equals(key: &str, value: &str) -> Value {
    json!({ "StringEquals": { key: value } })
}

fn flag(key: &str, value: bool) -> Value {
    json!({ "Bool": { key: value } })
}

#[tokio::test(start_paused = true)]
async fn rds_requests_have_their_condition_keys() {
    let CopiedSnapshot { lab, key, copy, a, .. } = copied_snapshot().await;
    let probe = PermissionProbe::of(&lab);
    let tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    lab.cloud.tag_role(A, "clerk", &tags).unwrap();
    let tag = |value: &str| aws_sdk_rds::types::Tag::builder().key("k").value(value).build();
    a.rds.add_tags_to_resource().resource_name(&copy).tags(tag("v")).send().await.unwrap();

    let describe = call!(clients => clients.rds.describe_db_snapshots().db_snapshot_identifier("copy"));
    let named = "rds:DescribeDBSnapshots";
    let role = format!("arn:aws:iam::{A}:role");
    let cases = [
        (equals("aws:ResourceTag/k", "v"), equals("aws:ResourceTag/k", "w")),
        (equals("rds:snapshot-tag/k", "v"), equals("rds:db-tag/k", "v")),
        (equals("aws:ResourceAccount", A), equals("aws:ResourceAccount", "999999999999")),
        (equals("aws:RequestedRegion", THERE), equals("aws:RequestedRegion", HERE)),
        (equals("aws:PrincipalAccount", "${aws:ResourceAccount}"), equals("aws:PrincipalAccount", "${aws:userid}")),
        (equals("aws:PrincipalTag/team", "blue"), equals("aws:PrincipalTag/team", "red")),
        (
            equals("aws:PrincipalTag/team", "${aws:PrincipalTag/crew, 'blue'}"),
            equals("aws:PrincipalTag/team", "${aws:PrincipalTag/crew}"),
        ),
        (
            json!({ "ArnLike": { "aws:PrincipalArn": format!("{role}/cl*") } }),
            json!({ "ArnLike": { "aws:PrincipalArn": format!("{role}/a*") } }),
        ),
        (flag("aws:SecureTransport", true), flag("aws:SecureTransport", false)),
        (flag("aws:ViaAWSService", false), flag("aws:ViaAWSService", true)),
        (json!({ "Null": { "aws:PrincipalOrgID": "true" } }), json!({ "Null": { "aws:SourceAccount": "false" } })),
        (
            json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-01-01T00:00:00Z" } }),
            json!({ "DateLessThan": { "aws:EpochTime": 1 } }),
        ),
        (
            json!({ "StringNotLike": { "aws:PrincipalArn": "*/${*}" } }),
            json!({ "StringLike": { "aws:PrincipalArn": "*/${*}" } }),
        ),
    ];
    for (right, wrong) in cases {
        probe.assert_condition(THERE, describe, named, right, wrong).await;
    }

    // Tags in the request, and the keys of RDS's calls of KMS in the caller's name.
    let keys = |values: Value| json!({ "ForAllValues:StringEquals": { "aws:TagKeys": values } });
    let any = |values: Value| json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": values } });
    let via = |service: &str| equals("kms:ViaService", &format!("{service}.{THERE}.amazonaws.com"));
    let operations = |values: &[&str]| json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": values } });
    let all: Vec<&str> = TO_STORE.iter().map(|action| action.trim_start_matches("kms:")).collect();
    let copies = "rds:CopyDBSnapshot";
    let cases = [
        (copies, equals("aws:RequestTag/k", "v"), equals("aws:RequestTag/k", "w")),
        (copies, equals("rds:req-tag/l", "v"), equals("rds:req-tag/m", "v")),
        (copies, keys(json!(["k", "l"])), keys(json!(["k"]))),
        (copies, any(json!(["k"])), any(json!(["m"]))),
        (copies, flag("rds:CopyOptionGroup", false), flag("rds:CopyOptionGroup", true)),
        ("rds:AddTagsToResource", equals("aws:RequestTag/k", "v"), equals("aws:RequestTag/k", "w")),
        ("kms:Decrypt", via("rds"), via("sqs")),
        (
            "kms:Decrypt",
            equals("aws:CalledViaLast", "rds.amazonaws.com"),
            equals("aws:CalledViaFirst", "kms.amazonaws.com"),
        ),
        ("kms:Decrypt", flag("aws:ViaAWSService", true), flag("aws:ViaAWSService", false)),
        ("kms:CreateGrant", flag("kms:GrantIsForAWSResource", true), flag("kms:GrantIsForAWSResource", false)),
        ("kms:CreateGrant", operations(&all), operations(&["Decrypt", "DescribeKey", "CreateGrant"])),
    ];
    for (index, (action, right, wrong)) in cases.into_iter().enumerate() {
        let made = call!(clients => {
            let call = clients.rds.copy_db_snapshot().source_db_snapshot_identifier("copy").kms_key_id(&key);
            let call = call.target_db_snapshot_identifier(format!("case-{index}")).copy_option_group(false);
            call.tags(tag("v")).tags(aws_sdk_rds::types::Tag::builder().key("l").value("v").build())
        });
        probe.assert_condition(THERE, made, action, right, wrong).await;
    }

    let restores = "rds:RestoreDBInstanceFromDBSnapshot";
    let orders = call!(clients => {
        let call = clients.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("copy");
        call.db_instance_identifier("orders").publicly_accessible(false).backup_target("region")
    });
    let (right, wrong) = (flag("rds:PubliclyAccessible", false), flag("rds:PubliclyAccessible", true));
    let managed = |managed: bool| flag("rds:ManageMasterUserPassword", managed);
    let both = json!({ "Bool": { "rds:PubliclyAccessible": "false", "rds:ManageMasterUserPassword": "false" }, "StringEquals": { "rds:BackupTarget": "region" } });
    probe.assert_condition(THERE, orders, restores, right.clone(), managed(true)).await;
    a.rds.delete_db_snapshot().db_snapshot_identifier("case-0").send().await.unwrap();
    let again = call!(clients => {
        let call = clients.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("copy");
        call.db_instance_identifier("other").publicly_accessible(false).backup_target("region")
    });
    probe.assert_condition(THERE, again, restores, both, wrong).await;
    advance_time(hours(1)).await;
    let modified = call!(clients => {
        clients.rds.modify_db_instance().db_instance_identifier("orders").manage_master_user_password(true)
    });
    let name = |name: &str| json!({ "StringLike": { "secretsmanager:Name": name } });
    probe.assert_condition(THERE, modified, "rds:ModifyDBInstance", managed(true), managed(false)).await;
    let other = call!(clients => {
        let call = clients.rds.modify_db_instance().db_instance_identifier("other").manage_master_user_password(true);
        call.master_user_secret_kms_key_id(&key)
    });
    probe.assert_condition(THERE, other, "secretsmanager:CreateSecret", name("rds!db-*"), name("mine")).await;
    let untag = call!(clients => clients.rds.remove_tags_from_resource().resource_name(&copy).tag_keys("k"));
    probe.assert_condition(THERE, untag, "rds:RemoveTagsFromResource", keys(json!("k")), keys(json!("l"))).await;
}

#[tokio::test(start_paused = true)]
async fn kms_requests_have_their_condition_keys() {
    use aws_sdk_kms::types::{GrantOperation, KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec, Tag};
    let lab = Lab::new();
    let probe = PermissionProbe::of(&lab);
    let admin = lab.agent(A, HERE);
    let tag = || Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let made = admin.kms.create_key().multi_region(true).tags(tag()).send().await.unwrap();
    let key = made.key_metadata().unwrap().arn().unwrap().to_owned();
    admin.kms.create_alias().alias_name("alias/orders").target_key_id(&key).send().await.unwrap();
    let signing = admin.kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    let signing = signing.send().await.unwrap().key_metadata().unwrap().key_id().to_owned();

    let create = call!(clients => clients.kms.create_key().multi_region(true).tags(tag()));
    let cases = [
        (flag("kms:MultiRegion", true), flag("kms:MultiRegion", false)),
        (equals("kms:MultiRegionKeyType", "PRIMARY"), equals("kms:MultiRegionKeyType", "REPLICA")),
        (equals("kms:KeySpec", "SYMMETRIC_DEFAULT"), equals("kms:KeySpec", "RSA_2048")),
        (equals("kms:KeyUsage", "ENCRYPT_DECRYPT"), equals("kms:KeyUsage", "SIGN_VERIFY")),
        (equals("kms:CallerAccount", A), equals("kms:CallerAccount", "999999999999")),
        (equals("aws:RequestTag/k", "v"), equals("aws:RequestTag/k", "w")),
    ];
    for (right, wrong) in cases {
        probe.assert_condition(HERE, create, "kms:CreateKey", right, wrong).await;
    }
    let describe = call!(clients => clients.kms.describe_key().key_id("alias/orders"));
    let aliases = |name: &str| json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": name } });
    let cases = [
        (equals("kms:RequestAlias", "alias/orders"), equals("kms:RequestAlias", "alias/other")),
        (aliases("alias/orders"), aliases("alias/other")),
        (equals("aws:ResourceTag/k", "v"), equals("aws:ResourceTag/k", "w")),
        (flag("kms:MultiRegion", true), flag("kms:MultiRegion", false)),
    ];
    for (right, wrong) in cases {
        probe.assert_condition(HERE, describe, "kms:DescribeKey", right, wrong).await;
    }
    let sign = call!(clients => {
        let call = clients.kms.sign().key_id(&signing).message(Blob::new("m")).message_type(MessageType::Raw);
        call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
    });
    let (right, wrong) = (equals("kms:SigningAlgorithm", "ECDSA_SHA_256"), equals("kms:SigningAlgorithm", "X"));
    probe.assert_condition(HERE, sign, "kms:Sign", right, wrong).await;
    probe
        .assert_condition(HERE, sign, "kms:Sign", equals("kms:MessageType", "RAW"), equals("kms:MessageType", "DIGEST"))
        .await;
    let encrypt = call!(clients => {
        clients.kms.encrypt().key_id(&key).plaintext(Blob::new("m")).encryption_context("of", "us")
    });
    let (right, wrong) = (equals("kms:EncryptionContext:of", "us"), equals("kms:EncryptionContext:of", "them"));
    probe.assert_condition(HERE, encrypt, "kms:Encrypt", right, wrong).await;
    let grant = call!(clients => {
        let call = clients.kms.create_grant().key_id(&key).grantee_principal(format!("arn:aws:iam::{A}:root"));
        call.operations(GrantOperation::Decrypt)
    });
    let operations = |name: &str| json!({ "ForAllValues:StringEquals": { "kms:GrantOperations": [name] } });
    let cases = [
        (operations("Decrypt"), operations("Encrypt")),
        (flag("kms:GrantIsForAWSResource", false), flag("kms:GrantIsForAWSResource", true)),
        (equals("kms:GranteePrincipal", &format!("arn:aws:iam::{A}:root")), equals("kms:GranteePrincipal", A)),
    ];
    for (right, wrong) in cases {
        probe.assert_condition(HERE, grant, "kms:CreateGrant", right, wrong).await;
    }
    let replicate = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region(THERE));
    // The permission CreateKey for the replica is judged in the replica's Region.
    let region = |region: &str| equals("aws:RequestedRegion", region);
    probe.assert_condition(HERE, replicate, "kms:CreateKey", region(THERE), region(HERE)).await;
    let kind = |kind: &str| equals("kms:MultiRegionKeyType", kind);
    let (right, wrong) = (equals("kms:ReplicaRegion", "eu-central-1"), equals("kms:ReplicaRegion", THERE));
    let elsewhere = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region("eu-central-1"));
    probe.assert_condition(HERE, elsewhere, "kms:ReplicateKey", right, wrong).await;
    let third = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region("eu-west-2"));
    probe.assert_condition(HERE, third, "kms:CreateKey", kind("REPLICA"), kind("PRIMARY")).await;
    let policy = admin.kms.get_key_policy().key_id(&key).send().await.unwrap().policy().unwrap().to_owned();
    let put = call!(clients => {
        let call = clients.kms.put_key_policy().key_id(&key).policy(&policy);
        call.bypass_policy_lockout_safety_check(true)
    });
    let bypass = |bypass: bool| flag("kms:BypassPolicyLockoutSafetyCheck", bypass);
    probe.assert_condition(HERE, put, "kms:PutKeyPolicy", bypass(true), bypass(false)).await;
    let untag = call!(clients => clients.kms.untag_resource().key_id(&key).tag_keys("k"));
    let keys = |key: &str| json!({ "ForAllValues:StringEquals": { "aws:TagKeys": [key] } });
    probe.assert_condition(HERE, untag, "kms:UntagResource", keys("k"), keys("l")).await;
    let delete = call!(clients => clients.kms.schedule_key_deletion().key_id(&signing).pending_window_in_days(7));
    let at_least =
        |days: u8| json!({ "NumericGreaterThanEquals": { "kms:ScheduleKeyDeletionPendingWindowInDays": days } });
    probe.assert_condition(HERE, delete, "kms:ScheduleKeyDeletion", at_least(7), at_least(8)).await;
}

#[tokio::test(start_paused = true)]
async fn requests_have_less_common_condition_keys() {
    use aws_sdk_kms::types::{GrantConstraints, GrantOperation};
    let lab = Lab::new();
    lab.database("orders");
    lab.cloud.role(A, "metrics");
    lab.cloud.tag_role(A, "metrics", &BTreeMap::from([("k".to_owned(), "v".to_owned())])).unwrap();
    let probe = PermissionProbe::of(&lab);
    let admin = lab.agent(A, HERE);
    let key = admin.kms.create_key().multi_region(true).send().await.unwrap();
    let key = key.key_metadata().unwrap().arn().unwrap().to_owned();
    admin.kms.create_alias().alias_name("alias/orders").target_key_id(&key).send().await.unwrap();
    admin.kms.replicate_key().key_id(&key).replica_region(THERE).send().await.unwrap();
    advance_time(hours(1)).await;

    // Keys that are absent because no account is in an organization and no service calls on its own.
    let list = call!(clients => clients.kms.list_keys());
    let absent = |key: &str, absent: bool| json!({ "Null": { key: absent.to_string() } });
    for key in ["aws:SourceArn", "aws:SourceOrgID", "aws:ResourceOrgID", "aws:username", "aws:PrincipalOrgPaths"] {
        probe.assert_condition(HERE, list, "kms:ListKeys", absent(key, true), absent(key, false)).await;
    }
    let service = |service: bool| flag("aws:PrincipalIsAWSService", service);
    probe.assert_condition(HERE, list, "kms:ListKeys", service(false), service(true)).await;
    // For a key without values ForAllValues holds and ForAnyValue does not.
    let (every, any) = (
        json!({ "ForAllValues:StringEquals": { "aws:TagKeys": "k" } }),
        json!({ "ForAnyValue:StringNotEquals": { "aws:TagKeys": "k" } }),
    );
    probe.assert_condition(HERE, list, "kms:ListKeys", every, any).await;

    let describe = call!(clients => clients.kms.describe_key().key_id(&key));
    let (right, wrong) = (equals("kms:KeyOrigin", "AWS_KMS"), equals("kms:KeyOrigin", "EXTERNAL"));
    probe.assert_condition(HERE, describe, "kms:DescribeKey", right, wrong).await;
    let arn = format!("arn:aws:kms:{HERE}:{A}:alias/orders");
    let encrypt = call!(clients => {
        clients.kms.encrypt().key_id(&arn).plaintext(Blob::new("m")).encryption_context("of", "us")
    });
    let keys = |key: &str| json!({ "ForAnyValue:StringEquals": { "kms:EncryptionContextKeys": key } });
    let algorithm = |name: &str| equals("kms:EncryptionAlgorithm", name);
    let alias = |name: &str| equals("kms:RequestAlias", name);
    for (right, wrong) in [
        (keys("of"), keys("to")),
        (algorithm("SYMMETRIC_DEFAULT"), algorithm("RSAES_OAEP_SHA_1")),
        (alias("alias/orders"), alias("orders")),
    ] {
        probe.assert_condition(HERE, encrypt, "kms:Encrypt", right, wrong).await;
    }
    let root = format!("arn:aws:iam::{A}:root");
    let grant = call!(clients => {
        let call = clients.kms.create_grant().key_id(&key).grantee_principal(&root).retiring_principal(&root);
        let constraints = GrantConstraints::builder().encryption_context_subset("of", "us").build();
        call.operations(GrantOperation::Decrypt).constraints(constraints)
    });
    let kind = |kind: &str| equals("kms:GrantConstraintType", kind);
    let (right, wrong) = (kind("EncryptionContextSubset"), kind("EncryptionContextEquals"));
    probe.assert_condition(HERE, grant, "kms:CreateGrant", right, wrong).await;
    let retiring = |named: &str| json!({ "ArnEquals": { "kms:RetiringPrincipal": named } });
    probe.assert_condition(HERE, grant, "kms:CreateGrant", retiring(&root), retiring("arn:aws:iam::1:root")).await;
    let rotate = call!(clients => clients.kms.enable_key_rotation().key_id(&key).rotation_period_in_days(90));
    let days = |days: u16| json!({ "NumericLessThan": { "kms:RotationPeriodInDays": days } });
    probe.assert_condition(HERE, rotate, "kms:EnableKeyRotation", days(91), days(90)).await;
    let primary = call!(clients => clients.kms.update_primary_region().key_id(&key).primary_region(THERE));
    let region = |region: &str| equals("kms:PrimaryRegion", region);
    probe.assert_condition(HERE, primary, "kms:UpdatePrimaryRegion", region(THERE), region(HERE)).await;
    advance_time(hours(1)).await;

    let role = format!("arn:aws:iam::{A}:role/metrics");
    let monitored = call!(clients => {
        let call = clients.rds.modify_db_instance().db_instance_identifier("orders");
        call.monitoring_interval(5).monitoring_role_arn(&role)
    });
    let passed = |service: &str| equals("iam:PassedToService", service);
    let (right, wrong) = (passed("monitoring.rds.amazonaws.com"), passed("rds.amazonaws.com"));
    probe.assert_condition(HERE, monitored, "iam:PassRole", right, wrong).await;
    advance_time(hours(1)).await;
    let managed = call!(clients => {
        let call = clients.rds.modify_db_instance().db_instance_identifier("orders").manage_master_user_password(true);
        call.master_user_secret_kms_key_id(&key)
    });
    let secret_key = |arn: &str| json!({ "ArnEquals": { "secretsmanager:KmsKeyArn": arn } });
    let (right, wrong) = (secret_key(&key), secret_key("arn:aws:kms:*:*:key/x"));
    probe.assert_condition(HERE, managed, "secretsmanager:CreateSecret", right, wrong).await;
    let assume = call!(clients => clients.sts.assume_role().role_arn(&role).role_session_name("me"));
    for of in ["iam:ResourceTag/k", "aws:ResourceTag/k"] {
        probe.assert_condition(HERE, assume, "sts:AssumeRole", equals(of, "v"), equals(of, "w")).await;
    }

    let create = call!(clients => clients.sqs.create_queue().queue_name("q").tags("k", "v"));
    probe
        .assert_condition(
            HERE,
            create,
            "sqs:TagQueue",
            equals("aws:RequestTag/k", "v"),
            equals("aws:RequestTag/k", "w"),
        )
        .await;
    let look = call!(clients => clients.sqs.get_queue_url().queue_name("q"));
    probe
        .assert_condition(
            HERE,
            look,
            "sqs:GetQueueUrl",
            equals("aws:ResourceTag/k", "v"),
            equals("aws:ResourceTag/k", "w"),
        )
        .await;
    let url = admin.sqs.get_queue_url().queue_name("q").send().await.unwrap().queue_url().unwrap().to_owned();
    let untag = call!(clients => clients.sqs.untag_queue().queue_url(&url).tag_keys("k"));
    let tag_keys = |key: &str| json!({ "ForAllValues:StringEquals": { "aws:TagKeys": [key] } });
    probe.assert_condition(HERE, untag, "sqs:UntagQueue", tag_keys("k"), tag_keys("l")).await;

    // Each kind of group has its own tag condition key.
    let tag = || aws_sdk_rds::types::Tag::builder().key("k").value("v").build();
    let call =
        admin.rds.create_db_parameter_group().db_parameter_group_name("own").db_parameter_group_family("postgres16");
    call.description("d").tags(tag()).send().await.unwrap();
    let call =
        admin.rds.create_option_group().option_group_name("own").engine_name("postgres").major_engine_version("16");
    call.option_group_description("d").tags(tag()).send().await.unwrap();
    let call = admin.rds.create_db_subnet_group().db_subnet_group_name("own").db_subnet_group_description("d");
    call.subnet_ids("a").subnet_ids("b").tags(tag()).send().await.unwrap();
    let kinds = ["pg", "og", "subgrp"];
    for kind in kinds {
        let other = kinds.iter().find(|other| **other != kind).unwrap();
        let arn = rds(HERE, &format!("{kind}:own"));
        let listed = call!(clients => clients.rds.list_tags_for_resource().resource_name(&arn));
        let (right, wrong) = (format!("rds:{kind}-tag/k"), format!("rds:{other}-tag/k"));
        probe.assert_condition(HERE, listed, "rds:ListTagsForResource", equals(&right, "v"), equals(&wrong, "v")).await;
    }
}
