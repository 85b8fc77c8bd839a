//! The KMS requests that RDS makes with its caller's identity.

use super::grants::issue;
use super::key::{Key, KeyState};
use super::terms::{Constraints, Terms};
use super::{conditions, permission};
use crate::access::ResourcePermission;
use crate::caller::Caller;
use crate::decision::AccessRequest;
use crate::principal::root_arn;
use crate::world::World;

/// The permissions to read with a key. UNSOURCED: the RDS User Guide lists more for a copy as a whole, without saying
/// which apply to the source's key; these three are the least that reading can need.
pub(crate) const TO_READ: [&str; 3] = ["kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt"];

/// The permissions to store with a key (RDS User Guide, Copying a DB snapshot: permissions to copy an encrypted
/// snapshot).
pub(crate) const TO_STORE: [&str; 8] = [
    "kms:DescribeKey",
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// The permissions to encrypt a secret with a customer managed key.
pub(crate) const FOR_SECRETS: [&str; 4] = ["kms:DescribeKey", "kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"];

/// Whether the key exists, can be used, and allows the caller all of `actions` through RDS.
///
/// RDS calls KMS with forward access sessions: the caller's principal, `kms:ViaService` naming RDS in the key's Region,
/// and `kms:GrantIsForAWSResource` for the grant that it creates for itself (RDS User Guide, AWS KMS key management).
pub(crate) fn usable(world: &World, caller: &Caller, key: &str, actions: &[&str], services: &[&str]) -> bool {
    let Some(key) = world.kms.keys.get(key) else { return false };
    // A key can be used while its primary changes (KMS Developer Guide, Key states).
    matches!(key.state, KeyState::Enabled | KeyState::Updating { .. })
        && key.usable_from <= world.now
        && allowed(world, caller, key, actions, services)
}

/// Whether the key allows the caller all of `actions` through an AWS service: the last of `services`, each of which was
/// called by the one before it.
pub(crate) fn allowed(world: &World, caller: &Caller, key: &Key, actions: &[&str], services: &[&str]) -> bool {
    let region = &key.arn.region;
    let service = services.last().copied().unwrap_or_default();
    let mut given = world.context(caller, region).forwarded(services);
    given.set("kms:CallerAccount", caller.account());
    given.set("kms:ViaService", &format!("{service}.{region}.amazonaws.com"));
    conditions::of_key(&mut given, world, key);
    let resource = key.arn.to_string();
    actions.iter().all(|action| {
        let mut context = given.clone();
        if *action == "kms:CreateGrant" {
            context.set("kms:GrantIsForAWSResource", "true");
            // "The policy must include all of these operations" (RDS User Guide, Copying a DB snapshot, of a condition
            // on kms:GrantOperations): the operations of this use.
            let operations = actions.iter().map(|action| action.trim_start_matches("kms:").to_owned());
            context.set_all("kms:GrantOperations", operations.collect());
        }
        let resource_permission = ResourcePermission::Key {
            policy: &key.policy.in_effect(world.now).rules,
            grant: permission::grant_verdict(key, &caller.principal, action, world.now, &[], None),
        };
        world.decide(caller, &AccessRequest { action, resource: &resource, resource_permission, context }).allowed()
    })
}

/// The grant that RDS creates for itself, in the caller's name, for its work after the call. It exists until it is
/// revoked.
pub(crate) fn grant(world: &mut World, caller: &Caller, key: &str, actions: &[&str]) -> Option<String> {
    let names = actions.iter().map(|action| action.trim_start_matches("kms:").to_owned());
    let service = format!("rds.{}.amazonaws.com", caller.region);
    let terms = Terms {
        name: Some(world.ids.uuid()),
        grantee: service.clone(),
        retiring: Some(service),
        operations: names.chain(["RetireGrant".to_owned()]).collect(),
        constraints: Constraints::default(),
        issuer: root_arn(caller.account()),
    };
    issue(world, key, terms)
}
