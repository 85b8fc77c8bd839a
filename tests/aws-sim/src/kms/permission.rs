//! Authorizing KMS requests: the permissions that each action needs, their conditions, and grants.

use jiff::Timestamp;

use super::actions::works_across_accounts;
use super::conditions;
use super::crypto;
use super::key::Key;
use super::key_grants::Grant;
use crate::access::ResourcePermission;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::decision::AccessRequest;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::principal::Principal;
use crate::tags::Tags;
use crate::verdict::Verdict;
use crate::world::World;

/// A permission that a request needs.
struct Need {
    /// Without the service: `CreateKey`.
    name: String,
    /// An ARN, or `*`.
    resource: String,
    region: String,
}

/// The permissions that a request needs (Service Authorization Reference, AWS Key Management Service).
fn needs(world: &World, caller: &Caller, action: &str, json: &Json) -> Vec<Need> {
    let text = |name: &str| json.text(name).ok().flatten();
    let own = |resource: &str| Arn::new("kms", &caller.region, caller.account(), resource).to_string();
    let key = |named: &str| match world.kms.resolve(caller, named) {
        Ok(arn) => arn,
        Err(_) if Arn::parse(named).is_some() => named.to_owned(),
        Err(_) => own(&format!("key/{named}")),
    };
    let mut needs: Vec<Need> = Vec::new();
    let mut ask = |name: &str, resource: String| {
        needs.push(Need { name: name.to_owned(), resource, region: caller.region.clone() });
    };
    match action {
        // On the alias and on its key, for UpdateAlias on both keys (KMS Developer Guide, Controlling access to
        // aliases).
        "CreateAlias" | "UpdateAlias" | "DeleteAlias" => {
            let alias = own(text("AliasName").unwrap_or_default());
            let present = world.kms.aliases.get(&alias).filter(|_| action != "CreateAlias").cloned();
            ask(action, alias);
            for arn in present.into_iter().chain(text("TargetKeyId").map(key)) {
                ask(action, arn);
            }
        }
        "ReEncrypt" => {
            let blob = || crypto::key_of(caller, text("CiphertextBlob").unwrap_or_default());
            if let Some(source) = text("SourceKeyId").map(key).or_else(blob) {
                ask("ReEncryptFrom", source);
            }
            if let Some(named) = text("DestinationKeyId") {
                ask("ReEncryptTo", key(named));
            }
        }
        // On the present primary and on the replica that is to become it (KMS API Reference, UpdatePrimaryRegion).
        "UpdatePrimaryRegion" => {
            let present = key(text("KeyId").unwrap_or_default());
            let next = Arn::parse(&present).zip(text("PrimaryRegion"));
            let next = next.map(|(arn, region)| Arn { region: region.to_owned(), ..arn }.to_string());
            ask(action, present);
            if let Some(arn) = next.filter(|arn| world.kms.keys.contains_key(arn)) {
                ask(action, arn);
            }
        }
        "Decrypt" if text("KeyId").is_none() => {
            if let Some(arn) = crypto::key_of(caller, text("CiphertextBlob").unwrap_or_default()) {
                ask(action, arn);
            }
        }
        // Decided by the grant in `grants::retire_grant`.
        "RetireGrant" => {}
        // Not on a key, even when one is named.
        "ListAliases" => ask(action, "*".to_owned()),
        _ => match text("KeyId") {
            Some(named) => ask(action, key(named)),
            None => ask(action, "*".to_owned()),
        },
    }
    // "kms:CreateKey permission in an IAM policy in the replica Region" (KMS Developer Guide, Controlling access to
    // multi-Region keys), and "kms:TagResource" for tags (Controlling access to tags), which is judged on a key: on the
    // replica, or on any key if the new key has no id yet.
    if action == "ReplicateKey"
        && let Some(region) = text("ReplicaRegion")
    {
        let replica = text("KeyId").map(key).and_then(|arn| Arn::parse(&arn));
        let replica = replica.map_or_else(String::new, |arn| Arn { region: region.to_owned(), ..arn }.to_string());
        let there = |name: &str, resource| Need { name: name.to_owned(), resource, region: region.to_owned() };
        needs.push(there("CreateKey", "*".to_owned()));
        if json.raw("Tags").is_some() {
            needs.push(there("TagResource", replica));
        }
    } else if action == "CreateKey" && json.raw("Tags").is_some() {
        ask("TagResource", own("key/*"));
    }
    needs
}

/// The ARNs that a request names.
pub(crate) fn resources(world: &World, caller: &Caller, action: &str, json: &Json) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for need in needs(world, caller, action, json) {
        if !need.resource.contains('*') && !found.contains(&need.resource) {
            found.push(need.resource);
        }
    }
    found
}

/// Refuses a request that the key's policy, its grants and the caller's own policies do not allow.
pub(crate) fn permit(world: &World, caller: &Caller, action: &str, json: &Json) -> Outcome<()> {
    let tokens = json.texts("GrantTokens")?;
    // KMS API Reference, Decrypt, GrantTokens: at most 10.
    if tokens.len() > 10 {
        return Err(Fault::validation("Value at 'grantTokens' must have length less than or equal to 10"));
    }
    // KMS API Reference, Decrypt, Errors.
    if let Some(unknown) = tokens.iter().find(|token| !world.kms.tokens.contains_key(*token)) {
        return Err(Fault::bad("InvalidGrantTokenException", format!("The grant token {unknown} is not valid.")));
    }
    for need in needs(world, caller, action, json) {
        let key = world.kms.keys.get(&need.resource);
        let mut context = world.context(caller, &need.region);
        conditions::of_request(&mut context, world, caller, action, &need.name, json)?;
        if let Some(key) = key {
            conditions::of_key(&mut context, world, key);
        }
        let action = format!("kms:{}", need.name);
        let encryption = json.map(conditions::encryption_parameter(&need.name))?;
        let resource_permission = match key {
            Some(key) if key.arn.account == caller.account() || works_across_accounts(&need.name) => {
                ResourcePermission::Key {
                    policy: &key.policy.in_effect(world.now).rules,
                    grant: grant_verdict(key, &caller.principal, &action, world.now, &tokens, Some(&encryption)),
                }
            }
            _ => ResourcePermission::Nothing,
        };
        world.authorize(
            caller,
            &AccessRequest { action: &action, resource: &need.resource, resource_permission, context },
        )?;
    }
    Ok(())
}

/// Whether the key's policy and the caller's own allow CreateGrant without using a grant.
pub(super) fn grants_without_grant(world: &World, caller: &Caller, key: &Key, json: &Json) -> bool {
    let mut context = world.context(caller, &caller.region);
    if conditions::of_request(&mut context, world, caller, "CreateGrant", "CreateGrant", json).is_err() {
        return false;
    }
    conditions::of_key(&mut context, world, key);
    let resource_permission =
        ResourcePermission::Key { policy: &key.policy.in_effect(world.now).rules, grant: Verdict::NoMatch };
    let resource = key.arn.to_string();
    world
        .judge(caller, &AccessRequest { action: "kms:CreateGrant", resource: &resource, resource_permission, context })
        .allowed()
}

/// The verdict of the key's grants. A grant to a role or session suffices; one to an account also needs that account's
/// IAM policies. UNSOURCED for the latter: as with policies. Grants never deny.
pub(super) fn grant_verdict(
    key: &Key,
    principal: &Principal,
    action: &str,
    now: Timestamp,
    tokens: &[String],
    encryption: Option<&Tags>,
) -> Verdict {
    let holds = |grant: &&Grant| grant.in_effect(now, tokens) && grant.terms.cover(action, encryption);
    let grants = key.grants.to(now, |grantee| principal.named_by(grantee) != Verdict::NoMatch).filter(holds);
    grants.map(|grant| principal.named_by(&grant.terms.grantee)).max().unwrap_or(Verdict::NoMatch)
}
