//! Policy statements: those that the source agent writes into a key policy, and those that an administrator is asked to
//! add.
//!
//! The principal is the account's root, with a condition that `aws:PrincipalArn` is the role. So either side can be
//! deployed first: AWS refuses a policy whose principal is a role that does not exist.

use jiff::Timestamp;
use protocol::arn::{role as role_arn, root};
use protocol::ids::{Region, RoleName};
use protocol::{AccountId, KeyArn};
use serde_json::{Value, json};

/// The actions that RDS uses on a key for a principal that copies a snapshot (RDS User Guide, Copying a DB snapshot,
/// the actions that the requester needs). `kms:CreateGrant` is also needed, in a separate statement, since its
/// condition would deny these.
pub const USE: [&str; 7] = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// The Sids of account B's statements in the policy of the handoff key. The source agent replaces these two statements
/// and leaves all others unchanged.
pub const TARGET_USES_KEY: [&str; 2] = ["RdsHandoffTargetCopies", "RdsHandoffTargetGrants"];

/// The Sids of the source agent's statements in the same policy.
pub const SOURCE_USES_KEY: [&str; 2] = ["SourceAgentCopies", "SourceAgentGrants"];

/// A statement for a policy of the role itself.
pub fn allows(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

/// A statement for a resource policy: allows one principal of an account and no other of that account.
pub fn allow_principal(account: &AccountId, principal: &str, action: &str, resource: &str) -> Value {
    let mut statement = allows(action, resource);
    statement["Principal"] = json!({ "AWS": root(account) });
    statement["Condition"] = json!({ "ArnEquals": { "aws:PrincipalArn": principal } });
    statement
}

/// Statements for a policy of the role itself: the use of a key, through these services only.
pub fn uses_key(key: &KeyArn, services: &[String]) -> [Value; 2] {
    let through = json!({ "StringEquals": { "kms:ViaService": services } });
    let grants = merged(through.clone(), for_aws_resources());
    [(json!(USE), through), (json!("kms:CreateGrant"), grants)].map(|(actions, condition)| {
        json!({ "Effect": "Allow", "Action": actions, "Resource": key.to_string(), "Condition": condition })
    })
}

/// Rounds up to the next full hour. Account B's statements expire at a full hour, so that offers that end in the same
/// hour need only one change of the policy.
pub fn full_hour(time: Timestamp) -> Timestamp {
    Timestamp::from_second((time.as_second() + 3599).div_euclid(3600) * 3600).unwrap_or(time)
}

/// Statements for a key policy: a role may use the key, through RDS only. With `until`, KMS refuses the use after the
/// next full hour after that time, even if no agent is running.
pub fn allow_key_use(
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

/// Formats statements for pasting into a list of statements.
pub fn pasted(statements: &[Value]) -> String {
    let statements: Vec<String> = statements.iter().map(|statement| format!("{statement:#}")).collect();
    statements.join(",\n")
}

/// The name of a Region's service in `kms:ViaService`.
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
