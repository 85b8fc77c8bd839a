//! Resource policies: the documents on keys and queues.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::principal::Principal;

/// The values of condition keys in one request, by lower-case name: condition keys are not case-sensitive
/// (IAM User Guide, IAM JSON policy elements: Condition).
pub(crate) type Context = BTreeMap<String, String>;

/// A policy document, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

/// What a policy says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    /// A statement denies it: nothing overrules that.
    Denied,
    /// No statement speaks of it.
    Silent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    allow: bool,
    principals: Vec<String>,
    actions: Vec<String>,
    resources: Vec<String>,
    conditions: Vec<Condition>,
    /// It holds an element that is not evaluated here (`NotPrincipal`, `NotAction`, `NotResource`).
    opaque: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    operator: String,
    key: String,
    values: Vec<String>,
}

impl Policy {
    /// Reads a document; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let version = document.get("Version").and_then(Value::as_str);
        if !matches!(version, Some("2012-10-17" | "2008-10-17")) {
            return Err("Version must be 2012-10-17 or 2008-10-17".to_owned());
        }
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => {
                list.iter().map(Statement::parse).collect::<Result<_, _>>()?
            }
            Some(one @ Value::Object(_)) => vec![Statement::parse(one)?],
            _ => return Err("Statement is missing or empty".to_owned()),
        };
        Ok(Self { statements })
    }

    /// A policy that speaks of nothing.
    pub(crate) fn empty() -> Self {
        Self { statements: Vec::new() }
    }

    /// Every AWS principal that the document names.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().flat_map(|statement| &statement.principals).map(String::as_str)
    }

    /// Judges one request. An explicit deny wins (IAM User Guide, Policy evaluation logic).
    pub(crate) fn judge(&self, principal: &Principal, action: &str, resource: &str, context: &Context) -> Verdict {
        let speaks = |allow: bool| {
            let mut of_kind = self.statements.iter().filter(|statement| statement.allow == allow);
            of_kind.any(|statement| statement.matches(principal, action, resource, context))
        };
        if speaks(false) {
            Verdict::Denied
        } else if speaks(true) {
            Verdict::Allowed
        } else {
            Verdict::Silent
        }
    }
}

impl Statement {
    fn parse(value: &Value) -> Result<Self, String> {
        const KNOWN: [&str; 9] = [
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        let object = value.as_object().ok_or("a statement must be an object")?;
        if let Some(unknown) = object.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            return Err(format!("unknown element {unknown}"));
        }
        let allow = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("Effect must be Allow or Deny".to_owned()),
        };
        let opaque = ["NotPrincipal", "NotAction", "NotResource"].iter().any(|key| object.contains_key(*key));
        let principals = match object.get("Principal") {
            Some(Value::String(text)) if text == "*" => vec!["*".to_owned()],
            Some(Value::Object(kinds)) => match kinds.get("AWS") {
                Some(named) => strings(named)?,
                None => Vec::new(),
            },
            None if opaque => Vec::new(),
            _ => return Err("Principal is missing or malformed".to_owned()),
        };
        let list = |name: &str| object.get(name).map_or(Ok(Vec::new()), strings);
        let (actions, resources) = (list("Action")?, list("Resource")?);
        if !opaque && (actions.is_empty() || resources.is_empty()) {
            return Err("Action and Resource are required".to_owned());
        }
        let mut conditions = Vec::new();
        if let Some(condition) = object.get("Condition") {
            for (operator, keys) in condition.as_object().ok_or("Condition must be an object")? {
                for (key, values) in keys.as_object().ok_or("a condition operator must hold an object")? {
                    let condition =
                        Condition { operator: operator.clone(), key: key.to_lowercase(), values: strings(values)? };
                    conditions.push(condition);
                }
            }
        }
        Ok(Self { allow, principals, actions, resources, conditions, opaque })
    }

    fn matches(&self, principal: &Principal, action: &str, resource: &str, context: &Context) -> bool {
        if self.opaque {
            return !self.allow;
        }
        self.principals.iter().any(|named| names(named, principal))
            && self.actions.iter().any(|pattern| like(&pattern.to_lowercase(), &action.to_lowercase()))
            && self.resources.iter().any(|pattern| like(pattern, resource))
            // What cannot be judged is read against the caller: it allows nothing and denies everything.
            && self.conditions.iter().all(|condition| condition.holds(context).unwrap_or(!self.allow))
    }
}

impl Condition {
    /// `None` when it cannot be judged: an operator that is not known here, or a key that the request does not have.
    fn holds(&self, context: &Context) -> Option<bool> {
        let actual = context.get(&self.key)?;
        let any = |test: &dyn Fn(&str) -> bool| self.values.iter().any(|value| test(value));
        match self.operator.as_str() {
            "StringEquals" => Some(any(&|value| value == actual)),
            "StringNotEquals" => Some(!any(&|value| value == actual)),
            "StringLike" => Some(any(&|value| like(value, actual))),
            // ArnEquals and ArnLike behave identically (IAM User Guide, ARN condition operators).
            "ArnEquals" | "ArnLike" => Some(any(&|value| arn_like(value, actual))),
            "Bool" => Some(any(&|value| value.eq_ignore_ascii_case(actual))),
            "DateLessThan" => {
                let actual = moment(actual)?;
                let limits = self.values.iter().map(|value| moment(value)).collect::<Option<Vec<_>>>()?;
                Some(limits.iter().any(|limit| actual < *limit))
            }
            _ => None,
        }
    }
}

/// An account id or its root's ARN names everyone in the account; any other ARN names that role or session alone
/// (IAM User Guide, IAM JSON policy elements: Principal). Wildcards within an ARN are not allowed there.
fn names(named: &str, principal: &Principal) -> bool {
    named == "*"
        || named == principal.account
        || named == crate::principal::root_arn(&principal.account)
        || named == principal.arn
        || named == principal.policy_arn
}

/// Dates are ISO 8601 or epoch seconds (IAM User Guide, Date condition operators).
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// Whether `text` matches `pattern`, in which `*` stands for any characters and `?` for one.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go back to: the last star, and how far the text had come when it was met.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Each of the six parts of the ARN is matched on its own (IAM User Guide, ARN condition operators).
fn arn_like(pattern: &str, text: &str) -> bool {
    let parts = |whole: &str| whole.splitn(6, ':').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, text) = (parts(pattern), parts(text));
    pattern.len() == text.len() && pattern.iter().zip(&text).all(|(pattern, text)| like(pattern, text))
}

/// One string or a list of them; JSON booleans and numbers count as their text.
fn strings(value: &Value) -> Result<Vec<String>, String> {
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
