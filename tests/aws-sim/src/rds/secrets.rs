//! Creating and rotating secrets for managed master passwords.

use std::time::Duration;

use super::keys;
use super::secret::Secret;
use crate::access::ResourcePermission;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::later;
use crate::context::Context;
use crate::decision::AccessRequest;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;

impl Secret {
    /// A new secret, encrypted with the key that the request names, or with Secrets Manager's own key, whose policy
    /// allows all principals of the account to use it through the service.
    ///
    /// RDS calls Secrets Manager in its caller's name: "Users must have the required permissions to perform operations
    /// related to Secrets Manager integration": `secretsmanager:CreateSecret` and `secretsmanager:TagResource`, and
    /// those on a customer managed key (RDS User Guide, Password management with Secrets Manager, Permissions
    /// required).
    pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Self> {
        let (account, region) = (caller.account().to_owned(), caller.region.clone());
        let name = format!("rds!db-{}", world.ids.uuid());
        let arn = Arn::new("secretsmanager", &region, &account, format!("secret:{name}-{}", world.ids.hex(6)));
        let key = match query.text("MasterUserSecretKmsKeyId") {
            Some(named) => keys::of_secret(world, caller, named)?,
            None => Arn::new("kms", &region, &account, "alias/aws/secretsmanager").to_string(),
        };
        must_be_permitted(world, caller, "secretsmanager:CreateSecret", &arn, |context| {
            context.set("secretsmanager:Name", &name);
            if query.text("MasterUserSecretKmsKeyId").is_some() {
                context.set("secretsmanager:KmsKeyArn", &key);
            }
        })?;
        must_be_permitted(world, caller, "secretsmanager:TagResource", &arn, |_| {})?;
        let until = later(world.now, change(world));
        Ok(Self { arn, key, change: ("creating", until) })
    }

    /// Refuses a caller that may not rotate it (same page).
    pub(super) fn must_be_rotatable(&self, world: &World, caller: &Caller) -> Outcome<()> {
        must_be_permitted(world, caller, "secretsmanager:RotateSecret", &self.arn, |_| {})
    }
}

/// How long Secrets Manager takes to create or rotate a secret. UNSOURCED: stricter reading. It takes longer than the
/// instance takes to become available again.
pub(super) fn change(world: &World) -> Duration {
    world.settings.scaled(world.settings.durations.modification * 7 / 5)
}

/// UNSOURCED: that RDS answers as it does for its own actions.
fn must_be_permitted(
    world: &World,
    caller: &Caller,
    action: &str,
    secret: &Arn,
    add: impl FnOnce(&mut Context),
) -> Outcome<()> {
    let mut context = world.context(caller, &caller.region).forwarded(&["rds"]);
    add(&mut context);
    let resource = secret.to_string();
    world.authorize(
        caller,
        &AccessRequest { action, resource: &resource, resource_permission: ResourcePermission::Nothing, context },
    )
}

/// Whether a new instance's password is to be managed; a key is allowed only then (RDS API Reference, CreateDBInstance,
/// MasterUserSecretKmsKeyId).
pub(super) fn wanted(query: &Query) -> Outcome<bool> {
    let managed = query.flag("ManageMasterUserPassword")?.unwrap_or(false);
    if !managed && query.text("MasterUserSecretKmsKeyId").is_some() {
        return Err(Fault::combination("MasterUserSecretKmsKeyId needs ManageMasterUserPassword."));
    }
    Ok(managed)
}
