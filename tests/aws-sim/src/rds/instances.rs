//! Creating and describing DB instances.

use std::collections::BTreeSet;

use super::identifiers::{INSTANCE, identifier};
use super::instance::{Changes, Instance, Stage};
use super::{filters, groups, keys, max_records, own_arn};
use crate::arn::Arn;
use crate::clock::later;
use crate::envelope::Stored;
use crate::fault::{Fault, Outcome};
use crate::kms::on_behalf::{TO_STORE, grant};
use crate::pages::page;
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// The engines that DB instances have, and their usual ports. Aurora's instances belong to clusters.
const ENGINES: [(&str, &str, u32); 3] =
    [("mariadb", "11.4.4", 3306), ("mysql", "8.4.3", 3306), ("postgres", "16.3", 5432)];

/// RDS API Reference, CreateDBInstance, as far as a source database needs it.
pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[
        "AllocatedStorage",
        "AutoMinorVersionUpgrade",
        "BackupRetentionPeriod",
        "CopyTagsToSnapshot",
        "DBInstanceClass",
        "DBInstanceIdentifier",
        "DBName",
        "DBSubnetGroupName",
        "DeletionProtection",
        "Engine",
        "EngineVersion",
        "KmsKeyId",
        "MasterUserPassword",
        "MasterUsername",
        "MultiAZ",
        "Port",
        "PubliclyAccessible",
        "StorageEncrypted",
        "StorageType",
        "Tags",
        "VpcSecurityGroupIds",
    ])?;
    let id = identifier("DBInstanceIdentifier", query.required("DBInstanceIdentifier")?, INSTANCE)?;
    let class = query.required("DBInstanceClass")?.to_owned();
    check_class(&class)?;
    let engine = query.required("Engine")?;
    let known = ENGINES.iter().find(|(name, ..)| *name == engine);
    let (_, version, port) = known.ok_or_else(|| Fault::value(format!("Invalid DB engine: {engine}")))?;
    let master = query.required("MasterUsername")?.to_owned();
    password(query.required("MasterUserPassword")?)?;
    let allocated_gib = query.number("AllocatedStorage")?.ok_or_else(|| Fault::missing("AllocatedStorage"))?;
    if !(20..=65_536).contains(&allocated_gib) {
        return Err(Fault::value(format!("Invalid storage size for engine name {engine}: {allocated_gib}")));
    }
    let arn = Arn::new("rds", &caller.region, caller.account(), format!("db:{id}"));
    must_be_free(world, &arn)?;
    must_have_room(world, caller)?;
    let tags = super::tagging::parsed(query)?;
    let subnet_group = groups::subnet_group(world, caller, query)?;
    let security_groups = groups::security_groups(world, caller, query)?;
    let key = match (query.flag("StorageEncrypted")?.unwrap_or(false), query.text("KmsKeyId")) {
        (true, named) => Some(keys::target(world, caller, named.unwrap_or("alias/aws/rds"))?),
        (false, None) => None,
        (false, Some(_)) => return Err(Fault::combination("KmsKeyId can be given only with StorageEncrypted.")),
    };
    let retention = retention(query)?.unwrap_or(1);
    // Every database holds something of its own, to be recognised by in its copies.
    let content = format!("{arn} {}", world.ids.hex(32)).into_bytes();
    let stored = match &key {
        Some(key) => {
            grant(world, caller, key, &TO_STORE);
            let material = world.kms.keys.get(key).map(|key| key.material);
            material.and_then(|material| Stored::seal(&mut world.ids, &material, &arn.to_string(), &content))
        }
        None => Some(Stored::Plain(content)),
    };
    let until = later(world.now, world.settings.paced(world.settings.durations.create_database));
    let instance = Instance {
        resource_id: format!("db-{}", world.ids.upper(26)),
        engine: engine.to_owned(),
        engine_version: query.text("EngineVersion").unwrap_or(version).to_owned(),
        class,
        allocated_gib,
        storage_type: query.text("StorageType").unwrap_or("gp3").to_owned(),
        port: query.number("Port")?.unwrap_or(*port),
        master_username: master,
        created: world.now,
        multi_az: query.flag("MultiAZ")?.unwrap_or(false),
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
        key,
        tags,
        stage: Stage::Creating { from: world.now, until },
        pending: Changes::default(),
        backups: BTreeSet::new(),
        stored: stored.ok_or_else(|| Fault::internal("the storage cannot be encrypted"))?,
        arn,
    };
    Ok(add(world, instance, until))
}

/// Keeps a new instance and shows it.
pub(super) fn add(world: &mut World, instance: Instance, until: jiff::Timestamp) -> Xml {
    let mut xml = Xml::new();
    xml.node("DBInstance", |xml| instance.show(xml, world.now));
    let arn = instance.arn.to_string();
    world.rds.agenda.insert((until, arn.clone()));
    world.rds.instances.insert(arn, instance);
    xml
}

pub(super) fn must_be_free(world: &World, arn: &Arn) -> Outcome<()> {
    if world.rds.instances.contains_key(&arn.to_string()) {
        return Err(Fault::bad("DBInstanceAlreadyExists", "DB instance already exists"));
    }
    Ok(())
}

/// 40 DB instances by default (RDS User Guide, Quotas and constraints for Amazon RDS).
pub(super) fn must_have_room(world: &World, caller: &Caller) -> Outcome<()> {
    if world.rds.instances_of(caller.account(), &caller.region).count() < world.settings.quotas.instances {
        return Ok(());
    }
    Err(Fault::bad("InstanceQuotaExceeded", "Instance quota exceeded"))
}

pub(super) fn check_class(class: &str) -> Outcome<()> {
    let parts: Vec<&str> = class.split('.').collect();
    if matches!(parts.as_slice(), ["db", family, size] if !family.is_empty() && !size.is_empty()) {
        return Ok(());
    }
    Err(Fault::value(format!("Invalid DB Instance class: {class}")))
}

/// 8 to 128 printable ASCII characters but `/`, `"`, `@` and space (RDS API Reference, CreateDBInstance,
/// MasterUserPassword).
pub(super) fn password(text: &str) -> Outcome<()> {
    let permitted = |byte: u8| byte.is_ascii_graphic() && !b"/\"@".contains(&byte);
    if (8..=128).contains(&text.len()) && text.bytes().all(permitted) {
        return Ok(());
    }
    Err(Fault::value("The parameter MasterUserPassword is not a valid password."))
}

/// 0 to 35 days (RDS API Reference, CreateDBInstance, BackupRetentionPeriod).
pub(super) fn retention(query: &Query) -> Outcome<Option<u32>> {
    match query.number("BackupRetentionPeriod")? {
        Some(days) if days > 35 => Err(Fault::value(format!("Invalid backup retention period: {days}"))),
        other => Ok(other),
    }
}

/// RDS API Reference, DescribeDBInstances.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBInstanceIdentifier", "Filters", "Marker", "MaxRecords"])?;
    let filters = filters(query, &["db-cluster-id", "db-instance-id", "dbi-resource-id", "domain", "engine"])?;
    let wanted = query.text("DBInstanceIdentifier");
    let wanted_arn = wanted.map(|id| own_arn(caller, "db", id));
    let own = world.rds.instances_of(caller.account(), &caller.region);
    let chosen = own.filter(|instance| {
        wanted_arn.as_ref().is_none_or(|wanted| *wanted == instance.arn.to_string())
            && filters.iter().all(|(name, values)| values.iter().any(|value| passes(instance, name, value)))
    });
    let items: Vec<_> = chosen.map(|instance| (instance.arn.to_string(), instance)).collect();
    if let (Some(id), true) = (wanted, items.is_empty()) {
        return Err(Fault::not_found("DBInstanceNotFound", format!("DBInstance {id} not found.")));
    }
    let (instances, marker) = page(items, max_records(query)?, query.text("Marker"));
    let mut xml = Xml::new();
    xml.list("DBInstances", "DBInstance", instances, |xml, instance| instance.show(xml, world.now));
    xml.maybe("Marker", marker);
    Ok(xml)
}

fn passes(instance: &Instance, filter: &str, value: &str) -> bool {
    match filter {
        "db-instance-id" => value.eq_ignore_ascii_case(instance.id()) || value == instance.arn.to_string(),
        "dbi-resource-id" => value == instance.resource_id,
        "db-cluster-id" => instance.cluster.as_deref() == Some(value),
        "engine" => value == instance.engine,
        _ => false,
    }
}
