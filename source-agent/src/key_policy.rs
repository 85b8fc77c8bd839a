//! The policy of the handoff key: who administers it, who uses it, and B's statement while an offer is open.
//!
//! Account root administers but does not use. Both sides are named by their account's root with `aws:PrincipalArn` pinned to
//! the agent's role, so that either can be deployed first: KMS refuses a policy that names a role which does not exist.

use std::collections::BTreeSet;

use agent_runtime::statement::{SOURCE_USES_KEY, TARGET_USES_KEY, lets_use};
use jiff::Timestamp;
use protocol::arn::root;
use protocol::ids::{Region, RoleName};
use protocol::{AccountId, KeyArn};
use serde_json::{Value, json};

/// What administrators and the agent do with the key itself: no cryptography.
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

/// Account B, while it may use the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenTo<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) role: &'a RoleName,
    /// The latest end of the open offers: after it KMS refuses B, whoever is alive.
    pub(crate) until: Timestamp,
}

/// The policy that a key is made with: nobody but this account.
pub(crate) fn initial(account: &AccountId, agent: &RoleName, region: &Region) -> Value {
    let [copies, grants] = lets_use(SOURCE_USES_KEY, account, agent, region, None);
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "AccountAdministers",
                "Effect": "Allow",
                "Principal": { "AWS": root(account) },
                "Action": ADMINISTER,
                "Resource": "*",
            },
            copies,
            grants,
        ],
    })
}

/// The policy with B's statements as they should be: let in, or taken out. `None` when it is so already.
pub(crate) fn with_target(policy: &Value, key: &KeyArn, open: Option<&OpenTo<'_>>) -> Option<Value> {
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let ours = |statement: &&Value| statement["Sid"].as_str().is_some_and(|sid| TARGET_USES_KEY.contains(&sid));
    let mut wanted: Vec<Value> = statements.iter().filter(|statement| !ours(statement)).cloned().collect();
    let others = wanted.len();
    if let Some(OpenTo { account, role, until }) = open {
        wanted.extend(lets_use(TARGET_USES_KEY, account, role, &key.region, Some(*until)));
    }
    // KMS gives lists back in an order of its own, and a list of one as a text.
    let settled = |statements: &mut dyn Iterator<Item = &Value>| -> BTreeSet<String> {
        statements.map(|statement| in_order(statement).to_string()).collect()
    };
    if settled(&mut wanted[others..].iter()) == settled(&mut statements.iter().filter(ours)) {
        return None;
    }
    let mut policy = policy.clone();
    policy["Statement"] = Value::Array(wanted);
    Some(policy)
}

/// A statement with every list sorted, and every list of one as a text.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Array(items) if items.len() == 1 => in_order(&items[0]),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(in_order).collect();
            items.sort_by_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), in_order(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use agent_runtime::statement::USE;

    use super::*;

    #[test]
    fn b_is_let_in_and_taken_out_and_the_rest_stays() {
        let a: AccountId = "111111111111".parse().unwrap();
        let b: AccountId = "222222222222".parse().unwrap();
        let key: KeyArn = "arn:aws:kms:us-west-2:111111111111:key/mrk-1".parse().unwrap();
        let (agent, target) = (protocol::names::source_role(), protocol::names::target_role());
        let mut policy = initial(&a, &agent, &key.region);
        policy["Statement"].as_array_mut().unwrap().push(json!({ "Sid": "Auditors", "Effect": "Allow" }));
        let until = "2026-11-28T10:00:00Z".parse().unwrap();
        let open = OpenTo { account: &b, role: &target, until };

        let opened = with_target(&policy, &key, Some(&open)).unwrap();
        assert_eq!(with_target(&opened, &key, Some(&open)), None);
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
        assert_eq!(with_target(&shuffled, &key, Some(&open)), None, "KMS keeps no order");
        let single = json!({ "Statement": { "Sid": "Auditors", "Effect": "Allow" } });
        assert!(with_target(&single, &key, Some(&open)).unwrap().to_string().contains("Auditors"));

        let later = OpenTo { until: "2026-11-29T10:00:00Z".parse().unwrap(), ..open };
        assert!(with_target(&opened, &key, Some(&later)).is_some());

        let closed = with_target(&opened, &key, None).unwrap();
        assert_eq!(closed, policy);
        assert_eq!(with_target(&closed, &key, None), None);
    }

    #[test]
    fn the_account_administers_and_does_not_use() {
        assert!(USE.iter().all(|action| *action == "kms:DescribeKey" || !ADMINISTER.contains(action)));
        assert!(!ADMINISTER.contains(&"kms:CreateGrant"));
    }
}
