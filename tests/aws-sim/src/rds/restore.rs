//! Restoring an instance from a snapshot.

use super::changes::Changes;
use super::engines::{self, Engine};
use super::identifiers::{self, INSTANCE, identifier};
use super::instance::{Instance, Parameters, Stage};
use super::secret::Secret;
use super::secrets;
use super::setup::Setup;
use super::setup_request::{self, SetupRequest, must_fit};
use super::snapshot::{Snapshot, Stage as SnapshotStage};
use super::snapshots::{not_found, re_encrypted};
use super::storage::Wanted;
use super::{instances, keys, options};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::{TO_STORE, grant};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// RDS API Reference, RestoreDBInstanceFromDBSnapshot. Key, engine version and master user are the snapshot's.
/// Parameters for domains, Outposts, RDS Custom, cluster snapshots, additional volumes and processors are not
/// simulated, and are refused like any unknown parameter.
pub(super) fn restore(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    let own = [
        "AvailabilityZone",
        "BackupTarget",
        "DBName",
        "DBSnapshotIdentifier",
        "EnableCloudwatchLogsExports",
        "Engine",
        "EngineLifecycleSupport",
        "Port",
        "Tags",
    ];
    query.only(&[&setup_request::NAMES[..], &own].concat())?;
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
    instances::must_be_below_quota(world, caller)?;
    let origin = &snapshot.origin;
    let engine = engines::of(&origin.engine);
    if engine.kind == engines::Kind::Custom {
        // UNSOURCED: the code. The resources that RDS Custom needs are not simulated.
        return Err(Fault::value("RDS Custom snapshots cannot be restored here."));
    }
    // "Must be compatible with the engine of the source": here it must be the same.
    if query.text("Engine").is_some_and(|engine| engine != origin.engine) {
        return Err(Fault::value("The engine must be compatible with that of the snapshot."));
    }
    if query.text("BackupTarget").is_some_and(|target| target != "region") {
        return Err(Fault::value("BackupTarget must be region."));
    }
    let database_name = match query.text("DBName") {
        // SQL Server and Oracle only (same page, DBName). UNSOURCED: the code.
        Some(_) if !engine.renames_database => {
            return Err(Fault::combination(format!("DBName doesn't apply to {}.", engine.name)));
        }
        Some(name) => Some(name.to_owned()),
        None => origin.database_name.clone(),
    };
    let managed = secrets::wanted(query)?;
    if managed && !engine.oracle() {
        // "Applies to RDS for Oracle only" (same page, ManageMasterUserPassword). UNSOURCED: the code.
        return Err(Fault::combination(
            "ManageMasterUserPassword can be specified at a restore only for RDS for Oracle.",
        ));
    }
    let setup = setup(world, caller, query, &snapshot, engine)?;
    if let Some(key) = &snapshot.key {
        keys::storable(world, caller, key)?;
    }
    let secret = if managed { Some(Secret::create(world, caller, query)?) } else { None };
    if let Some(key) = &snapshot.key {
        grant(world, caller, key, &TO_STORE);
    }
    let key = snapshot.key.as_deref();
    let stored = snapshot
        .stored
        .as_ref()
        .and_then(|stored| re_encrypted(world, stored, key, &snapshot.arn.to_string(), key, &arn.to_string()));
    let until = later(world.now, world.settings.scaled(world.settings.durations.restore));
    let own = snapshot.arn.account == caller.account();
    let instance = Instance {
        resource_id: format!("db-{}", world.ids.upper(26)),
        engine: origin.engine.clone(),
        engine_version: origin.engine_version.clone(),
        master_username: origin.master_username.clone(),
        database_name,
        created: world.now,
        setup,
        parameters: Parameters::Applying,
        cluster: None,
        secret,
        tde: origin.tde.clone(),
        key: snapshot.key.clone(),
        owned_key: snapshot.owned_key,
        // Without Tags: "RDS adds the tags from the source DB instance at the time of snapshot creation" (RDS User Guide, Copying
        // tags to DB instance snapshots).
        tags: if given.is_empty() && own { super::tagging::inherited(&origin.tags) } else { given },
        restoring: Some(snapshot.arn.to_string()),
        stage: Stage::Creating { from: world.now, until },
        pending: Changes::default(),
        optimizing: None,
        backups: std::collections::BTreeSet::new(),
        stored: stored.ok_or_else(|| Fault::internal("the snapshot cannot be read"))?,
        arn,
    };
    Ok(instances::add(world, instance, until))
}

/// The setup of the restored instance. Settings that the request omits are the source's where the API Reference says so
/// (class, port, license, backups, storage size) and otherwise the default: Single-AZ, the default groups, no logs, no
/// protection.
fn setup(world: &World, caller: &Caller, query: &Query, snapshot: &Snapshot, engine: &Engine) -> Outcome<Setup> {
    let (origin, then) = (&snapshot.origin, &snapshot.origin.setup);
    let version = &origin.engine_version;
    let storage = then.storage.restored(engine, &Wanted::read(query)?)?;
    instances::must_have_storage(world, caller, storage.gib)?;
    let bound = options::binding_of(world, snapshot);
    let usual = Setup::with_defaults(engine, version, caller.account(), &caller.region, &then.class, storage.gib);
    let own = snapshot.arn.account == caller.account();
    let mut setup = Setup {
        storage,
        port: then.port,
        license: then.license.clone(),
        minor_upgrade: then.minor_upgrade,
        log_volume: then.log_volume,
        retention: then.retention,
        backup_window: then.backup_window,
        // The default group, unless the snapshot's own has permanent or persistent options (RDS User Guide, Restoring
        // to a DB instance, option groups).
        option_group: if own && !bound.is_empty() { snapshot.option_group.clone() } else { usual.option_group.clone() },
        ..usual
    };
    SetupRequest::read(world, caller, query, engine, version)?.fill(&mut setup);
    instances::choose_place_and_logs(world, caller, query, engine, version, &mut setup)?;
    options::must_keep(world, caller, &bound, &setup.option_group)?;
    // A dedicated log volume is dropped if the new storage type does not support it.
    setup.log_volume &= query.text("DedicatedLogVolume").is_some() || setup.storage.kind.starts_with("io");
    must_fit(&setup)?;
    Ok(setup)
}

/// The caller's own snapshot by name or ARN, or one that is shared with it, by ARN, in this Region.
///
/// "You can't restore a DB instance from a DB snapshot that is both shared and encrypted" (RDS User Guide, Sharing a DB
/// snapshot). UNSOURCED: the code.
fn source<'a>(world: &'a World, caller: &Caller, named: &str) -> Outcome<&'a Snapshot> {
    let arn = identifiers::snapshot(caller, "DBSnapshotIdentifier", named)?;
    let snapshot = world.rds.snapshots.get(&arn).filter(|found| found.arn.region == caller.region);
    let snapshot = snapshot.ok_or_else(|| not_found(named))?;
    if snapshot.arn.account == caller.account() {
        return Ok(snapshot);
    }
    if !snapshot.shared_with(caller.account()) {
        return Err(not_found(named));
    }
    if snapshot.encrypted() {
        let message = "Cannot restore a DB instance from a snapshot that is both shared and encrypted. Copy it first.";
        return Err(Fault::bad("InvalidRestoreFault", message));
    }
    Ok(snapshot)
}
