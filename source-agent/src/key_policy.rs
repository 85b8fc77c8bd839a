//! The policy of the handoff key: who administers it, who uses it, and account B's statements while an offer is open.
//!
//! The account's root may administer the key, but not use it. Both agents are named by their account's root, with a
//! condition that `aws:PrincipalArn` is the agent's role. So either account can be deployed first: KMS refuses a policy
//! that names a role which does not exist.

use std::collections::BTreeSet;

use agent_runtime::aws::policy::Statement;
use agent_runtime::fault::statement::{SOURCE_USES_KEY, TARGET_USES_KEY, USE, allow_key_use, service};
use jiff::Timestamp;
use protocol::arn::{role, root};
use protocol::ids::{Region, RoleName};
use protocol::{AccountId, KeyArn};
use serde_json::{Value, json};

/// The actions of administrators and of the agent on the key itself. None of them uses it for cryptography.
const ADMINISTER: [&str; 22] = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
];

const ADMINISTERS_SID: &str = "AccountAdministers";

/// Account B's access to the key while an offer is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TargetAccess<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) role: &'a RoleName,
    /// The latest end of the open offers. After it KMS refuses account B, even if no agent runs.
    pub(crate) until: Timestamp,
}

/// The policy of the primary, which nobody may use.
pub(crate) fn primary_policy(account: &AccountId) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [administration(account)] })
}

/// The policy that the replica is created with. Only this account's agent may use the key.
pub(crate) fn replica_policy(account: &AccountId, agent: &RoleName, region: &Region) -> Value {
    let [copies, grants] = allow_key_use(SOURCE_USES_KEY, account, agent, region, None);
    json!({
        "Version": "2012-10-17",
        "Statement": [
            administration(account),
            copies,
            grants,
        ],
    })
}

/// The policy with account B's statements added, or removed if `access` is `None`. `None` if the policy is correct
/// already.
pub(crate) fn with_target_access(policy: &Value, key: &KeyArn, access: Option<&TargetAccess<'_>>) -> Option<Value> {
    let mut wanted: Vec<Value> =
        Statement::all(policy).filter(|one| !is_target_statement(*one)).map(|one| one.json().clone()).collect();
    let others = wanted.len();
    if let Some(TargetAccess { account, role, until }) = access {
        wanted.extend(allow_key_use(TARGET_USES_KEY, account, role, &key.region, Some(*until)));
    }
    // KMS returns lists in another order, and a list of one item as a string.
    let normalized_set = |statements: &mut dyn Iterator<Item = &Value>| -> BTreeSet<String> {
        statements.map(|statement| normalized(statement).to_string()).collect()
    };
    if normalized_set(&mut wanted[others..].iter())
        == normalized_set(&mut Statement::all(policy).filter(|one| is_target_statement(*one)).map(Statement::json))
    {
        return None;
    }
    let mut policy = policy.clone();
    policy["Statement"] = Value::Array(wanted);
    Some(policy)
}

/// The actions that a policy written by administrators does not allow account B's agent through RDS. `Deny` statements
/// are ignored, and a condition counts as met unless it clearly names another principal, account or service. What this
/// misses shows as an error of AWS.
pub(crate) fn missing_actions(
    policy: &Value,
    key: &KeyArn,
    account: &AccountId,
    agent: &RoleName,
) -> Vec<&'static str> {
    let named = [root(account), role(account, agent), account.to_string(), "*".to_owned()];
    let agreed = [
        ("aws:principalarn", role(account, agent)),
        ("kms:calleraccount", account.to_string()),
        ("kms:viaservice", service("rds", &key.region)),
    ];
    // A value that has a wildcard or a variable counts as met.
    let differs = |name: &str, wanted: &[&str]| {
        agreed.iter().any(|(known, value)| {
            name.eq_ignore_ascii_case(known)
                && !wanted.iter().any(|wanted| *wanted == value || wanted.contains(['*', '?', '$']))
        })
    };
    let allows_target = |statement: &Statement<'_>| {
        let is_plain = |operator: &str| !operator.contains("Not") && operator != "Null";
        statement.principals().iter().any(|principal| named.iter().any(|name| name == principal))
            && !statement.conditions().any(|(operator, key, values)| is_plain(operator) && differs(key, &values))
    };
    let of_target: Vec<Statement<'_>> = Statement::all(policy).filter(allows_target).collect();
    let needed = USE.into_iter().chain(["kms:CreateGrant"]);
    needed.filter(|action| !of_target.iter().any(|statement| statement.allows(action))).collect()
}

fn is_target_statement(statement: Statement<'_>) -> bool {
    statement.sid().is_some_and(|sid| TARGET_USES_KEY.contains(&sid))
}

/// The statements of the initial policy that a policy does not have, or has in another form.
pub(crate) fn missing_statements(policy: &Value, initial: &Value) -> Vec<Value> {
    let present: BTreeSet<String> = Statement::all(policy).map(|one| normalized(one.json()).to_string()).collect();
    let wanted = Statement::all(initial).map(Statement::json);
    wanted.filter(|one| !present.contains(&normalized(one).to_string())).cloned().collect()
}

/// The access that a policy's statements for account B give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AccessState {
    None,
    Until(Timestamp),
    /// The statements differ from what the agent writes.
    Unexpected,
}

/// The access that the statements with the Sids of the agent give to account B.
pub(crate) fn access_state(policy: &Value, key: &KeyArn, account: &AccountId, role: &RoleName) -> AccessState {
    let Some(copies) = Statement::all(policy).find(|one| is_target_statement(*one)) else { return AccessState::None };
    let copies = normalized(copies.json());
    let until = copies["Condition"]["DateLessThan"]["aws:CurrentTime"].as_str().and_then(|until| until.parse().ok());
    match until {
        Some(until) if with_target_access(policy, key, Some(&TargetAccess { account, role, until })).is_none() => {
            AccessState::Until(until)
        }
        _ => AccessState::Unexpected,
    }
}

/// The other principals that a policy allows, each with the Sid of the statement: every principal of another account,
/// and those of this account that may use the key or create grants on it by a statement that the agent did not write.
/// Conditions are ignored.
pub(crate) fn unexpected_principals<'a>(policy: &'a Value, account: &AccountId) -> Vec<(&'a str, &'a str)> {
    let own = [format!("arn:aws:iam::{account}:"), format!("arn:aws:sts::{account}:")];
    let is_own = |principal: &str| principal == account.as_str() || own.iter().any(|own| principal.starts_with(own));
    let uses = |one: Statement<'_>| {
        let mut use_actions = USE.into_iter().filter(|action| !ADMINISTER.contains(action)).chain(["kms:CreateGrant"]);
        use_actions.any(|action| one.allows(action)) && !is_agent_statement(one)
    };
    let others = Statement::all(policy).filter(|one| one.is_allow() && !is_target_statement(*one));
    let named = others.flat_map(|one| one.principals().into_iter().map(move |principal| (one, principal)));
    let unexpected = named.filter(|(one, principal)| !is_own(principal) || uses(*one));
    unexpected.map(|(one, principal)| (one.sid().unwrap_or("(no Sid)"), principal)).collect()
}

/// Whether a statement has a Sid of the agent. [`missing_statements`] checks its content.
fn is_agent_statement(statement: Statement<'_>) -> bool {
    statement.sid().is_some_and(|sid| sid == ADMINISTERS_SID || SOURCE_USES_KEY.contains(&sid))
}

fn administration(account: &AccountId) -> Value {
    json!({
        "Sid": ADMINISTERS_SID,
        "Effect": "Allow",
        "Principal": { "AWS": root(account) },
        "Action": ADMINISTER,
        "Resource": "*",
    })
}

/// A statement with every list sorted, and every list of one item replaced by the item.
fn normalized(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => normalized(&items[0]),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(normalized).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), normalized(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use agent_runtime::fault::statement::USE;

    use super::*;

    #[test]
    fn with_target_access_adds_and_removes_only_account_b() {
        let a: AccountId = "111111111111".parse().unwrap();
        let b: AccountId = "222222222222".parse().unwrap();
        let key: KeyArn = "arn:aws:kms:us-west-2:111111111111:key/mrk-1".parse().unwrap();
        let (agent, target) = (protocol::names::source_role(), protocol::names::target_role());
        let mut policy = replica_policy(&a, &agent, &key.region);
        policy["Statement"].as_array_mut().unwrap().push(json!({ "Sid": "Auditors", "Effect": "Allow" }));
        let until = "2026-11-28T10:00:00Z".parse().unwrap();
        let access = TargetAccess { account: &b, role: &target, until };

        let opened = with_target_access(&policy, &key, Some(&access)).unwrap();
        assert_eq!(with_target_access(&opened, &key, Some(&access)), None);
        let text = opened.to_string();
        assert!(text.contains("arn:aws:iam::222222222222:role/rds-handoff-target-agent"));
        assert!(text.contains("2026-11-28T10:00:00Z") && text.contains("Auditors"));

        let mut shuffled = opened.clone();
        for statement in shuffled["Statement"].as_array_mut().unwrap() {
            match statement["Action"].as_array_mut() {
                Some(actions) if actions.len() == 1 => statement["Action"] = actions[0].clone(),
                Some(actions) => actions.reverse(),
                None => {}
            }
        }
        shuffled["Statement"].as_array_mut().unwrap().reverse();
        assert_eq!(
            with_target_access(&shuffled, &key, Some(&access)),
            None,
            "the order within a policy does not matter"
        );
        let single = json!({ "Statement": { "Sid": "Auditors", "Effect": "Allow" } });
        assert!(with_target_access(&single, &key, Some(&access)).unwrap().to_string().contains("Auditors"));

        let later = TargetAccess { until: "2026-11-29T10:00:00Z".parse().unwrap(), ..access };
        assert!(with_target_access(&opened, &key, Some(&later)).is_some());

        let closed = with_target_access(&opened, &key, None).unwrap();
        assert_eq!(closed, policy);
        assert_eq!(with_target_access(&closed, &key, None), None);
    }

    #[test]
    fn missing_actions_are_those_that_account_b_cannot_use() {
        let b: AccountId = "222222222222".parse().unwrap();
        let key: KeyArn = "arn:aws:kms:us-west-2:111111111111:key/mrk-1".parse().unwrap();
        let role = protocol::names::target_role();
        let access = TargetAccess { account: &b, role: &role, until: Timestamp::MAX };
        let good = with_target_access(&json!({}), &key, Some(&access)).unwrap();
        let missing = |policy: &Value| missing_actions(policy, &key, &b, &role).len();
        let with = |from: &str, to: &str| {
            let text = good.to_string();
            assert!(text.contains(from), "{text}");
            missing(&serde_json::from_str(&text.replace(from, to)).unwrap())
        };
        assert_eq!(missing(&good), 0);
        let all = USE.len() + 1;
        assert_eq!(missing(&json!({})), all);
        for (from, to) in [
            ("222222222222:root", "333333333333:root"),
            ("role/rds-handoff-target-agent", "role/other"),
            ("rds.us-west-2.amazonaws.com", "rds.us-east-1.amazonaws.com"),
            ("\"kms:CallerAccount\":\"222222222222\"", "\"kms:CallerAccount\":\"333333333333\""),
            ("\"Allow\"", "\"Deny\""),
        ] {
            assert_eq!(with(from, to), all, "{to}");
        }
        assert_eq!(with("kms:ReEncryptTo", "kms:Sign"), 1);
        assert_eq!(
            missing_actions(&json!({ "Statement": good["Statement"][0] }), &key, &b, &role),
            ["kms:CreateGrant"]
        );

        // Other forms that administrators may write: other names of the principal, wildcards, additional conditions.
        assert_eq!(with("222222222222:root", "222222222222:role/rds-handoff-target-agent"), 0);
        assert_eq!(with("arn:aws:iam::222222222222:root", "222222222222"), 0);
        assert_eq!(with("rds.us-west-2.amazonaws.com", "rds.*.amazonaws.com"), 0);
        assert_eq!(with("\"kms:Encrypt\"", "\"kms:*\""), 0);
        assert_eq!(with("\"kms:Decrypt\"", "\"kms:*Decrypt\""), 0);
        assert_eq!(with("\"kms:Decrypt\"", "\"kms:*Sign\""), 1);
        assert_eq!(with("\"kms:CreateGrant\"", "\"kms:?reate*Grant\""), 0);
        let mut all_but = json!({ "Effect": "Allow", "Principal": "*", "NotAction": ["kms:Sign*"] });
        assert_eq!(missing(&json!({ "Statement": all_but })), 0);
        all_but["NotAction"] = json!(["kms:*rypt"]);
        assert_eq!(missing(&json!({ "Statement": all_but })), 2, "all but Encrypt and Decrypt");
        let statement = json!({
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:creategrant"],
            "Condition": {
                "StringEquals": { "aws:PrincipalOrgID": "o-example" },
                "StringNotEquals": { "kms:CallerAccount": "333333333333" },
            },
        });
        assert_eq!(missing(&json!({ "Statement": statement })), 0);
    }

    #[test]
    fn access_state_and_unexpected_principals_are_read_from_the_policy() {
        let a: AccountId = "111111111111".parse().unwrap();
        let b: AccountId = "222222222222".parse().unwrap();
        let key: KeyArn = "arn:aws:kms:us-west-2:111111111111:key/mrk-1".parse().unwrap();
        let (agent, target) = (protocol::names::source_role(), protocol::names::target_role());
        let first = replica_policy(&a, &agent, &key.region);
        let access = TargetAccess { account: &b, role: &target, until: "2026-11-28T10:00:00Z".parse().unwrap() };
        let opened = with_target_access(&first, &key, Some(&access)).unwrap();
        assert_eq!(access_state(&first, &key, &b, &target), AccessState::None);
        assert_eq!(access_state(&opened, &key, &b, &target), AccessState::Until(access.until));
        assert_eq!(access_state(&opened, &key, &b, &agent), AccessState::Unexpected, "another role");
        let mut unlimited = opened.clone();
        unlimited["Statement"][3]["Condition"].as_object_mut().unwrap().remove("DateLessThan");
        assert_eq!(access_state(&unlimited, &key, &b, &target), AccessState::Unexpected);
        unlimited["Statement"].as_array_mut().unwrap().remove(3);
        assert_eq!(access_state(&unlimited, &key, &b, &target), AccessState::Unexpected, "grants alone");

        assert!(missing_statements(&opened, &first).is_empty() && unexpected_principals(&opened, &a).is_empty());
        let mut changed = opened.clone();
        changed["Statement"][1]["Condition"]["StringEquals"].as_object_mut().unwrap().remove("kms:ViaService");
        assert_eq!(missing_statements(&changed, &first), [first["Statement"][1].clone()]);
        let mut shared = opened.clone();
        for (sid, principal) in [
            ("Own", json!({ "AWS": ["111111111111", "arn:aws:sts::111111111111:assumed-role/x/y"] })),
            ("Auditors", json!({ "AWS": ["arn:aws:iam::111111111111:root", "333333333333"] })),
            ("Open", json!("*")),
            ("Again", json!({ "AWS": "arn:aws:iam::222222222222:root" })),
        ] {
            let statement =
                json!({ "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "kms:DescribeKey" });
            shared["Statement"].as_array_mut().unwrap().push(statement);
        }
        for (sid, actions) in [
            ("Reads", json!(["kms:ListGrants", "kms:Dec*"])),
            ("Grants", json!("kms:CreateGrant")),
            ("Lists", json!("kms:List*")),
            ("Decrypts", json!("kms:*crypt")),
        ] {
            let statement =
                json!({ "Sid": sid, "Effect": "Allow", "Principal": { "AWS": root(&a) }, "Action": actions });
            shared["Statement"].as_array_mut().unwrap().push(statement);
        }
        for (sid, excepted) in [("AllBut", json!("kms:Decrypt")), ("Nothing", json!("kms:*"))] {
            let statement =
                json!({ "Sid": sid, "Effect": "Allow", "Principal": { "AWS": root(&a) }, "NotAction": excepted });
            shared["Statement"].as_array_mut().unwrap().push(statement);
        }
        let own_root = root(&a);
        let found = [
            ("Auditors", "333333333333"),
            ("Open", "*"),
            ("Again", "arn:aws:iam::222222222222:root"),
            ("Reads", own_root.as_str()),
            ("Grants", own_root.as_str()),
            ("Decrypts", own_root.as_str()),
            ("AllBut", own_root.as_str()),
        ];
        assert_eq!(unexpected_principals(&shared, &a), found);
    }

    #[test]
    fn administration_allows_no_use_of_the_key() {
        assert!(USE.iter().all(|action| *action == "kms:DescribeKey" || !ADMINISTER.contains(action)));
        assert!(!ADMINISTER.contains(&"kms:CreateGrant"));
    }
}
