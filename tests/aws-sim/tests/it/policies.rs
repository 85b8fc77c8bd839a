//! Key policies: which documents are valid, and what they allow.

use crate::copied_snapshot::{CopiedSnapshot, copied_snapshot};
use crate::lab::{A, B, HERE, Lab, advance_time, allowing_through_rds, code, hours, message};

#[tokio::test(start_paused = true)]
async fn key_policy_must_be_valid_and_not_lock_out_caller() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    let put = |policy: String| here.kms.put_key_policy().key_id(&key).policy(policy).send();
    let naming = |who: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{A}:root"}},"Action":"kms:*","Resource":"*"}},
                {{"Effect":"Allow","Principal":{{"AWS":"{who}"}},"Action":"kms:Decrypt","Resource":"*"}}]}}"#
        )
    };
    let conditional = |condition: &str| {
        let more = format!(r#""kms:Decrypt","Condition":{condition},"Resource""#);
        naming(A).replacen(r#""kms:Decrypt","Resource""#, &more, 1)
    };
    let role = format!("arn:aws:iam::{B}:role/late");
    assert_eq!(code(put(naming(&role)).await), "MalformedPolicyDocumentException");
    lab.cloud.role(B, "late");
    put(conditional(r#"{"StringEquals":{"aws:PrincipalAccount":"1"}}"#)).await.unwrap();
    for exists in [role.as_str(), B, &format!("arn:aws:iam::{B}:root")] {
        put(naming(exists)).await.unwrap();
    }
    assert_eq!(code(put(naming("arn:aws:iam::22:root")).await), "MalformedPolicyDocumentException");
    let only_b = naming(B).replace(&format!("arn:aws:iam::{A}:root"), B);
    assert_eq!(code(put(only_b).await), "MalformedPolicyDocumentException");
    let malformed = [
        "not a policy".to_owned(),
        naming(B).replace("2012-10-17", "2020-10-17"),
        naming(B).replace("\"AWS\"", "\"GCP\""),
        naming(B).replace("\"Effect\":\"Allow\"", "\"Effect\":\"Perhaps\""),
        naming(B).replace("\"Resource\":\"*\"", "\"Resource\":[]"),
        naming(B).replace("\"Action\":\"kms:*\"", "\"Action\":\"kms:*\",\"NotAction\":\"kms:Get*\""),
        naming(B).replace("\"Action\":\"kms:*\",", ""),
        conditional(r#"{"StringMatches":{"aws:PrincipalAccount":"1"}}"#),
        conditional(r#"{"NullIfExists":{"aws:PrincipalAccount":"true"}}"#),
        conditional(r#"{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}"#),
        conditional(r#"{"NumericLessThan":{"aws:EpochTime":"many"}}"#),
        conditional(r#"{"StringEquals":{"aws:SourceVpc":"vpc-1"}}"#),
        conditional(r#"{"Bool":{"kms:ViaService":"true"}}"#),
        conditional(r#"{"StringEquals":{"aws:TagKeys":"k"}}"#),
        conditional(r#"{"ForSomeValues:StringEquals":{"aws:TagKeys":"k"}}"#),
        conditional(r#"{"ForAllValues:Null":{"aws:TagKeys":"true"}}"#),
        conditional(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#),
        naming(B).replace("\"Principal\"", "\"NotPrincipal\""),
        naming(B).replace("\"Statement\"", "\"Statements\":[],\"Statement\""),
        naming(B).replace("\"Effect\"", "\"Sid\":\"twice\",\"Effect\""),
        conditional(r#"{"StringLike":{"aws:PrincipalArn":"${aws:Colour}"}}"#),
    ];
    for policy in malformed {
        assert_eq!(code(put(policy.clone()).await), "MalformedPolicyDocumentException", "{policy}");
    }
    assert_eq!(code(put(naming(&" ".repeat(33_000))).await), "LimitExceededException");
    let named = here.kms.put_key_policy().key_id(&key).policy_name("other").policy(naming(B)).send().await;
    assert_eq!(code(named), "NotFoundException");
    let read = here.kms.get_key_policy().key_id(&key).send().await.unwrap();
    let meaning = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(meaning(read.policy().unwrap()), meaning(&naming(&format!("arn:aws:iam::{B}:root"))));

    // KMS keeps the meaning of a policy, not its formatting.
    let listed = naming(B)
        .replace("\"kms:*\"", "[\"kms:*\"]")
        .replace("\"kms:Decrypt\"", "[\"kms:Decrypt\",\"kms:DescribeKey\"]");
    put(listed).await.unwrap();
    let read = here.kms.get_key_policy().key_id(&key).send().await.unwrap();
    let read = meaning(read.policy().unwrap());
    assert_eq!(read["Statement"][0]["Action"], "kms:*");
    assert_eq!(read["Statement"][1]["Action"], serde_json::json!(["kms:DescribeKey", "kms:Decrypt"]));
}

#[tokio::test(start_paused = true)]
async fn key_use_needs_key_policy_also_in_own_account() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let policy = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{A}:root"}},"Action":{actions},"Resource":"*"}}]}}"#
        )
    };
    let administered = policy(r#"["kms:PutKeyPolicy","kms:DescribeKey"]"#);
    let made = here.kms.create_key().policy(administered).send().await.unwrap();
    let key = made.key_metadata().unwrap().key_id().to_owned();
    let blob = aws_sdk_kms::primitives::Blob::new(b"rows");
    here.kms.describe_key().key_id(&key).send().await.unwrap();
    assert_eq!(code(here.kms.encrypt().key_id(&key).plaintext(blob.clone()).send().await), "AccessDeniedException");
    let used = policy(r#"["kms:PutKeyPolicy","kms:Encrypt"]"#);
    here.kms.put_key_policy().key_id(&key).policy(used).send().await.unwrap();
    here.kms.encrypt().key_id(&key).plaintext(blob).send().await.unwrap();
}

async fn copy(all: &CopiedSnapshot, target: &str) -> Result<(), String> {
    let call = all.b.rds.copy_db_snapshot().source_db_snapshot_identifier(&all.copy);
    let answer = call.target_db_snapshot_identifier(target).kms_key_id(&all.own).send().await;
    if answer.is_ok() { Ok(()) } else { Err(message(answer)) }
}

#[tokio::test(start_paused = true)]
async fn key_policy_conditions_decide_copy() {
    let all = copied_snapshot().await;
    all.a.share("copy", B).await;
    let role = format!("arn:aws:iam::{B}:role/agent");
    let cases = [
        (r#"{"ArnEquals":{"aws:PrincipalArn":"ROLE"}}"#.replace("ROLE", &role), true),
        (r#"{"ArnEquals":{"aws:PrincipalArn":"ROLE2"}}"#.replace("ROLE", &role), false),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/ag*"}}"#.to_owned(), true),
        (r#"{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*"}}"#.to_owned(), false),
        (r#"{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*"}}"#.to_owned(), true),
        (r#"{"StringNotEquals":{"aws:PrincipalAccount":"111111111111"}}"#.to_owned(), true),
        (r#"{"StringNotEquals":{"aws:PrincipalAccount":"222222222222"}}"#.to_owned(), false),
        (r#"{"Bool":{"aws:SecureTransport":"true"}}"#.to_owned(), true),
        (r#"{"Bool":{"aws:SecureTransport":"false"}}"#.to_owned(), false),
        (r#"{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::222222222222:*"}}"#.to_owned(), false),
        (r#"{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::333333333333:*"}}"#.to_owned(), true),
        (r#"{"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::222222222222:role/agent"}}"#.to_owned(), false),
        (r#"{"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/b*"}}"#.to_owned(), true),
        (r#"{"StringLike":{"aws:PrincipalOrgID":"o-1"}}"#.to_owned(), false),
        (r#"{"StringNotEquals":{"aws:PrincipalOrgID":"o-1"}}"#.to_owned(), true),
        (r#"{"StringEqualsIfExists":{"aws:PrincipalOrgID":"o-1"}}"#.to_owned(), true),
        (r#"{"StringEqualsIfExists":{"aws:PrincipalAccount":"111111111111"}}"#.to_owned(), false),
        (r#"{"StringEqualsIgnoreCase":{"aws:PrincipalType":"assumedrole"}}"#.to_owned(), true),
        (r#"{"Null":{"aws:PrincipalOrgID":"true","aws:PrincipalArn":"false"}}"#.to_owned(), true),
        (r#"{"Null":{"aws:PrincipalOrgID":"false"}}"#.to_owned(), false),
        (r#"{"NumericLessThan":{"aws:EpochTime":"1"}}"#.to_owned(), false),
        (r#"{"NumericGreaterThanEquals":{"aws:EpochTime":1}}"#.to_owned(), true),
        (r#"{"DateLessThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}"#.to_owned(), false),
        (r#"{"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}}"#.to_owned(), true),
        // Only CreateGrant has this key, so the other actions are refused.
        (r#"{"Bool":{"kms:GrantIsForAWSResource":"true"}}"#.to_owned(), false),
    ];
    for (index, (condition, allowed)) in cases.iter().enumerate() {
        all.a.kms.put_key_policy().key_id(&all.key).policy(allowing_through_rds(A, B, condition)).send().await.unwrap();
        assert_eq!(copy(&all, &format!("case-{index}")).await.is_ok(), *allowed, "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn date_condition_ends_access() {
    let all = copied_snapshot().await;
    all.a.share("copy", B).await;
    // The lab's clock begins at 2026-11-18T11:06:40Z, and some hours have passed.
    let until = r#"{"DateLessThan":{"aws:CurrentTime":"2026-11-19T00:00:00Z"}}"#;
    all.a.kms.put_key_policy().key_id(&all.key).policy(allowing_through_rds(A, B, until)).send().await.unwrap();
    copy(&all, "before").await.unwrap();
    advance_time(hours(24)).await;
    assert!(copy(&all, "after").await.is_err());
    assert_eq!(all.b.status("before").await, "available");
}

#[tokio::test(start_paused = true)]
async fn explicit_deny_wins_in_own_account() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{A}:root"}},"Action":"kms:*","Resource":"*"}},
            {{"Effect":"Deny","Principal":"*","Action":"kms:Disable*","Resource":"*"}}]}}"#
    );
    here.kms.put_key_policy().key_id(&key).policy(policy).send().await.unwrap();
    assert_eq!(code(here.kms.disable_key().key_id(&key).send().await), "AccessDeniedException");
    here.kms.describe_key().key_id(&key).send().await.unwrap();
    let calls = lab.cloud.calls();
    assert_eq!(calls[calls.len() - 2].answer, "AccessDenied");
}
