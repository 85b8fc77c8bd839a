//! Grants: creating them, what they allow, and ending them.

use std::time::Duration;

use aws_sdk_kms::operation::create_grant::builders::CreateGrantFluentBuilder;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{GrantConstraints, GrantOperation, KeySpec, KeyUsageType};

use crate::lab::{A, B, Clients, HERE, Lab, THERE, code};

struct GrantSetup {
    lab: Lab,
    a: Clients,
    b: Clients,
    key: String,
    /// B's role.
    role: String,
}

fn grant_setup() -> GrantSetup {
    let lab = Lab::new();
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    GrantSetup { lab, a, b, key: String::new(), role: format!("arn:aws:iam::{B}:role/agent") }
}

impl GrantSetup {
    async fn new() -> Self {
        let mut all = grant_setup();
        all.key = all.a.key().await;
        all
    }

    fn grant(&self, operations: &[GrantOperation]) -> CreateGrantFluentBuilder {
        let call = self.a.kms.create_grant().key_id(&self.key).grantee_principal(&self.role);
        call.set_operations(Some(operations.to_vec()))
    }

    async fn encrypts(&self, clients: &Clients) -> bool {
        clients.kms.encrypt().key_id(&self.key).plaintext(Blob::new("x")).send().await.is_ok()
    }
}

#[tokio::test(start_paused = true)]
async fn grant_allows_action_that_no_policy_allows() {
    let all = GrantSetup::new().await;
    assert!(!all.encrypts(&all.b).await);
    let decrypt = all.grant(&[GrantOperation::Decrypt]).send().await.unwrap();
    assert!(!all.encrypts(&all.b).await);
    let encrypt = all.grant(&[GrantOperation::Encrypt]).send().await.unwrap();
    assert!(all.encrypts(&all.b).await);
    let revoke = |id: Option<&str>, dry: bool| {
        let call = all.a.kms.revoke_grant().key_id(&all.key).grant_id(id.unwrap());
        call.dry_run(dry).send()
    };
    revoke(decrypt.grant_id(), false).await.unwrap();
    assert_eq!(code(revoke(encrypt.grant_id(), true).await), "DryRunOperationException");
    assert!(all.encrypts(&all.b).await);
    revoke(encrypt.grant_id(), false).await.unwrap();
    assert!(!all.encrypts(&all.b).await);

    // For a grant to an account, that account's IAM policies decide.
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{B}"}},"Action":"sts:AssumeRole"}}}}"#
    );
    all.lab.cloud.create_role(B, "idle", &trust, &[]).unwrap();
    let idle = all.lab.clients(&all.lab.cloud.role(B, "idle"), HERE, all.lab.cloud.connector());
    let account = format!("arn:aws:iam::{B}:root");
    all.grant(&[GrantOperation::Encrypt]).grantee_principal(account).send().await.unwrap();
    assert!(all.encrypts(&all.b).await && !all.encrypts(&idle).await);
    let role = format!("arn:aws:iam::{B}:role/idle");
    all.grant(&[GrantOperation::Encrypt]).grantee_principal(role).send().await.unwrap();
    assert!(all.encrypts(&idle).await);
    // An explicit deny wins over any grant.
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":{{"AWS":"{B}"}},"Action":"kms:Encrypt","Resource":"*"}}]}}"#
    );
    all.a.kms.put_key_policy().key_id(&all.key).policy(policy).send().await.unwrap();
    assert!(!all.encrypts(&idle).await);
}

#[tokio::test(start_paused = true)]
async fn create_grant_validates_its_parameters() {
    let all = GrantSetup::new().await;
    let good = || all.grant(&[GrantOperation::Decrypt]);
    let call = all.a.kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    let signing = call.send().await.unwrap().key_metadata().unwrap().key_id().to_owned();
    let context = GrantConstraints::builder().encryption_context_equals("a", "b").build();
    for refused in [
        all.grant(&[]),
        all.grant(&[GrantOperation::Sign]),
        good().key_id(&signing),
        all.grant(&[GrantOperation::Sign]).key_id(&signing).constraints(context.clone()),
        good().name("a b"),
        good().set_grant_tokens(Some(vec![String::new(); 11])),
    ] {
        assert_eq!(code(refused.send().await), "ValidationException");
    }
    all.grant(&[GrantOperation::Sign, GrantOperation::DescribeKey]).key_id(&signing).send().await.unwrap();
    assert_eq!(code(good().grant_tokens("made up").send().await), "InvalidGrantTokenException");
    assert_eq!(code(good().retiring_principal(format!("arn:aws:iam::{B}:role/x")).send().await), "InvalidArnException");
    assert_eq!(code(good().dry_run(true).send().await), "DryRunOperationException");

    // A second call with the same name and terms returns the same grant.
    let named = || good().name("n").constraints(context.clone());
    let (first, again) = (named().send().await.unwrap(), named().send().await.unwrap());
    assert_eq!(first.grant_id(), again.grant_id());
    assert_ne!(first.grant_token(), again.grant_token());
    let other = named().retiring_principal(&all.role).send().await.unwrap();
    assert_ne!(first.grant_id(), other.grant_id());
}

#[tokio::test(start_paused = true)]
async fn grants_per_key_are_limited_by_quota() {
    let lab = Lab::with(|settings| settings.quotas.grants = 1);
    let all = GrantSetup { key: String::new(), ..grant_setup() };
    let a = lab.agent(A, HERE);
    lab.agent(B, HERE);
    let key = a.key().await;
    let grant = || {
        let call = a.kms.create_grant().key_id(&key).grantee_principal(&all.role);
        call.operations(GrantOperation::Decrypt).name("n")
    };
    grant().send().await.unwrap();
    grant().send().await.unwrap();
    assert_eq!(code(grant().name("m").send().await), "LimitExceededException");
}

#[tokio::test(start_paused = true)]
async fn grant_constraints_restrict_encryption_context() {
    let all = GrantSetup::new().await;
    let constraints = GrantConstraints::builder().encryption_context_subset("a", "b").build();
    let first = all.grant(&[GrantOperation::Encrypt, GrantOperation::DescribeKey]).constraints(constraints);
    let first = first.send().await.unwrap();
    let encrypt = |context: &[(&str, &str)]| {
        let call = all.b.kms.encrypt().key_id(&all.key).plaintext(Blob::new("x"));
        context.iter().fold(call, |call, (key, value)| call.encryption_context(*key, *value)).send()
    };
    encrypt(&[("a", "b"), ("c", "d")]).await.unwrap();
    assert_eq!(code(encrypt(&[("a", "c")]).await), "AccessDeniedException");
    all.b.kms.describe_key().key_id(&all.key).send().await.unwrap();
    let revoke = all.a.kms.revoke_grant().key_id(&all.key).grant_id(first.grant_id().unwrap());
    revoke.send().await.unwrap();
    let constraints = GrantConstraints::builder().encryption_context_equals("a", "b").build();
    all.grant(&[GrantOperation::Encrypt]).constraints(constraints).send().await.unwrap();
    encrypt(&[("a", "b")]).await.unwrap();
    assert_eq!(code(encrypt(&[("a", "b"), ("c", "d")]).await), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn grant_created_through_grant_cannot_be_wider() {
    let all = GrantSetup::new().await;
    let constraints = GrantConstraints::builder().encryption_context_subset("a", "b").build();
    let parent = all.grant(&[GrantOperation::Encrypt, GrantOperation::CreateGrant]).constraints(constraints.clone());
    let child = |operation: GrantOperation, constraints: Option<GrantConstraints>| {
        let call = all.b.kms.create_grant().key_id(&all.key).grantee_principal(&all.role).operations(operation);
        call.set_constraints(constraints).send()
    };
    assert_eq!(code(child(GrantOperation::Encrypt, Some(constraints.clone())).await), "AccessDeniedException");
    parent.send().await.unwrap();
    child(GrantOperation::Encrypt, Some(constraints.clone())).await.unwrap();
    let equals = GrantConstraints::builder().encryption_context_equals("a", "b").build();
    child(GrantOperation::Encrypt, Some(equals)).await.unwrap();
    assert_eq!(code(child(GrantOperation::Encrypt, None).await), "AccessDeniedException");
    assert_eq!(code(child(GrantOperation::Decrypt, Some(constraints)).await), "AccessDeniedException");
}

#[tokio::test(start_paused = true)]
async fn grant_is_retired_by_named_principals_and_its_issuer() {
    let all = GrantSetup::new().await;
    all.lab.cloud.role(B, "other");
    let other = all.lab.clients(&all.lab.cloud.role(B, "other"), HERE, all.lab.cloud.connector());
    let by_token = |clients: &Clients, token: Option<&str>| clients.kms.retire_grant().grant_token(token.unwrap());
    let by_id = |clients: &Clients, id: Option<&str>| clients.kms.retire_grant().key_id(&all.key).grant_id(id.unwrap());

    let plain = all.grant(&[GrantOperation::Decrypt]).send().await.unwrap();
    for clients in [&all.b, &other] {
        assert_eq!(code(by_token(clients, plain.grant_token()).send().await), "AccessDeniedException");
    }
    assert_eq!(code(by_id(&all.a, plain.grant_id()).dry_run(true).send().await), "DryRunOperationException");
    by_id(&all.a, plain.grant_id()).send().await.unwrap();
    assert_eq!(code(by_id(&all.a, plain.grant_id()).send().await), "NotFoundException");

    let may = all.grant(&[GrantOperation::Decrypt, GrantOperation::RetireGrant]).send().await.unwrap();
    assert_eq!(code(by_token(&other, may.grant_token()).send().await), "AccessDeniedException");
    by_token(&all.b, may.grant_token()).send().await.unwrap();

    let retiring = all.grant(&[GrantOperation::Decrypt]).retiring_principal(format!("arn:aws:iam::{B}:role/other"));
    let retiring = retiring.send().await.unwrap();
    let listed = |clients: &Clients, who: &str| clients.kms.list_retirable_grants().retiring_principal(who).send();
    let role = format!("arn:aws:iam::{B}:role/other");
    assert_eq!(listed(&all.b, &role).await.unwrap().grants()[0].grant_id(), retiring.grant_id());
    assert_eq!(code(listed(&all.a, &role).await), "InvalidArnException");
    assert_eq!(code(by_token(&all.b, retiring.grant_token()).send().await), "AccessDeniedException");
    let there = all.lab.clients(&all.lab.cloud.role(B, "other"), THERE, all.lab.cloud.connector());
    assert_eq!(code(by_token(&there, retiring.grant_token()).send().await), "InvalidGrantTokenException");
    by_token(&other, retiring.grant_token()).send().await.unwrap();
    assert!(listed(&all.b, &role).await.unwrap().grants().is_empty());
    assert_eq!(code(by_token(&other, Some("made up")).send().await), "InvalidGrantTokenException");
    assert_eq!(code(all.a.kms.retire_grant().grant_id("x").send().await), "ValidationException");
}

#[tokio::test(start_paused = true)]
async fn grant_takes_effect_after_delay_or_at_once_with_token() {
    let lab = Lab::with(|settings| settings.lags.authorization = Duration::from_mins(1));
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let key = a.key().await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    let call = a.kms.create_grant().key_id(&key).grantee_principal(format!("arn:aws:iam::{B}:role/agent"));
    let made = call.operations(GrantOperation::Encrypt).send().await.unwrap();
    assert_eq!(a.kms.list_grants().key_id(&key).send().await.unwrap().grants().len(), 1);
    let encrypt = || b.kms.encrypt().key_id(&key).plaintext(Blob::new("x"));
    assert_eq!(code(encrypt().send().await), "AccessDeniedException");
    encrypt().grant_tokens(made.grant_token().unwrap()).send().await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    encrypt().send().await.unwrap();
    a.kms.revoke_grant().key_id(&key).grant_id(made.grant_id().unwrap()).send().await.unwrap();
    assert!(a.kms.list_grants().key_id(&key).send().await.unwrap().grants().is_empty());
    encrypt().send().await.unwrap();
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(code(encrypt().send().await), "AccessDeniedException");
}
