//! Authorization questions and rulings as lines of JSON, for comparison with other policy evaluators.

use serde_json::{Map, Value, json};

use crate::access::{Identity, Question, ResourcePermission, Ruling, judge};
use crate::arn::Arn;
use crate::context::{self, Context};
use crate::policy::{Kind, Policy};
use crate::principal::Principal;
use crate::verdict::Verdict;

/// A key that is equal for questions that differ only in time and user id, and the question with its ruling.
pub(crate) fn written(question: &Question<'_>) -> (String, String) {
    let mut line = shown(question);
    line["ruling"] = ruled(&judge(question));
    let mut timeless = line.clone();
    if let Some(context) = timeless["context"].as_object_mut() {
        context.retain(|key, _| !["aws:currenttime", "aws:epochtime", "aws:userid"].contains(&key.as_str()));
    }
    (timeless.to_string(), line.to_string())
}

fn shown(question: &Question<'_>) -> Value {
    let documents = |policies: &[Policy]| policies.iter().map(document).collect::<Vec<_>>();
    let caller = &question.caller;
    let (resource_permission, policy) = match question.resource_permission {
        ResourcePermission::Nothing => ("nobody", None),
        ResourcePermission::Policy(policy) => ("policy", Some(policy)),
        ResourcePermission::Key { policy, grant: Verdict::NoMatch } => ("key", Some(policy)),
        ResourcePermission::Key { policy, .. } => ("grant", Some(policy)),
        ResourcePermission::Trust(policy) => ("trust", Some(policy)),
        ResourcePermission::Share => ("share", None),
        ResourcePermission::Service => ("service", None),
    };
    let shown = |key: &String, values: &Vec<String>| match values.as_slice() {
        [value] if context::known(key).is_none_or(|key| !key.many) => json!(value),
        _ => json!(values),
    };
    let context: Map<String, Value> =
        question.context.iter().map(|(key, values)| (key.clone(), shown(key, values))).collect();
    json!({
        "principal": caller.principal.arn,
        "account": caller.principal.account,
        "role": caller.principal.policy_arn,
        "action": question.action,
        "resource": question.resource,
        "owner": question.owner,
        "leave": resource_permission,
        "resource_policy": policy.map(document),
        "identity": caller.policies.map(documents),
        "boundary": caller.boundary.map(document),
        "session": caller.session.map(documents),
        "service_controls": documents(caller.controls),
        "resource_controls": documents(question.controls),
        "context": context,
    })
}

fn document(policy: &Policy) -> Value {
    serde_json::from_str(policy.text()).unwrap_or(Value::Null)
}

fn ruled(ruling: &Ruling) -> Value {
    match ruling {
        Ruling::Allowed(_) => json!({ "result": "allowed" }),
        Ruling::Denied(grounds) => {
            json!({ "result": "denied", "layer": grounds.first().map(|ground| ground.layer) })
        }
        Ruling::Missing(layer) => json!({ "result": "missing", "layer": layer }),
    }
}

/// The ruling on a question in JSON, or what is wrong with the question.
pub(crate) fn answer(line: &str) -> String {
    let ruling = asked(line).unwrap_or_else(|wrong| json!({ "result": "refused", "why": wrong }));
    ruling.to_string()
}

fn asked(line: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let text = |name: &str| value[name].as_str().ok_or_else(|| format!("{name} is missing"));
    let one = |name: &str, kind| match &value[name] {
        Value::Null => Ok(None),
        document => Policy::parse(&document.to_string(), kind).map(Some),
    };
    let list = |name: &str, kind| match &value[name] {
        Value::Null => Ok(None),
        Value::Array(documents) => {
            let parse = |document: &Value| Policy::parse(&document.to_string(), kind);
            documents.iter().map(parse).collect::<Result<Vec<_>, _>>().map(Some)
        }
        _ => Err(format!("{name} is not a list")),
    };
    let (arn, resource_permission) = (text("principal")?.to_owned(), text("leave")?);
    let kind = if resource_permission == "trust" { Kind::Trust } else { Kind::Resource };
    let policy = one("resource_policy", kind)?.unwrap_or_else(Policy::empty);
    let resource_permission = match resource_permission {
        "nobody" => ResourcePermission::Nothing,
        "policy" => ResourcePermission::Policy(&policy),
        "key" => ResourcePermission::Key { policy: &policy, grant: Verdict::NoMatch },
        "trust" => ResourcePermission::Trust(&policy),
        other => return Err(format!("leave has the unsupported value {other}")),
    };
    let mut context = Context::default();
    for (key, values) in value["context"].as_object().ok_or("context is missing")? {
        context.set_all(key, crate::condition::strings(values)?);
    }
    let account = Arn::parse(&arn).ok_or("principal is not an ARN")?.account;
    let session = list("session", Kind::Identity)?;
    let principal = Principal { account, policy_arn: text("role")?.to_owned(), id: String::new(), arn };
    let (identity, boundary) = (list("identity", Kind::Identity)?, one("boundary", Kind::Identity)?);
    let service = list("service_controls", Kind::Identity)?.unwrap_or_default();
    let resource = list("resource_controls", Kind::ResourceControl)?.unwrap_or_default();
    Ok(ruled(&judge(&Question {
        caller: Identity {
            principal: &principal,
            policies: identity.as_deref(),
            boundary: boundary.as_ref(),
            session: session.as_deref(),
            controls: &service,
        },
        action: text("action")?,
        resource: text("resource")?,
        owner: text("owner")?,
        resource_permission,
        controls: &resource,
        context: &context,
    })))
}
