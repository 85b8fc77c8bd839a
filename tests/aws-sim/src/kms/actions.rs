//! Which key actions accept aliases, keys of other accounts, and keys in which states.

use super::key::{Key, KeyState};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// The result of an action in one key state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum In {
    /// It succeeds.
    Y,
    /// DisabledException.
    D,
    /// KMSInvalidStateException.
    S,
}
use In::{D, S, Y};

/// One action: whether its `KeyId` may be an alias (KMS API Reference, the action's KeyId), whether the key may be in
/// another account (KMS Developer Guide, Allowing users in other accounts to use a KMS key), and its result in each
/// state.
struct Action(&'static str, bool, bool, [In; 5]);

/// KMS Developer Guide, Key states of AWS KMS keys. Columns: enabled; disabled; pending deletion, also of replicas;
/// creating; updating. Where that page allows both `DisabledException` and `KMSInvalidStateException`, the latter is
/// used. UNSOURCED in the last two columns: all but the cryptographic operations, CreateGrant (creating), ReplicateKey,
/// EnableKey and DisableKey, which are documented for multi-Region keys; the stricter reading for actions that change
/// the key.
#[rustfmt::skip]
const TABLE: [Action; 34] = [
    Action("CancelKeyDeletion",               false, false, [S, S, Y, S, S]),
    Action("CreateAlias",                     false, false, [Y, Y, S, Y, Y]),
    Action("CreateGrant",                     false, true,  [Y, D, S, S, S]),
    Action("Decrypt",                         true,  true,  [Y, D, S, S, Y]),
    Action("DescribeKey",                     true,  true,  [Y, Y, Y, Y, Y]),
    Action("DisableKey",                      false, false, [Y, Y, S, S, S]),
    Action("DisableKeyRotation",              false, false, [Y, D, S, S, S]),
    Action("EnableKey",                       false, false, [Y, Y, S, S, S]),
    Action("EnableKeyRotation",               false, false, [Y, D, S, S, S]),
    Action("Encrypt",                         true,  true,  [Y, D, S, S, Y]),
    Action("GenerateDataKey",                 true,  true,  [Y, D, S, S, Y]),
    Action("GenerateDataKeyWithoutPlaintext", true,  true,  [Y, D, S, S, Y]),
    Action("GetKeyPolicy",                    false, false, [Y, Y, Y, Y, Y]),
    Action("GetKeyRotationStatus",            false, true,  [Y, Y, Y, Y, Y]),
    Action("GetPublicKey",                    true,  true,  [Y, D, S, S, Y]),
    Action("ListAliases",                     false, false, [Y, Y, Y, Y, Y]),
    Action("ListGrants",                      false, true,  [Y, Y, Y, Y, Y]),
    Action("ListKeyPolicies",                 false, false, [Y, Y, Y, Y, Y]),
    Action("ListResourceTags",                false, false, [Y, Y, Y, Y, Y]),
    Action("PutKeyPolicy",                    false, false, [Y, Y, Y, Y, Y]),
    Action("ReEncryptFrom",                   true,  true,  [Y, D, S, S, Y]),
    Action("ReEncryptTo",                     true,  true,  [Y, D, S, S, Y]),
    Action("ReplicateKey",                    false, false, [Y, D, S, S, S]),
    Action("RetireGrant",                     false, true,  [Y, Y, Y, Y, Y]),
    Action("RevokeGrant",                     false, true,  [Y, Y, Y, Y, Y]),
    Action("ScheduleKeyDeletion",             false, false, [Y, Y, S, Y, S]),
    Action("Sign",                            true,  true,  [Y, D, S, S, Y]),
    Action("TagResource",                     false, false, [Y, Y, S, Y, Y]),
    Action("UntagResource",                   false, false, [Y, Y, S, Y, Y]),
    Action("UpdateAlias",                     false, false, [Y, Y, S, Y, Y]),
    Action("UpdateKeyDescription",            false, false, [Y, Y, S, Y, Y]),
    Action("UpdatePrimaryRegion",             false, false, [Y, D, S, S, S]),
    Action("Verify",                          true,  true,  [Y, D, S, S, Y]),
    Action("DeleteAlias",                     false, false, [Y, Y, Y, Y, Y]),
];

fn of(name: &str) -> Option<&'static Action> {
    TABLE.iter().find(|Action(known, ..)| *known == name)
}

/// Whether the action accepts another account's key.
pub(super) fn works_across_accounts(name: &str) -> bool {
    of(name).is_some_and(|Action(_, _, across, _)| *across)
}

/// The key that the request's `KeyId` names, if the action accepts it.
pub(super) fn named_key<'a>(world: &'a mut World, caller: &Caller, name: &str, json: &Json) -> Outcome<&'a mut Key> {
    key(world, caller, name, json.required("KeyId")?)
}

/// The key that `named` refers to, if the action accepts it. InternalFailure for bugs of the simulator (KMS API
/// Reference, Common Errors).
pub(super) fn key<'a>(world: &'a mut World, caller: &Caller, name: &str, named: &str) -> Outcome<&'a mut Key> {
    let Some(Action(_, alias, _, states)) = of(name) else {
        return Err(Fault::internal(format!("{name} is missing in the table of actions")));
    };
    // KMS API Reference, the action's KeyId: 1 to 2048 characters.
    if named.len() > 2048 {
        return Err(Fault::validation("Value at 'keyId' must have length less than or equal to 2048"));
    }
    // "Key Aliases are not supported for this operation": hashicorp/terraform#20813.
    if !alias && (named.starts_with("alias/") || named.contains(":alias/")) {
        return Err(Fault::bad("InvalidArnException", format!("{named} is not a key id or key ARN")));
    }
    let arn = world.kms.resolve(caller, named)?;
    let key = world.kms.keys.get_mut(&arn).ok_or_else(|| Fault::internal("the key has gone"))?;
    let uses = states[1] == D;
    // Actions that use the key, or let others use it (KMS Developer Guide, Eventual consistency). UNSOURCED: the code,
    // one of the two that the page names.
    if uses && key.usable_from > world.now {
        return Err(Fault::bad("NotFoundException", format!("Key '{arn}' does not exist")));
    }
    let (column, state) = match key.state {
        KeyState::Enabled => (0, "not pending deletion (or pending replica deletion)"),
        KeyState::Disabled if name == "CancelKeyDeletion" => (1, "not pending deletion (or pending replica deletion)"),
        KeyState::Disabled => (1, "disabled"),
        KeyState::PendingDeletion { .. } => (2, "pending deletion"),
        KeyState::PendingReplicaDeletion { .. } => (2, "pending replica deletion"),
        KeyState::Creating { .. } => (3, "creating"),
        KeyState::Updating { .. } => (4, "updating"),
    };
    // KMS Developer Guide, Key states of AWS KMS keys: the table above.
    match states[column] {
        Y => Ok(key),
        D => Err(Fault::bad("DisabledException", format!("{arn} is {state}."))),
        S => Err(Fault::bad("KMSInvalidStateException", format!("{arn} is {state}."))),
    }
}
