//! The only reader of policy documents: the statements of a policy, the actions that each allows or denies, its
//! principals and its conditions.
//!
//! It reads resource policies (of queues and keys), so it ignores `Resource`. It does not replace AWS's own evaluation:
//! it shows an operator in advance what a policy clearly allows or lacks.

use serde_json::Value;
use wildmatch::WildMatch;

/// One statement of a policy.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a>(&'a Value);

impl<'a> Statement<'a> {
    /// The statements of a policy: a list, or a single one (IAM User Guide, IAM JSON policy elements: Statement).
    pub fn all(policy: &'a Value) -> impl Iterator<Item = Self> {
        let statements = match &policy["Statement"] {
            Value::Array(statements) => statements.as_slice(),
            one @ Value::Object(_) => std::slice::from_ref(one),
            _ => &[],
        };
        statements.iter().map(Self)
    }

    /// The statement as JSON.
    pub fn json(self) -> &'a Value {
        self.0
    }

    /// Its Sid, if it has one.
    pub fn sid(self) -> Option<&'a str> {
        self.0["Sid"].as_str()
    }

    /// Whether it allows an action, such as `kms:Decrypt`, to its principals under its conditions.
    pub fn allows(self, action: &str) -> bool {
        self.0["Effect"] == "Allow" && self.is_about(action)
    }

    /// Whether it denies an action to its principals under its conditions.
    pub fn denies(self, action: &str) -> bool {
        self.0["Effect"] == "Deny" && self.is_about(action)
    }

    /// Whether it is an `Allow` statement, whatever its actions.
    pub fn is_allow(self) -> bool {
        self.0["Effect"] == "Allow"
    }

    /// Whether it applies to an action. `NotAction` applies to all actions except those that it lists (IAM User Guide,
    /// IAM JSON policy elements: `NotAction`). A statement has either `Action` or `NotAction`.
    fn is_about(self, action: &str) -> bool {
        let matches = |patterns: &Value| texts(patterns).iter().any(|pattern| matches(pattern, action));
        match &self.0["NotAction"] {
            Value::Null => matches(&self.0["Action"]),
            others => !matches(others),
        }
    }

    /// Its principals: `*`, ARNs, account ids, services. `NotPrincipal` is read as `*`.
    pub fn principals(self) -> Vec<&'a str> {
        match &self.0["Principal"] {
            Value::Object(kinds) => kinds.values().flat_map(texts).collect(),
            Value::Null if self.excepts_principals() => vec!["*"],
            everybody => texts(everybody),
        }
    }

    /// Whether it has a `NotPrincipal` element.
    pub fn excepts_principals(self) -> bool {
        !self.0["NotPrincipal"].is_null()
    }

    /// Its conditions, all of which must hold: the operator, the key, and the values that are strings.
    pub fn conditions(self) -> impl Iterator<Item = (&'a str, &'a str, Vec<&'a str>)> {
        let operators = self.0["Condition"].as_object().into_iter().flatten();
        operators.flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| (operator.as_str(), key.as_str(), texts(values)))
        })
    }
}

/// Whether a pattern of a policy covers an action. `*` stands for any text and `?` for one character, at any position;
/// case is ignored (IAM User Guide, IAM JSON policy elements: Action).
fn matches(pattern: &str, action: &str) -> bool {
    WildMatch::new_case_insensitive(pattern).matches(action)
}

/// Reads a string or a list of strings.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A slow reference implementation that tries every way to match the pattern.
    fn matches_slowly(pattern: &[u8], action: &[u8]) -> bool {
        match (pattern, action) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=action.len()).any(|skipped| matches_slowly(rest, &action[skipped..])),
            ([b'?', pattern @ ..], [_, action @ ..]) => matches_slowly(pattern, action),
            ([one, pattern @ ..], [other, action @ ..]) if one.eq_ignore_ascii_case(other) => {
                matches_slowly(pattern, action)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn pattern_matching_agrees_with_slow_reference(pattern in "[abB:*?]{0,8}", action in "[aAb:]{0,8}") {
            prop_assert_eq!(matches(&pattern, &action), matches_slowly(pattern.as_bytes(), action.as_bytes()));
        }

        #[test]
        fn pattern_made_from_an_action_matches_it(
            action in "(kms|sqs):[A-Z][a-z]{1,6}[A-Z][a-z]{1,6}", holes in prop::collection::vec((0..20_usize, 0..4_usize), 0..4)
        ) {
            let mut pattern = action.to_lowercase();
            for (at, length) in holes {
                let at = at.min(pattern.len());
                let end = (at + length).min(pattern.len());
                pattern.replace_range(at..end, "*");
            }
            prop_assert!(matches(&pattern, &action), "{pattern}");
            let longer = format!("{action}?");
            prop_assert!(!matches(&longer, &action));
        }
    }

    fn statement(effect: &str, element: &str, actions: &Value) -> Value {
        json!({ "Statement": { "Effect": effect, element: actions } })
    }

    #[test]
    fn statement_covers_actions_by_name_pattern_or_exception() {
        for (element, actions, covered) in [
            ("Action", json!("kms:Decrypt"), true),
            ("Action", json!(["kms:Encrypt", "KMS:decrypt"]), true),
            ("Action", json!("kms:*"), true),
            ("Action", json!("*"), true),
            ("Action", json!("kms:*crypt"), true),
            ("Action", json!("k?s:De*t"), true),
            ("Action", json!("*:Decrypt"), true),
            ("Action", json!("kms:Decryp"), false),
            ("Action", json!("kms:?Decrypt"), false),
            ("Action", json!("sqs:*"), false),
            ("Action", json!([]), false),
            ("NotAction", json!("sqs:*"), true),
            ("NotAction", json!([]), true),
            ("NotAction", json!(["sqs:*", "kms:*crypt"]), false),
            ("NotAction", json!("*"), false),
        ] {
            let (allow, deny) = (statement("Allow", element, &actions), statement("Deny", element, &actions));
            let [allow, deny] = [&allow, &deny].map(|policy| Statement::all(policy).next().unwrap());
            assert_eq!((allow.allows("kms:Decrypt"), allow.denies("kms:Decrypt")), (covered, false), "{actions}");
            assert_eq!((deny.allows("kms:Decrypt"), deny.denies("kms:Decrypt")), (false, covered), "{actions}");
        }
    }

    #[test]
    fn statement_reads_every_form_of_principals_and_conditions() {
        let read = |statement: Value| {
            let policy = json!({ "Statement": [statement] });
            let one = Statement::all(&policy).next().unwrap();
            let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
            let conditions: Vec<_> =
                one.conditions().map(|(operator, key, values)| format!("{operator} {key} {values:?}")).collect();
            (owned(one.principals()), conditions)
        };
        assert_eq!(read(json!({ "Principal": "*" })).0, ["*"]);
        assert_eq!(read(json!({ "Principal": { "AWS": ["a", "b"], "Service": "c" } })).0, ["a", "b", "c"]);
        assert_eq!(read(json!({ "NotPrincipal": { "AWS": "a" } })).0, ["*"]);
        assert!(read(json!({})).0.is_empty());
        let conditions =
            read(json!({ "Condition": { "Bool": { "x": true }, "StringLike": { "y": "1", "z": ["2", "3"] } } }));
        assert_eq!(conditions.1, ["Bool x []", "StringLike y [\"1\"]", "StringLike z [\"2\", \"3\"]"]);
        assert!(read(json!({ "Condition": {} })).1.is_empty());
    }

    #[test]
    fn policy_without_statements_has_none() {
        assert_eq!([json!({}), Value::Null, json!({ "Statement": "x" })].iter().flat_map(Statement::all).count(), 0);
        assert_eq!(Statement::all(&json!({ "Statement": [{}, {}] })).count(), 2);
    }
}
