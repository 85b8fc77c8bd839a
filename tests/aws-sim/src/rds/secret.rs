//! RDS's view of the secret that holds a managed master password.

use std::time::Duration;

use jiff::Timestamp;

use super::keys;
use crate::arn::Arn;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// A secret of Secrets Manager.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    arn: Arn,
    /// The ARN of its key.
    pub(crate) key: String,
    /// `creating` or `rotating`, and until when.
    change: (&'static str, Timestamp),
}

impl Secret {
    /// A new secret under the key that the request names, or else under Secrets Manager's own.
    pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Self> {
        let (account, region) = (caller.account().to_owned(), caller.region.clone());
        let key = match query.text("MasterUserSecretKmsKeyId") {
            Some(named) => keys::target(world, caller, named)?,
            None => Arn::new("kms", &region, &account, "alias/aws/secretsmanager").to_string(),
        };
        let name = format!("secret:rds!db-{}-{}", world.ids.uuid(), world.ids.hex(6));
        let until = later(world.now, change(world));
        Ok(Self { arn: Arn::new("secretsmanager", &region, &account, name), key, change: ("creating", until) })
    }

    pub(super) fn rotate(&mut self, world_now: Timestamp, lasts: Duration) {
        self.change = ("rotating", later(world_now, lasts));
    }

    /// RDS API Reference, MasterUserSecret.
    pub(super) fn show(&self, xml: &mut Xml, now: Timestamp) {
        let (change, until) = self.change;
        xml.leaf("SecretArn", &self.arn);
        xml.leaf("SecretStatus", if now < until { change } else { "active" });
        xml.leaf("KmsKeyId", &self.key);
    }
}

/// How long Secrets Manager makes or rotates a secret. UNSOURCED: stricter reading. It takes longer than the instance takes to be
/// available again.
pub(super) fn change(world: &World) -> Duration {
    world.settings.paced(world.settings.durations.modification * 7 / 5)
}

/// Whether a new instance's password is to be managed; a key makes sense only then (RDS API Reference, CreateDBInstance,
/// MasterUserSecretKmsKeyId).
pub(super) fn wanted(query: &Query) -> Outcome<bool> {
    let managed = query.flag("ManageMasterUserPassword")?.unwrap_or(false);
    if !managed && query.text("MasterUserSecretKmsKeyId").is_some() {
        return Err(Fault::combination("MasterUserSecretKmsKeyId needs ManageMasterUserPassword."));
    }
    Ok(managed)
}
