//! Completing snapshots, copies, restores and modifications when their time has come.

use super::instance::{self, Parameters};
use super::maintenance;
use super::snapshot::{Snapshot, Stage};
use super::snapshots::re_encrypted;
use crate::clock::later;
use crate::envelope::Stored;
use crate::kms::KeyState;
use crate::world::World;

/// Applies all events that are due.
pub(crate) fn apply_due_events(world: &mut World) {
    while let Some((at, arn)) = world.rds.events.first().cloned() {
        if at > world.now {
            return;
        }
        world.rds.events.pop_first();
        update_instance(world, &arn);
        update_snapshot(world, &arn);
    }
}

fn update_instance(world: &mut World, arn: &str) {
    let now = world.now;
    let Some(instance) = world.rds.instances.get_mut(arn) else { return };
    match &instance.stage {
        instance::Stage::Creating { until, .. } if *until <= now => {
            instance.stage = instance::Stage::Available;
            instance.restoring = None;
            instance.parameters = Parameters::InSync;
            world.endings.add(arn, now);
        }
        instance::Stage::Modifying { until, .. } if *until <= now => maintenance::finish(world, arn),
        instance::Stage::Rebooting { until } if *until <= now => {
            instance.stage = instance::Stage::Available;
            instance.parameters = Parameters::InSync;
            world.endings.add(arn, now);
        }
        instance::Stage::Deleting { until } if *until <= now => {
            world.rds.instances.remove(arn);
        }
        _ => {}
    }
    maintenance::maintain(world, arn);
}

fn update_snapshot(world: &mut World, arn: &str) {
    let Some(snapshot) = world.rds.snapshots.get(arn) else { return };
    match snapshot.stage {
        Stage::Creating { until, .. } if until <= world.now => {
            if let Some(snapshot) = world.rds.snapshots.get_mut(arn) {
                snapshot.stage = Stage::Available;
                world.endings.add(arn, world.now);
            }
            release_instance(world, arn);
        }
        Stage::Copying { until, .. } if until <= world.now => {
            let copy = snapshot.clone();
            let stored = copied(world, &copy);
            finish(world, arn, stored);
        }
        _ => {}
    }
}

/// Makes the instance of which this snapshot was taken available again.
pub(super) fn release_instance(world: &mut World, snapshot: &str) {
    let mut instances = world.rds.instances.iter_mut();
    let free = instances.find_map(|(arn, instance)| instance.backups.remove(snapshot).then(|| arn.clone()));
    if let Some(instance) = free {
        maintenance::maintain(world, &instance);
    }
}

/// The content of a finished copy: decrypted with the source's key, and encrypted with the copy's own.
///
/// UNSOURCED: stricter reading. The copy fails if at its end the source has been deleted, a key cannot be used, or the
/// grant by which RDS reads with the source's key has been revoked.
fn copied(world: &mut World, copy: &Snapshot) -> Option<Stored> {
    let job = copy.job.as_ref()?;
    let source = world.rds.snapshots.get(&job.source).filter(|source| source.stage == Stage::Available)?.clone();
    for key in source.key.iter().chain(&copy.key) {
        world.kms.keys.get(key).filter(|key| matches!(key.state, KeyState::Enabled | KeyState::Updating { .. }))?;
    }
    if let (Some(key), Some(grant)) = (&source.key, &job.grant) {
        world.kms.keys.get(key)?.grants.get(grant)?;
    }
    let stored = source.stored.as_ref()?;
    re_encrypted(world, stored, source.key.as_deref(), &job.source, copy.key.as_deref(), &copy.arn.to_string())
}

/// Ends a copy, available or failed, and starts the next one of the same database.
pub(super) fn finish(world: &mut World, arn: &str, stored: Option<Stored>) {
    let Some(copy) = world.rds.snapshots.get_mut(arn) else { return };
    copy.stage = if stored.is_some() { Stage::Available } else { Stage::Failed };
    copy.stored = stored;
    copy.job = None;
    world.endings.add(arn, world.now);
    let database = copy.origin.resource_id.clone();
    remove_from_queue(world, &database, arn);
}

/// Removes a copy that has ended or been cancelled from its queue.
pub(super) fn remove_from_queue(world: &mut World, database: &str, arn: &str) {
    if let Some(queue) = world.rds.queues.get_mut(database) {
        queue.retain(|waiting| waiting != arn);
    }
    start_next(world, database);
}

/// Starts the first copy in the database's queue, if it is not running.
pub(super) fn start_next(world: &mut World, database: &str) {
    let now = world.now;
    let Some(first) = world.rds.queues.get(database).and_then(|queue| queue.first()).cloned() else {
        world.rds.queues.remove(database);
        return;
    };
    if let Some(copy) = world.rds.snapshots.get_mut(&first)
        && copy.stage == Stage::Queued
        && let Some(job) = &copy.job
    {
        let until = later(now, job.lasts);
        copy.stage = Stage::Copying { from: now, until };
        world.rds.events.insert((until, first));
    }
}
