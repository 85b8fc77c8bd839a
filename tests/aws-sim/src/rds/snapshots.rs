//! Taking and describing DB snapshots.

use std::collections::BTreeSet;

use super::identifiers::{self, SNAPSHOT, identifier};
use super::instance::Instance;
use super::keys;
use super::listing::{filters, paged};
use super::snapshot::{Creator, Origin, Snapshot, Stage};
use crate::arn::Arn;
use crate::caller::Caller;
use crate::clock::later;
use crate::envelope::Stored;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::World;
use crate::xml::Xml;

/// RDS API Reference, CreateDBSnapshot.
pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBInstanceIdentifier", "DBSnapshotIdentifier", "Tags"])?;
    let id = identifier("DBSnapshotIdentifier", query.required("DBSnapshotIdentifier")?, SNAPSHOT)?;
    let instance = query.required("DBInstanceIdentifier")?.to_owned();
    let tags = super::tagging::parsed(query)?;
    let arn = take(world, caller, &instance, &id, tags)?;
    let mut xml = Xml::new();
    show(&mut xml, world, caller, &arn);
    Ok(xml)
}

/// Starts a manual snapshot of the instance (RDS API Reference, CreateDBSnapshot, Errors).
pub(super) fn take(world: &mut World, caller: &Caller, instance: &str, id: &str, given: Tags) -> Outcome<String> {
    let instance_arn = identifiers::own_instance(caller, instance)?;
    let absent = || Fault::not_found("DBInstanceNotFound", format!("DBInstance {instance} not found."));
    let source = world.rds.instances.get(&instance_arn).ok_or_else(absent)?.clone();
    let arn = Arn::new("rds", &caller.region, caller.account(), format!("snapshot:{id}"));
    must_be_free(world, &arn)?;
    if source.cluster.is_some() {
        // Members of a cluster are backed up with the cluster. UNSOURCED: the code.
        let message = "The specified instance is a member of a cluster and a snapshot cannot be created directly. Please use the CreateDBClusterSnapshot API instead.";
        return Err(Fault::value(message));
    }
    if !source.available() {
        let message = format!(
            "Cannot create a snapshot because the database instance {instance} is not currently in the available state."
        );
        return Err(Fault::bad("InvalidDBInstanceState", message));
    }
    must_be_below_quota(world, caller)?;
    if source.key.as_ref().is_some_and(|key| !keys::can_store(world, caller, key)) {
        // A key of the instance that cannot be used makes the instance inaccessible, which also prevents the snapshot
        // (RDS User Guide, Encrypting Amazon RDS resources). UNSOURCED: the code; of those that the RDS API Reference
        // lists for CreateDBSnapshot it is the one for an instance that is not available.
        let message = format!("Cannot create a snapshot because the storage of {instance} cannot be accessed.");
        return Err(Fault::bad("InvalidDBInstanceState", message));
    }
    let stored = re_encrypted(
        world,
        &source.stored,
        source.key.as_deref(),
        &instance_arn,
        source.key.as_deref(),
        &arn.to_string(),
    );
    // The key was checked just before. InternalFailure: RDS API Reference, Common Errors.
    let stored = stored.ok_or_else(|| Fault::internal("the storage cannot be read"))?;
    let until = later(world.now, world.settings.scaled(world.settings.durations.snapshot));
    // With CopyTagsToSnapshot the instance's tags are copied, unless tags are given (RDS User Guide, Copying tags to DB
    // instance snapshots).
    let tags = if source.setup.copy_tags && given.is_empty() { source.tags.clone() } else { given };
    super::tagging::must_not_be_too_many(&tags)?;
    let snapshot = Snapshot {
        creator: Creator::Account,
        origin: origin(&source, world.now),
        created: world.now,
        key: source.key.clone(),
        owned_key: source.owned_key,
        option_group: source.setup.option_group.clone(),
        source: None,
        tags,
        shares: BTreeSet::new(),
        stage: Stage::Creating { from: world.now, until },
        job: None,
        stored: Some(stored),
        arn: arn.clone(),
    };
    let arn = arn.to_string();
    world.rds.snapshots.insert(arn.clone(), snapshot);
    world.rds.events.insert((until, arn.clone()));
    if let Some(instance) = world.rds.instances.get_mut(&instance_arn) {
        instance.backups.insert(arn.clone());
    }
    Ok(arn)
}

/// Sets up a complete snapshot that RDS or AWS Backup has created.
pub(crate) fn set_up_backup(world: &mut World, account: &str, region: &str, database: &str, name: &str) {
    let from = Arn::new("rds", region, account, format!("db:{database}")).to_string();
    let arn = Arn::new("rds", region, account, format!("snapshot:{name}"));
    let Some(instance) = world.rds.instances.get(&from).cloned() else { return };
    let key = instance.key.as_deref();
    let stored = re_encrypted(world, &instance.stored, key, &from, key, &arn.to_string());
    let snapshot = Snapshot {
        creator: if name.starts_with("rds:") { Creator::Rds } else { Creator::Backup },
        origin: origin(&instance, world.now),
        created: world.now,
        key: instance.key,
        owned_key: instance.owned_key,
        option_group: instance.setup.option_group,
        source: None,
        tags: Tags::new(),
        shares: BTreeSet::new(),
        stage: Stage::Available,
        job: None,
        stored,
        arn: arn.clone(),
    };
    world.rds.snapshots.insert(arn.to_string(), snapshot);
}

fn origin(instance: &Instance, taken: jiff::Timestamp) -> Origin {
    Origin {
        instance: instance.id().to_owned(),
        resource_id: instance.resource_id.clone(),
        engine: instance.engine.clone(),
        engine_version: instance.engine_version.clone(),
        master_username: instance.master_username.clone(),
        database_name: instance.database_name.clone(),
        setup: instance.setup.clone(),
        tde: instance.tde.clone(),
        tags: instance.tags.clone(),
        instance_created: instance.created,
        taken,
    }
}

/// Copies content to another owner: decrypted with one key, encrypted with another (or none).
pub(super) fn re_encrypted(
    world: &mut World,
    stored: &Stored,
    from_key: Option<&str>,
    from: &str,
    to_key: Option<&str>,
    to: &str,
) -> Option<Stored> {
    let material = |key: Option<&str>| match key {
        Some(key) => world.kms.keys.get(key).map(|key| Some(key.material)),
        None => Some(None),
    };
    let (source, target) = (material(from_key)?, material(to_key)?);
    let content = stored.open(source.as_ref(), from)?;
    match target {
        Some(material) => Stored::seal(&mut world.ids, &material, to, &content),
        None => Some(Stored::Plain(content)),
    }
}

/// Refuses an identifier that a snapshot in any state has (RDS API Reference, CreateDBSnapshot,
/// DBSnapshotAlreadyExists).
pub(super) fn must_be_free(world: &World, arn: &Arn) -> Outcome<()> {
    if !world.rds.snapshots.contains_key(&arn.to_string()) {
        return Ok(());
    }
    let id = arn.name_of("snapshot").unwrap_or_default();
    let message = format!("Cannot create the snapshot because a snapshot with the identifier {id} already exists.");
    Err(Fault::bad("DBSnapshotAlreadyExists", message))
}

/// 100 manual snapshots by default, not counting those of AWS Backup (RDS User Guide, Quotas and constraints for Amazon
/// RDS).
pub(super) fn must_be_below_quota(world: &World, caller: &Caller) -> Outcome<()> {
    let most = world.settings.quotas.manual_snapshots;
    let own = world.rds.snapshots_of(caller.account(), &caller.region);
    if own.filter(|snapshot| snapshot.creator == Creator::Account).count() < most {
        return Ok(());
    }
    Err(Fault::bad("SnapshotQuotaExceeded", format!("Cannot create more than {most} manual snapshots")))
}

pub(super) fn show(xml: &mut Xml, world: &World, caller: &Caller, arn: &str) {
    if let Some(snapshot) = world.rds.snapshots.get(arn) {
        xml.node("DBSnapshot", |xml| snapshot.show(xml, world.now, caller.account()));
    }
}

/// RDS API Reference, DescribeDBSnapshots.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[
        "DBInstanceIdentifier",
        "DBSnapshotIdentifier",
        "DbiResourceId",
        "Filters",
        "IncludePublic",
        "IncludeShared",
        "Marker",
        "MaxRecords",
        "SnapshotType",
    ])?;
    let filters = filters(query, &["db-instance-id", "db-snapshot-id", "dbi-resource-id", "engine", "snapshot-type"])?;
    let (id, instance, resource) =
        (query.text("DBSnapshotIdentifier"), query.text("DBInstanceIdentifier"), query.text("DbiResourceId"));
    if resource.is_some() && (id.is_some() || instance.is_some()) {
        return Err(Fault::combination(
            "DbiResourceId cannot be used with DBSnapshotIdentifier or DBInstanceIdentifier",
        ));
    }
    // "If this identifier is for an automated snapshot, the SnapshotType parameter must also be specified" (same page).
    // UNSOURCED: the code.
    if id.is_some_and(|id| id.starts_with("rds:")) && query.text("SnapshotType").is_none() {
        return Err(Fault::combination("SnapshotType must be specified for an automated snapshot."));
    }
    let kinds = SnapshotKinds::of(query)?;
    let account = caller.account();
    let wanted_id = id.map(|id| identifiers::snapshot(caller, "DBSnapshotIdentifier", id)).transpose()?;
    let named = wanted_id.iter().filter_map(|arn| world.rds.snapshots.get(arn));
    let all = world.rds.snapshots.values().filter(|_| wanted_id.is_none());
    let in_region = named.chain(all).filter(|snapshot| snapshot.arn.region == caller.region);
    let visible = in_region.filter(|snapshot| kinds.covers(snapshot, account));
    if let Some(instance) = instance {
        identifiers::own_instance(caller, instance)?;
    }
    let chosen = visible.filter(|snapshot| {
        let own = snapshot.arn.account == account;
        // A name or an instance selects only the caller's own snapshots.
        instance.is_none_or(|instance| own && instance.eq_ignore_ascii_case(&snapshot.origin.instance))
            && resource.is_none_or(|resource| resource == snapshot.origin.resource_id)
            && filters.iter().all(|(name, values)| passes(snapshot, own, name, values))
    });
    let items: Vec<_> = chosen.map(|snapshot| (snapshot.arn.to_string(), snapshot)).collect();
    if let (Some(id), true) = (id, items.is_empty()) {
        return Err(not_found(id));
    }
    let (snapshots, marker) = paged(query, items)?;
    let mut xml = Xml::new();
    xml.list("DBSnapshots", "DBSnapshot", snapshots, |xml, snapshot| {
        snapshot.show(xml, world.now, account);
        if snapshot.arn.account == account {
            world.endings.show(&snapshot.arn.to_string(), world.now);
        }
    });
    xml.maybe("Marker", marker);
    Ok(xml)
}

/// RDS API Reference, DescribeDBSnapshots, Errors.
pub(super) fn not_found(id: &str) -> Fault {
    Fault::not_found("DBSnapshotNotFound", format!("DBSnapshot {id} not found."))
}

/// The kinds of snapshots that a describe call returns.
struct SnapshotKinds {
    manual: bool,
    automated: bool,
    backup: bool,
    shared: bool,
    public: bool,
}

impl SnapshotKinds {
    /// Without a type: the caller's own, and others as `IncludeShared` and `IncludePublic` say, which do not apply with
    /// a type (RDS API Reference, DescribeDBSnapshots, SnapshotType and IncludeShared).
    fn of(query: &Query) -> Outcome<Self> {
        let included = |name: &str| query.flag(name).map(Option::unwrap_or_default);
        let (shared, public) = (included("IncludeShared")?, included("IncludePublic")?);
        let none = Self { manual: false, automated: false, backup: false, shared: false, public: false };
        Ok(match query.text("SnapshotType") {
            None => Self { manual: true, automated: true, shared, public, ..none },
            Some("manual") => Self { manual: true, ..none },
            Some("automated") => Self { automated: true, ..none },
            Some("shared") => Self { shared: true, ..none },
            Some("public") => Self { public: true, ..none },
            Some("awsbackup") => Self { backup: true, ..none },
            Some(other) => return Err(Fault::value(format!("Invalid snapshot type: {other}"))),
        })
    }

    fn covers(&self, snapshot: &Snapshot, account: &str) -> bool {
        if snapshot.arn.account == account {
            return match snapshot.creator {
                Creator::Account => self.manual,
                Creator::Rds => self.automated,
                Creator::Backup => self.backup,
            };
        }
        (self.shared && snapshot.shares.contains(account)) || (self.public && snapshot.public())
    }
}

fn passes(snapshot: &Snapshot, own: bool, filter: &str, values: &[&str]) -> bool {
    let origin = &snapshot.origin;
    let instance_arn = Arn::new("rds", &snapshot.arn.region, &snapshot.arn.account, format!("db:{}", origin.instance));
    let kind = if own { snapshot.creator.kind() } else { "shared" };
    values.iter().any(|value| match filter {
        "db-instance-id" => own && (value.eq_ignore_ascii_case(&origin.instance) || *value == instance_arn.to_string()),
        "db-snapshot-id" => own && value.eq_ignore_ascii_case(snapshot.id()),
        "dbi-resource-id" => *value == origin.resource_id,
        "engine" => *value == origin.engine,
        _ => *value == kind,
    })
}
