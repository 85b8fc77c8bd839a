//! Modifying DB instances.

use std::time::Duration;

use super::instance::{Changes, Stage};
use super::{groups, instances, keys, own_arn};
use crate::arn::Arn;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// How long a change of class, of Multi-AZ or of the password takes, at speed 1.
const MODIFICATION: Duration = Duration::from_mins(5);

/// RDS API Reference, ModifyDBInstance. What `ApplyImmediately` leaves for the maintenance window waits for ever here:
/// there is no window.
pub(super) fn modify(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[
        "ApplyImmediately",
        "AutoMinorVersionUpgrade",
        "BackupRetentionPeriod",
        "CopyTagsToSnapshot",
        "DBInstanceClass",
        "DBInstanceIdentifier",
        "DeletionProtection",
        "ManageMasterUserPassword",
        "MasterUserPassword",
        "MasterUserSecretKmsKeyId",
        "MultiAZ",
        "PubliclyAccessible",
        "VpcSecurityGroupIds",
    ])?;
    let id = query.required("DBInstanceIdentifier")?;
    let arn = own_arn(caller, "db", id);
    let absent = || Fault::not_found("DBInstanceNotFound", format!("DBInstance {id} not found."));
    let instance = world.rds.instances.get(&arn).ok_or_else(absent)?;
    if !instance.available() {
        return Err(Fault::bad("InvalidDBInstanceState", format!("Database instance {id} is not in available state.")));
    }
    let managed = query.flag("ManageMasterUserPassword")?;
    if let Some(text) = query.text("MasterUserPassword") {
        instances::password(text)?;
        if managed == Some(true) || (managed.is_none() && instance.secret.is_some()) {
            return Err(Fault::combination(
                "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
            ));
        }
    } else if managed == Some(false) && instance.secret.is_some() {
        return Err(Fault::combination(
            "MasterUserPassword is required when ManageMasterUserPassword is switched off.",
        ));
    }
    if let Some(class) = query.text("DBInstanceClass") {
        instances::check_class(class)?;
    }
    let retention = instances::retention(query)?;
    let security_groups = groups::security_groups(world, caller, query)?;
    let secret = match (managed, query.text("MasterUserSecretKmsKeyId")) {
        (Some(true), named) => Some(secret(world, caller, named)?),
        (_, None) => None,
        (_, Some(_)) => return Err(Fault::combination("MasterUserSecretKmsKeyId needs ManageMasterUserPassword.")),
    };
    let flag = |name: &str| query.flag(name);
    let (public, protection, copy_tags, minor) = (
        flag("PubliclyAccessible")?,
        flag("DeletionProtection")?,
        flag("CopyTagsToSnapshot")?,
        flag("AutoMinorVersionUpgrade")?,
    );
    let (multi_az, now_or_later) = (flag("MultiAZ")?, flag("ApplyImmediately")?.unwrap_or(false));
    let until = later(world.now, world.settings.paced(MODIFICATION));

    let instance = world.rds.instances.get_mut(&arn).ok_or_else(absent)?;
    instance.public = public.unwrap_or(instance.public);
    instance.deletion_protection = protection.unwrap_or(instance.deletion_protection);
    instance.copy_tags = copy_tags.unwrap_or(instance.copy_tags);
    instance.minor_upgrade = minor.unwrap_or(instance.minor_upgrade);
    instance.retention = retention.unwrap_or(instance.retention);
    if let Some(groups) = security_groups {
        instance.security_groups = groups;
    }
    match managed {
        Some(true) => instance.secret = secret.or_else(|| instance.secret.clone()),
        Some(false) => instance.secret = None,
        None => {}
    }
    let wanted = Changes {
        class: query.text("DBInstanceClass").filter(|class| *class != instance.class).map(str::to_owned),
        multi_az: multi_az.filter(|wanted| *wanted != instance.multi_az),
        password: false,
    };
    // A new password is set as soon as possible, whatever ApplyImmediately says (same page, MasterUserPassword).
    let password = query.text("MasterUserPassword").is_some() || managed == Some(true);
    let mut changes = if now_or_later { wanted.clone() } else { Changes::default() };
    changes.password = password;
    instance.pending = if now_or_later { Changes::default() } else { wanted };
    if changes != Changes::default() {
        instance.stage = Stage::Modifying { until, changes };
        world.rds.agenda.insert((until, arn));
    }
    let mut xml = Xml::new();
    xml.node("DBInstance", |xml| instance.show(xml, world.now));
    Ok(xml)
}

/// A new secret for the master password, and the key that it is under: the one named, or Secrets Manager's own.
fn secret(world: &mut World, caller: &Caller, key: Option<&str>) -> Outcome<(String, String)> {
    let (account, region) = (caller.account().to_owned(), caller.region.clone());
    let key = match key {
        Some(named) => keys::target(world, caller, named)?,
        None => Arn::new("kms", &region, &account, "alias/aws/secretsmanager").to_string(),
    };
    let name = format!("secret:rds!db-{}-{}", world.ids.uuid(), world.ids.hex(6));
    Ok((Arn::new("secretsmanager", &region, &account, name).to_string(), key))
}
