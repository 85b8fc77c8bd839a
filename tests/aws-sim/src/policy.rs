//! Policy documents: those on keys and queues, the trust policies of roles, and what a role may do.

use serde_json::{Map, Value};

use crate::condition::{Condition, Context};
use crate::principal::Principal;

/// A policy document, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    statements: Vec<Statement>,
}

/// What a document belongs to, and so which elements its statements must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On a key or a queue: `Principal`, `Action` and `Resource`.
    Resource,
    /// On a role: `Principal` and `Action`; the resource is the role (IAM User Guide, Roles terms and concepts).
    Trust,
    /// Of a role: `Action` and `Resource`; the principal is the role.
    Identity,
}

/// What a policy says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// No statement speaks of it.
    Silent,
    /// It is left to the caller's account to let the caller do it: the policy names the account.
    Delegated,
    /// The policy names the caller, or everybody.
    Allowed,
    /// A statement denies it: nothing overrules that.
    Denied,
}

#[derive(Clone, Debug)]
struct Statement {
    allow: bool,
    who: Who,
    actions: Patterns,
    resources: Patterns,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
enum Who {
    /// The principal that the document belongs to.
    Owner,
    Named(Vec<String>),
    /// `NotPrincipal`, which is not evaluated here: the statement allows nobody and denies everybody.
    Opaque,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug)]
struct Patterns {
    patterns: Vec<String>,
    negated: bool,
}

impl Policy {
    /// Reads a document; the error says what is wrong with it.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let version = document.get("Version").and_then(Value::as_str);
        if !matches!(version, Some("2012-10-17" | "2008-10-17")) {
            return Err("Version must be 2012-10-17 or 2008-10-17".to_owned());
        }
        if text.contains("${") {
            // Policy variables (IAM User Guide, IAM policy elements: Variables and tags) are not evaluated here.
            return Err("policy variables are not known".to_owned());
        }
        let parse = |statement: &Value| Statement::parse(statement, kind);
        let statements = match document.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => list.iter().map(parse).collect::<Result<_, _>>()?,
            Some(one @ Value::Object(_)) => vec![parse(one)?],
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
        let named = self.statements.iter().flat_map(|statement| match &statement.who {
            Who::Named(named) => named.as_slice(),
            Who::Owner | Who::Opaque => &[],
        });
        named.map(String::as_str)
    }

    /// How many statements, principals and conditions the document has.
    pub(crate) fn extent(&self) -> (usize, usize, usize) {
        let conditions = self.statements.iter().map(|statement| statement.conditions.len()).sum();
        (self.statements.len(), self.principals().count(), conditions)
    }

    /// Judges one request. An explicit deny wins (IAM User Guide, Policy evaluation logic).
    pub(crate) fn judge(&self, principal: &Principal, action: &str, resource: &str, context: &Context) -> Verdict {
        let said = self.statements.iter().map(|statement| statement.judge(principal, action, resource, context));
        said.fold(Verdict::Silent, Verdict::or)
    }
}

impl Verdict {
    /// What two statements, or policies, say together.
    pub(crate) fn or(self, other: Self) -> Self {
        let weight = |verdict: Self| match verdict {
            Self::Silent => 0,
            Self::Delegated => 1,
            Self::Allowed => 2,
            Self::Denied => 3,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

impl Statement {
    fn parse(value: &Value, kind: Kind) -> Result<Self, String> {
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
        let resources = match (kind, Patterns::parse(object, "Resource", "NotResource")?) {
            (Kind::Trust, None) => Patterns { patterns: vec!["*".to_owned()], negated: false },
            (Kind::Trust, Some(_)) => return Err("a trust policy has no Resource".to_owned()),
            (_, found) => found.ok_or("Resource is required")?,
        };
        Ok(Self {
            allow,
            who: Who::parse(object, kind)?,
            actions: Patterns::parse(object, "Action", "NotAction")?.ok_or("Action is required")?,
            resources,
            conditions: object.get("Condition").map_or(Ok(Vec::new()), Condition::parse)?,
        })
    }

    fn judge(&self, principal: &Principal, action: &str, resource: &str, context: &Context) -> Verdict {
        let who = self.who.includes(principal);
        let matches = who != Verdict::Silent
            && self.actions.match_with(|pattern| like(&pattern.to_lowercase(), &action.to_lowercase()))
            && self.resources.match_with(|pattern| like(pattern, resource))
            // What cannot be judged is read against the caller: it allows nothing and denies everything.
            && self.conditions.iter().all(|condition| condition.holds(context).unwrap_or(!self.allow));
        match (matches, self.allow) {
            (false, _) => Verdict::Silent,
            (true, false) => Verdict::Denied,
            // `Denied` stands for whom NotPrincipal may mean.
            (true, true) if who == Verdict::Denied => Verdict::Silent,
            (true, true) => who,
        }
    }
}

impl Who {
    fn parse(object: &Map<String, Value>, kind: Kind) -> Result<Self, String> {
        let (named, others) = (object.get("Principal"), object.contains_key("NotPrincipal"));
        match (kind, named, others) {
            (Kind::Identity, None, false) => Ok(Self::Owner),
            (Kind::Identity, ..) => Err("a policy of a role has no Principal".to_owned()),
            (_, None, true) => Ok(Self::Opaque),
            (_, Some(Value::String(text)), false) if text == "*" => Ok(Self::Named(vec!["*".to_owned()])),
            (_, Some(Value::Object(kinds)), false) => {
                // Services, federated and canonical users do not exist here.
                const KINDS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];
                if let Some(unknown) = kinds.keys().find(|kind| !KINDS.contains(&kind.as_str())) {
                    return Err(format!("{unknown} is not a kind of principal"));
                }
                kinds.get("AWS").map_or(Ok(Vec::new()), strings).map(Self::Named)
            }
            _ => Err("Principal is missing or malformed".to_owned()),
        }
    }

    fn includes(&self, principal: &Principal) -> Verdict {
        let named = match self {
            Self::Owner => return Verdict::Allowed,
            Self::Opaque => return Verdict::Denied,
            Self::Named(named) => named,
        };
        named.iter().map(|named| principal.named_by(named)).fold(Verdict::Silent, Verdict::or)
    }
}

impl Patterns {
    fn parse(object: &Map<String, Value>, name: &str, opposite: &str) -> Result<Option<Self>, String> {
        let (value, negated) = match (object.get(name), object.get(opposite)) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(format!("{name} and {opposite} exclude each other")),
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
        };
        let patterns = strings(value)?;
        if patterns.is_empty() { Err(format!("{name} is empty")) } else { Ok(Some(Self { patterns, negated })) }
    }

    fn match_with(&self, test: impl Fn(&str) -> bool) -> bool {
        self.patterns.iter().any(|pattern| test(pattern)) != self.negated
    }
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
