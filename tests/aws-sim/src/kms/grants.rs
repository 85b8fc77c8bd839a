//! Grants.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::actions::named_key;
use super::key::Key;
use super::key_grants::Grant;
use super::pages::{listing, marker};
use super::terms::{Constraints, OF_ANY_KEY, ON_DATA, SIGNING, Terms};
use super::{crypto, permission};
use crate::access::{Ground, ResourcePermission, Ruling};
use crate::authorization::denied;
use crate::caller::Caller;
use crate::clock::{epoch_seconds, later};
use crate::decision::{AccessRequest, Decision};
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::principal::root_arn;
use crate::verdict::Verdict;
use crate::world::World;

/// KMS API Reference, CreateGrant. The same name with the same terms gives the same grant; without a name each call
/// creates another one.
pub(super) fn create_grant(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&[
        "Constraints",
        "DryRun",
        "GrantTokens",
        "GranteePrincipal",
        "KeyId",
        "Name",
        "Operations",
        "RetiringPrincipal",
    ])?;
    let terms = Terms {
        name: json.text("Name")?.map(str::to_owned),
        grantee: json.required("GranteePrincipal")?.to_owned(),
        retiring: json.text("RetiringPrincipal")?.map(str::to_owned),
        operations: json.texts("Operations")?,
        constraints: Constraints::parsed(json)?,
        issuer: root_arn(caller.account()),
    };
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b":/_-".contains(&byte);
    if terms.name.as_ref().is_some_and(|name| !(1..=256).contains(&name.len()) || !name.bytes().all(permitted)) {
        return Err(Fault::validation("Name has 1 to 256 letters, digits, colons, slashes, underscores and hyphens"));
    }
    for named in std::iter::once(&terms.grantee).chain(&terms.retiring) {
        if named == "*" || !world.principals.exists(named) {
            return Err(Fault::bad("InvalidArnException", format!("{named} is not a valid principal")));
        }
    }
    let most = world.settings.quotas.grants;
    let key = &*named_key(world, caller, "CreateGrant", json)?;
    // "The operation must be supported on the KMS key ... KMS returns a ValidationError exception" (same page); the
    // code as in the rest of KMS.
    let on_key = if key.spec.signs() { SIGNING.as_slice() } else { &ON_DATA };
    let known = |operation: &String| on_key.contains(&operation.as_str()) || OF_ANY_KEY.contains(&operation.as_str());
    if terms.operations.is_empty() || !terms.operations.iter().all(known) {
        return Err(Fault::validation("Operations must name operations that the key has"));
    }
    if key.spec.signs() && terms.constraints != Constraints::default() {
        return Err(Fault::validation("Constraints are for keys whose operations have an encryption context"));
    }
    let arn = key.arn.to_string();
    let same = key.grants.iter().find(|(_, grant)| terms.name.is_some() && grant.terms == terms);
    let same = same.map(|(id, _)| id.to_owned());
    if same.is_none() && key.grants.len() >= most {
        return Err(Fault::bad("LimitExceededException", format!("A key has at most {most} grants.")));
    }
    must_not_be_wider(world, caller, &arn, &terms, json)?;
    crypto::refuse_dry_run(json)?;
    let lag = world.settings.scaled(world.settings.lags.authorization);
    let id = match same {
        Some(id) => id,
        None => issue_from(world, &arn, terms, later(world.now, lag)).unwrap_or_default(),
    };
    let token = world.ids.hex(64);
    let grant = world.kms.keys.get_mut(&arn).and_then(|key| key.grants.get_mut(&id));
    if let Some(grant) = grant {
        grant.tokens.push(token.clone());
    }
    world.kms.tokens.insert(token.clone(), (arn, id.clone()));
    Ok(json!({ "GrantId": id, "GrantToken": token }))
}

/// Refuses a grant that is wider than the grant by which the caller may create grants.
fn must_not_be_wider(world: &World, caller: &Caller, arn: &str, terms: &Terms, json: &Json) -> Outcome<()> {
    // The key was found just before. InternalFailure: KMS API Reference, Common Errors.
    let key = world.kms.keys.get(arn).ok_or_else(|| Fault::internal("the key has gone"))?;
    if permission::grants_without_grant(world, caller, key, json) {
        return Ok(());
    }
    let tokens = json.texts("GrantTokens")?;
    let own = key.grants.to(world.now, |grantee| caller.principal.named_by(grantee) != Verdict::NoMatch);
    let mut parents =
        own.filter(|grant| grant.in_effect(world.now, &tokens) && grant.terms.cover("kms:CreateGrant", None));
    if parents.any(|parent| !terms.wider_than(&parent.terms)) {
        return Ok(());
    }
    Err(denied(&caller.principal, "kms:CreateGrant", arn, "because the grant that allows it allows less"))
}

/// Adds a grant to the key that is in effect at once, and returns its id.
pub(crate) fn issue(world: &mut World, key: &str, terms: Terms) -> Option<String> {
    issue_from(world, key, terms, world.now)
}

fn issue_from(world: &mut World, key: &str, terms: Terms, from: Timestamp) -> Option<String> {
    let id = world.ids.hex(64);
    let grant = Grant { terms, created: world.now, tokens: Vec::new(), from, until: None };
    world.kms.keys.get_mut(key)?.grants.insert(&id, grant);
    Some(id)
}

pub(super) fn list_grants(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["GrantId", "GranteePrincipal", "KeyId", "Limit", "Marker"])?;
    let limit = json.bounded("Limit", 1, 100, 50)?;
    let marker = marker("Grants", json)?;
    let (id, grantee) = (json.text("GrantId")?, json.text("GranteePrincipal")?);
    let key = named_key(world, caller, "ListGrants", json)?;
    let chosen = key.grants.iter().filter(|(grant_id, grant)| {
        id.is_none_or(|id| id == *grant_id) && grantee.is_none_or(|grantee| grantee == grant.terms.grantee)
    });
    let items = chosen.map(|(id, grant)| (id.to_owned(), (id, grant))).collect();
    Ok(listing("Grants", items, limit, marker.as_deref(), |(id, grant)| shown(key, id, grant)))
}

/// Lists grants by a retiring principal of the caller's own account, on keys of any account in this Region (KMS API
/// Reference, ListRetirableGrants).
pub(super) fn list_retirable_grants(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Limit", "Marker", "RetiringPrincipal"])?;
    let limit = json.bounded("Limit", 1, 100, 50)?;
    let marker = marker("Grants", json)?;
    let retiring = json.required("RetiringPrincipal")?;
    // The code is UNSOURCED.
    if retiring.split(':').nth(4) != Some(caller.account()) {
        return Err(Fault::bad("InvalidArnException", format!("{retiring} is not a principal of this account")));
    }
    let mut items = Vec::new();
    for (arn, key) in world.kms.keys.iter().filter(|(_, key)| key.arn.region == caller.region) {
        let own = key.grants.iter().filter(|(_, grant)| grant.terms.retiring.as_deref() == Some(retiring));
        items.extend(own.map(|(id, grant)| (format!("{arn} {id}"), (key, id, grant))));
    }
    Ok(listing("Grants", items, limit, marker.as_deref(), |(key, id, grant)| shown(key, id, grant)))
}

fn shown(key: &Key, id: &str, grant: &Grant) -> Value {
    let mut entry = json!({
        "CreationDate": epoch_seconds(grant.created),
        "GrantId": id,
        "GranteePrincipal": grant.terms.grantee,
        "IssuingAccount": grant.terms.issuer,
        "KeyId": key.arn.to_string(),
        "Operations": grant.terms.operations,
    });
    let optional = [
        ("Name", grant.terms.name.clone().map(Value::from)),
        ("RetiringPrincipal", grant.terms.retiring.clone().map(Value::from)),
        ("Constraints", grant.terms.constraints.shown()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            entry[name] = value;
        }
    }
    entry
}

pub(super) fn revoke_grant(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["DryRun", "GrantId", "KeyId"])?;
    let id = json.required("GrantId")?.to_owned();
    let arn = named_key(world, caller, "RevokeGrant", json)?.arn.to_string();
    must_be_there(world, &arn, &id)?;
    crypto::refuse_dry_run(json)?;
    end(world, &arn, &id);
    Ok(Value::Null)
}

/// KMS API Reference, RevokeGrant and RetireGrant, Errors. UNSOURCED: that it is this code and not
/// InvalidGrantIdException.
fn must_be_there<'a>(world: &'a World, key: &str, id: &str) -> Outcome<&'a Grant> {
    let found = world.kms.keys.get(key).and_then(|key| key.grants.get(id));
    found.ok_or_else(|| Fault::bad("NotFoundException", format!("Grant ID {id} not found")))
}

/// Ends a grant: it disappears from lists at once, and stays in effect until the propagation delay has passed.
fn end(world: &mut World, key: &str, id: &str) {
    let until = later(world.now, world.settings.scaled(world.settings.lags.authorization));
    if let Some(key) = world.kms.keys.get_mut(key) {
        key.grants.end(id, world.now, until);
    }
}

/// Retires a grant. Allowed to the retiring principal, to a grantee who is granted RetireGrant, and to the account that
/// created the grant, as far as its IAM policies allow (KMS API Reference, RetireGrant; KMS Developer Guide, Retiring
/// and revoking grants).
pub(super) fn retire_grant(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["DryRun", "GrantId", "GrantToken", "KeyId"])?;
    let (arn, id) = match (json.text("GrantToken")?, json.text("KeyId")?, json.text("GrantId")?) {
        (Some(token), None, None) => {
            let found = world.kms.tokens.get(token).cloned();
            let unknown = || Fault::bad("InvalidGrantTokenException", format!("The grant token {token} is not valid."));
            found.filter(|(arn, _)| arn.split(':').nth(3) == Some(&caller.region)).ok_or_else(unknown)?
        }
        (None, Some(_), Some(id)) => (named_key(world, caller, "RetireGrant", json)?.arn.to_string(), id.to_owned()),
        _ => return Err(Fault::validation("A grant is named by a grant token, or by its key and its id")),
    };
    let terms = &must_be_there(world, &arn, &id)?.terms;
    must_retire(world, caller, &arn, terms)?;
    crypto::refuse_dry_run(json)?;
    end(world, &arn, &id);
    Ok(Value::Null)
}

fn must_retire(world: &World, caller: &Caller, key: &str, terms: &Terms) -> Outcome<()> {
    let action = "kms:RetireGrant";
    let mut context = world.context(caller, &caller.region);
    context.set("kms:CallerAccount", caller.account());
    // Whether the caller's IAM policies allow it: the key policy is not evaluated.
    let by_iam = world.judge(
        caller,
        &AccessRequest { action, resource: key, resource_permission: ResourcePermission::Service, context },
    );
    let named = |named: &String| caller.principal.named_by(named);
    let retiring = terms.retiring.as_ref().map_or(Verdict::NoMatch, named);
    let grantee = if terms.cover(action, None) { named(&terms.grantee) } else { Verdict::NoMatch };
    let allowed = match retiring.max(grantee) {
        Verdict::Allowed | Verdict::ToRole => !matches!(by_iam, Ruling::Denied(_)),
        Verdict::Delegated => by_iam.allowed(),
        _ => by_iam.allowed() && terms.issuer == root_arn(caller.account()),
    };
    world.decision_log.write(Decision {
        principal: caller.principal.arn.clone(),
        action: action.to_owned(),
        resource: key.to_owned(),
        via: String::new(),
        allowed,
        grounds: vec![Ground { layer: "grant", statement: String::new() }],
    });
    if allowed {
        return Ok(());
    }
    Err(denied(&caller.principal, action, key, "because the grant does not allow it"))
}
