//! Completing modifications, maintenance windows, and reboots.

use std::time::Duration;

use super::identifiers::own_instance;
use super::instance::{Parameters, Stage};
use super::modify::workable;
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// How long a reboot takes, at speed 1.
const REBOOT: Duration = Duration::from_mins(2);
/// How long storage optimization takes after a storage change, at speed 1 ("typical migration times are under 24
/// hours", RDS API Reference, ModifyDBInstance, StorageType).
const OPTIMIZATION: Duration = Duration::from_hours(6);

/// Completes a modification.
pub(super) fn finish(world: &mut World, arn: &str) {
    let now = world.now;
    let optimized = later(now, world.settings.scaled(OPTIMIZATION));
    let Some(instance) = world.rds.instances.get_mut(arn) else { return };
    let Stage::Modifying { changes, .. } = &instance.stage else { return };
    let changes = changes.clone();
    if changes.storage.is_some() {
        instance.optimizing = Some((now, optimized));
    }
    changes.apply(&mut instance.setup);
    instance.stage = Stage::Available;
    world.endings.add(arn, now);
    // "The actual parameter changes are not applied until you reboot the instance" (RDS API Reference, ModifyDBInstance,
    // DBParameterGroupName).
    if instance.parameters == Parameters::Applying {
        instance.parameters = Parameters::PendingReboot;
    }
}

/// Starts the pending changes if the maintenance window is open and the instance is available; if the window is closed,
/// schedules a check for when it opens next.
pub(super) fn maintain(world: &mut World, arn: &str) {
    let now = world.now;
    let until = later(now, world.settings.scaled(world.settings.durations.modification));
    let Some(instance) = world.rds.instances.get_mut(arn) else { return };
    if !instance.pending.anything() || !instance.available() {
        return;
    }
    let window = instance.setup.maintenance_window;
    if window.is_open(now) {
        let changes = std::mem::take(&mut instance.pending);
        instance.stage = Stage::Modifying { until, status: changes.status(), changes: Box::new(changes) };
        world.rds.events.insert((until, arn.to_owned()));
    } else {
        world.rds.events.insert((window.opens(now), arn.to_owned()));
    }
}

/// RDS API Reference, RebootDBInstance.
pub(super) fn reboot(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBInstanceIdentifier", "ForceFailover"])?;
    let id = query.required("DBInstanceIdentifier")?;
    let arn = own_instance(caller, id)?;
    let failover = query.flag("ForceFailover")?.unwrap_or(false);
    let until = later(world.now, world.settings.scaled(REBOOT));
    let mut instance = workable(world, &arn, id)?.clone();
    if failover && !instance.setup.multi_az {
        return Err(Fault::combination(
            "ForceFailover cannot be specified since the instance is not configured for MultiAZ.",
        ));
    }
    if failover {
        let second = if instance.setup.zone.ends_with('a') { "b" } else { "a" };
        instance.setup.zone = format!("{}{second}", caller.region);
    }
    instance.stage = Stage::Rebooting { until };
    let mut xml = Xml::new();
    xml.node("DBInstance", |xml| instance.show(xml, world.now));
    world.rds.events.insert((until, arn.clone()));
    world.rds.instances.insert(arn, instance);
    Ok(xml)
}
