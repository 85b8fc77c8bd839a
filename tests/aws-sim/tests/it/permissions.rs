//! What each request needs permission for, on which resource, and which condition keys it has.

use std::collections::BTreeMap;
use std::pin::Pin;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sim::{Credentials, Decision};
use serde_json::{Value, json};

use crate::lab::{A, Clients, HERE, Lab, THERE, hours, pass};
use crate::over_there::{OverThere, over_there};

type Answer = Result<(), String>;
type Answering = Pin<Box<dyn Future<Output = Answer>>>;
type Call<'a> = &'a dyn Fn(Clients) -> Answering;

fn done<T, E: ProvideErrorMetadata, R>(result: Result<T, SdkError<E, R>>) -> Answer {
    result.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

/// Makes a call of what stands in the braces, with the clients that it is given.
macro_rules! call {
    ($clients:ident => $made:expr) => {
        &|$clients: Clients| {
            let made = $made.send();
            let answering: Answering = Box::pin(async move { done(made.await) });
            answering
        }
    };
}

/// Account A's clerk, whose policies are changed from case to case.
struct Clerk<'a> {
    lab: &'a Lab,
    credentials: Credentials,
}

impl<'a> Clerk<'a> {
    fn of(lab: &'a Lab) -> Self {
        Self { lab, credentials: lab.cloud.role(A, "clerk") }
    }

    fn at(&self, region: &str) -> Clients {
        self.lab.clients(&self.credentials, region, self.lab.cloud.connector())
    }

    fn may(&self, statements: &[Value]) {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        self.lab.cloud.put_role_policies(A, "clerk", &[&policy]).unwrap();
    }

    /// The last decision of the last call.
    fn last(&self) -> Decision {
        self.lab.cloud.calls().pop().unwrap().decisions.pop().unwrap()
    }

    /// All of `needs`, action and resource, are needed, and nothing else is.
    async fn needs(&self, region: &str, call: Call<'_>, needs: &[(&str, String)]) {
        let statement =
            |(action, resource): &(&str, String)| json!({ "Effect": "Allow", "Action": action, "Resource": resource });
        for missing in needs {
            let rest: Vec<Value> = needs.iter().filter(|need| *need != missing).map(statement).collect();
            self.may(&[rest, vec![json!({ "Effect": "Allow", "Action": "sts:*", "Resource": "*" })]].concat());
            let refused = call(self.at(region)).await.unwrap_err();
            let expected = if missing.0.starts_with("kms:")
                && !self.lab.cloud.calls().last().unwrap().action.starts_with("kms:")
            {
                "KMSKeyNotAccessibleFault"
            } else {
                "AccessDenied"
            };
            assert!(refused.starts_with(expected), "{refused} without {missing:?}");
            let last = self.last();
            assert_eq!((last.action.as_str(), last.allowed), (missing.0, false), "without {missing:?}");
            assert!(aws_like(&missing.1, &last.resource), "{} without {missing:?}", last.resource);
        }
        self.may(&needs.iter().map(statement).collect::<Vec<_>>());
        call(self.at(region)).await.unwrap();
    }

    /// `action` is allowed under the condition when it is right, and refused when it is wrong.
    async fn conditioned(&self, region: &str, call: Call<'_>, action: &str, right: Value, wrong: Value) {
        for (condition, allowed) in [(wrong, false), (right, true)] {
            self.may(&[
                json!({ "Effect": "Allow", "NotAction": action, "Resource": "*" }),
                json!({ "Effect": "Allow", "Action": action, "Resource": "*", "Condition": condition }),
            ]);
            let answer = call(self.at(region)).await;
            assert_eq!(answer.is_ok(), allowed, "{action} {condition}: {answer:?}");
            if !allowed {
                assert_eq!((self.last().action.as_str(), self.last().allowed), (action, false), "{condition}");
            }
        }
    }
}

/// Whether a resource fits a pattern whose only wildcard is a last star.
fn aws_like(pattern: &str, resource: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == resource, |start| resource.starts_with(start))
}

fn rds(region: &str, resource: &str) -> String {
    format!("arn:aws:rds:{region}:{A}:{resource}")
}

const TO_STORE: [&str; 8] = [
    "kms:DescribeKey",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

fn each<'a>(actions: &[&'a str], resource: &str) -> Vec<(&'a str, String)> {
    actions.iter().map(|action| (*action, resource.to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_copy_and_a_restore_need_all_that_they_touch() {
    let OverThere { lab, a, key, .. } = over_there().await;
    let clerk = Clerk::of(&lab);
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
    clerk.needs(THERE, copy, &needs.concat()).await;
    let tags_copied = call!(clients => {
        let call = clients.rds.copy_db_snapshot().source_db_snapshot_identifier("copy");
        call.target_db_snapshot_identifier("third").kms_key_id(&new).copy_tags(true)
    });
    let needs = needs.concat().into_iter().map(|(action, resource)| (action, resource.replace("second", "third")));
    clerk.needs(THERE, tags_copied, &needs.collect::<Vec<_>>()).await;

    // The default groups count, since a restore must have some.
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
    clerk.needs(THERE, restore, &needs.concat()).await;
    lab.cloud.create_subnet_group(A, THERE, "private");
    let elsewhere = call!(clients => {
        let call = clients.rds.restore_db_instance_from_db_snapshot().db_instance_identifier("other");
        call.db_snapshot_identifier("copy").db_subnet_group_name("private")
    });
    let resources = ["db:other", "snapshot:copy", "subgrp:private", "og:default:postgres-16", "pg:default.postgres16"];
    let needs = resources.map(|resource| ("rds:RestoreDBInstanceFromDBSnapshot", rds(THERE, resource))).to_vec();
    clerk.needs(THERE, elsewhere, &[needs, each(&TO_STORE, &key)].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn rds_actions_need_what_the_reference_says() {
    let lab = Lab::new();
    lab.database("orders");
    lab.cloud.role(A, "metrics");
    let clerk = Clerk::of(&lab);
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
    clerk.needs(HERE, snapshot, &needs).await;
    pass(hours(1)).await;

    let modify = |clients: &Clients| clients.rds.modify_db_instance().db_instance_identifier("orders");
    let grouped = call!(clients => modify(&clients).db_parameter_group_name("default.postgres16"));
    let db = ("rds:ModifyDBInstance", here("db:orders"));
    clerk.needs(HERE, grouped, &[db.clone(), ("rds:ModifyDBInstance", here("pg:default.postgres16"))]).await;
    let role = format!("arn:aws:iam::{A}:role/metrics");
    let monitored = call!(clients => modify(&clients).monitoring_interval(5).monitoring_role_arn(&role));
    clerk.needs(HERE, monitored, &[db.clone(), ("iam:PassRole", role.clone())]).await;
    pass(hours(1)).await;
    let secret = format!("arn:aws:secretsmanager:{HERE}:{A}:secret:rds!db-*");
    let managed = call!(clients => {
        modify(&clients).manage_master_user_password(true).master_user_secret_kms_key_id(&key)
    });
    let needs = [
        vec![db.clone()],
        each(&["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"], &key),
        each(&["secretsmanager:CreateSecret", "secretsmanager:TagResource"], &secret),
    ];
    clerk.needs(HERE, managed, &needs.concat()).await;
    pass(hours(1)).await;
    let rotated = call!(clients => modify(&clients).rotate_master_user_password(true).apply_immediately(true));
    clerk.needs(HERE, rotated, &[db, ("secretsmanager:RotateSecret", secret)]).await;

    // Listings are judged on everything of the kind, and on the instance that they name.
    let all = |resource: &str| here(&format!("{resource}:*"));
    clerk
        .needs(HERE, call!(clients => clients.rds.describe_db_instances()), &[("rds:DescribeDBInstances", all("db"))])
        .await;
    let needs = [("rds:DescribeDBSnapshots", here("db:orders")), ("rds:DescribeDBSnapshots", all("snapshot"))];
    let of_orders = call!(clients => clients.rds.describe_db_snapshots().db_instance_identifier("orders"));
    clerk.needs(HERE, of_orders, &needs).await;
    let one = call!(clients => clients.rds.describe_db_snapshots().db_snapshot_identifier("first"));
    clerk.needs(HERE, one, &[("rds:DescribeDBSnapshots", here("snapshot:first"))]).await;
    let groups = [
        ("rds:DescribeDBSubnetGroups", all("subgrp")),
        ("rds:DescribeDBParameterGroups", all("pg")),
        ("rds:DescribeOptionGroups", all("og")),
    ];
    let [subnets, parameters, options] = groups;
    clerk.needs(HERE, call!(clients => clients.rds.describe_db_subnet_groups()), &[subnets]).await;
    clerk.needs(HERE, call!(clients => clients.rds.describe_db_parameter_groups()), &[parameters]).await;
    clerk.needs(HERE, call!(clients => clients.rds.describe_option_groups()), &[options]).await;
    clerk
        .needs(HERE, call!(clients => clients.rds.describe_certificates()), &[("rds:DescribeCertificates", "*".into())])
        .await;

    let admin = lab.agent(A, HERE);
    pass(hours(1)).await;
    admin.rds.modify_db_instance().db_instance_identifier("orders").copy_tags_to_snapshot(true).send().await.unwrap();
    let delete = call!(clients => {
        clients.rds.delete_db_instance().db_instance_identifier("orders").final_db_snapshot_identifier("last")
    });
    let needs = [
        ("rds:DeleteDBInstance", here("db:orders")),
        ("rds:CreateDBSnapshot", here("snapshot:last")),
        ("rds:AddTagsToResource", here("snapshot:last")),
    ];
    clerk.needs(HERE, delete, &needs).await;
}

#[tokio::test(start_paused = true)]
async fn keys_and_queues_need_what_the_reference_says() {
    let lab = Lab::new();
    let clerk = Clerk::of(&lab);
    let tag = || aws_sdk_kms::types::Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let create = call!(clients => clients.kms.create_key().multi_region(true).tags(tag()));
    let any = |region: &str| format!("arn:aws:kms:{region}:{A}:key/*");
    clerk.needs(HERE, create, &[("kms:CreateKey", "*".to_owned()), ("kms:TagResource", any(HERE))]).await;

    let key = lab.agent(A, HERE).kms.create_key().multi_region(true).send().await.unwrap();
    let key = key.key_metadata().unwrap().arn().unwrap().to_owned();
    let replicate = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region(THERE).tags(tag()));
    let needs = [
        ("kms:ReplicateKey", key.clone()),
        ("kms:CreateKey", "*".to_owned()),
        ("kms:TagResource", key.replace(HERE, THERE)),
    ];
    clerk.needs(HERE, replicate, &needs).await;
    clerk
        .needs(HERE, call!(clients => clients.kms.list_aliases().key_id(&key)), &[("kms:ListAliases", "*".into())])
        .await;

    let queue = call!(clients => clients.sqs.create_queue().queue_name("q").tags("k", "v"));
    let arn = format!("arn:aws:sqs:{HERE}:{A}:q");
    clerk.needs(HERE, queue, &[("sqs:CreateQueue", arn.clone()), ("sqs:TagQueue", arn)]).await;
}

fn equals(key: &str, value: &str) -> Value {
    json!({ "StringEquals": { key: value } })
}

fn flag(key: &str, value: bool) -> Value {
    json!({ "Bool": { key: value } })
}

#[tokio::test(start_paused = true)]
async fn requests_of_rds_have_their_condition_keys() {
    let OverThere { lab, key, copy, a, .. } = over_there().await;
    let clerk = Clerk::of(&lab);
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
        clerk.conditioned(THERE, describe, named, right, wrong).await;
    }

    // What a request gives, and what RDS then asks of KMS in the caller's name.
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
        clerk.conditioned(THERE, made, action, right, wrong).await;
    }

    let restores = "rds:RestoreDBInstanceFromDBSnapshot";
    let orders = call!(clients => {
        let call = clients.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("copy");
        call.db_instance_identifier("orders").publicly_accessible(false).backup_target("region")
    });
    let (right, wrong) = (flag("rds:PubliclyAccessible", false), flag("rds:PubliclyAccessible", true));
    let managed = |managed: bool| flag("rds:ManageMasterUserPassword", managed);
    let both = json!({ "Bool": { "rds:PubliclyAccessible": "false", "rds:ManageMasterUserPassword": "false" }, "StringEquals": { "rds:BackupTarget": "region" } });
    clerk.conditioned(THERE, orders, restores, right.clone(), managed(true)).await;
    a.rds.delete_db_snapshot().db_snapshot_identifier("case-0").send().await.unwrap();
    let again = call!(clients => {
        let call = clients.rds.restore_db_instance_from_db_snapshot().db_snapshot_identifier("copy");
        call.db_instance_identifier("other").publicly_accessible(false).backup_target("region")
    });
    clerk.conditioned(THERE, again, restores, both, wrong).await;
    pass(hours(1)).await;
    let modified = call!(clients => {
        clients.rds.modify_db_instance().db_instance_identifier("orders").manage_master_user_password(true)
    });
    let name = |name: &str| json!({ "StringLike": { "secretsmanager:Name": name } });
    clerk.conditioned(THERE, modified, "rds:ModifyDBInstance", managed(true), managed(false)).await;
    let other = call!(clients => {
        let call = clients.rds.modify_db_instance().db_instance_identifier("other").manage_master_user_password(true);
        call.master_user_secret_kms_key_id(&key)
    });
    clerk.conditioned(THERE, other, "secretsmanager:CreateSecret", name("rds!db-*"), name("mine")).await;
    let untag = call!(clients => clients.rds.remove_tags_from_resource().resource_name(&copy).tag_keys("k"));
    clerk.conditioned(THERE, untag, "rds:RemoveTagsFromResource", keys(json!("k")), keys(json!("l"))).await;
}

#[tokio::test(start_paused = true)]
async fn requests_of_kms_have_their_condition_keys() {
    use aws_sdk_kms::types::{GrantOperation, KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec, Tag};
    let lab = Lab::new();
    let clerk = Clerk::of(&lab);
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
        clerk.conditioned(HERE, create, "kms:CreateKey", right, wrong).await;
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
        clerk.conditioned(HERE, describe, "kms:DescribeKey", right, wrong).await;
    }
    let sign = call!(clients => {
        let call = clients.kms.sign().key_id(&signing).message(Blob::new("m")).message_type(MessageType::Raw);
        call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
    });
    let (right, wrong) = (equals("kms:SigningAlgorithm", "ECDSA_SHA_256"), equals("kms:SigningAlgorithm", "X"));
    clerk.conditioned(HERE, sign, "kms:Sign", right, wrong).await;
    clerk
        .conditioned(HERE, sign, "kms:Sign", equals("kms:MessageType", "RAW"), equals("kms:MessageType", "DIGEST"))
        .await;
    let encrypt = call!(clients => {
        clients.kms.encrypt().key_id(&key).plaintext(Blob::new("m")).encryption_context("of", "us")
    });
    let (right, wrong) = (equals("kms:EncryptionContext:of", "us"), equals("kms:EncryptionContext:of", "them"));
    clerk.conditioned(HERE, encrypt, "kms:Encrypt", right, wrong).await;
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
        clerk.conditioned(HERE, grant, "kms:CreateGrant", right, wrong).await;
    }
    let replicate = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region(THERE));
    // The replica is made by CreateKey, there.
    let region = |region: &str| equals("aws:RequestedRegion", region);
    clerk.conditioned(HERE, replicate, "kms:CreateKey", region(THERE), region(HERE)).await;
    let kind = |kind: &str| equals("kms:MultiRegionKeyType", kind);
    let (right, wrong) = (equals("kms:ReplicaRegion", "eu-central-1"), equals("kms:ReplicaRegion", THERE));
    let elsewhere = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region("eu-central-1"));
    clerk.conditioned(HERE, elsewhere, "kms:ReplicateKey", right, wrong).await;
    let third = call!(clients => clients.kms.replicate_key().key_id(&key).replica_region("eu-west-2"));
    clerk.conditioned(HERE, third, "kms:CreateKey", kind("REPLICA"), kind("PRIMARY")).await;
    let policy = admin.kms.get_key_policy().key_id(&key).send().await.unwrap().policy().unwrap().to_owned();
    let put = call!(clients => {
        let call = clients.kms.put_key_policy().key_id(&key).policy(&policy);
        call.bypass_policy_lockout_safety_check(true)
    });
    let bypass = |bypass: bool| flag("kms:BypassPolicyLockoutSafetyCheck", bypass);
    clerk.conditioned(HERE, put, "kms:PutKeyPolicy", bypass(true), bypass(false)).await;
    let untag = call!(clients => clients.kms.untag_resource().key_id(&key).tag_keys("k"));
    let keys = |key: &str| json!({ "ForAllValues:StringEquals": { "aws:TagKeys": [key] } });
    clerk.conditioned(HERE, untag, "kms:UntagResource", keys("k"), keys("l")).await;
    let delete = call!(clients => clients.kms.schedule_key_deletion().key_id(&signing).pending_window_in_days(7));
    let at_least =
        |days: u8| json!({ "NumericGreaterThanEquals": { "kms:ScheduleKeyDeletionPendingWindowInDays": days } });
    clerk.conditioned(HERE, delete, "kms:ScheduleKeyDeletion", at_least(7), at_least(8)).await;
}
