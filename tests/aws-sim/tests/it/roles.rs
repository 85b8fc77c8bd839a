//! Roles: trust policies, and the policies of a role.

use aws_sim::Credentials;

use crate::lab::{A, B, Clients, HERE, Lab, THERE, advance_time, code, hours, message};

/// A trust policy for a principal, with a condition.
fn trust_policy(who: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{who}"}},
            "Action":"sts:AssumeRole","Condition":{condition}}}]}}"#
    )
}

/// A policy of a role with one Allow statement.
fn allow_policy(actions: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"{resource}"}}]}}"#
    )
}

fn assume(clients: &Clients, role: &str) -> aws_sdk_sts::operation::assume_role::builders::AssumeRoleFluentBuilder {
    clients.sts.assume_role().role_arn(role).role_session_name("me")
}

fn session(given: &aws_sdk_sts::operation::assume_role::AssumeRoleOutput) -> Credentials {
    let given = given.credentials().unwrap();
    Credentials {
        access_key_id: given.access_key_id().to_owned(),
        secret_access_key: given.secret_access_key().to_owned(),
        session_token: Some(given.session_token().to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn trust_policy_decides_who_assumes_role() {
    let lab = Lab::new();
    let (agent, stranger) = (lab.agent(A, HERE), lab.agent(B, THERE));
    let root = |account: &str| format!("arn:aws:iam::{account}:root");
    let cases = [
        (trust_policy(&root(A), "{}"), true, false),
        (trust_policy(B, "{}"), false, true),
        (trust_policy("*", "{}"), true, true),
        (trust_policy(&format!("arn:aws:iam::{B}:role/agent"), "{}"), false, true),
        (trust_policy("*", &format!(r#"{{"StringEquals":{{"aws:PrincipalAccount":"{A}"}}}}"#)), true, false),
        (trust_policy("*", r#"{"StringEquals":{"sts:ExternalId":"secret"}}"#), false, false),
        (trust_policy("*", r#"{"StringEquals":{"sts:RoleSessionName":"me"}}"#), true, true),
        (trust_policy("*", r#"{"StringEquals":{"sts:RoleSessionName":"you"}}"#), false, false),
    ];
    for (index, (trust, by_agent, by_stranger)) in cases.iter().enumerate() {
        lab.cloud.create_role(A, &format!("role-{index}"), trust, &[]).unwrap();
        let role = format!("arn:aws:iam::{A}:role/role-{index}");
        for (clients, allowed) in [(&agent, by_agent), (&stranger, by_stranger)] {
            match assume(clients, &role).send().await {
                Ok(_) => assert!(allowed, "{trust}"),
                refused => assert_eq!((code(refused), *allowed), ("AccessDenied".to_owned(), false), "{trust}"),
            }
        }
    }
    let role = format!("arn:aws:iam::{A}:role/role-5");
    assume(&stranger, &role).external_id("secret").send().await.unwrap();
    assert_eq!(code(assume(&stranger, &role).external_id("guess").send().await), "AccessDenied");
}

#[tokio::test(start_paused = true)]
async fn assume_role_validates_its_parameters() {
    let lab = Lab::new();
    let agent = lab.agent(A, HERE);
    let role = format!("arn:aws:iam::{A}:role/agent");
    assume(&agent, &role).duration_seconds(900).external_id("a:/b").role_session_name("x+y").send().await.unwrap();
    for wrong in [
        assume(&agent, &role).duration_seconds(899),
        assume(&agent, &role).duration_seconds(3601),
        assume(&agent, &role).duration_seconds(43_201),
        assume(&agent, &role).role_session_name("x"),
        assume(&agent, &role).role_session_name("x y"),
        assume(&agent, &role).external_id("x"),
        assume(&agent, &role).tags(aws_sdk_sts::types::Tag::builder().key("k").value("v").build().unwrap()),
        assume(&agent, &format!("arn:aws:iam::{A}:user/agent")),
    ] {
        assert_eq!(code(wrong.send().await), "ValidationError");
    }
    // Sessions opened by sessions expire too.
    let chained = lab.clients(&session(&assume(&agent, &role).send().await.unwrap()), HERE, lab.cloud.connector());
    let again = lab.clients(&session(&assume(&chained, &role).send().await.unwrap()), HERE, lab.cloud.connector());
    again.kms.list_keys().send().await.unwrap();
    advance_time(hours(1)).await;
    assert_eq!(code(again.kms.list_keys().send().await), "ExpiredTokenException");
    assert_eq!(code(again.rds.describe_db_instances().send().await), "ExpiredToken");
}

#[tokio::test(start_paused = true)]
async fn create_role_refuses_invalid_names_and_documents() {
    let lab = Lab::new();
    let trust = trust_policy(A, "{}");
    let make = |name: &str, trust: &str, policies: &[&str]| lab.cloud.create_role(A, name, trust, policies);
    let with_principal = trust_policy(A, "{}");
    let sound = allow_policy(r#""kms:*""#, "*");
    let refused = [
        make("a b", &trust, &[]),
        make("r", "{}", &[]),
        make("r", &sound, &[]),
        make("r", &trust_policy(&format!("arn:aws:iam::{B}:role/nobody"), "{}"), &[]),
        make("r", &trust_policy(A, r#"{"Sometimes":{"a":"b"}}"#), &[]),
        make("r", &trust, &["{}"]),
        make("r", &trust, &[&sound, &with_principal]),
        make("r", &trust.replace("\"Action\"", "\"Resource\":\"*\",\"Action\""), &[]),
    ];
    for (index, answer) in refused.iter().enumerate() {
        assert!(answer.is_err(), "{index}");
    }
    make("r", &trust, &[&sound]).unwrap();
    assert!(make("r", &trust, &[&sound]).unwrap_err().contains("exists"));
}

#[tokio::test(start_paused = true)]
async fn role_is_limited_to_its_policies() {
    let lab = Lab::new();
    let admin = lab.agent(A, HERE);
    let key = admin.key().await;
    let url = admin.sqs.create_queue().queue_name("q").send().await.unwrap().queue_url().unwrap().to_owned();
    let policies = [
        allow_policy(r#"["kms:ListKeys","sqs:GetQueueUrl"]"#, "*"),
        allow_policy(r#""kms:DescribeKey""#, &key),
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":["kms:*","sqs:*"],"NotResource":"arn:aws:rds:*:*:db:secret"}}"#.to_owned(),
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"rds:DeleteDBInstance","Resource":"*"}}"#.to_owned(),
    ];
    let policies: Vec<&str> = policies.iter().map(String::as_str).collect();
    lab.cloud.create_role(A, "clerk", &trust_policy(A, "{}"), &policies).unwrap();
    let clerk = lab.clients(&lab.cloud.role(A, "clerk"), HERE, lab.cloud.connector());

    clerk.kms.list_keys().send().await.unwrap();
    assert_eq!(code(clerk.kms.list_aliases().send().await), "AccessDeniedException");
    clerk.kms.describe_key().key_id(&key).send().await.unwrap();
    let refused = message(clerk.kms.disable_key().key_id(&key).send().await);
    assert!(refused.ends_with("because no identity-based policy allows the kms:DisableKey action"), "{refused}");
    let described = |name: &str| clerk.rds.describe_db_instances().db_instance_identifier(name).send();
    assert_eq!(code(described("orders").await), "DBInstanceNotFound");
    assert_eq!(code(described("secret").await), "AccessDenied");
    let deleted = clerk.rds.delete_db_instance().db_instance_identifier("orders").skip_final_snapshot(true);
    let refused = message(deleted.send().await);
    assert!(refused.ends_with("with an explicit deny in an identity-based policy"), "{refused}");

    // Within the account a queue policy suffices if it names the role; if it names the account, IAM policies decide.
    let receive = || clerk.sqs.receive_message().queue_url(&url).send();
    assert_eq!(code(receive().await), "AccessDenied");
    for (who, allowed) in
        [(A.to_owned(), false), (format!("arn:aws:iam::{A}:role/clerk"), true), ("*".to_owned(), true)]
    {
        let policy = allow_policy(r#""sqs:ReceiveMessage""#, &format!("arn:aws:sqs:{HERE}:{A}:q"))
            .replace("\"Action\"", &format!("\"Principal\":{{\"AWS\":\"{who}\"}},\"Action\""));
        let put = admin.sqs.set_queue_attributes().queue_url(&url);
        put.attributes(aws_sdk_sqs::types::QueueAttributeName::Policy, policy).send().await.unwrap();
        assert_eq!(receive().await.is_ok(), allowed, "{who}");
    }
}

#[tokio::test(start_paused = true)]
async fn cross_account_access_needs_permission_on_both_sides() {
    let lab = Lab::new();
    let owner = lab.agent(A, HERE);
    let key = owner.key().await;
    lab.cloud.create_role(B, "idle", &trust_policy(B, "{}"), &[]).unwrap();
    lab.cloud.create_role(B, "user", &trust_policy(B, "{}"), &[&allow_policy(r#""kms:DescribeKey""#, &key)]).unwrap();
    let client = |name: &str| lab.clients(&lab.cloud.role(B, name), HERE, lab.cloud.connector());
    let (idle, user) = (client("idle"), client("user"));
    let describe = |clients: &Clients| clients.kms.describe_key().key_id(&key).send();
    assert_eq!(code(describe(&user).await), "AccessDeniedException");
    for who in [B.to_owned(), format!("arn:aws:iam::{B}:role/user")] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"kms:*","Resource":"*"}},
                {{"Effect":"Allow","Principal":{{"AWS":["{who}","arn:aws:iam::{B}:role/idle"]}},"Action":"kms:*","Resource":"*"}}]}}"#
        );
        owner.kms.put_key_policy().key_id(&key).policy(policy).send().await.unwrap();
        describe(&user).await.unwrap();
        assert_eq!(code(describe(&idle).await), "AccessDeniedException");
    }
}

#[tokio::test(start_paused = true)]
async fn key_policy_in_own_account_allows_or_delegates_to_iam() {
    let lab = Lab::new();
    let owner = lab.agent(A, HERE);
    let key = owner.key().await;
    lab.cloud.create_role(A, "idle", &trust_policy(A, "{}"), &[]).unwrap();
    lab.cloud.create_role(A, "user", &trust_policy(A, "{}"), &[&allow_policy(r#""kms:DescribeKey""#, &key)]).unwrap();
    let client = |name: &str| lab.clients(&lab.cloud.role(A, name), HERE, lab.cloud.connector());
    let (idle, user) = (client("idle"), client("user"));
    let describe = |clients: &Clients| clients.kms.describe_key().key_id(&key).send();
    // The default policy delegates to IAM policies.
    describe(&user).await.unwrap();
    assert_eq!(code(describe(&idle).await), "AccessDeniedException");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam::{A}:role/agent","arn:aws:iam::{A}:role/idle"]}},"Action":"kms:*","Resource":"*"}}]}}"#
    );
    owner.kms.put_key_policy().key_id(&key).policy(policy).send().await.unwrap();
    describe(&idle).await.unwrap();
    assert_eq!(code(describe(&user).await), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn actions_need_their_dependent_permissions() {
    use aws_sdk_kms::types::Tag;
    let lab = Lab::new();
    let clerk = |name: &str, actions: &str| {
        lab.cloud.create_role(A, name, &trust_policy(A, "{}"), &[&allow_policy(actions, "*")]).unwrap();
        lab.clients(&lab.cloud.role(A, name), HERE, lab.cloud.connector())
    };
    let tag = || Tag::builder().tag_key("k").tag_value("v").build().unwrap();
    let (makes, replicates) = (clerk("makes", r#""kms:CreateKey""#), clerk("replicates", r#""kms:ReplicateKey""#));
    let both = clerk("both", r#"["kms:CreateKey","kms:ReplicateKey"]"#);
    let all = clerk("all", r#"["kms:CreateKey","kms:ReplicateKey","kms:TagResource"]"#);
    let create = |clients: &Clients| clients.kms.create_key().multi_region(true);
    let made = create(&makes).send().await.unwrap();
    let key = made.key_metadata().unwrap().key_id().to_owned();
    assert_eq!(code(create(&makes).tags(tag()).send().await), "AccessDeniedException");
    create(&all).tags(tag()).send().await.unwrap();
    let replicate = |clients: &Clients| clients.kms.replicate_key().key_id(&key).replica_region(THERE);
    assert_eq!(code(replicate(&makes).send().await), "AccessDeniedException");
    assert_eq!(code(replicate(&replicates).send().await), "AccessDeniedException");
    assert_eq!(code(replicate(&both).tags(tag()).send().await), "AccessDeniedException");
    replicate(&both).send().await.unwrap();
    // CreateAlias needs permission on both the alias and its key.
    let alias = |name: &str, resource: &str| {
        lab.cloud
            .create_role(A, name, &trust_policy(A, "{}"), &[&allow_policy(r#""kms:CreateAlias""#, resource)])
            .unwrap();
        let clients = lab.clients(&lab.cloud.role(A, name), HERE, lab.cloud.connector());
        clients.kms.create_alias().alias_name("alias/x").target_key_id(&key).send()
    };
    let part = |resource: &str| format!("arn:aws:kms:{HERE}:{A}:{resource}");
    assert_eq!(code(alias("of-keys", &part("key/*")).await), "AccessDeniedException");
    assert_eq!(code(alias("of-aliases", &part("alias/*")).await), "AccessDeniedException");
    alias("of-both", &part("*")).await.unwrap();
}
