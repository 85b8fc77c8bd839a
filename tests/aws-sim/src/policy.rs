//! Policy documents: policies on keys and queues, trust and identity policies of roles, and control policies of
//! accounts.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::condition::{Condition, strings};
use crate::context::Context;
use crate::pattern::{Pattern, PatternSyntax};
use crate::principal::Principal;
use crate::verdict::Verdict;

/// A policy document, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    text: Arc<str>,
    statements: Arc<[Statement]>,
}

/// The kind of a policy, which determines the elements that its statements must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// On a key or a queue: `Principal`, `Action` and `Resource`.
    Resource,
    /// On a role: `Principal` and `Action`; the resource is the role (IAM User Guide, Roles terms and concepts).
    Trust,
    /// Of a role or a session, a boundary, or an account (SCP): `Action` and `Resource`; the principal is implied.
    Identity,
    /// On all resources of an account (RCP).
    ResourceControl,
}

/// The result of evaluating several policies together, and the statements that led to it.
#[derive(Clone, Debug)]
pub(crate) struct Evaluation {
    pub(crate) verdict: Verdict,
    pub(crate) statements: Vec<String>,
}

#[derive(Clone, Debug)]
struct Statement {
    sid: Option<String>,
    allow: bool,
    /// `None`: the principal that the document is attached to.
    who: Option<Vec<String>>,
    actions: Patterns,
    resources: Patterns,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug)]
struct Patterns {
    patterns: Vec<Pattern>,
    negated: bool,
}

impl Policy {
    /// Parses a document; the error says what is wrong with it.
    pub(crate) fn parse(text: &str, kind: Kind) -> Result<Self, String> {
        let document: Value = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        let version = document.get("Version").and_then(Value::as_str);
        if !matches!(version, Some("2012-10-17" | "2008-10-17")) {
            return Err("Version must be 2012-10-17 or 2008-10-17".to_owned());
        }
        if let Some(unknown) = keys(&document).find(|key| !["Version", "Id", "Statement"].contains(key)) {
            return Err(format!("unknown element {unknown}"));
        }
        let variables = version == Some("2012-10-17");
        // Organizations User Guide, RCP syntax, Version element.
        if kind == Kind::ResourceControl && !variables {
            return Err("Version must be 2012-10-17".to_owned());
        }
        let parse = |statement: &Value| Statement::parse(statement, kind, variables);
        let statements: Vec<Statement> = match document.get("Statement") {
            Some(Value::Array(list)) if !list.is_empty() => list.iter().map(parse).collect::<Result<_, _>>()?,
            Some(one @ Value::Object(_)) => vec![parse(one)?],
            _ => return Err("Statement is missing or empty".to_owned()),
        };
        for (at, statement) in statements.iter().enumerate() {
            let same = |other: &Statement| other.sid.is_some() && other.sid == statement.sid;
            // "The Sid value must be unique within a JSON policy" (IAM User Guide, IAM JSON policy elements: Sid).
            if statements.iter().take(at).any(same) {
                return Err(format!("the Sid {} comes twice", statement.sid.as_deref().unwrap_or_default()));
            }
        }
        Ok(Self { text: text.into(), statements: statements.into() })
    }

    /// A policy without statements.
    pub(crate) fn empty() -> Self {
        Self { text: "".into(), statements: Vec::new().into() }
    }

    /// The document as it was set.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Every AWS principal that the document names.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().filter_map(|statement| statement.who.as_ref()).flatten().map(String::as_str)
    }

    /// How many statements, principals and conditions the document has.
    pub(crate) fn extent(&self) -> (usize, usize, usize) {
        let conditions = self.statements.iter().map(|statement| statement.conditions.len()).sum();
        (self.statements.len(), self.principals().count(), conditions)
    }

    /// Judges one request. An explicit deny wins (IAM User Guide, Policy evaluation logic).
    pub(crate) fn judge(&self, principal: &Principal, action: &str, resource: &str, context: &Context) -> Verdict {
        evaluate([self], principal, action, resource, context).verdict
    }
}

/// Evaluates several policies together: an explicit deny wins, otherwise the strongest verdict. A statement is
/// identified by its Sid, or by the number of its document and its number in the document: `1.2`.
pub(crate) fn evaluate<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    principal: &Principal,
    action: &str,
    resource: &str,
    context: &Context,
) -> Evaluation {
    let mut result = Evaluation { verdict: Verdict::NoMatch, statements: Vec::new() };
    for (document, policy) in policies.into_iter().enumerate() {
        for (number, statement) in policy.statements.iter().enumerate() {
            let verdict = statement.judge(principal, action, resource, context);
            if verdict > result.verdict {
                result = Evaluation { verdict, statements: Vec::new() };
            }
            if verdict == result.verdict && verdict != Verdict::NoMatch {
                let own = || format!("{}.{}", document + 1, number + 1);
                result.statements.push(statement.sid.clone().unwrap_or_else(own));
            }
        }
    }
    result
}

fn keys(value: &Value) -> impl Iterator<Item = &str> {
    value.as_object().into_iter().flat_map(Map::keys).map(String::as_str)
}

impl Statement {
    fn parse(value: &Value, kind: Kind, variables: bool) -> Result<Self, String> {
        // NotPrincipal is not evaluated here, so a policy that has it is refused.
        const KNOWN: [&str; 8] =
            ["Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
        let object = value.as_object().ok_or("a statement must be an object")?;
        if let Some(unknown) = keys(value).find(|key| !KNOWN.contains(key)) {
            return Err(format!("unknown element {unknown}"));
        }
        let allow = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return Err("Effect must be Allow or Deny".to_owned()),
        };
        let syntax = PatternSyntax { wildcards: true, variables };
        let resources = match (kind, Patterns::parse(object, "Resource", "NotResource", syntax)?) {
            (Kind::Trust, None) => Patterns::everything(),
            (Kind::Trust, Some(_)) => return Err("a trust policy has no Resource".to_owned()),
            (_, found) => found.ok_or("Resource is required")?,
        };
        for text in strings(object.get("Resource").or(object.get("NotResource")).unwrap_or(&Value::Array(Vec::new())))?
        {
            check_resource(&text)?;
        }
        // Actions may have wildcards, but no variables.
        let syntax = PatternSyntax { wildcards: true, variables: false };
        let actions = Patterns::parse(object, "Action", "NotAction", syntax)?.ok_or("Action is required")?;
        let statement = Self {
            sid: sid(object, kind)?,
            allow,
            who: principals(object, kind)?,
            actions,
            resources,
            conditions: object.get("Condition").map_or(Ok(Vec::new()), |value| Condition::parse(value, variables))?,
        };
        if kind == Kind::ResourceControl { statement.controlled(object) } else { Ok(statement) }
    }

    /// Checks a customer's resource control policy: it may only deny, to all principals, actions of certain services
    /// (Organizations User Guide, RCP syntax; Resource control policies, the list of services). RDS is not among them.
    fn controlled(self, object: &Map<String, Value>) -> Result<Self, String> {
        const SERVICES: [&str; 4] = ["kms:", "secretsmanager:", "sqs:", "sts:"];
        if self.allow || object.contains_key("NotAction") || self.who != Some(vec!["*".to_owned()]) {
            return Err("a resource control policy has Effect Deny, Principal * and Action".to_owned());
        }
        let actions = object.get("Action").map_or_else(|| Ok(Vec::new()), strings)?;
        match actions.iter().find(|action| !SERVICES.iter().any(|service| action.starts_with(service))) {
            Some(action) => Err(format!("a resource control policy does not apply to {action}")),
            None => Ok(self),
        }
    }

    fn judge(&self, principal: &Principal, action: &str, resource: &str, context: &Context) -> Verdict {
        let named = |named: &Vec<String>| named.iter().map(|named| principal.named_by(named)).max();
        let who = self.who.as_ref().map_or(Some(Verdict::Allowed), named).unwrap_or(Verdict::NoMatch);
        let matches = who != Verdict::NoMatch
            && self.actions.matched(|pattern| pattern.fits_in_any_case(action, context))
            // UNSOURCED: NotResource with a variable that the request lacks; the stricter reading.
            && (!self.allow || !self.resources.negated || self.resources.resolve(context))
            && self.resources.matched(|pattern| pattern.is_everything() || pattern.fits_arn(resource, context))
            && self.conditions.iter().all(|condition| condition.holds(context, self.allow));
        match (matches, self.allow) {
            (false, _) => Verdict::NoMatch,
            (true, false) => Verdict::Denied,
            (true, true) => who,
        }
    }
}

/// Letters and digits; key policies and queue policies may have others (IAM User Guide, IAM JSON policy elements: Sid).
fn sid(object: &Map<String, Value>, kind: Kind) -> Result<Option<String>, String> {
    let Some(sid) = object.get("Sid") else { return Ok(None) };
    let sid = sid.as_str().ok_or("Sid must be a text")?;
    if kind != Kind::Resource && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("the Sid {sid} must have letters and digits alone"));
    }
    Ok(Some(sid.to_owned()).filter(|sid| !sid.is_empty()))
}

/// The principals that a statement names; `None` in documents that are attached to a principal.
fn principals(object: &Map<String, Value>, kind: Kind) -> Result<Option<Vec<String>>, String> {
    match (kind, object.get("Principal")) {
        (Kind::Identity, None) => Ok(None),
        (Kind::Identity, Some(_)) => Err("a policy of a role or an account has no Principal".to_owned()),
        (_, Some(Value::String(text))) if text == "*" => Ok(Some(vec!["*".to_owned()])),
        (_, Some(Value::Object(kinds))) => {
            // Services, federated and canonical users do not exist here.
            const KINDS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];
            if let Some(unknown) = kinds.keys().find(|kind| !KINDS.contains(&kind.as_str())) {
                return Err(format!("{unknown} is not a kind of principal"));
            }
            kinds.get("AWS").map_or(Ok(Vec::new()), strings).map(Some)
        }
        _ => Err("Principal is missing or malformed".to_owned()),
    }
}

/// `*`, or an ARN of six parts. "You can't use a variable to replace parts of the ARN before the fifth colon" (IAM User
/// Guide, IAM policy elements: Variables and tags), and "you cannot use a wildcard in the portion of the ARN that
/// specifies the resource type" (IAM User Guide, IAM identifiers, IAM ARNs); a star instead of type and name is common.
/// UNSOURCED: shorter ARNs that end with a star, which are therefore refused.
fn check_resource(text: &str) -> Result<(), String> {
    if text == "*" {
        return Ok(());
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", place @ .., resource] = parts.as_slice() else {
        return Err(format!("the resource {text} is not an ARN or *"));
    };
    if parts.len() != 6 || place.iter().any(|part| part.contains("${")) {
        return Err(format!("the resource {text} has six parts, and variables in the last one alone"));
    }
    let typed = ["iam", "kms", "rds", "secretsmanager", "sts"].contains(place.get(1).unwrap_or(&""));
    let kind = resource.split([':', '/']).next().unwrap_or_default();
    if typed && *resource != "*" && (kind == *resource || kind.contains(['*', '?', '$'])) {
        return Err(format!("the resource {text} names no type of resource"));
    }
    Ok(())
}

impl Patterns {
    fn everything() -> Self {
        let syntax = PatternSyntax { wildcards: true, variables: false };
        Self { patterns: Pattern::parse("*", syntax).into_iter().collect(), negated: false }
    }

    fn parse(
        object: &Map<String, Value>,
        name: &str,
        opposite: &str,
        syntax: PatternSyntax,
    ) -> Result<Option<Self>, String> {
        let (value, negated) = match (object.get(name), object.get(opposite)) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(format!("{name} and {opposite} exclude each other")),
            (Some(value), None) => (value, false),
            (None, Some(value)) => (value, true),
        };
        let texts = strings(value)?;
        if texts.is_empty() {
            return Err(format!("{name} is empty"));
        }
        let patterns = texts.iter().map(|text| Pattern::parse(text, syntax)).collect::<Result<_, _>>()?;
        Ok(Some(Self { patterns, negated }))
    }

    fn resolve(&self, context: &Context) -> bool {
        self.patterns.iter().all(|pattern| pattern.resolves(context))
    }

    fn matched(&self, test: impl Fn(&Pattern) -> bool) -> bool {
        self.patterns.iter().any(test) != self.negated
    }
}
