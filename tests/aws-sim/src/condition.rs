//! The conditions of a policy statement.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::policy::{like, strings};

/// The values of condition keys in one request, by lower-case name: condition keys are not case-sensitive
/// (IAM User Guide, IAM JSON policy elements: Condition).
pub(crate) type Context = BTreeMap<String, String>;

/// One operator applied to one key.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    test: Test,
    /// The operator's name says `Not`.
    negated: bool,
    /// The operator's name ends with `IfExists`.
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Test {
    Text,
    TextIgnoringCase,
    Pattern,
    Arn,
    Bool,
    Null,
    Number(fn(Ordering) -> bool),
    Date(fn(Ordering) -> bool),
}

/// IAM User Guide, IAM JSON policy elements: Condition operators. The second is what the operator tests, the third
/// whether it asks for the opposite. Binary and IP operators, and those over sets of values, are not evaluated here, so
/// a policy that has them is refused.
const OPERATORS: [(&str, Test, bool); 23] = [
    ("StringEquals", Test::Text, false),
    ("StringNotEquals", Test::Text, true),
    ("StringEqualsIgnoreCase", Test::TextIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Test::TextIgnoringCase, true),
    ("StringLike", Test::Pattern, false),
    ("StringNotLike", Test::Pattern, true),
    // ArnEquals and ArnLike behave identically (same page, ARN condition operators).
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("Bool", Test::Bool, false),
    ("Null", Test::Null, false),
    ("NumericEquals", Test::Number(Ordering::is_eq), false),
    ("NumericNotEquals", Test::Number(Ordering::is_eq), true),
    ("NumericLessThan", Test::Number(Ordering::is_lt), false),
    ("NumericLessThanEquals", Test::Number(Ordering::is_le), false),
    ("NumericGreaterThan", Test::Number(Ordering::is_gt), false),
    ("NumericGreaterThanEquals", Test::Number(Ordering::is_ge), false),
    ("DateEquals", Test::Date(Ordering::is_eq), false),
    ("DateLessThan", Test::Date(Ordering::is_lt), false),
    ("DateLessThanEquals", Test::Date(Ordering::is_le), false),
    ("DateGreaterThan", Test::Date(Ordering::is_gt), false),
    ("DateGreaterThanEquals", Test::Date(Ordering::is_ge), false),
];

impl Condition {
    /// The conditions of a statement's `Condition`, all of which must hold.
    pub(crate) fn parse(value: &Value) -> Result<Vec<Self>, String> {
        let mut conditions = Vec::new();
        for (operator, keys) in value.as_object().ok_or("Condition must be an object")? {
            let (name, if_exists) = match operator.strip_suffix("IfExists") {
                Some(name) => (name, true),
                None => (operator.as_str(), false),
            };
            let known =
                OPERATORS.iter().find(|(known, test, _)| *known == name && !(if_exists && matches!(test, Test::Null)));
            let (_, test, negated) = known.ok_or_else(|| format!("the condition operator {operator} is not known"))?;
            for (key, values) in keys.as_object().ok_or("a condition operator must hold an object")? {
                let values = strings(values)?;
                let unreadable = values.iter().find(|value| match test {
                    Test::Number(_) => number(value).is_none(),
                    Test::Date(_) => moment(value).is_none(),
                    _ => false,
                });
                if let Some(value) = unreadable {
                    return Err(format!("{value} is not what {operator} compares with"));
                }
                let key = key.to_lowercase();
                conditions.push(Self { test: *test, negated: *negated, if_exists, key, values });
            }
        }
        Ok(conditions)
    }

    /// `None` when the request does not have the key: what that means is the statement's affair.
    pub(crate) fn holds(&self, context: &Context) -> Option<bool> {
        let actual = context.get(&self.key);
        if matches!(self.test, Test::Null) {
            return Some(self.values.iter().any(|value| value.eq_ignore_ascii_case("true") == actual.is_none()));
        }
        let Some(actual) = actual else { return self.if_exists.then_some(true) };
        Some(self.values.iter().any(|value| self.test.passes(value, actual)) != self.negated)
    }
}

impl Test {
    fn passes(self, wanted: &str, actual: &str) -> bool {
        match self {
            Self::Text => wanted == actual,
            Self::TextIgnoringCase | Self::Bool => wanted.eq_ignore_ascii_case(actual),
            Self::Pattern => like(wanted, actual),
            Self::Arn => arn_like(wanted, actual),
            Self::Null => false,
            Self::Number(test) => match (number(actual), number(wanted)) {
                (Some(actual), Some(wanted)) => actual.partial_cmp(&wanted).is_some_and(test),
                _ => false,
            },
            Self::Date(test) => match (moment(actual), moment(wanted)) {
                (Some(actual), Some(wanted)) => test(actual.cmp(&wanted)),
                _ => false,
            },
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// Dates are ISO 8601 or epoch seconds (IAM User Guide, Date condition operators).
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// Each of the six parts of the ARN is matched on its own (IAM User Guide, ARN condition operators).
fn arn_like(pattern: &str, text: &str) -> bool {
    let parts = |whole: &str| whole.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, text) = (parts(pattern), parts(text));
    pattern.len() == text.len() && pattern.iter().zip(&text).all(|(pattern, text)| like(pattern, text))
}
