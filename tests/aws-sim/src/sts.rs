//! The Security Token Service.

use std::time::Duration;

use crate::clock::{iso, later};
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;

pub(crate) fn route(world: &mut World, caller: &Caller, action: &str, query: &Query) -> Outcome<Xml> {
    match action {
        "GetCallerIdentity" => get_caller_identity(caller, query),
        "AssumeRole" => assume_role(world, caller, query),
        _ => Err(Fault::bad("InvalidAction", format!("Could not find operation {action} for version 2011-06-15"))),
    }
}

/// Needs no permission (STS API Reference, GetCallerIdentity).
fn get_caller_identity(caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[])?;
    let mut xml = Xml::new();
    xml.leaf("Arn", &caller.principal.arn);
    xml.leaf("UserId", &caller.principal.id);
    xml.leaf("Account", &caller.principal.account);
    Ok(xml)
}

/// STS API Reference, AssumeRole. Every role here trusts its own account, and nobody else.
fn assume_role(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DurationSeconds", "RoleArn", "RoleSessionName"])?;
    let role = query.required("RoleArn")?;
    let session = query.required("RoleSessionName")?;
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte);
    if !(2..=64).contains(&session.len()) || !session.bytes().all(permitted) {
        return Err(Fault::bad(
            "ValidationError",
            format!("Value '{session}' at 'roleSessionName' failed to satisfy constraint"),
        ));
    }
    let seconds = query.number("DurationSeconds")?.unwrap_or(3600);
    if !(900..=43_200).contains(&seconds) {
        return Err(Fault::bad(
            "ValidationError",
            format!("Value '{seconds}' at 'durationSeconds' must be 900 to 43200"),
        ));
    }
    let denied = |message: String| Fault::new(403, "AccessDenied", message);
    if caller.principal.is_root() {
        return Err(denied("Roles may not be assumed by root accounts.".to_owned()));
    }
    // A role that does not exist is refused in the same words as one that does not trust the caller.
    let trusted = crate::arn::Arn::parse(role).is_some_and(|arn| arn.account == caller.account());
    let expires = later(world.now, Duration::from_secs(u64::from(seconds)));
    let opened = if trusted { world.principals.open(&mut world.ids, role, session, Some(expires)) } else { None };
    let Some((principal, credentials)) = opened else {
        let caller = &caller.principal.arn;
        return Err(denied(format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}")));
    };
    let mut xml = Xml::new();
    xml.node("Credentials", |xml| {
        xml.leaf("AccessKeyId", &credentials.access_key_id);
        xml.leaf("SecretAccessKey", &credentials.secret_access_key);
        xml.maybe("SessionToken", credentials.session_token.as_ref());
        xml.leaf("Expiration", iso(expires));
    });
    xml.node("AssumedRoleUser", |xml| {
        xml.leaf("AssumedRoleId", &principal.id);
        xml.leaf("Arn", &principal.arn);
    });
    Ok(xml)
}
