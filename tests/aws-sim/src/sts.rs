//! The Security Token Service.

use std::time::Duration;

use crate::access::ResourcePermission;
use crate::arn::{Arn, is_account};
use crate::authorization::denied;
use crate::caller::Caller;
use crate::clock::{iso, later};
use crate::decision::AccessRequest;
use crate::fault::{Fault, Outcome};
use crate::policy::{Kind, Policy};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// An unknown action: STS API Reference, Common Errors, InvalidAction.
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

/// Parameters of AssumeRole that are not simulated: session tags, MFA, and trusted token issuers.
const NOT_SIMULATED: [&str; 6] =
    ["ProvidedContexts", "SerialNumber", "SourceIdentity", "Tags", "TokenCode", "TransitiveTagKeys"];

/// STS API Reference, AssumeRole.
fn assume_role(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    if let Some(name) = NOT_SIMULATED.iter().find(|name| query.has(name)) {
        return Err(Fault::bad("ValidationError", format!("{name} is not simulated")));
    }
    query.only(&["DurationSeconds", "ExternalId", "Policy", "PolicyArns", "RoleArn", "RoleSessionName"])?;
    let role = query.required("RoleArn")?;
    if !Arn::parse(role)
        .is_some_and(|arn| arn.service == "iam" && is_account(&arn.account) && arn.name_of("role").is_some())
    {
        return Err(Fault::bad("ValidationError", format!("{role} is invalid")));
    }
    let session = query.required("RoleSessionName")?;
    if !grammatical(session, 2..=64, b"_=,.@+-") {
        return Err(Fault::bad(
            "ValidationError",
            format!("Value '{session}' at 'roleSessionName' failed to satisfy constraint"),
        ));
    }
    let external = query.text("ExternalId");
    if external.is_some_and(|id| !grammatical(id, 2..=1224, b"_=,.@+-:/")) {
        return Err(Fault::bad("ValidationError", "Value at 'externalId' failed to satisfy constraint".to_owned()));
    }
    let seconds = query.number("DurationSeconds")?.unwrap_or(3600);
    if !(900..=43_200).contains(&seconds) {
        return Err(Fault::bad(
            "ValidationError",
            format!("Value '{seconds}' at 'durationSeconds' must be 900 to 43200"),
        ));
    }
    // Only sessions of roles assume roles here, and the new sessions last at most an hour (IAM User Guide, Roles terms
    // and concepts, Role chaining), as do those of a role with the default maximum (IAM API Reference, CreateRole,
    // MaxSessionDuration).
    if seconds > 3600 {
        let message =
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
        return Err(Fault::bad("ValidationError", message.to_owned()));
    }
    if caller.principal.is_root() {
        return Err(Fault::new(403, "AccessDenied", "Roles may not be assumed by root accounts."));
    }
    let policies = session_policies(world, query)?;
    must_be_trusted(world, caller, role, session, external)?;
    let expires = later(world.now, Duration::from_secs(u64::from(seconds)));
    let opened = world.principals.open(&mut world.ids, role, session, Some(expires), policies);
    let (principal, credentials) = opened.ok_or_else(|| Fault::internal("the role cannot be opened"))?;
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

/// The session policies: together at most 2048 characters, and at most ten named ones (STS API Reference, AssumeRole,
/// Policy and PolicyArns). UNSOURCED: the codes of all but a malformed document.
fn session_policies(world: &World, query: &Query) -> Outcome<Option<Vec<Policy>>> {
    let named: Vec<&str> =
        query.members("PolicyArns").iter().filter_map(|prefix| query.text(&format!("{prefix}.arn"))).collect();
    if named.len() > 10 {
        return Err(Fault::bad("ValidationError", "Member must have length less than or equal to 10: policyArns"));
    }
    let mut policies = Vec::new();
    for arn in named {
        let policy = world.principals.managed(arn);
        let absent = || Fault::bad("ValidationError", format!("ARN {arn} does not exist or is not attachable."));
        policies.push(policy.ok_or_else(absent)?.clone());
    }
    if let Some(text) = query.text("Policy") {
        let parsed = Policy::parse(text, Kind::Identity);
        policies.push(parsed.map_err(|wrong| Fault::bad("MalformedPolicyDocument", wrong))?);
    }
    if policies.iter().map(|policy| policy.text().chars().count()).sum::<usize>() > 2048 {
        return Err(Fault::bad("ValidationError", "Member must have length less than or equal to 2048: policy"));
    }
    Ok(Some(policies).filter(|policies| !policies.is_empty()))
}

/// Refuses a caller that the role's trust policy does not allow. A role that does not exist is refused with the same
/// message.
fn must_be_trusted(world: &World, caller: &Caller, role: &str, session: &str, external: Option<&str>) -> Outcome<()> {
    let action = "sts:AssumeRole";
    let Some(policy) = world.principals.trust(role) else {
        let because = "because no role trust policy allows the sts:AssumeRole action";
        return Err(denied(&caller.principal, action, role, because));
    };
    let mut context = world.context(caller, &caller.region);
    context.set("sts:RoleSessionName", session);
    if let Some(id) = external {
        context.set("sts:ExternalId", id);
    }
    for (key, value) in world.principals.tags(role).into_iter().flatten() {
        context.set(&format!("aws:ResourceTag/{key}"), value);
        context.set(&format!("iam:ResourceTag/{key}"), value);
    }
    world.authorize(
        caller,
        &AccessRequest { action, resource: role, resource_permission: ResourcePermission::Trust(policy), context },
    )
}

/// Whether `text` has only letters, digits and `others`, and a length within bounds.
fn grammatical(text: &str, lengths: std::ops::RangeInclusive<usize>, others: &[u8]) -> bool {
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
    lengths.contains(&text.len()) && text.bytes().all(permitted)
}
