//! The conditions of a policy statement.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use crate::context::{self, Context, Kind};
use crate::pattern::{Pattern, PatternSyntax};

/// One operator applied to one key.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    set_operator: SetOperator,
    /// Whether the operator's name has `Not`.
    negated: bool,
    /// Whether the operator's name ends with `IfExists`.
    if_exists: bool,
    key: String,
    values: Values,
}

/// Whether an operator tests one value or a set of values (IAM User Guide, Set operators for multivalued context keys).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SetOperator {
    One,
    /// `ForAllValues`
    All,
    /// `ForAnyValue`
    Any,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Text,
    TextIgnoringCase,
    Pattern,
    Arn,
    Bool,
    Null,
    Number,
    Date,
}

/// What the key is compared with.
#[derive(Clone, Debug)]
enum Values {
    Patterns(Test, Vec<Pattern>),
    /// For `Bool` the wanted value; for `Null` whether the key must be absent.
    Flags(Test, Vec<bool>),
    Numbers(Comparison, Vec<f64>),
    Dates(Comparison, Vec<Timestamp>),
}

/// Whether the ordering of the key's value relative to the wanted value fulfils the condition.
type Comparison = fn(Ordering) -> bool;

/// IAM User Guide, IAM JSON policy elements: Condition operators. Fields: the name, what the operator compares, whether
/// it is negated, and the wanted ordering. Binary and IP operators are not evaluated here, so a policy that has them is
/// refused.
#[rustfmt::skip]
const OPERATORS: [(&str, Test, bool, Comparison); 24] = [
    ("StringEquals", Test::Text, false, Ordering::is_eq),
    ("StringNotEquals", Test::Text, true, Ordering::is_eq),
    ("StringEqualsIgnoreCase", Test::TextIgnoringCase, false, Ordering::is_eq),
    ("StringNotEqualsIgnoreCase", Test::TextIgnoringCase, true, Ordering::is_eq),
    ("StringLike", Test::Pattern, false, Ordering::is_eq),
    ("StringNotLike", Test::Pattern, true, Ordering::is_eq),
    // ArnEquals and ArnLike behave identically (same page, ARN condition operators).
    ("ArnEquals", Test::Arn, false, Ordering::is_eq),
    ("ArnLike", Test::Arn, false, Ordering::is_eq),
    ("ArnNotEquals", Test::Arn, true, Ordering::is_eq),
    ("ArnNotLike", Test::Arn, true, Ordering::is_eq),
    ("Bool", Test::Bool, false, Ordering::is_eq),
    ("Null", Test::Null, false, Ordering::is_eq),
    ("NumericEquals", Test::Number, false, Ordering::is_eq),
    ("NumericNotEquals", Test::Number, true, Ordering::is_eq),
    ("NumericLessThan", Test::Number, false, Ordering::is_lt),
    ("NumericLessThanEquals", Test::Number, false, Ordering::is_le),
    ("NumericGreaterThan", Test::Number, false, Ordering::is_gt),
    ("NumericGreaterThanEquals", Test::Number, false, Ordering::is_ge),
    ("DateEquals", Test::Date, false, Ordering::is_eq),
    ("DateNotEquals", Test::Date, true, Ordering::is_eq),
    ("DateLessThan", Test::Date, false, Ordering::is_lt),
    ("DateLessThanEquals", Test::Date, false, Ordering::is_le),
    ("DateGreaterThan", Test::Date, false, Ordering::is_gt),
    ("DateGreaterThanEquals", Test::Date, false, Ordering::is_ge),
];

impl Condition {
    /// The conditions of a statement's `Condition`, all of which must hold.
    pub(crate) fn parse(value: &Value, variables: bool) -> Result<Vec<Self>, String> {
        let mut conditions = Vec::new();
        for (operator, keys) in value.as_object().ok_or("Condition must be an object")? {
            for (key, values) in keys.as_object().ok_or("a condition operator must hold an object")? {
                conditions.push(Self::read(operator, key, values, variables)?);
            }
        }
        Ok(conditions)
    }

    fn read(operator: &str, key: &str, values: &Value, variables: bool) -> Result<Self, String> {
        let (set_operator, name) = match operator.split_once(':') {
            Some(("ForAllValues", name)) => (SetOperator::All, name),
            Some(("ForAnyValue", name)) => (SetOperator::Any, name),
            _ => (SetOperator::One, operator),
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let unknown = || format!("the condition operator {operator} is not known");
        let known = OPERATORS.iter().find(|(known, ..)| *known == name);
        let &(_, test, negated, compare) = known.ok_or_else(unknown)?;
        // Null tests whether a key exists at all (same page).
        if test == Test::Null && (if_exists || set_operator != SetOperator::One) {
            return Err(unknown());
        }
        let lower = key.to_lowercase();
        let about = context::known(&lower).ok_or_else(|| format!("the condition key {key} is not known"))?;
        // UNSOURCED: AWS accepts both, and does not document the result. Such a policy is probably a mistake.
        if test != Test::Null && about.many && set_operator == SetOperator::One {
            return Err(format!("{key} has many values: {operator} needs ForAllValues or ForAnyValue"));
        }
        if !test.applies_to(about.kind) {
            return Err(format!("{operator} does not compare keys such as {key}"));
        }
        let values = strings(values)?;
        let unreadable = |value: &String| format!("{value} is not what {operator} compares with");
        let values = match test {
            Test::Null | Test::Bool => Values::Flags(test, each(&values, |value| flag(value), unreadable)?),
            Test::Number => Values::Numbers(compare, each(&values, |value| value.parse().ok(), unreadable)?),
            Test::Date => Values::Dates(compare, each(&values, |value| moment(value), unreadable)?),
            Test::Text | Test::TextIgnoringCase | Test::Pattern | Test::Arn => {
                let syntax = PatternSyntax { wildcards: matches!(test, Test::Pattern | Test::Arn), variables };
                let read = values.iter().map(|value| Pattern::parse(value, syntax)).collect::<Result<_, _>>();
                Values::Patterns(test, read?)
            }
        };
        Ok(Self { set_operator, negated, if_exists, key: lower, values })
    }

    /// Whether the condition holds. When the request lacks the key, a positive operator does not hold and a negated one
    /// does: "If the policy condition requires that the key is not matched, such as StringNotLike or ArnNotLike, and
    /// the right key is not present, the condition is true" (same page).
    ///
    /// UNSOURCED: a comparison with a policy variable that the request lacks. It does not hold, except that a negated
    /// one holds in a Deny statement: the stricter reading.
    pub(crate) fn holds(&self, context: &Context, allow: bool) -> bool {
        let actual = context.all(&self.key);
        if actual.is_some() && self.negated && allow && !self.values.resolve(context) {
            return false;
        }
        if let Values::Flags(Test::Null, absent) = &self.values {
            return absent.iter().any(|absent| *absent == actual.is_none());
        }
        let passes = |actual: &String| self.values.any_matches(actual, context) != self.negated;
        match (actual, self.set_operator) {
            // "If there are no keys in the request or if the key value resolves to a null data set", ForAllValues returns
            // true (Set operators for multivalued context keys).
            (None | Some([]), SetOperator::All) => true,
            // "For no matching context key or if the key does not exist", ForAnyValue returns false (same page).
            (None | Some([]), SetOperator::Any) => self.if_exists,
            (None | Some([]), SetOperator::One) => self.if_exists || self.negated,
            (Some(actual), SetOperator::All) => actual.iter().all(passes),
            (Some(actual), SetOperator::One | SetOperator::Any) => actual.iter().any(passes),
        }
    }
}

fn each<T>(
    values: &[String],
    read: impl Fn(&String) -> Option<T>,
    wrong: impl Fn(&String) -> String,
) -> Result<Vec<T>, String> {
    values.iter().map(|value| read(value).ok_or_else(|| wrong(value))).collect()
}

impl Test {
    /// Every value can be compared as text, and `Null` applies to every key.
    fn applies_to(self, kind: Kind) -> bool {
        match self {
            Self::Text | Self::TextIgnoringCase | Self::Pattern | Self::Null => true,
            Self::Arn => kind == Kind::Arn,
            Self::Bool => kind == Kind::Bool,
            Self::Number => matches!(kind, Kind::Number | Kind::Epoch),
            Self::Date => matches!(kind, Kind::Date | Kind::Epoch),
        }
    }
}

impl Values {
    fn resolve(&self, context: &Context) -> bool {
        match self {
            Self::Patterns(_, patterns) => patterns.iter().all(|pattern| pattern.resolves(context)),
            _ => true,
        }
    }

    fn any_matches(&self, actual: &str, context: &Context) -> bool {
        match self {
            Self::Patterns(test, patterns) => patterns.iter().any(|pattern| match test {
                Test::Arn => pattern.fits_arn(actual, context),
                Test::TextIgnoringCase => pattern.fits_in_any_case(actual, context),
                _ => pattern.fits(actual, context),
            }),
            Self::Flags(_, flags) => flag(actual).is_some_and(|actual| flags.contains(&actual)),
            Self::Numbers(compare, numbers) => {
                let actual: Option<f64> = actual.parse().ok();
                let order = |wanted: &f64| actual.and_then(|actual| actual.partial_cmp(wanted));
                numbers.iter().any(|wanted| order(wanted).is_some_and(compare))
            }
            Self::Dates(compare, dates) => {
                let actual = moment(actual);
                dates.iter().any(|wanted| actual.is_some_and(|actual| compare(actual.cmp(wanted))))
            }
        }
    }
}

fn flag(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

/// Dates are ISO 8601 or epoch seconds (IAM User Guide, Date condition operators).
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// One string or a list of them; JSON booleans and numbers count as their text.
pub(crate) fn strings(value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(format!("expected a string, found {value}")),
    };
    match value {
        Value::Array(list) => list.iter().map(one).collect(),
        other => Ok(vec![one(other)?]),
    }
}
