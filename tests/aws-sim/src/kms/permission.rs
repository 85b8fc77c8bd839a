//! Who may ask what of which key: the permissions that each action needs, the conditions it brings, and grants.

use jiff::Timestamp;
use serde_json::Value;

use super::actions::reaches_across;
use super::crypto;
use super::grants::Grant;
use super::key::Key;
use crate::access::{Decision, Leave, Resource, authorize, context, demand};
use crate::arn::Arn;
use crate::condition::Context;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::policy::Verdict;
use crate::principal::Principal;
use crate::tags::Tags;
use crate::world::{Caller, World};

/// An IAM action, and the ARN it is asked for: `*` for what has none.
type Asked = (String, String);

/// The permissions that a request needs (Service Authorization Reference, AWS Key Management Service).
fn asked(world: &World, caller: &Caller, action: &str, json: &Json) -> Vec<Asked> {
    let text = |name: &str| json.text(name).ok().flatten();
    let own = |resource: &str| Arn::new("kms", &caller.region, caller.account(), resource).to_string();
    let key = |named: &str| match world.kms.resolve(caller, named) {
        Ok(arn) => arn,
        Err(_) if Arn::parse(named).is_some() => named.to_owned(),
        Err(_) => own(&format!("key/{named}")),
    };
    let mut asked: Vec<Asked> = Vec::new();
    let mut ask = |action: &str, arn: String| asked.push((format!("kms:{action}"), arn));
    match action {
        // On the alias and on its key, for UpdateAlias on both keys (KMS Developer Guide, Controlling access to aliases).
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
        // On the present primary and on the replica that is to be it (KMS API Reference, UpdatePrimaryRegion).
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
        // Of grants, not of policies: see there.
        "RetireGrant" => {}
        _ => match text("KeyId") {
            Some(named) => ask(action, key(named)),
            None => ask(action, "*".to_owned()),
        },
    }
    // KMS Developer Guide, Creating multi-Region replica keys; Controlling access to tags.
    if action == "ReplicateKey" {
        ask("CreateKey", "*".to_owned());
    }
    if matches!(action, "CreateKey" | "ReplicateKey") && json.raw("Tags").is_some() {
        ask("TagResource", "*".to_owned());
    }
    asked
}

/// The ARNs that a request names.
pub(crate) fn resources(world: &World, caller: &Caller, action: &str, json: &Json) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, arn) in asked(world, caller, action, json) {
        if arn != "*" && !found.contains(&arn) {
            found.push(arn);
        }
    }
    found
}

/// Refuses what the key's policy, its grants and the caller's own policies do not allow.
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
    let caller_identity = world.principals.identity(&caller.principal);
    for (action, arn) in asked(world, caller, action, json) {
        let key = world.kms.keys.get(&arn);
        let mut context = context(world.now, &caller.principal, &caller.region);
        add_conditions(&mut context, key, &action, json)?;
        let encryption = encryption_context(&action, json)?;
        let leave = |key: &Key| leave(key, &caller.principal, &action, world.now, &tokens, Some(&encryption));
        let leave = match key {
            Some(key) if key.arn.account == caller.account() || reaches_across(action.trim_start_matches("kms:")) => {
                Leave::Only { policy: &key.policy.in_effect(world.now).rules, grant: leave(key) }
            }
            _ => Leave::Nobody,
        };
        let owner = if arn == "*" { caller.account() } else { arn.split(':').nth(4).unwrap_or_default() };
        let asked = Resource { owner: owner.to_owned(), arn, leave };
        demand(&caller_identity, &action, &[asked], &context)?;
    }
    Ok(())
}

/// Whether the key's policy and the caller's own allow `action`, without any grant.
pub(super) fn allowed_without_grant(world: &World, caller: &Caller, key: &Key, action: &str, json: &Json) -> bool {
    let mut context = context(world.now, &caller.principal, &caller.region);
    if add_conditions(&mut context, Some(key), action, json).is_err() {
        return false;
    }
    let leave = Leave::Only { policy: &key.policy.in_effect(world.now).rules, grant: Verdict::Silent };
    let asked = Resource { owner: key.arn.account.clone(), arn: key.arn.to_string(), leave };
    authorize(&world.principals.identity(&caller.principal), action, &[asked], &context) == Decision::Allowed
}

/// What the key's grants say. A grant to a role or session is enough; one to an account leaves it to that account's IAM.
/// UNSOURCED for the latter: as with policies. Grants never deny.
pub(super) fn leave(
    key: &Key,
    principal: &Principal,
    action: &str,
    now: Timestamp,
    tokens: &[String],
    encryption: Option<&Tags>,
) -> Verdict {
    let holds = |grant: &&Grant| grant.in_effect(now, tokens) && grant.terms.cover(action, encryption);
    let grants = key.grants_in_effect(now).filter(holds);
    grants.map(|grant| principal.named_by(&grant.terms.grantee)).fold(Verdict::Silent, Verdict::or)
}

/// The encryption context that one of the permissions of a request is about.
fn encryption_context(action: &str, json: &Json) -> Outcome<Tags> {
    json.map(match action {
        "kms:ReEncryptFrom" => "SourceEncryptionContext",
        "kms:ReEncryptTo" => "DestinationEncryptionContext",
        _ => "EncryptionContext",
    })
}

/// The condition keys of KMS that a direct request has (KMS Developer Guide, AWS KMS condition keys). Those of several
/// values are not evaluated here.
fn add_conditions(context: &mut Context, key: Option<&Key>, action: &str, json: &Json) -> Outcome<()> {
    let mut add = |name: &str, value: &str| context.insert(name.to_lowercase(), value.to_owned());
    for (name, value) in encryption_context(action, json)? {
        add(&format!("kms:EncryptionContext:{name}"), &value);
    }
    for tag in json.objects("Tags")? {
        add(&format!("aws:RequestTag/{}", tag.required("TagKey")?), tag.text("TagValue")?.unwrap_or_default());
    }
    let parameters = [
        ("BypassPolicyLockoutSafetyCheck", "kms:BypassPolicyLockoutSafetyCheck"),
        ("GranteePrincipal", "kms:GranteePrincipal"),
        ("MessageType", "kms:MessageType"),
        ("PendingWindowInDays", "kms:ScheduleKeyDeletionPendingWindowInDays"),
        ("PrimaryRegion", "kms:PrimaryRegion"),
        ("ReplicaRegion", "kms:ReplicaRegion"),
        ("RetiringPrincipal", "kms:RetiringPrincipal"),
        ("SigningAlgorithm", "kms:SigningAlgorithm"),
        ("KeySpec", "kms:KeySpec"),
        ("KeyUsage", "kms:KeyUsage"),
        ("MultiRegion", "kms:MultiRegion"),
    ];
    for (parameter, name) in parameters {
        match json.raw(parameter) {
            Some(Value::String(text)) => drop(add(name, &text)),
            Some(value @ (Value::Bool(_) | Value::Number(_))) => drop(add(name, &value.to_string())),
            _ => {}
        }
    }
    if let Some(named) = json.text("KeyId")?.filter(|named| named.starts_with("alias/")) {
        add("kms:RequestAlias", named);
    }
    if let Some(key) = key {
        for (name, value) in &key.tags {
            add(&format!("aws:ResourceTag/{name}"), value);
        }
        add("kms:KeySpec", key.spec.name());
        add("kms:KeyUsage", key.spec.usage());
        add("kms:KeyOrigin", "AWS_KMS");
        add("kms:MultiRegion", if key.primary.is_some() { "true" } else { "false" });
        if let Some(primary) = &key.primary {
            add("kms:MultiRegionKeyType", if *primary == key.arn.region { "PRIMARY" } else { "REPLICA" });
        }
    }
    Ok(())
}
