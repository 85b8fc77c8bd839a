//! The parameters of the JSON protocols of KMS and SQS.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::fault::{Fault, Outcome};

/// One JSON object of parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Json(Map<String, Value>);

impl Json {
    pub(crate) fn parse(body: &[u8]) -> Outcome<Self> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            _ => Err(malformed("the body is not a JSON object")),
        }
    }

    /// Refuses parameters that the action does not have. UNSOURCED: stricter reading; it catches misspelt parameters.
    pub(crate) fn only(&self, known: &[&str]) -> Outcome<()> {
        match self.0.keys().find(|key| !known.contains(&key.as_str())) {
            Some(unknown) => Err(Fault::validation(format!("The parameter {unknown} is not known to this action."))),
            None => Ok(()),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, name: &str) -> Outcome<Option<&str>> {
        self.get(name).map(|value| value.as_str().ok_or_else(|| wrong(name, "a string"))).transpose()
    }

    /// ValidationException if a required parameter is absent (KMS API Reference, Common Errors: ValidationError).
    pub(crate) fn required(&self, name: &str) -> Outcome<&str> {
        self.text(name)?.ok_or_else(|| {
            Fault::validation(format!(
                "1 validation error detected: Value at '{name}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// Bytes, encoded as base64: at least one, and at most `most` (KMS API Reference, the parameter's length
    /// constraints; the code as above).
    pub(crate) fn bytes(&self, name: &str, most: usize) -> Outcome<Vec<u8>> {
        let bytes = STANDARD.decode(self.required(name)?).map_err(|_| wrong(name, "base64"))?;
        if (1..=most).contains(&bytes.len()) {
            return Ok(bytes);
        }
        Err(Fault::validation(format!("Value at '{name}' must have 1 to {most} bytes")))
    }

    /// One of a closed set of values, if present (KMS API Reference, the parameter's valid values; the code as above).
    pub(crate) fn one_of(&self, name: &str, known: &[&str]) -> Outcome<Option<&str>> {
        match self.text(name)? {
            Some(value) if !known.contains(&value) => Err(Fault::validation(format!(
                "Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set"
            ))),
            value => Ok(value),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Outcome<Option<bool>> {
        self.get(name).map(|value| value.as_bool().ok_or_else(|| wrong(name, "a boolean"))).transpose()
    }

    pub(crate) fn number(&self, name: &str) -> Outcome<Option<i64>> {
        self.get(name).map(|value| value.as_i64().ok_or_else(|| wrong(name, "a whole number"))).transpose()
    }

    /// A number within bounds, or `default` if absent (KMS API Reference, the parameter's valid range; the code as
    /// above).
    pub(crate) fn bounded(&self, name: &str, least: i64, most: i64, default: i64) -> Outcome<i64> {
        let value = self.number(name)?.unwrap_or(default);
        if (least..=most).contains(&value) {
            return Ok(value);
        }
        Err(Fault::validation(format!("Value {value} at '{name}' must be between {least} and {most}")))
    }

    pub(crate) fn texts(&self, name: &str) -> Outcome<Vec<String>> {
        let one = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(name, "a list of strings"));
        self.values(name)?.iter().map(one).collect()
    }

    /// A list of objects.
    pub(crate) fn objects(&self, name: &str) -> Outcome<Vec<Self>> {
        let one = |value: &Value| {
            value.as_object().map(|object| Self(object.clone())).ok_or_else(|| wrong(name, "a list of objects"))
        };
        self.values(name)?.iter().map(one).collect()
    }

    /// A map of strings.
    pub(crate) fn map(&self, name: &str) -> Outcome<BTreeMap<String, String>> {
        let Some(value) = self.get(name) else { return Ok(BTreeMap::new()) };
        let object = value.as_object().ok_or_else(|| wrong(name, "an object"))?;
        let one = |(key, value): (&String, &Value)| {
            value.as_str().map(|text| (key.clone(), text.to_owned())).ok_or_else(|| wrong(name, "a map of strings"))
        };
        object.iter().map(one).collect()
    }

    /// A map of objects.
    pub(crate) fn object_map(&self, name: &str) -> Outcome<BTreeMap<String, Self>> {
        let Some(value) = self.get(name) else { return Ok(BTreeMap::new()) };
        let object = value.as_object().ok_or_else(|| wrong(name, "an object"))?;
        let one = |(key, value): (&String, &Value)| match value {
            Value::Object(inner) => Ok((key.clone(), Self(inner.clone()))),
            _ => Err(wrong(name, "a map of objects")),
        };
        object.iter().map(one).collect()
    }

    /// The parameter unparsed, for values that are only stored and returned.
    pub(crate) fn raw(&self, name: &str) -> Option<Value> {
        self.get(name).cloned()
    }

    fn values(&self, name: &str) -> Outcome<&[Value]> {
        let Some(value) = self.get(name) else { return Ok(&[]) };
        value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(name, "a list"))
    }
}

fn wrong(name: &str, wanted: &str) -> Fault {
    malformed(&format!("{name} must be {wanted}"))
}

/// Seen in practice with SQS (async-aws/aws#1667) and DynamoDB (aws/aws-sdk-js#44); KMS has the same protocol.
fn malformed(message: &str) -> Fault {
    Fault::bad("SerializationException", message)
}
