//! Which principals a queue's policy allows to send, for `check`. This is an approximation of AWS's evaluation: of the
//! conditions only the one on the caller's ARN is read.

use std::collections::BTreeSet;

use protocol::AccountId;
use protocol::arn;
use protocol::ids::RoleName;
use serde_json::Value;

use crate::aws::policy::Statement;

/// The action of a sender.
const SEND: &str = "sqs:SendMessage";

/// Another account's agent: the account, and the agent's role.
pub type Sender<'a> = (&'a AccountId, &'a RoleName);

/// How a policy treats a sender.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendAccess {
    Allowed,
    /// No statement names it. A statement that allows everybody does not count, since it must be removed.
    NotAllowed,
    Denied,
}

pub(crate) fn send_access(policy: &Value, sender: &Sender<'_>) -> SendAccess {
    let names = names(sender);
    let is_named = |statement: Statement<'_>| who(statement).iter().any(|who| names.contains(who));
    let is_everybody = |statement: Statement<'_>| {
        who(statement).iter().any(|who| who == "*") && is_unconditional(statement) && !statement.excepts_principals()
    };
    let mut denials = Statement::all(policy).filter(|statement| statement.denies(SEND));
    if denials.any(|statement| is_named(statement) || is_everybody(statement)) {
        return SendAccess::Denied;
    }
    // A statement with another condition possibly does not apply to the sender.
    let is_plain = |statement: Statement<'_>| is_unconditional(statement) || pins(statement).is_some();
    let mut allowed = Statement::all(policy).filter(|statement| statement.allows(SEND));
    if allowed.any(|statement| is_plain(statement) && is_named(statement)) {
        SendAccess::Allowed
    } else {
        SendAccess::NotAllowed
    }
}

/// The principals of other accounts that a policy also allows to send, each with the Sid of the statement.
pub(crate) fn other_senders(policy: &Value, home: &AccountId, senders: &BTreeSet<Sender<'_>>) -> Vec<(String, String)> {
    let known: BTreeSet<String> = senders.iter().flat_map(names).collect();
    let is_home = |who: &str| who == home.as_str() || who.split(':').nth(4) == Some(home.as_str());
    let named = Statement::all(policy).filter(|statement| statement.allows(SEND)).flat_map(|one| {
        let sid = one.sid().unwrap_or("(no Sid)").to_owned();
        who(one).into_iter().map(move |who| (sid.clone(), who))
    });
    named.filter(|(_, who)| !known.contains(who) && !is_home(who)).collect()
}

/// How a policy can name a sender: by its role, or by its account, whose own policies then decide.
fn names((account, role): &Sender<'_>) -> [String; 3] {
    [arn::role(account, role), arn::root(account), account.to_string()]
}

fn is_unconditional(statement: Statement<'_>) -> bool {
    statement.conditions().next().is_none()
}

/// The principals that a statement applies to. If the principal is an account or `*`, its condition on the caller's ARN
/// selects them.
fn who(statement: Statement<'_>) -> Vec<String> {
    let pins = pins(statement);
    let of = |principal: &str| -> Vec<String> {
        let account = principal.strip_suffix(":root").and_then(|arn| arn.split(':').nth(4)).unwrap_or(principal);
        match &pins {
            Some(pins) if principal == "*" => pins.clone(),
            Some(pins) if account.parse::<AccountId>().is_ok() => {
                let pins = pins.iter().map(|pin| pin.replacen("::*:", &format!("::{account}:"), 1));
                // A pattern without an account matches any account.
                let may_be = |of: &str| of == account || of.contains(['*', '?']);
                pins.filter(|pin| pin.split(':').nth(4).is_none_or(may_be)).collect()
            }
            _ => vec![principal.to_owned()],
        }
    };
    statement.principals().into_iter().flat_map(of).collect()
}

/// The caller ARNs that a statement's condition requires, if it has such a condition. `StringEquals` does not match
/// patterns.
fn pins(statement: Statement<'_>) -> Option<Vec<String>> {
    let asked = |wanted: &str| {
        let mut conditions = statement.conditions();
        let (_, _, arns) = conditions
            .find(|(operator, key, _)| *operator == wanted && key.eq_ignore_ascii_case("aws:PrincipalArn"))?;
        let can_be = |arn: &&str| wanted != "StringEquals" || !arn.contains('*');
        Some(arns.into_iter().filter(can_be).map(str::to_owned).collect())
    };
    ["ArnEquals", "ArnLike", "StringEquals"].into_iter().find_map(asked)
}

#[cfg(test)]
mod tests {
    use protocol::names;
    use serde_json::json;

    use super::*;
    use crate::fault::statement::allow_principal;

    const AGENT: &str = "arn:aws:iam::111111111111:role/rds-handoff-source-agent";
    const ANY_AGENT: &str = "arn:aws:iam::*:role/rds-handoff-source-agent";

    /// How a policy treats the agent of account 111111111111, and which other principals it allows to send.
    fn read(statements: &Value) -> (SendAccess, Vec<String>) {
        let (home, account): (AccountId, AccountId) =
            ("222222222222".parse().unwrap(), "111111111111".parse().unwrap());
        let (policy, role) = (json!({ "Statement": statements }), names::source_role());
        let sender = (&account, &role);
        let others = other_senders(&policy, &home, &[sender].into()).into_iter().map(|(_, who)| who).collect();
        (send_access(&policy, &sender), others)
    }

    fn good() -> Value {
        let queue = "arn:aws:sqs:us-west-2:222222222222:rds-handoff-inbox";
        allow_principal(&"111111111111".parse().unwrap(), AGENT, "sqs:SendMessage", queue)
    }

    fn with(key: &str, value: Value) -> Value {
        let mut other = good();
        other[key] = value;
        other
    }

    fn asks(operator: &str, key: &str, arn: &str) -> Value {
        with("Condition", json!({ operator: { key: arn } }))
    }

    #[test]
    fn agreed_role_is_allowed_only_by_a_statement_that_names_it() {
        for (statement, expected) in [
            (good(), SendAccess::Allowed),
            (with("Condition", Value::Null), SendAccess::Allowed),
            (with("Principal", json!({ "AWS": AGENT })), SendAccess::Allowed),
            (with("Principal", json!("*")), SendAccess::Allowed),
            (with("Action", json!("SQS:Send*")), SendAccess::Allowed),
            (with("Action", json!("sqs:*Message")), SendAccess::Allowed),
            (with("Action", json!("sqs:*Messages")), SendAccess::NotAllowed),
            (with("Condition", json!({})), SendAccess::Allowed),
            (asks("ArnLike", "AWS:principalarn", ANY_AGENT), SendAccess::Allowed),
            (asks("StringEquals", "aws:PrincipalArn", AGENT), SendAccess::Allowed),
            (asks("StringEquals", "aws:PrincipalArn", ANY_AGENT), SendAccess::NotAllowed),
            (asks("ArnNotEquals", "aws:PrincipalArn", AGENT), SendAccess::NotAllowed),
            (asks("ArnEquals", "aws:SourceArn", AGENT), SendAccess::NotAllowed),
            (with("Action", json!(["sqs:ReceiveMessage"])), SendAccess::NotAllowed),
            (with("Principal", json!({ "AWS": "arn:aws:iam::333333333333:root" })), SendAccess::NotAllowed),
            (asks("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/x"), SendAccess::NotAllowed),
            (Value::Null, SendAccess::NotAllowed),
            (with("Effect", json!("Deny")), SendAccess::Denied),
        ] {
            assert_eq!(read(&statement).0, expected, "{statement:#}");
        }
    }

    #[test]
    fn deny_statement_counts_if_it_applies_to_the_sender() {
        let deny = |statement: Value| read(&json!([good(), statement])).0;
        let all = json!({ "Effect": "Deny", "Principal": "*", "Action": "sqs:*" });
        let mut tls = all.clone();
        tls["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert_eq!(deny(tls), SendAccess::Allowed);
        assert_eq!(deny(all), SendAccess::Denied);
        let others = json!({ "Effect": "Deny", "NotPrincipal": { "AWS": AGENT }, "Action": "sqs:*" });
        assert_eq!(deny(others), SendAccess::Allowed);
        let but = json!({ "Effect": "Deny", "Principal": { "AWS": AGENT }, "NotAction": "sqs:ReceiveMessage" });
        assert_eq!(deny(but), SendAccess::Denied);
        let but = json!({ "Effect": "Deny", "Principal": { "AWS": AGENT }, "NotAction": "sqs:SendMessage" });
        assert_eq!(deny(but), SendAccess::Allowed);
    }

    #[test]
    fn other_allowed_principals_are_listed() {
        let third = "arn:aws:iam::333333333333:root";
        let open =
            |condition: Value| json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Condition": condition });
        for (statement, expected) in [
            (good(), vec![]),
            (with("Principal", json!({ "AWS": ["arn:aws:iam::222222222222:root", "222222222222"] })), vec![]),
            (with("Condition", Value::Null), vec![]),
            (open(json!({ "ArnEquals": { "aws:PrincipalArn": AGENT } })), vec![]),
            (open(Value::Null), vec!["*"]),
            (open(json!({ "ArnNotEquals": { "aws:PrincipalArn": AGENT } })), vec!["*"]),
            (open(json!({ "ArnLike": { "aws:PrincipalArn": ANY_AGENT } })), vec![ANY_AGENT]),
            (json!({ "Effect": "Allow", "NotPrincipal": { "AWS": third }, "Action": "sqs:*" }), vec!["*"]),
            (json!({ "Effect": "Allow", "Principal": { "AWS": [AGENT, third] }, "Action": "sqs:*" }), vec![third]),
            (json!({ "Effect": "Allow", "Principal": { "AWS": third }, "Action": "sqs:ReceiveMessage" }), vec![]),
            (json!({ "Effect": "Allow", "Principal": { "AWS": third }, "Action": "sqs:*Message" }), vec![third]),
            (json!({ "Effect": "Allow", "Principal": { "AWS": third }, "Action": "sqs:S??dMessag?" }), vec![third]),
            (json!({ "Effect": "Allow", "Principal": { "AWS": third }, "NotAction": "sqs:Receive*" }), vec![third]),
            (json!({ "Effect": "Allow", "Principal": { "AWS": third }, "NotAction": "sqs:*Message" }), vec![]),
            (
                json!({ "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:Send*" }),
                vec!["sns.amazonaws.com"],
            ),
            (
                json!({
                    "Effect": "Allow", "Principal": { "AWS": third }, "Action": "sqs:SendMessage",
                    "Condition": { "ArnEquals": { "aws:PrincipalArn": ANY_AGENT } },
                }),
                vec!["arn:aws:iam::333333333333:role/rds-handoff-source-agent"],
            ),
            (
                asks("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/x"),
                vec!["arn:aws:iam::111111111111:role/x"],
            ),
        ] {
            assert_eq!(read(&statement).1, expected, "{statement:#}");
        }
    }
}
