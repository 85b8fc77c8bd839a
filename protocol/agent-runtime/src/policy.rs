//! A policy document, as far as an agent looks into it: its statements, and whom each names.

use serde_json::Value;

/// The statements of a policy: a list, or a single one (IAM User Guide, IAM JSON policy elements: Statement).
pub fn statements(policy: &Value) -> &[Value] {
    match &policy["Statement"] {
        Value::Array(statements) => statements,
        one @ Value::Object(_) => std::slice::from_ref(one),
        _ => &[],
    }
}

/// A text, or a list of them.
pub fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Whom a statement names: `*`, ARNs, account numbers, services. All but some are everybody here.
pub fn principals(statement: &Value) -> Vec<&str> {
    match &statement["Principal"] {
        Value::Object(kinds) => kinds.values().flat_map(texts).collect(),
        Value::Null if statement.get("NotPrincipal").is_some() => vec!["*"],
        everybody => texts(everybody),
    }
}
