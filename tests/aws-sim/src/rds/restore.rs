//! Restoring an instance from a snapshot.

use super::identifiers::{INSTANCE, identifier};
use super::instance::{Changes, Instance, Stage};
use super::snapshot::{Snapshot, Stage as SnapshotStage};
use super::snapshots::{moved, not_found};
use super::{groups, instances, keys, own_arn};
use crate::arn::Arn;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::{TO_STORE, grant};
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// RDS API Reference, RestoreDBInstanceFromDBSnapshot. It takes no key, engine version or master user: those are the
/// snapshot's.
pub(super) fn restore(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[
        "AutoMinorVersionUpgrade",
        "BackupRetentionPeriod",
        "CopyTagsToSnapshot",
        "DBInstanceClass",
        "DBInstanceIdentifier",
        "DBSnapshotIdentifier",
        "DBSubnetGroupName",
        "DeletionProtection",
        "Engine",
        "MultiAZ",
        "Port",
        "PubliclyAccessible",
        "StorageType",
        "Tags",
        "VpcSecurityGroupIds",
    ])?;
    let id = identifier("DBInstanceIdentifier", query.required("DBInstanceIdentifier")?, INSTANCE)?;
    let named = query.required("DBSnapshotIdentifier")?;
    let given = super::tagging::parsed(query)?;
    let arn = Arn::new("rds", &caller.region, caller.account(), format!("db:{id}"));
    instances::must_be_free(world, &arn)?;
    let snapshot = source(world, caller, named)?.clone();
    if snapshot.stage != SnapshotStage::Available {
        let message =
            format!("Cannot restore from the snapshot {named} because it is not currently in the available state.");
        return Err(Fault::bad("InvalidDBSnapshotState", message));
    }
    instances::must_have_room(world, caller)?;
    let subnet_group = groups::subnet_group(world, caller, query)?;
    let security_groups = groups::security_groups(world, caller, query)?;
    let class = query.text("DBInstanceClass").unwrap_or(&snapshot.origin.class).to_owned();
    instances::check_class(&class)?;
    if query.text("Engine").is_some_and(|engine| engine != snapshot.origin.engine) {
        return Err(Fault::value("The engine must be compatible with that of the snapshot."));
    }
    let retention = instances::retention(query)?.unwrap_or(snapshot.origin.retention);
    if let Some(key) = &snapshot.key {
        keys::storable(world, caller, key)?;
        grant(world, caller, key, &TO_STORE);
    }
    let key = snapshot.key.as_deref();
    let stored = snapshot
        .stored
        .as_ref()
        .and_then(|stored| moved(world, stored, key, &snapshot.arn.to_string(), key, &arn.to_string()));
    let until = later(world.now, world.settings.paced(world.settings.durations.restore));
    let own = snapshot.arn.account == caller.account();
    let instance = Instance {
        resource_id: format!("db-{}", world.ids.upper(26)),
        engine: snapshot.origin.engine.clone(),
        engine_version: snapshot.origin.engine_version.clone(),
        class,
        allocated_gib: snapshot.origin.allocated_gib,
        storage_type: query.text("StorageType").unwrap_or(&snapshot.origin.storage_type).to_owned(),
        port: query.number("Port")?.unwrap_or(snapshot.origin.port),
        master_username: snapshot.origin.master_username.clone(),
        created: world.now,
        multi_az: query.flag("MultiAZ")?.unwrap_or(false),
        // By default it depends on the subnet group's network; the one here has no way out.
        public: query.flag("PubliclyAccessible")?.unwrap_or(false),
        deletion_protection: query.flag("DeletionProtection")?.unwrap_or(false),
        copy_tags: query.flag("CopyTagsToSnapshot")?.unwrap_or(false),
        minor_upgrade: query.flag("AutoMinorVersionUpgrade")?.unwrap_or(true),
        retention,
        subnet_group,
        security_groups: security_groups
            .unwrap_or_else(|| vec![groups::default_security_group(caller.account(), &caller.region)]),
        cluster: None,
        secret: None,
        key: snapshot.key.clone(),
        // Without Tags the instance takes those of the snapshot (RDS User Guide, Restoring to a DB instance).
        tags: if given.is_empty() && own { snapshot.tags.clone() } else { given },
        stage: Stage::Creating { from: world.now, until },
        pending: Changes::default(),
        backups: std::collections::BTreeSet::new(),
        stored: stored.ok_or_else(|| Fault::internal("the snapshot cannot be read"))?,
        arn,
    };
    Ok(instances::add(world, instance, until))
}

/// The caller's own snapshot by name or ARN, or one that is shared with it, by ARN, in this Region.
///
/// "You can't restore a DB instance from a DB snapshot that is both shared and encrypted" (RDS User Guide, Sharing a DB
/// snapshot). UNSOURCED: the code.
fn source<'a>(world: &'a World, caller: &Caller, named: &str) -> Outcome<&'a Snapshot> {
    let snapshot =
        world.rds.snapshots.get(&own_arn(caller, "snapshot", named)).filter(|found| found.arn.region == caller.region);
    let snapshot = snapshot.ok_or_else(|| not_found(named))?;
    if snapshot.arn.account == caller.account() {
        return Ok(snapshot);
    }
    if !snapshot.shared_with(caller.account()) {
        return Err(not_found(named));
    }
    if snapshot.key.is_some() {
        let message = "Cannot restore a DB instance from a snapshot that is both shared and encrypted. Copy it first.";
        return Err(Fault::bad("InvalidRestoreFault", message));
    }
    Ok(snapshot)
}
