//! Creating keys: CreateKey, ReplicateKey, and AWS managed keys.

use serde_json::{Value, json};

use super::actions::named_key;
use super::document::Document;
use super::key::{Key, KeySpec, KeyState};
use super::key_grants::KeyGrants;
use super::policies::checked_policy;
use super::{signing, tagging};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::later;
use crate::envelope::Material;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::propagation::Propagating;
use crate::tags::Tags;
use crate::world::World;

/// KMS API Reference, CreateKey. It has no client token: each call creates another key.
pub(super) fn create_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&[
        "BypassPolicyLockoutSafetyCheck",
        "CustomKeyStoreId",
        "CustomerMasterKeySpec",
        "Description",
        "KeySpec",
        "KeyUsage",
        "MultiRegion",
        "Origin",
        "Policy",
        "Tags",
        "XksKeyId",
    ])?;
    let spec = spec(json)?;
    match json.one_of("Origin", &["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"])? {
        None | Some("AWS_KMS") => {}
        Some(other) => {
            return Err(Fault::bad(
                "UnsupportedOperationException",
                format!("There are no keys of Origin {other} here."),
            ));
        }
    }
    if let Some(store) = json.text("CustomKeyStoreId")? {
        return Err(Fault::bad("CustomKeyStoreNotFoundException", format!("{store} does not exist.")));
    }
    // "Not valid for KMS keys with any other Origin value" (same page, XksKeyId). The code is UNSOURCED.
    if json.text("XksKeyId")?.is_some() {
        return Err(Fault::validation("XksKeyId is for keys of Origin EXTERNAL_KEY_STORE"));
    }
    let multi_region = json.flag("MultiRegion")?.unwrap_or(false);
    // The id of a multi-Region key begins with mrk- (KMS Developer Guide, Multi-Region keys in AWS KMS).
    let id = if multi_region { format!("mrk-{}", world.ids.hex(32)) } else { world.ids.uuid() };
    let arn = Arn::new("kms", &caller.region, caller.account(), format!("key/{id}"));
    let (policy, tags, description) = described(world, caller, json, &arn)?;
    let material = if spec.signs() { signing::private_key(&mut world.ids) } else { world.ids.bytes() };
    let primary = multi_region.then(|| caller.region.clone());
    let key = Key { primary, description, tags, ..new(world, arn, spec, material, policy) };
    Ok(json!({ "KeyMetadata": add(world, key) }))
}

/// The key spec. "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys" (KMS API
/// Reference, CreateKey, KeyUsage); the codes are UNSOURCED.
fn spec(json: &Json) -> Outcome<KeySpec> {
    const SPECS: [&str; 17] = [
        "SYMMETRIC_DEFAULT",
        "ECC_NIST_P256",
        "ECC_NIST_P384",
        "ECC_NIST_P521",
        "ECC_SECG_P256K1",
        "ECC_NIST_EDWARDS25519",
        "RSA_2048",
        "RSA_3072",
        "RSA_4096",
        "HMAC_224",
        "HMAC_256",
        "HMAC_384",
        "HMAC_512",
        "ML_DSA_44",
        "ML_DSA_65",
        "ML_DSA_87",
        "SM2",
    ];
    let usages = ["ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"];
    // The deprecated name of the same parameter.
    let spec = match (json.one_of("KeySpec", &SPECS)?, json.one_of("CustomerMasterKeySpec", &SPECS)?) {
        (Some(_), Some(_)) => {
            return Err(Fault::validation("You can specify KeySpec or CustomerMasterKeySpec, but not both."));
        }
        (given, former) => given.or(former).unwrap_or("SYMMETRIC_DEFAULT"),
    };
    match (spec, json.one_of("KeyUsage", &usages)?) {
        ("SYMMETRIC_DEFAULT", None | Some("ENCRYPT_DECRYPT")) => Ok(KeySpec::SymmetricDefault),
        ("ECC_NIST_P256", Some("SIGN_VERIFY")) => Ok(KeySpec::EccNistP256),
        ("ECC_NIST_P256", Some("KEY_AGREEMENT")) => {
            Err(Fault::bad("UnsupportedOperationException", "Key agreement is not simulated."))
        }
        ("SYMMETRIC_DEFAULT" | "ECC_NIST_P256", usage) => {
            let usage = usage.unwrap_or("without a value");
            Err(Fault::validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")))
        }
        _ => Err(Fault::bad("UnsupportedOperationException", format!("KeySpec {spec} is not simulated."))),
    }
}

/// A key that is enabled, single-Region and without tags, and can be used after the propagation delay.
fn new(world: &World, arn: Arn, spec: KeySpec, material: Material, policy: Document) -> Key {
    Key {
        arn,
        spec,
        material,
        state: KeyState::Enabled,
        primary: None,
        managed_by_aws: false,
        policy: Propagating::new(policy),
        description: String::new(),
        tags: Tags::new(),
        created: world.now,
        usable_from: later(world.now, world.settings.scaled(world.settings.lags.authorization)),
        rotation: None,
        grants: KeyGrants::default(),
    }
}

/// KMS API Reference, ReplicateKey: called in the primary's Region, one related key in each Region.
pub(super) fn replicate_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["BypassPolicyLockoutSafetyCheck", "Description", "KeyId", "Policy", "ReplicaRegion", "Tags"])?;
    let region = json.required("ReplicaRegion")?.to_owned();
    if !crate::request::is_region(&region) {
        return Err(Fault::validation(format!("{region} is not a Region.")));
    }
    // "If the Region is not enabled by default, the AWS account must be enabled in the Region" (same page, ReplicaRegion).
    // UNSOURCED: the code.
    if world.principals.is_disabled(caller.account(), &region) {
        return Err(Fault::bad("UnsupportedOperationException", format!("{region} is not enabled for this account.")));
    }
    let primary = named_key(world, caller, "ReplicateKey", json)?;
    if primary.primary.as_deref() != Some(primary.arn.region.as_str()) {
        return Err(Fault::bad(
            "UnsupportedOperationException",
            format!("{} is not a multi-Region primary key.", primary.arn),
        ));
    }
    let arn = Arn { region, ..primary.arn.clone() };
    let (spec, material, home, id) = (primary.spec, primary.material, primary.primary.clone(), primary.arn.to_string());
    // Also while an old replica is pending deletion (same page).
    if world.kms.keys.contains_key(&arn.to_string()) {
        return Err(Fault::bad(
            "AlreadyExistsException",
            format!("A related key of {id} already exists in {}.", arn.region),
        ));
    }
    // Policy, tags and description are the replica's own; by default it has the default policy (same page).
    let (policy, tags, description) = described(world, caller, json, &arn)?;
    let until = later(world.now, world.settings.scaled(world.settings.durations.key_creation));
    let shown = (policy.text.clone(), tagging::shown(&tags));
    let state = KeyState::Creating { until };
    let key = Key { state, primary: home, description, tags, ..new(world, arn, spec, material, policy) };
    let metadata = add(world, key);
    Ok(json!({ "ReplicaKeyMetadata": metadata, "ReplicaPolicy": shown.0, "ReplicaTags": shown.1 }))
}

/// The AWS managed key `aws/rds` of an account and Region, created on its first use.
pub(crate) fn managed_key(world: &mut World, account: &str, region: &str) -> String {
    managed_key_of(world, "rds", account, region)
}

/// The AWS managed key of a service.
pub(crate) fn managed_key_of(world: &mut World, service: &str, account: &str, region: &str) -> String {
    let alias = Arn::new("kms", region, account, format!("alias/aws/{service}")).to_string();
    if let Some(existing) = world.kms.aliases.get(&alias) {
        return existing.clone();
    }
    let arn = Arn::new("kms", region, account, format!("key/{}", world.ids.uuid()));
    let material = world.ids.bytes();
    let key = Key {
        managed_by_aws: true,
        description: format!("Default key that protects what {service} keeps when no other key is defined"),
        usable_from: world.now,
        ..new(
            world,
            arn.clone(),
            KeySpec::SymmetricDefault,
            material,
            Document::of_managed_key(service, account, region),
        )
    };
    add(world, key);
    world.kms.aliases.insert(alias, arn.to_string());
    arn.to_string()
}

/// The parameters that CreateKey and ReplicateKey share.
fn described(world: &World, caller: &Caller, json: &Json, arn: &Arn) -> Outcome<(Document, Tags, String)> {
    let policy = match json.text("Policy")? {
        Some(text) => {
            let bypass = json.flag("BypassPolicyLockoutSafetyCheck")?.unwrap_or(false);
            checked_policy(world, caller, text, arn, bypass)?
        }
        None => Document::default_for(caller.account()),
    };
    let tags = tagging::parsed(json)?;
    let description = json.text("Description")?.unwrap_or_default().to_owned();
    check_description(&description)?;
    Ok((policy, tags, description))
}

/// KMS API Reference, CreateKey and UpdateKeyDescription, Description.
pub(super) fn check_description(description: &str) -> Outcome<()> {
    if description.chars().count() > 8192 {
        return Err(Fault::validation("Description has at most 8192 characters"));
    }
    Ok(())
}

fn add(world: &mut World, key: Key) -> Value {
    let arn = key.arn.to_string();
    world.kms.keys.insert(arn.clone(), key);
    world.kms.keys.get(&arn).map_or(Value::Null, |key| key.metadata(&world.kms))
}
