//! The grammar of identifiers.

use crate::fault::{Fault, Outcome};

/// Instances have 1 to 63 characters (RDS API Reference, CreateDBInstance).
pub(super) const INSTANCE: usize = 63;
/// Snapshots have 1 to 255 (RDS API Reference, CreateDBSnapshot).
pub(super) const SNAPSHOT: usize = 255;

/// Parameter groups and option groups have 1 to 255 (RDS API Reference, CreateDBParameterGroup and CreateOptionGroup).
pub(super) const GROUP: usize = 255;

/// Letters, digits and hyphens; first a letter; no two hyphens together and none at the end. Stored in lower case (RDS
/// API Reference, CreateDBSnapshot and CopyDBSnapshot).
pub(super) fn identifier(parameter: &str, text: &str, longest: usize) -> Outcome<String> {
    let valid = text.len() <= longest
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.ends_with('-')
        && !text.contains("--");
    if valid {
        return Ok(text.to_lowercase());
    }
    Err(Fault::value(format!(
        "The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only \
         ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens. \
         They have at most {longest} characters."
    )))
}
