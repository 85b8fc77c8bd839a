//! The syntax of identifiers.

use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};

/// The longest identifier of an instance: 63 characters (RDS API Reference, CreateDBInstance).
pub(super) const INSTANCE: usize = 63;
/// The longest identifier of a snapshot: 255 characters (RDS API Reference, CreateDBSnapshot).
pub(super) const SNAPSHOT: usize = 255;

/// The longest name of a parameter group or option group: 255 characters (RDS API Reference, CreateDBParameterGroup and
/// CreateOptionGroup).
pub(super) const GROUP: usize = 255;

/// Letters, digits and hyphens; the first a letter; no two consecutive hyphens and none at the end. Stored in lower
/// case (RDS API Reference, CreateDBSnapshot and CopyDBSnapshot).
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

/// The ARN of the caller's own instance by its identifier. All actions except DescribeDBInstances accept only this.
pub(super) fn own_instance(caller: &Caller, text: &str) -> Outcome<String> {
    let id = identifier("DBInstanceIdentifier", text, INSTANCE)?;
    Ok(Arn::new("rds", &caller.region, caller.account(), format!("db:{id}")).to_string())
}

/// The ARN of the caller's own snapshot by its identifier. Identifiers of automated snapshots and of AWS Backup begin
/// with `rds:` and `awsbackup:`, which a manual snapshot's cannot.
pub(super) fn own_snapshot(caller: &Caller, parameter: &str, text: &str) -> Outcome<String> {
    let prefix = ["rds:", "awsbackup:"].into_iter().find(|prefix| text.starts_with(prefix)).unwrap_or_default();
    let id = identifier(parameter, text.get(prefix.len()..).unwrap_or_default(), SNAPSHOT)?;
    Ok(Arn::new("rds", &caller.region, caller.account(), format!("snapshot:{prefix}{id}")).to_string())
}

/// The ARN for a parameter that accepts an ARN or an identifier of the caller's own instance.
pub(super) fn instance(caller: &Caller, text: &str) -> Outcome<String> {
    if text.starts_with("arn:") { of_kind("db", text) } else { own_instance(caller, text) }
}

/// The same for snapshots.
pub(super) fn snapshot(caller: &Caller, parameter: &str, text: &str) -> Outcome<String> {
    if text.starts_with("arn:") { of_kind("snapshot", text) } else { own_snapshot(caller, parameter, text) }
}

/// RDS API Reference, CopyDBSnapshot, SourceDBSnapshotIdentifier: "a valid DB snapshot ARN"; Common Errors,
/// InvalidParameterValue.
fn of_kind(kind: &str, text: &str) -> Outcome<String> {
    let fits = |arn: &Arn| arn.service == "rds" && arn.name_of(kind).is_some();
    let parsed = Arn::parse(text).filter(fits);
    parsed.map(|arn| arn.to_string()).ok_or_else(|| Fault::value(format!("Invalid resource name: {text}")))
}
