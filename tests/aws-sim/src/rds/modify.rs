//! Modifying DB instances.

use super::changes::Changes;
use super::identifiers::own_instance;
use super::instance::{Instance, Parameters, Stage};
use super::secret::Secret;
use super::secrets;
use super::setup::Setup;
use super::setup_request::{self, SetupRequest, must_fit};
use super::storage::Wanted;
use super::{instances, monitoring_request, options};
use crate::caller::Caller;
use crate::clock::later;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// The instance that a request names, if its state allows changes (RDS API Reference, ModifyDBInstance, Errors).
pub(super) fn workable<'a>(world: &'a World, arn: &str, id: &str) -> Outcome<&'a Instance> {
    let absent = || Fault::not_found("DBInstanceNotFound", format!("DBInstance {id} not found."));
    let instance = world.rds.instances.get(arn).ok_or_else(absent)?;
    if !instance.available() {
        return Err(Fault::bad("InvalidDBInstanceState", format!("Database instance {id} is not in available state.")));
    }
    Ok(instance)
}

/// RDS API Reference, ModifyDBInstance; RDS User Guide, Settings for DB instances: which settings change at once, take
/// a while, or wait for the maintenance window. Upgrades, renaming, domains and additional volumes are not simulated,
/// and are refused like any unknown parameter.
pub(super) fn modify(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    let own = [
        "ApplyImmediately",
        "CloudwatchLogsExportConfiguration",
        "DBPortNumber",
        "MasterUserPassword",
        "MaxAllocatedStorage",
        "PreferredMaintenanceWindow",
        "RotateMasterUserPassword",
    ];
    query.only(&[&setup_request::NAMES[..], &monitoring_request::NAMES, &own].concat())?;
    let id = query.required("DBInstanceIdentifier")?;
    let arn = own_instance(caller, id)?;
    let instance = workable(world, &arn, id)?.clone();
    let (engine, now) = (instance.engine(), &instance.setup);
    let requested = SetupRequest::read(world, caller, query, engine, &instance.engine_version)?;
    setup_request::check_network(query)?;
    let immediately = query.flag("ApplyImmediately")?.unwrap_or(false);
    let storage = storage(world, caller, query, &instance)?;
    let password = password(query, &instance)?;
    if requested.subnet_group.as_ref().is_some_and(|group| *group != now.subnet_group) {
        // All subnet groups here are in one VPC. The text has been seen in practice.
        return Err(Fault::bad(
            "InvalidVPCNetworkStateFault",
            format!(
                "You cannot move DB instance {id} to another subnet group. The specified DB subnet group and DB instance are in the same VPC. Choose a DB subnet group in different VPC than the specified DB instance and try again."
            ),
        ));
    }
    if let Some(group) = &requested.option_group {
        options::must_keep(world, caller, &options::binding_here(world, caller, &now.option_group), group)?;
    }

    // A change of a non-zero retention to another is applied as soon as possible; switching backups on or off can wait
    // (same page, BackupRetentionPeriod).
    let soon = now.retention > 0 && requested.retention.is_some_and(|days| days > 0);
    let mut before = instance.pending.clone();
    before.retention = before.retention.filter(|_| !soon);
    // Settings that visibly change at once.
    let mut setup = Setup {
        public: requested.public.unwrap_or(now.public),
        deletion_protection: requested.deletion_protection.unwrap_or(now.deletion_protection),
        copy_tags: requested.copy_tags.unwrap_or(now.copy_tags),
        minor_upgrade: requested.minor_upgrade.unwrap_or(now.minor_upgrade),
        backup_window: requested.backup_window.unwrap_or(now.backup_window),
        maintenance_window: requested.maintenance_window.unwrap_or(now.maintenance_window),
        parameter_group: requested.parameter_group.unwrap_or_else(|| now.parameter_group.clone()),
        security_groups: requested.security_groups.unwrap_or_else(|| now.security_groups.clone()),
        monitoring: monitoring_request::monitoring(world, caller, query, now.monitoring.as_ref())?,
        retention: requested.retention.filter(|_| soon).unwrap_or(now.retention),
        ..now.clone()
    };
    if query.text("MaxAllocatedStorage").is_some() {
        let gib = storage.as_ref().map_or(now.storage.gib, |storage| storage.gib);
        setup.ceiling = instances::ceiling(query, gib)?;
    }
    // Settings that take a while, or wait for the maintenance window.
    let wanted = Changes {
        class: requested.class,
        storage,
        multi_az: requested.multi_az,
        port: requested.port,
        retention: requested.retention.filter(|_| !soon),
        license: requested.license,
        certificate: requested.certificate,
        option_group: requested.option_group,
        iam: requested.iam,
        log_volume: requested.log_volume,
        logs: logs(query, &instance)?,
        password: password != Password::Kept,
    };
    let mut afterwards = setup.clone();
    before.clone().then(wanted.clone()).apply(&mut afterwards);
    must_fit(&afterwards)?;
    // With ApplyImmediately all pending changes are applied too (same page).
    let (begun, waiting) = if immediately {
        (before.then(wanted), Changes::default())
    } else {
        let (begun, rest) = wanted.split();
        (begun, before.then(rest))
    };
    let (begun, waiting) = (begun.without_unchanged(now), waiting.without_unchanged(now));
    setup.insights = monitoring_request::insights(world, caller, query, now.insights.as_ref())?;
    let secret = match password {
        Password::Managed => Some(Secret::create(world, caller, query)?),
        Password::Kept | Password::Rotated => instance.secret.clone(),
        Password::Given => None,
    };
    if let (Password::Rotated, Some(secret)) = (password, &instance.secret) {
        secret.must_be_rotatable(world, caller)?;
    }
    let rotation = secrets::change(world);
    let until = later(world.now, world.settings.scaled(world.settings.durations.modification));

    let regrouped = setup.parameter_group != now.parameter_group;
    let visibly = regrouped
        || setup.public != now.public
        || setup.security_groups != now.security_groups
        || setup.insights != now.insights;
    let status = if begun.anything() {
        Some(begun.status())
    } else if setup.monitoring != now.monitoring {
        Some("configuring-enhanced-monitoring")
    } else {
        visibly.then_some("modifying")
    };
    let mut changed = instance;
    changed.setup = setup;
    changed.pending = waiting;
    changed.secret = secret;
    if password == Password::Rotated
        && let Some(secret) = &mut changed.secret
    {
        secret.rotate(world.now, rotation);
    }
    if regrouped {
        changed.parameters = Parameters::Applying;
    }
    if let Some(status) = status {
        changed.stage = Stage::Modifying { until, status, changes: Box::new(begun) };
        world.rds.events.insert((until, arn.clone()));
    }
    if changed.pending.anything() {
        world.rds.events.insert((changed.setup.maintenance_window.opens(world.now), arn.clone()));
    }
    let mut xml = Xml::new();
    xml.node("DBInstance", |xml| changed.show(xml, world.now));
    world.rds.instances.insert(arn, changed);
    Ok(xml)
}

/// The change of the master password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Password {
    Kept,
    /// A new one from the request.
    Given,
    /// From now on managed by Secrets Manager.
    Managed,
    /// Managed by Secrets Manager, which generates a new one.
    Rotated,
}

/// RDS API Reference, ModifyDBInstance: MasterUserPassword, ManageMasterUserPassword, MasterUserSecretKmsKeyId,
/// RotateMasterUserPassword.
fn password(query: &Query, instance: &Instance) -> Outcome<Password> {
    let managed = query.flag("ManageMasterUserPassword")?;
    let rotate = query.flag("RotateMasterUserPassword")?.unwrap_or(false);
    let had = instance.secret.is_some();
    let has = managed.unwrap_or(had);
    if query.text("MasterUserSecretKmsKeyId").is_some() && (had || managed != Some(true)) {
        return Err(Fault::combination(
            "MasterUserSecretKmsKeyId is valid only when ManageMasterUserPassword is turned on with it.",
        ));
    }
    if let Some(text) = query.text("MasterUserPassword") {
        setup_request::password(text, instance.engine())?;
        if has {
            return Err(Fault::combination(
                "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.",
            ));
        }
        return Ok(Password::Given);
    }
    if had && !has {
        return Err(Fault::combination(
            "MasterUserPassword is required when ManageMasterUserPassword is switched off.",
        ));
    }
    if rotate {
        if !had {
            return Err(Fault::combination("RotateMasterUserPassword needs ManageMasterUserPassword."));
        }
        if query.flag("ApplyImmediately")? != Some(true) {
            return Err(Fault::combination("You must apply the change immediately when rotating the master password."));
        }
        return Ok(Password::Rotated);
    }
    Ok(if has && !had { Password::Managed } else { Password::Kept })
}

/// The storage after the modification, if the request changes it.
fn storage(
    world: &World,
    caller: &Caller,
    query: &Query,
    instance: &Instance,
) -> Outcome<Option<super::storage::Storage>> {
    let wanted = Wanted::read(query)?;
    if !wanted.anything() {
        return Ok(None);
    }
    let now = &instance.setup.storage;
    let storage = now.modified(instance.engine(), &wanted)?;
    if storage != *now {
        // The text has been seen in practice (also RDS User Guide, Increasing DB instance storage capacity: no further
        // change during storage optimization).
        if instance.is_optimizing(world.now) {
            return Err(Fault::combination(
                "You can't currently modify the storage of this DB instance because the previous storage change is being optimized.",
            ));
        }
        instances::must_have_storage(world, caller, storage.gib - now.gib)?;
    }
    Ok(Some(storage))
}

/// The exported logs after the modification.
fn logs(query: &Query, instance: &Instance) -> Outcome<Option<std::collections::BTreeSet<String>>> {
    let named = |list: &str| {
        let parameter = format!("CloudwatchLogsExportConfiguration.{list}");
        setup_request::logs(query, &parameter, instance.engine(), &instance.engine_version)
    };
    let (enable, disable) = (named("EnableLogTypes")?, named("DisableLogTypes")?);
    if let Some(both) = enable.intersection(&disable).next() {
        // UNSOURCED: stricter reading.
        return Err(Fault::combination(format!("The log type {both} can't be both enabled and disabled.")));
    }
    if enable.is_empty() && disable.is_empty() {
        return Ok(None);
    }
    let now = &instance.setup.logs;
    Ok(Some(now.union(&enable).filter(|log| !disable.contains(*log)).cloned().collect()))
}
