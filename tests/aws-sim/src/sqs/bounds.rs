//! Numbers within bounds.

use crate::fault::{Fault, Outcome};
use crate::json::Json;

/// A number within bounds (SQS API Reference, the parameter), with SQS's error text (aws/aws-sdk-java#197).
pub(super) fn bounded(json: &Json, name: &str, least: i64, most: i64) -> Outcome<Option<i64>> {
    match json.number(name)? {
        Some(value) if !(least..=most).contains(&value) => Err(Fault::value(format!(
            "Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}, if provided."
        ))),
        other => Ok(other),
    }
}
