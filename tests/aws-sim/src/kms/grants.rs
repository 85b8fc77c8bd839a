//! Grants.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::key::listing;
use super::named_without_alias;
use crate::clock::epoch_seconds;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::principal::root_arn;
use crate::world::{Caller, World};

/// What a grant says. Two grants are the same when this is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) name: Option<String>,
    pub(crate) grantee: String,
    pub(crate) retiring: Option<String>,
    pub(crate) operations: Vec<String>,
    pub(crate) constraints: Option<Value>,
    /// The ARN of the root of the account that made it.
    pub(crate) issuer: String,
}

/// A grant on one key.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) terms: Terms,
    pub(crate) created: Timestamp,
}

/// The operations that grants can be about for a symmetric key (KMS API Reference, CreateGrant, Operations).
const OPERATIONS: [&str; 9] = [
    "CreateGrant",
    "Decrypt",
    "DescribeKey",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
    "RetireGrant",
];

/// KMS API Reference, CreateGrant. The same name with the same terms gives the same grant; without a name each call
/// makes another.
pub(super) fn create_grant(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["Constraints", "GrantTokens", "GranteePrincipal", "KeyId", "Name", "Operations", "RetiringPrincipal"])?;
    let operations = json.texts("Operations")?;
    if operations.is_empty() || operations.iter().any(|operation| !OPERATIONS.contains(&operation.as_str())) {
        return Err(Fault::validation("Operations must name operations that a symmetric key has"));
    }
    let terms = Terms {
        name: json.text("Name")?.map(str::to_owned),
        grantee: json.required("GranteePrincipal")?.to_owned(),
        retiring: json.text("RetiringPrincipal")?.map(str::to_owned),
        operations,
        constraints: json.raw("Constraints"),
        issuer: root_arn(caller.account()),
    };
    for named in std::iter::once(&terms.grantee).chain(&terms.retiring) {
        if named == "*" || !world.principals.exists(named) {
            return Err(Fault::bad("InvalidArnException", format!("{named} is not a valid principal")));
        }
    }
    let key = named_without_alias(world, caller, json)?;
    key.must_be_enabled()?;
    let arn = key.arn.to_string();
    let same = key.grants.iter().find(|(_, grant)| terms.name.is_some() && grant.terms == terms);
    let id = match same.map(|(id, _)| id.clone()) {
        Some(id) => id,
        None => issue(world, &arn, terms).unwrap_or_default(),
    };
    let token = world.ids.hex(64);
    Ok(json!({ "GrantId": id, "GrantToken": token }))
}

/// Puts a grant on the key and gives its id.
pub(crate) fn issue(world: &mut World, key: &str, terms: Terms) -> Option<String> {
    let id = world.ids.hex(64);
    let created = world.now;
    world.kms.keys.get_mut(key)?.grants.insert(id.clone(), Grant { terms, created });
    Some(id)
}

pub(super) fn list_grants(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["GrantId", "GranteePrincipal", "KeyId", "Limit", "Marker"])?;
    let limit = json.bounded("Limit", 1, 100, 50)?;
    let (id, grantee, marker) = (json.text("GrantId")?, json.text("GranteePrincipal")?, json.text("Marker")?);
    let key = named_without_alias(world, caller, json)?;
    let chosen = key.grants.iter().filter(|(grant_id, grant)| {
        id.is_none_or(|id| id == *grant_id) && grantee.is_none_or(|grantee| grantee == grant.terms.grantee)
    });
    let arn = key.arn.to_string();
    let items = chosen.map(|(id, grant)| (id.clone(), shown(&arn, id, grant))).collect();
    Ok(listing("Grants", items, limit, marker))
}

fn shown(key: &str, id: &str, grant: &Grant) -> Value {
    let mut entry = json!({
        "CreationDate": epoch_seconds(grant.created),
        "GrantId": id,
        "GranteePrincipal": grant.terms.grantee,
        "IssuingAccount": grant.terms.issuer,
        "KeyId": key,
        "Operations": grant.terms.operations,
    });
    let optional = [
        ("Name", grant.terms.name.clone().map(Value::from)),
        ("RetiringPrincipal", grant.terms.retiring.clone().map(Value::from)),
        ("Constraints", grant.terms.constraints.clone()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            entry[name] = value;
        }
    }
    entry
}

pub(super) fn revoke_grant(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["GrantId", "KeyId"])?;
    let id = json.required("GrantId")?;
    let key = named_without_alias(world, caller, json)?;
    match key.grants.remove(id) {
        Some(_) => Ok(Value::Null),
        None => Err(Fault::bad("NotFoundException", format!("Grant ID {id} not found"))),
    }
}
