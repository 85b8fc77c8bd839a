//! The policy of the handoff key: who administers it, who uses it, and B's statement while an offer is open.
//!
//! Account root administers but does not use. Both sides are named by their account's root with `aws:PrincipalArn` pinned to
//! the agent's role, so that either can be deployed first: KMS refuses a policy that names a role which does not exist.

use std::collections::BTreeSet;

use agent_runtime::policy::Statement;
use agent_runtime::statement::{SOURCE_USES_KEY, TARGET_USES_KEY, USE, lets_use, service};
use jiff::Timestamp;
use protocol::arn::{role, root};
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

const ADMINISTERS: &str = "AccountAdministers";

/// Account B, while it may use the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenTo<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) role: &'a RoleName,
    /// The latest end of the open offers: after it KMS refuses B, whoever is alive.
    pub(crate) until: Timestamp,
}

/// The primary's policy: nobody uses it.
pub(crate) fn of_primary(account: &AccountId) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [administered(account)] })
}

/// The policy that the replica is made with: nobody but this account.
pub(crate) fn of_replica(account: &AccountId, agent: &RoleName, region: &Region) -> Value {
    let [copies, grants] = lets_use(SOURCE_USES_KEY, account, agent, region, None);
    json!({
        "Version": "2012-10-17",
        "Statement": [
            administered(account),
            copies,
            grants,
        ],
    })
}

/// The policy with B's statements as they should be: let in, or taken out. `None` when it is so already.
pub(crate) fn with_target(policy: &Value, key: &KeyArn, open: Option<&OpenTo<'_>>) -> Option<Value> {
    let mut wanted: Vec<Value> =
        Statement::all(policy).filter(|one| !is_of_target(*one)).map(|one| one.json().clone()).collect();
    let others = wanted.len();
    if let Some(OpenTo { account, role, until }) = open {
        wanted.extend(lets_use(TARGET_USES_KEY, account, role, &key.region, Some(*until)));
    }
    // KMS gives lists back in an order of its own, and a list of one as a text.
    let settled = |statements: &mut dyn Iterator<Item = &Value>| -> BTreeSet<String> {
        statements.map(|statement| in_order(statement).to_string()).collect()
    };
    if settled(&mut wanted[others..].iter())
        == settled(&mut Statement::all(policy).filter(|one| is_of_target(*one)).map(Statement::json))
    {
        return None;
    }
    let mut policy = policy.clone();
    policy["Statement"] = Value::Array(wanted);
    Some(policy)
}

/// What a policy that administrators wrote does not let account B's agent do through RDS. A denial is not looked for, and a
/// condition counts as met unless it plainly names somebody else, or another way: the rest AWS itself says when it refuses.
pub(crate) fn lacking(policy: &Value, key: &KeyArn, account: &AccountId, agent: &RoleName) -> Vec<&'static str> {
    let named = [root(account), role(account, agent), account.to_string(), "*".to_owned()];
    let agreed = [
        ("aws:principalarn", role(account, agent)),
        ("kms:calleraccount", account.to_string()),
        ("kms:viaservice", service("rds", &key.region)),
    ];
    // A value with a wildcard or a variable in it is not judged.
    let differs = |name: &str, wanted: &[&str]| {
        agreed.iter().any(|(known, value)| {
            name.eq_ignore_ascii_case(known)
                && !wanted.iter().any(|wanted| *wanted == value || wanted.contains(['*', '?', '$']))
        })
    };
    let lets_in = |statement: &Statement<'_>| {
        let is_plain = |operator: &str| !operator.contains("Not") && operator != "Null";
        statement.principals().iter().any(|principal| named.iter().any(|name| name == principal))
            && !statement.conditions().any(|(operator, key, values)| is_plain(operator) && differs(key, &values))
    };
    let of_target: Vec<Statement<'_>> = Statement::all(policy).filter(lets_in).collect();
    let needed = USE.into_iter().chain(["kms:CreateGrant"]);
    needed.filter(|action| !of_target.iter().any(|statement| statement.allows(action))).collect()
}

fn is_of_target(statement: Statement<'_>) -> bool {
    statement.sid().is_some_and(|sid| TARGET_USES_KEY.contains(&sid))
}

/// Of the statements that a key is made with those that its policy does not have, or not so.
pub(crate) fn missing(policy: &Value, initial: &Value) -> Vec<Value> {
    let there: BTreeSet<String> = Statement::all(policy).map(|one| in_order(one.json()).to_string()).collect();
    let wanted = Statement::all(initial).map(Statement::json);
    wanted.filter(|one| !there.contains(&in_order(one).to_string())).cloned().collect()
}

/// How a policy lets account B in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LetIn {
    Never,
    Until(Timestamp),
    /// Not as the agent writes it.
    Otherwise,
}

/// How the statements that the agent alone writes let account B in.
pub(crate) fn let_in(policy: &Value, key: &KeyArn, account: &AccountId, role: &RoleName) -> LetIn {
    let Some(copies) = Statement::all(policy).find(|one| is_of_target(*one)) else { return LetIn::Never };
    let copies = in_order(copies.json());
    let until = copies["Condition"]["DateLessThan"]["aws:CurrentTime"].as_str().and_then(|until| until.parse().ok());
    match until {
        Some(until) if with_target(policy, key, Some(&OpenTo { account, role, until })).is_none() => {
            LetIn::Until(until)
        }
        _ => LetIn::Otherwise,
    }
}

/// Whom else a policy lets in, with the statement that does: anybody of another account, and whoever of this one may use the
/// key, or grant its use, by a statement that the agent has not written. Conditions are not weighed.
pub(crate) fn strangers<'a>(policy: &'a Value, account: &AccountId) -> Vec<(&'a str, &'a str)> {
    let home = [format!("arn:aws:iam::{account}:"), format!("arn:aws:sts::{account}:")];
    let is_home = |who: &str| who == account.as_str() || home.iter().any(|home| who.starts_with(home));
    let uses = |one: Statement<'_>| {
        let mut of_use = USE.into_iter().filter(|action| !ADMINISTER.contains(action)).chain(["kms:CreateGrant"]);
        of_use.any(|action| one.allows(action)) && !is_of_source(one)
    };
    let others = Statement::all(policy).filter(|one| one.is_allow() && !is_of_target(*one));
    let named = others.flat_map(|one| one.principals().into_iter().map(move |who| (one, who)));
    let strange = named.filter(|(one, who)| !is_home(who) || uses(*one));
    strange.map(|(one, who)| (one.sid().unwrap_or("(no Sid)"), who)).collect()
}

/// Whether these are what the agent writes is told by [`missing`].
fn is_of_source(statement: Statement<'_>) -> bool {
    statement.sid().is_some_and(|sid| sid == ADMINISTERS || SOURCE_USES_KEY.contains(&sid))
}

fn administered(account: &AccountId) -> Value {
    json!({
        "Sid": ADMINISTERS,
        "Effect": "Allow",
        "Principal": { "AWS": root(account) },
        "Action": ADMINISTER,
        "Resource": "*",
    })
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
        let mut policy = of_replica(&a, &agent, &key.region);
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
    fn a_policy_lets_account_b_in_or_it_does_not() {
        let b: AccountId = "222222222222".parse().unwrap();
        let key: KeyArn = "arn:aws:kms:us-west-2:111111111111:key/mrk-1".parse().unwrap();
        let role = protocol::names::target_role();
        let open = OpenTo { account: &b, role: &role, until: Timestamp::MAX };
        let good = with_target(&json!({}), &key, Some(&open)).unwrap();
        let missing = |policy: &Value| lacking(policy, &key, &b, &role).len();
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
        assert_eq!(lacking(&json!({ "Statement": good["Statement"][0] }), &key, &b, &role), ["kms:CreateGrant"]);

        // As administrators write it: names of other kinds, patterns, conditions of their own.
        assert_eq!(with("222222222222:root", "222222222222:role/rds-handoff-target-agent"), 0);
        assert_eq!(with("arn:aws:iam::222222222222:root", "222222222222"), 0);
        assert_eq!(with("rds.us-west-2.amazonaws.com", "rds.*.amazonaws.com"), 0);
        assert_eq!(with("\"kms:Encrypt\"", "\"kms:*\""), 0);
        assert_eq!(with("\"kms:Decrypt\"", "\"kms:*Decrypt\""), 0);
        assert_eq!(with("\"kms:Decrypt\"", "\"kms:*Sign\""), 1);
        assert_eq!(with("\"kms:CreateGrant\"", "\"kms:?reate*Grant\""), 0);
        let mut but = json!({ "Effect": "Allow", "Principal": "*", "NotAction": ["kms:Sign*"] });
        assert_eq!(missing(&json!({ "Statement": but })), 0);
        but["NotAction"] = json!(["kms:*rypt"]);
        assert_eq!(missing(&json!({ "Statement": but })), 2, "all but Encrypt and Decrypt");
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
    fn who_is_let_in_is_read_off() {
        let a: AccountId = "111111111111".parse().unwrap();
        let b: AccountId = "222222222222".parse().unwrap();
        let key: KeyArn = "arn:aws:kms:us-west-2:111111111111:key/mrk-1".parse().unwrap();
        let (agent, target) = (protocol::names::source_role(), protocol::names::target_role());
        let first = of_replica(&a, &agent, &key.region);
        let open = OpenTo { account: &b, role: &target, until: "2026-11-28T10:00:00Z".parse().unwrap() };
        let opened = with_target(&first, &key, Some(&open)).unwrap();
        assert_eq!(let_in(&first, &key, &b, &target), LetIn::Never);
        assert_eq!(let_in(&opened, &key, &b, &target), LetIn::Until(open.until));
        assert_eq!(let_in(&opened, &key, &b, &agent), LetIn::Otherwise, "another role");
        let mut for_ever = opened.clone();
        for_ever["Statement"][3]["Condition"].as_object_mut().unwrap().remove("DateLessThan");
        assert_eq!(let_in(&for_ever, &key, &b, &target), LetIn::Otherwise);
        for_ever["Statement"].as_array_mut().unwrap().remove(3);
        assert_eq!(let_in(&for_ever, &key, &b, &target), LetIn::Otherwise, "grants alone");

        assert!(missing(&opened, &first).is_empty() && strangers(&opened, &a).is_empty());
        let mut changed = opened.clone();
        changed["Statement"][1]["Condition"]["StringEquals"].as_object_mut().unwrap().remove("kms:ViaService");
        assert_eq!(missing(&changed, &first), [first["Statement"][1].clone()]);
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
        let home = root(&a);
        let found = [
            ("Auditors", "333333333333"),
            ("Open", "*"),
            ("Again", "arn:aws:iam::222222222222:root"),
            ("Reads", home.as_str()),
            ("Grants", home.as_str()),
            ("Decrypts", home.as_str()),
            ("AllBut", home.as_str()),
        ];
        assert_eq!(strangers(&shared, &a), found);
    }

    #[test]
    fn the_account_administers_and_does_not_use() {
        assert!(USE.iter().all(|action| *action == "kms:DescribeKey" || !ADMINISTER.contains(action)));
        assert!(!ADMINISTER.contains(&"kms:CreateGrant"));
    }
}
