//! Creating and describing DB instances.

use std::collections::BTreeSet;

use super::changes::Changes;
use super::engines;
use super::identifiers::{self, INSTANCE, identifier};
use super::instance::{Instance, Parameters, Stage};
use super::listing::{filters, paged};
use super::secret::Secret;
use super::secrets;
use super::setup::Setup;
use super::setup_request::{self, SetupRequest, must_fit};
use super::storage::{Storage, Wanted};
use super::{groups, keys, monitoring_request};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::later;
use crate::envelope::Stored;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::{TO_STORE, grant};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// RDS API Reference, CreateDBInstance, as far as a source database needs it.
pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    let own = [
        "AvailabilityZone",
        "DBName",
        "EnableCloudwatchLogsExports",
        "Engine",
        "EngineLifecycleSupport",
        "EngineVersion",
        "KmsKeyId",
        "MasterUserPassword",
        "MasterUsername",
        "MaxAllocatedStorage",
        "Port",
        "PreferredMaintenanceWindow",
        "StorageEncrypted",
        "Tags",
    ];
    query.only(&[&setup_request::NAMES[..], &monitoring_request::NAMES, &own].concat())?;
    let id = identifier("DBInstanceIdentifier", query.required("DBInstanceIdentifier")?, INSTANCE)?;
    let class = query.required("DBInstanceClass")?.to_owned();
    let engine = engines::named(query.required("Engine")?)?;
    let version = engine.version(query.text("EngineVersion"))?;
    let master = query.required("MasterUsername")?.to_owned();
    check_master(&master)?;
    let managed = secrets::wanted(query)?;
    match query.text("MasterUserPassword") {
        Some(_) if managed => {
            return Err(Fault::combination("You can't specify MasterUserPassword with ManageMasterUserPassword."));
        }
        Some(password) => setup_request::password(password, engine)?,
        None if managed => {}
        None => return Err(Fault::missing("MasterUserPassword")),
    }
    let wanted = Wanted::read(query)?;
    let gib = wanted.gib.ok_or_else(|| Fault::missing("AllocatedStorage"))?;
    let storage = Storage::checked(engine, gib, wanted.kind(), wanted.iops, wanted.throughput)?;
    let arn = Arn::new("rds", &caller.region, caller.account(), format!("db:{id}"));
    must_be_free(world, &arn)?;
    must_be_below_quota(world, caller)?;
    must_have_storage(world, caller, gib)?;
    let tags = super::tagging::parsed(query)?;
    let mut setup = Setup::with_defaults(engine, version, caller.account(), &caller.region, &class, gib);
    setup.ceiling = ceiling(query, gib)?;
    setup.storage = storage;
    SetupRequest::read(world, caller, query, engine, version)?.fill(&mut setup);
    choose_place_and_logs(world, caller, query, engine, version, &mut setup)?;
    setup.monitoring = monitoring_request::monitoring(world, caller, query, None)?;
    must_fit(&setup)?;
    let key = match (query.flag("StorageEncrypted")?.unwrap_or(false), query.text("KmsKeyId")) {
        (true, named) => Some(keys::target(world, caller, named.unwrap_or("alias/aws/rds"))?),
        (false, None) => None,
        (false, Some(_)) => return Err(Fault::combination("KmsKeyId can be given only with StorageEncrypted.")),
    };
    setup.insights = monitoring_request::insights(world, caller, query, None)?;
    let secret = if managed { Some(Secret::create(world, caller, query)?) } else { None };
    // Each database has unique content, so that tests recognize it in its copies.
    let content = format!("{arn} {}", world.ids.hex(32)).into_bytes();
    let stored = match &key {
        Some(key) => {
            grant(world, caller, key, &TO_STORE);
            let material = world.kms.keys.get(key).map(|key| key.material);
            material.and_then(|material| Stored::seal(&mut world.ids, &material, &arn.to_string(), &content))
        }
        None => Some(Stored::Plain(content)),
    };
    let until = later(world.now, world.settings.scaled(world.settings.durations.create_database));
    let instance = Instance {
        resource_id: format!("db-{}", world.ids.upper(26)),
        engine: engine.name.to_owned(),
        engine_version: version.to_owned(),
        master_username: master,
        database_name: query.text("DBName").map(str::to_owned),
        created: world.now,
        setup,
        // AWS CLI Command Reference, create-db-instance, Examples.
        parameters: Parameters::InSync,
        cluster: None,
        secret,
        tde: None,
        key,
        owned_key: false,
        tags,
        restoring: None,
        stage: Stage::Creating { from: world.now, until },
        pending: Changes::default(),
        optimizing: None,
        backups: BTreeSet::new(),
        stored: stored.ok_or_else(|| Fault::internal("the storage cannot be encrypted"))?,
        arn,
    };
    Ok(add(world, instance, until))
}

/// Stores a new instance and returns its description.
pub(super) fn add(world: &mut World, instance: Instance, until: jiff::Timestamp) -> Xml {
    let mut xml = Xml::new();
    xml.node("DBInstance", |xml| instance.show(xml, world.now));
    let arn = instance.arn.to_string();
    world.rds.events.insert((until, arn.clone()));
    world.rds.instances.insert(arn, instance);
    xml
}

/// Sets the choices that a creation and a restore have in common.
pub(super) fn choose_place_and_logs(
    world: &World,
    caller: &Caller,
    query: &Query,
    engine: &engines::Engine,
    version: &str,
    setup: &mut Setup,
) -> Outcome<()> {
    groups::must_have_default(world, caller, &setup.subnet_group)?;
    setup_request::check_network(query)?;
    setup.zone = setup_request::zone(query, &caller.region, setup.multi_az)?.unwrap_or_else(|| setup.zone.clone());
    setup.logs = setup_request::logs(query, "EnableCloudwatchLogsExports", engine, version)?;
    setup.lifecycle = setup_request::lifecycle(query, engine)?.or(setup.lifecycle.take());
    Ok(())
}

/// RDS API Reference, CreateDBInstance, DBInstanceAlreadyExists.
pub(super) fn must_be_free(world: &World, arn: &Arn) -> Outcome<()> {
    if world.rds.instances.contains_key(&arn.to_string()) {
        return Err(Fault::bad("DBInstanceAlreadyExists", "DB instance already exists"));
    }
    Ok(())
}

/// 40 DB instances by default (RDS User Guide, Quotas and constraints for Amazon RDS).
pub(super) fn must_be_below_quota(world: &World, caller: &Caller) -> Outcome<()> {
    if world.rds.instances_of(caller.account(), &caller.region).count() < world.settings.quotas.instances {
        return Ok(());
    }
    Err(Fault::bad("InstanceQuotaExceeded", "Instance quota exceeded"))
}

/// The total storage of an account's instances in a Region, in GiB.
pub(super) fn storage_used(world: &World, caller: &Caller) -> u64 {
    let all = world.rds.instances_of(caller.account(), &caller.region);
    all.map(|instance| u64::from(instance.setup.storage.gib)).sum()
}

/// 100,000 GiB by default (same page; RDS API Reference, CreateDBInstance, StorageQuotaExceeded).
pub(super) fn must_have_storage(world: &World, caller: &Caller, more: u32) -> Outcome<()> {
    if storage_used(world, caller) + u64::from(more) <= world.settings.quotas.storage_gib {
        return Ok(());
    }
    Err(Fault::bad("StorageQuotaExceeded", "The request would exceed the allowed amount of storage."))
}

/// 1 to 16 letters, digits and underscores, the first a letter (RDS API Reference, CreateDBInstance, MasterUsername).
fn check_master(name: &str) -> Outcome<()> {
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.len() <= 16 && name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(permitted) {
        return Ok(());
    }
    Err(Fault::value(format!("The parameter MasterUsername is not a valid identifier: {name}")))
}

/// The limit of storage autoscaling: at least 10 % more than the allocated storage, or none (RDS User Guide, Managing
/// capacity automatically with storage autoscaling). UNSOURCED: the code.
pub(super) fn ceiling(query: &Query, gib: u32) -> Outcome<Option<u32>> {
    match query.number("MaxAllocatedStorage")? {
        None => Ok(None),
        Some(most) if most == gib => Ok(None),
        Some(most) if most < super::storage::least_increase(gib) || most > 65_536 => {
            Err(Fault::combination(format!("Invalid max storage size for {gib} GiB of storage: {most}")))
        }
        most => Ok(most),
    }
}

/// RDS API Reference, DescribeDBInstances.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBInstanceIdentifier", "Filters", "Marker", "MaxRecords"])?;
    let filters = filters(query, &["db-cluster-id", "db-instance-id", "dbi-resource-id", "domain", "engine"])?;
    let wanted = query.text("DBInstanceIdentifier");
    let wanted_arn = wanted.map(|id| identifiers::instance(caller, id)).transpose()?;
    let named = wanted_arn.iter().filter_map(|arn| world.rds.instances.get(arn));
    let named =
        named.filter(|instance| instance.arn.account == caller.account() && instance.arn.region == caller.region);
    let own = world.rds.instances_of(caller.account(), &caller.region).filter(|_| wanted_arn.is_none());
    let chosen = named.chain(own).filter(|instance| {
        filters.iter().all(|(name, values)| values.iter().any(|value| passes(instance, name, value)))
    });
    let items: Vec<_> = chosen.map(|instance| (instance.arn.to_string(), instance)).collect();
    if let (Some(id), true) = (wanted, items.is_empty()) {
        return Err(Fault::not_found("DBInstanceNotFound", format!("DBInstance {id} not found.")));
    }
    let (instances, marker) = paged(query, items)?;
    let mut xml = Xml::new();
    xml.list("DBInstances", "DBInstance", instances, |xml, instance| {
        instance.show(xml, world.now);
        world.endings.show(&instance.arn.to_string(), world.now);
    });
    xml.maybe("Marker", marker);
    Ok(xml)
}

fn passes(instance: &Instance, filter: &str, value: &str) -> bool {
    match filter {
        "db-instance-id" => value.eq_ignore_ascii_case(instance.id()) || value == instance.arn.to_string(),
        "dbi-resource-id" => value == instance.resource_id,
        "db-cluster-id" => instance.cluster.as_ref().is_some_and(|cluster| {
            let Arn { region, account, .. } = &instance.arn;
            value == cluster || value == Arn::new("rds", region, account, format!("cluster:{cluster}")).to_string()
        }),
        "engine" => value == instance.engine,
        _ => false,
    }
}
