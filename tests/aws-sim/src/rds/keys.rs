//! Choosing KMS keys, and checking that they can be used.

use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::{FOR_SECRETS, TO_READ, TO_STORE, usable};
use crate::world::World;

/// Refuses a source whose key the caller may not read with.
pub(super) fn readable(world: &World, caller: &Caller, key: &str) -> Outcome<()> {
    if usable(world, caller, key, &TO_READ, &["rds"]) {
        return Ok(());
    }
    Err(not_accessible("source snapshot", key))
}

/// The ARN of the key that `KmsKeyId` refers to: an id or alias of the caller's own, or an ARN; it must be in this
/// Region, be enabled, and be permitted to the caller (RDS API Reference, CopyDBSnapshot, KmsKeyId).
pub(super) fn target(world: &mut World, caller: &Caller, named: &str) -> Outcome<String> {
    chosen(world, caller, named, &TO_STORE, &["rds"])
}

/// The same for the key of a secret, which Secrets Manager uses in turn (RDS User Guide, Password management with
/// Secrets Manager, Permissions required: `kms:DescribeKey`, `kms:Decrypt`, `kms:GenerateDataKey`, `kms:CreateGrant`).
/// UNSOURCED: that all four are requested by Secrets Manager.
pub(super) fn of_secret(world: &mut World, caller: &Caller, named: &str) -> Outcome<String> {
    chosen(world, caller, named, &FOR_SECRETS, &["rds", "secretsmanager"])
}

fn chosen(world: &mut World, caller: &Caller, named: &str, actions: &[&str], services: &[&str]) -> Outcome<String> {
    let refused = || not_accessible("target", named);
    if named == "alias/aws/rds" {
        crate::kms::managed_key(world, caller.account(), &caller.region);
    }
    let arn = world.kms.resolve(caller, named).map_err(|_| refused())?;
    // Another account's key must be named by its key ARN, not by an alias. UNSOURCED: stricter reading.
    let foreign = Arn::parse(&arn).is_some_and(|arn| arn.account != caller.account());
    if (foreign && named != arn) || !usable(world, caller, &arn, actions, services) {
        return Err(refused());
    }
    Ok(arn)
}

/// Whether the caller may store with the key.
pub(super) fn can_store(world: &World, caller: &Caller, key: &str) -> bool {
    usable(world, caller, key, &TO_STORE, &["rds"])
}

/// Refuses the key of an existing instance or snapshot if the caller may not store with it. The code: RDS API
/// Reference, RestoreDBInstanceFromDBSnapshot, KMSKeyNotAccessibleFault; the text is from
/// awslabs/aurora-snapshot-tool#25.
pub(super) fn storable(world: &World, caller: &Caller, key: &str) -> Outcome<()> {
    if can_store(world, caller, key) {
        return Ok(());
    }
    let message = format!(
        "Specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it."
    );
    Err(Fault::bad("KMSKeyNotAccessibleFault", message))
}

/// RDS API Reference, CopyDBSnapshot, KMSKeyNotAccessibleFault, with RDS's text, in which an absent key is `None`
/// (awslabs/rds-snapshot-tool#70).
pub(super) fn not_accessible(which: &str, key: &str) -> Fault {
    let message = format!(
        "The {which} KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it."
    );
    Fault::bad("KMSKeyNotAccessibleFault", message)
}
