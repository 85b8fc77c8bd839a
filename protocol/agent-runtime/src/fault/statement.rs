//! Statements of policies: what the source agent writes into a key's policy, and what an administrator is asked to add.
//!
//! A role is let in by its account's root with `aws:PrincipalArn` pinned to the role, so that either side can be deployed
//! first: a policy that names a role which does not exist is refused.

use jiff::Timestamp;
use protocol::arn::{role as role_arn, root};
use protocol::ids::{Region, RoleName};
use protocol::{AccountId, KeyArn};
use serde_json::{Value, json};

/// What RDS does with a key on behalf of whoever copies a snapshot (RDS User Guide, Copying a DB snapshot, the actions that
/// the requester needs). `kms:CreateGrant` goes with them, in a statement of its own: its condition would refuse these.
pub const USE: [&str; 7] = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// The Sids of account B's statements in the handoff key's policy. The source agent renders these two whole; all others are left
/// as they are.
pub const TARGET_USES_KEY: [&str; 2] = ["RdsHandoffTargetCopies", "RdsHandoffTargetGrants"];

/// Of account A's agent, in the same policy.
pub const SOURCE_USES_KEY: [&str; 2] = ["SourceAgentCopies", "SourceAgentGrants"];

/// In a policy of the role itself.
pub fn allows(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

/// In the policy of a resource: one principal of an account is let in, and nobody else there.
pub fn lets_in(account: &AccountId, principal: &str, action: &str, resource: &str) -> Value {
    let mut statement = allows(action, resource);
    statement["Principal"] = json!({ "AWS": root(account) });
    statement["Condition"] = json!({ "ArnEquals": { "aws:PrincipalArn": principal } });
    statement
}

/// In a policy of the role itself: the use of a key, through these services only.
pub fn uses_key(key: &KeyArn, services: &[String]) -> [Value; 2] {
    let through = json!({ "StringEquals": { "kms:ViaService": services } });
    let grants = merged(through.clone(), for_aws_resources());
    [(json!(USE), through), (json!("kms:CreateGrant"), grants)].map(|(actions, condition)| {
        json!({ "Effect": "Allow", "Action": actions, "Resource": key.to_string(), "Condition": condition })
    })
}

/// The next full hour. Account B's statements end with one, so that offers of the same hour need one change of the policy.
pub fn full_hour(time: Timestamp) -> Timestamp {
    Timestamp::from_second((time.as_second() + 3599).div_euclid(3600) * 3600).unwrap_or(time)
}

/// In the policy of a key: a role may use it, through RDS only, and if so until the full hour after a time, after which KMS
/// refuses it whoever is alive.
pub fn lets_use(
    sids: [&str; 2],
    account: &AccountId,
    role: &RoleName,
    region: &Region,
    until: Option<Timestamp>,
) -> [Value; 2] {
    let mut condition = json!({
        "ArnEquals": { "aws:PrincipalArn": role_arn(account, role) },
        "StringEquals": { "kms:ViaService": service("rds", region), "kms:CallerAccount": account },
    });
    if let Some(until) = until {
        condition["DateLessThan"] = json!({ "aws:CurrentTime": full_hour(until).to_string() });
    }
    let grants = merged(condition.clone(), for_aws_resources());
    let [copies, makes_grants] = sids;
    [(copies, json!(USE), condition), (makes_grants, json!(["kms:CreateGrant"]), grants)].map(
        |(sid, actions, condition)| {
            json!({
                "Sid": sid,
                "Effect": "Allow",
                "Principal": { "AWS": root(account) },
                "Action": actions,
                "Resource": "*",
                "Condition": condition,
            })
        },
    )
}

/// As they stand in a list of statements, one under the other.
pub fn pasted(statements: &[Value]) -> String {
    let statements: Vec<String> = statements.iter().map(|statement| format!("{statement:#}")).collect();
    statements.join(",\n")
}

/// A service of a Region, as `kms:ViaService` names it.
pub fn service(name: &str, region: &Region) -> String {
    format!("{name}.{region}.amazonaws.com")
}

fn for_aws_resources() -> Value {
    json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } })
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}
