//! Deleting instances and snapshots.

use std::time::Duration;

use super::identifiers::{SNAPSHOT, identifier, own_instance, own_snapshot};
use super::instance::Stage as InstanceStage;
use super::progress::{finish, remove_from_queue};
use super::snapshot::{Creator, Snapshot, Stage};
use super::snapshots::{not_found, take};
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::World;
use crate::xml::Xml;

/// How long the status of an instance is `deleting`, at speed 1.
const DELETION: Duration = Duration::from_mins(5);

/// RDS API Reference, DeleteDBSnapshot: the snapshot must be `available`; a copy in progress is cancelled. A failed one
/// can be deleted too, since it would otherwise never be deleted.
pub(super) fn delete_snapshot(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBSnapshotIdentifier"])?;
    let id = query.required("DBSnapshotIdentifier")?;
    let arn = own_snapshot(caller, "DBSnapshotIdentifier", id)?;
    let snapshot = world.rds.snapshots.get(&arn).ok_or_else(|| not_found(id))?.clone();
    // Automated snapshots are deleted after their retention, and AWS Backup deletes its own (RDS User Guide, Deleting a
    // DB snapshot). UNSOURCED: that a snapshot which is being restored cannot be deleted.
    let restored = world.rds.instances.values().any(|of| of.restoring.as_ref() == Some(&arn));
    if restored || snapshot.creator != Creator::Account || matches!(snapshot.stage, Stage::Creating { .. }) {
        let message =
            format!("Cannot delete the snapshot because it is not currently in the available or failed state: {id}.");
        return Err(Fault::bad("InvalidDBSnapshotState", message));
    }
    world.rds.snapshots.remove(&arn);
    if snapshot.copying() {
        remove_from_queue(world, &snapshot.origin.resource_id, &arn);
    }
    // "If you delete a source snapshot before the target snapshot becomes available, the snapshot copy might fail" (RDS
    // User Guide, Copying a DB snapshot). Stricter reading: it does.
    let reads = |copy: &Snapshot| copy.job.as_ref().is_some_and(|job| job.source == arn);
    let orphans: Vec<_> =
        world.rds.snapshots.values().filter(|copy| reads(copy)).map(|copy| copy.arn.to_string()).collect();
    for orphan in orphans.iter().rev() {
        finish(world, orphan, None);
    }
    let mut xml = Xml::new();
    xml.node("DBSnapshot", |xml| snapshot.show(xml, world.now, caller.account()));
    Ok(xml)
}

/// RDS API Reference, DeleteDBInstance.
pub(super) fn delete_instance(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[
        "DBInstanceIdentifier",
        "DeleteAutomatedBackups",
        "FinalDBSnapshotIdentifier",
        "SkipFinalSnapshot",
    ])?;
    let id = query.required("DBInstanceIdentifier")?;
    let arn = own_instance(caller, id)?;
    let absent = || Fault::not_found("DBInstanceNotFound", format!("DBInstance {id} not found."));
    let instance = world.rds.instances.get(&arn).ok_or_else(absent)?;
    if instance.setup.deletion_protection {
        return Err(Fault::combination(
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        ));
    }
    if matches!(instance.stage, InstanceStage::Creating { .. } | InstanceStage::Deleting { .. }) {
        return Err(Fault::bad(
            "InvalidDBInstanceState",
            format!("Instance {id} is already being created or deleted."),
        ));
    }
    let skip = query.flag("SkipFinalSnapshot")?.unwrap_or(false);
    match (skip, query.text("FinalDBSnapshotIdentifier")) {
        (false, None) => {
            return Err(Fault::combination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            ));
        }
        (true, Some(_)) => {
            return Err(Fault::combination(
                "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.",
            ));
        }
        (true, None) => {}
        (false, Some(last)) => {
            let last = identifier("FinalDBSnapshotIdentifier", last, SNAPSHOT)?;
            take(world, caller, id, &last, Tags::new())?;
        }
    }
    let until = later(world.now, world.settings.scaled(DELETION));
    let mut xml = Xml::new();
    if let Some(instance) = world.rds.instances.get_mut(&arn) {
        instance.stage = InstanceStage::Deleting { until };
        world.rds.events.insert((until, arn));
        xml.node("DBInstance", |xml| instance.show(xml, world.now));
    }
    Ok(xml)
}
