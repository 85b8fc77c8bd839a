//! All policy layers other than a role's own policies, and their decisions in the trace.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use aws_sim::{Credentials, FULL_ACCESS};
use serde_json::{Value, json};

use crate::lab::{A, B, Clients, HERE, Lab, advance_time, code, message};

fn policy(statement: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

fn allow(action: &str) -> String {
    policy(&json!({ "Sid": "Allows", "Effect": "Allow", "Action": action, "Resource": "*" }))
}

fn deny(action: &str) -> String {
    policy(&json!({ "Sid": "Denies", "Effect": "Deny", "Action": action, "Resource": "*" }))
}

fn deny_all(action: &str, condition: &Value) -> String {
    policy(&json!({ "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", "Condition": condition }))
}

fn trust_policy(who: &str) -> String {
    policy(&json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": "sts:AssumeRole" }))
}

/// Clients of a new role of account A with these policies.
fn role(lab: &Lab, name: &str, policies: &[&str]) -> Clients {
    lab.cloud.create_role(A, name, &trust_policy(A), policies).unwrap();
    lab.clients(&lab.cloud.role(A, name), HERE, lab.cloud.connector())
}

fn assert_ends_with(refusal: &str, expected: &str) {
    assert!(refusal.ends_with(expected), "{refusal}");
}

#[tokio::test(start_paused = true)]
async fn service_control_policies_limit_all_principals_of_account() {
    let lab = Lab::new();
    let (agent, root, other) = (lab.agent(A, HERE), lab.root(A, HERE), lab.agent(B, HERE));
    let list = |clients: &Clients| clients.kms.list_keys().send();
    list(&root).await.unwrap();
    lab.cloud.set_service_control_policies(A, &[&allow("rds:*")]).unwrap();
    for clients in [&agent, &root] {
        let refused = message(list(clients).await);
        assert_ends_with(&refused, "on resource: * because no service control policy allows the kms:ListKeys action");
        clients.rds.describe_db_instances().send().await.unwrap();
    }
    list(&other).await.unwrap();
    lab.cloud.set_service_control_policies(A, &[FULL_ACCESS, &deny("kms:List*")]).unwrap();
    assert_ends_with(&message(list(&agent).await), "with an explicit deny in a service control policy");
    agent.kms.create_key().send().await.unwrap();
    // Without service control policies everything is allowed again.
    lab.cloud.set_service_control_policies(A, &[]).unwrap();
    list(&agent).await.unwrap();
    let principal = policy(&json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" }));
    assert!(lab.cloud.set_service_control_policies(A, &[&principal]).is_err());
}

#[tokio::test(start_paused = true)]
async fn service_control_policies_apply_to_requests_through_services() {
    let lab = Lab::new();
    let agent = lab.agent(A, HERE);
    let key = agent.key().await;
    let create = |id: &str| {
        let call = agent.rds.create_db_instance().db_instance_identifier(id).engine("postgres").allocated_storage(20);
        let call = call.db_instance_class("db.t4g.small").master_username("app").master_user_password("long-enough");
        call.storage_encrypted(true).kms_key_id(&key).send()
    };
    lab.cloud.set_service_control_policies(A, &[FULL_ACCESS, &deny("kms:CreateGrant")]).unwrap();
    assert_eq!(code(create("refused").await), "KMSKeyNotAccessibleFault");
    let exempt = json!({ "Sid": "DirectAlone", "Effect": "Deny", "Action": "kms:CreateGrant", "Resource": "*", "Condition": { "Bool": { "aws:ViaAWSService": "false" } } });
    lab.cloud.set_service_control_policies(A, &[FULL_ACCESS, &policy(&exempt)]).unwrap();
    create("allowed").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn resource_control_policies_deny_every_caller() {
    let lab = Lab::new();
    let (agent, other) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let key = agent.key().await;
    agent.allow_through_rds(&key, A, B).await;
    let everybody = policy(&json!([
        { "Effect": "Allow", "Principal": { "AWS": [A, B] }, "Action": "kms:*", "Resource": "*" },
    ]));
    agent.kms.put_key_policy().key_id(&key).policy(everybody).send().await.unwrap();
    let describe = |clients: &Clients| clients.kms.describe_key().key_id(&key).send();
    describe(&other).await.unwrap();
    let strangers = json!({ "StringNotEquals": { "aws:PrincipalAccount": A } });
    lab.cloud.set_resource_control_policies(A, &[&deny_all("kms:*", &strangers)]).unwrap();
    assert_ends_with(&message(describe(&other).await), "with an explicit deny in a resource control policy");
    describe(&agent).await.unwrap();
    // The policies of the resource's account count, and AWS managed keys are exempt.
    lab.cloud.set_resource_control_policies(A, &[]).unwrap();
    lab.cloud.set_resource_control_policies(B, &[&deny_all("kms:*", &json!({}))]).unwrap();
    describe(&other).await.unwrap();
    assert_eq!(code(other.kms.create_key().send().await), "AccessDeniedException");
    other.kms.describe_key().key_id("alias/aws/rds").send().await.unwrap();
    let wrong = [
        allow("kms:*"),
        deny("kms:*"),
        deny_all("rds:*", &json!({})),
        deny_all("*", &json!({})),
        deny_all("kms:*", &json!({})).replace("\"*\",\"Resource\"", "{\"AWS\":\"111111111111\"},\"Resource\""),
        deny_all("kms:*", &json!({})).replace("2012-10-17", "2008-10-17"),
        deny_all("kms:*", &json!({})).replace("\"Action\"", "\"NotAction\""),
    ];
    for document in wrong {
        assert!(lab.cloud.set_resource_control_policies(A, &[&document]).is_err(), "{document}");
    }
}

#[tokio::test(start_paused = true)]
async fn permissions_boundary_limits_role() {
    let lab = Lab::new();
    let bound = role(&lab, "bound", &[&allow("kms:*")]);
    let list = || bound.kms.list_keys().send();
    list().await.unwrap();
    let set = |boundary: Option<&str>| lab.cloud.put_role_boundary(A, "bound", boundary).unwrap();
    set(Some(&allow("sqs:*")));
    assert_ends_with(&message(list().await), "because no permissions boundary allows the kms:ListKeys action");
    set(Some(&allow("kms:List*")));
    list().await.unwrap();
    // A boundary alone allows nothing.
    lab.cloud.put_role_policies(A, "bound", &[&allow("sqs:*")]).unwrap();
    assert_ends_with(&message(list().await), "because no identity-based policy allows the kms:ListKeys action");
    lab.cloud.put_role_policies(A, "bound", &[&allow("kms:*")]).unwrap();
    set(Some(&policy(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "kms:ListKeys", "Resource": "*" },
    ]))));
    assert_ends_with(&message(list().await), "with an explicit deny in a permissions boundary");
    set(None);
    list().await.unwrap();
    assert!(lab.cloud.put_role_boundary(A, "nobody", None).is_err());
}

async fn assume_with_policies(lab: &Lab, role: &str, policies: &[&str], managed: &[&str]) -> Result<Clients, String> {
    let agent = lab.agent(A, HERE);
    let mut call = agent.sts.assume_role().role_arn(format!("arn:aws:iam::{A}:role/{role}")).role_session_name("me");
    for policy in policies {
        call = call.policy(*policy);
    }
    for arn in managed {
        call = call.policy_arns(aws_sdk_sts::types::PolicyDescriptorType::builder().arn(*arn).build());
    }
    let answer = call.send().await;
    let given = match answer {
        Ok(answer) => answer.credentials().unwrap().clone(),
        refused => return Err(code(refused)),
    };
    let credentials = Credentials {
        access_key_id: given.access_key_id().to_owned(),
        secret_access_key: given.secret_access_key().to_owned(),
        session_token: Some(given.session_token().to_owned()),
    };
    Ok(lab.clients(&credentials, HERE, lab.cloud.connector()))
}

#[tokio::test(start_paused = true)]
async fn session_policies_limit_session() {
    let lab = Lab::new();
    role(&lab, "wide", &[&allow("kms:*")]);
    let managed = lab.cloud.create_managed_policy(A, "lists", &allow("kms:ListKeys")).unwrap();
    assert!(lab.cloud.create_managed_policy(A, "lists", &allow("kms:ListKeys")).is_err());
    let aliases = async |clients: &Clients| clients.kms.list_aliases().send().await.is_ok();
    let keys = async |clients: &Clients| clients.kms.list_keys().send().await.is_ok();
    let cases: [(&[&str], &[&str], bool, bool); 5] = [
        (&[], &[], true, true),
        (&[&allow("kms:ListKeys")], &[], true, false),
        (&[&allow("sqs:*")], &[], false, false),
        (&[], &[&managed], true, false),
        // A session may do what any of its session policies allows.
        (&[&allow("kms:ListAliases")], &[&managed], true, true),
    ];
    for (policies, named, may_keys, may_aliases) in cases {
        let session = assume_with_policies(&lab, "wide", policies, named).await.unwrap();
        assert_eq!((keys(&session).await, aliases(&session).await), (may_keys, may_aliases), "{policies:?} {named:?}");
    }
    let session = assume_with_policies(&lab, "wide", &[&allow("sqs:*")], &[]).await.unwrap();
    assert_ends_with(
        &message(session.kms.list_keys().send().await),
        "because no session policy allows the kms:ListKeys action",
    );
    let session = assume_with_policies(&lab, "wide", &[&deny("kms:*")], &[]).await.unwrap();
    assert_ends_with(&message(session.kms.list_keys().send().await), "with an explicit deny in a session policy");
    let long = allow(&format!("kms:{}", "x".repeat(2048)));
    let eleven = vec![managed.as_str(); 11];
    for (policies, named, expected) in [
        (vec!["{}"], vec![], "MalformedPolicyDocument"),
        (vec![long.as_str()], vec![], "ValidationError"),
        (vec![], vec!["arn:aws:iam::111111111111:policy/none"], "ValidationError"),
        (vec![], eleven, "ValidationError"),
    ] {
        assert_eq!(assume_with_policies(&lab, "wide", &policies, &named).await.err().unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn boundary_limits_resource_policy_for_role_but_not_for_session() {
    let lab = Lab::new();
    let admin = lab.agent(A, HERE);
    let url = admin.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url().unwrap().to_owned();
    role(&lab, "clerk", &[&allow("kms:*")]);
    let giving = async |who: &str| {
        let statement = json!({ "Effect": "Allow", "Principal": { "AWS": who }, "Action": "sqs:*", "Resource": "*" });
        let call = admin.sqs.set_queue_attributes().queue_url(&url);
        call.attributes(QueueAttributeName::Policy, policy(&statement)).send().await.unwrap();
    };
    let to_role = format!("arn:aws:iam::{A}:role/clerk");
    let to_session = format!("arn:aws:sts::{A}:assumed-role/clerk/me");
    let receive = async |clients: &Clients| clients.sqs.receive_message().queue_url(&url).send().await.is_ok();
    let free = assume_with_policies(&lab, "clerk", &[], &[]).await.unwrap();
    let narrow = assume_with_policies(&lab, "clerk", &[&allow("kms:*")], &[]).await.unwrap();
    for (who, by_narrow) in [(to_role.as_str(), false), (to_session.as_str(), true), ("*", true)] {
        giving(who).await;
        assert_eq!((receive(&free).await, receive(&narrow).await), (true, by_narrow), "{who}");
        lab.cloud.put_role_boundary(A, "clerk", Some(&allow("kms:*"))).unwrap();
        assert_eq!(receive(&free).await, by_narrow, "{who}");
        // An explicit deny always applies.
        lab.cloud.put_role_boundary(A, "clerk", Some(&deny("sqs:*"))).unwrap();
        assert!(!receive(&free).await, "{who}");
        lab.cloud.put_role_boundary(A, "clerk", None).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn sqs_and_kms_refusals_have_their_own_wording() {
    let lab = Lab::new();
    let (agent, other) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let url = agent.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url().unwrap().to_owned();
    let refused = message(other.sqs.send_message().queue_url(&url).message_body("x").send().await);
    assert_ends_with(&refused, "because no resource-based policy allows the sqs:sendmessage action");
    assert!(refused.contains("perform: sqs:sendmessage on resource: arn:aws:sqs:"), "{refused}");
    let key = agent.key().await;
    let refused = message(other.kms.describe_key().key_id(&key).send().await);
    assert_ends_with(
        &refused,
        "perform: kms:DescribeKey on this resource because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
    );
    // A refusal by the caller's own account is stated in full.
    lab.cloud.set_service_control_policies(B, &[FULL_ACCESS, &deny("kms:*")]).unwrap();
    let refused = message(other.kms.describe_key().key_id(&key).send().await);
    assert_ends_with(&refused, "with an explicit deny in a service control policy");
}

#[tokio::test(start_paused = true)]
async fn trust_policy_refusals_have_their_own_wording() {
    let lab = Lab::new();
    let agent = lab.agent(A, HERE);
    let statement = json!([
        { "Effect": "Allow", "Principal": { "AWS": A }, "Action": "sts:AssumeRole" },
        { "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": { "StringNotEquals": { "sts:RoleSessionName": "me" } } },
    ]);
    lab.cloud.create_role(A, "mine", &policy(&statement), &[]).unwrap();
    lab.cloud.create_role(A, "yours", &trust_policy(B), &[]).unwrap();
    let assume = |role: &str, name: &str| {
        agent.sts.assume_role().role_arn(format!("arn:aws:iam::{A}:role/{role}")).role_session_name(name).send()
    };
    assert_ends_with(&message(assume("mine", "you").await), "with an explicit deny in the role trust policy");
    assert_ends_with(
        &message(assume("yours", "me").await),
        "because no role trust policy allows the sts:AssumeRole action",
    );
    assert_ends_with(
        &message(assume("none", "me").await),
        "because no role trust policy allows the sts:AssumeRole action",
    );
    assume("mine", "me").await.unwrap();
    lab.cloud.set_resource_control_policies(A, &[&deny_all("sts:AssumeRole", &json!({}))]).unwrap();
    assert_ends_with(&message(assume("mine", "me").await), "with an explicit deny in a resource control policy");
}

#[tokio::test(start_paused = true)]
async fn policy_changes_take_effect_after_propagation_delay() {
    let lab = Lab::with(|settings| settings.lags.authorization = Duration::from_mins(1));
    let clerk = role(&lab, "clerk", &[&allow("kms:*")]);
    let may = async || clerk.kms.list_keys().send().await.is_ok();
    let later = async |before: bool| {
        assert_eq!(may().await, before);
        advance_time(Duration::from_mins(1)).await;
        assert_eq!(may().await, !before);
    };
    assert!(may().await);
    lab.cloud.put_role_policies(A, "clerk", &[&allow("sqs:*")]).unwrap();
    later(true).await;
    lab.cloud.put_role_policies(A, "clerk", &[&allow("kms:*")]).unwrap();
    later(false).await;
    lab.cloud.put_role_boundary(A, "clerk", Some(&allow("sqs:*"))).unwrap();
    later(true).await;
    lab.cloud.put_role_boundary(A, "clerk", None).unwrap();
    later(false).await;
    lab.cloud.set_service_control_policies(A, &[&allow("sqs:*")]).unwrap();
    later(true).await;
    assert!(lab.cloud.put_role_policies(A, "nobody", &[]).is_err());
    assert!(lab.cloud.put_role_policies(A, "clerk", &["{}"]).is_err());
    // A role that could do everything is limited like any other.
    let agent = lab.agent(A, HERE);
    lab.cloud.set_service_control_policies(A, &[]).unwrap();
    lab.cloud.put_role_policies(A, "agent", &[&allow("sqs:*")]).unwrap();
    advance_time(Duration::from_mins(1)).await;
    assert_eq!(code(agent.kms.list_keys().send().await), "AccessDeniedException");
}

/// The decisions of the last call: action, whether it was allowed, and each layer with its statement.
fn last(lab: &Lab) -> Vec<(String, bool, Vec<String>)> {
    let decisions = lab.cloud.calls().pop().unwrap().decisions;
    let shown = |ground: &aws_sim::Ground| format!("{}: {}", ground.layer, ground.statement);
    let one = |one: aws_sim::Decision| (one.action, one.allowed, one.grounds.iter().map(shown).collect());
    decisions.into_iter().map(one).collect()
}

#[tokio::test(start_paused = true)]
async fn trace_records_deciding_statements() {
    let lab = Lab::new();
    let owner = lab.agent(A, HERE);
    let key = owner.key().await;
    let unnamed = policy(&json!([
        { "Effect": "Allow", "Action": "sqs:*", "Resource": "*" },
        { "Effect": "Allow", "Action": "kms:Describe*", "Resource": "*" },
        { "Sid": "NoDisabling", "Effect": "Deny", "Action": "kms:DisableKey", "Resource": "*" },
    ]));
    lab.cloud.create_role(B, "user", &trust_policy(B), &[&allow("kms:DescribeKey"), &unnamed]).unwrap();
    let user = lab.clients(&lab.cloud.role(B, "user"), HERE, lab.cloud.connector());
    let both_accounts = policy(&json!([
        { "Sid": "own", "Effect": "Allow", "Principal": { "AWS": A }, "Action": "kms:*", "Resource": "*" },
        { "Sid": "the other", "Effect": "Allow", "Principal": { "AWS": B }, "Action": "kms:*", "Resource": "*" },
    ]));
    owner.kms.put_key_policy().key_id(&key).policy(both_accounts).send().await.unwrap();
    let describe = || user.kms.describe_key().key_id(&key).send();
    let one = |action: &str, allowed: bool, grounds: &[&str]| {
        vec![(action.to_owned(), allowed, grounds.iter().map(|ground| (*ground).to_owned()).collect::<Vec<_>>())]
    };
    describe().await.unwrap();
    let grounds = ["resource-based policy: the other", "identity-based policy: Allows", "identity-based policy: 2.2"];
    assert_eq!(last(&lab), one("kms:DescribeKey", true, &grounds));
    assert!(user.kms.disable_key().key_id(&key).send().await.is_err());
    assert_eq!(last(&lab), one("kms:DisableKey", false, &["identity-based policy: NoDisabling"]));
    assert!(user.kms.list_keys().send().await.is_err());
    assert_eq!(last(&lab), one("kms:ListKeys", false, &["identity-based policy: "]));
    owner.kms.describe_key().key_id(&key).send().await.unwrap();
    assert_eq!(last(&lab), one("kms:DescribeKey", true, &["resource-based policy: own", "account: "]));
    user.sts.get_caller_identity().send().await.unwrap();
    assert_eq!(last(&lab), []);

    // RDS's calls of KMS in the caller's name are recorded with the request to RDS.
    lab.database("orders");
    owner.rds.create_db_snapshot().db_instance_identifier("orders").db_snapshot_identifier("s").send().await.unwrap();
    let call = lab.cloud.calls().pop().unwrap();
    let shown: Vec<_> = call.decisions.iter().map(|one| (one.action.as_str(), one.via.as_str())).collect();
    assert_eq!(
        shown[..3],
        [("rds:CreateDBSnapshot", ""), ("rds:CreateDBSnapshot", ""), ("kms:DescribeKey", "rds.amazonaws.com")]
    );
    assert!(call.decisions.iter().all(|one| one.allowed && one.principal == call.principal));
}
