//! Option groups, and the few options that matter to whoever hands a snapshot on.

use std::collections::BTreeSet;

use super::engines::{self, Engine};
use super::identifiers::{GROUP, identifier};
use super::listing::{filters, paged};
use super::snapshot::Snapshot;
use crate::arn::Arn;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// An option that an engine has.
struct Kind {
    name: &'static str,
    /// What the engines that have it begin with.
    engines: &'static str,
    /// Cannot be removed from a group while an instance has the group.
    persistent: bool,
    /// Can never be removed from a group.
    permanent: bool,
}

/// RDS User Guide, Sharing a DB snapshot: the table of persistent and permanent options; and some that are neither.
const KINDS: [Kind; 9] = [
    Kind { name: "TDE", engines: "oracle-ee", persistent: true, permanent: true },
    Kind { name: "Timezone", engines: "oracle", persistent: true, permanent: true },
    Kind { name: "OLS", engines: "oracle", persistent: true, permanent: true },
    Kind { name: "S3_INTEGRATION", engines: "oracle", persistent: false, permanent: false },
    Kind { name: "TDE", engines: "sqlserver-ee", persistent: true, permanent: false },
    Kind { name: "SQLSERVER_BACKUP_RESTORE", engines: "sqlserver", persistent: false, permanent: false },
    Kind { name: "MARIADB_AUDIT_PLUGIN", engines: "mariadb", persistent: false, permanent: false },
    Kind { name: "MARIADB_AUDIT_PLUGIN", engines: "mysql", persistent: false, permanent: false },
    Kind { name: "MEMCACHED", engines: "mysql", persistent: false, permanent: false },
];

fn kind(engine: &str, option: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == option && engine.starts_with(kind.engines))
}

/// A group that somebody made. The default group of each major version is there without being made, and has no options.
#[derive(Clone, Debug)]
pub(crate) struct OptionGroup {
    pub(crate) arn: Arn,
    pub(crate) engine: String,
    pub(crate) major: String,
    pub(crate) description: String,
    pub(crate) options: BTreeSet<String>,
    pub(crate) tags: Tags,
    /// The group that it was copied from, along with a snapshot.
    pub(crate) copied_from: Option<Arn>,
}

impl OptionGroup {
    /// Those of its options that are persistent or permanent: they bind what has the group.
    fn binding(&self) -> BTreeSet<String> {
        let binds = |option: &&String| kind(&self.engine, option).is_some_and(|kind| kind.persistent);
        self.options.iter().filter(binds).cloned().collect()
    }
}

impl super::Rds {
    /// The option group of a database that is set up: one with Transparent Data Encryption, or the default one.
    pub(crate) fn set_up_options(&mut self, database: &crate::Database) -> String {
        let engine = engines::of(&database.engine);
        if !database.tde {
            return engine.default_option_group(&database.engine_version);
        }
        let name = format!("{}-tde", database.identifier);
        let group = OptionGroup {
            arn: Arn::new("rds", &database.region, &database.account, format!("og:{name}")),
            engine: database.engine.clone(),
            major: engine.major(&database.engine_version),
            description: String::new(),
            options: BTreeSet::from(["TDE".to_owned()]),
            tags: Tags::new(),
            copied_from: None,
        };
        self.option_groups.insert(group.arn.to_string(), group);
        name
    }
}

fn arn(caller: &Caller, name: &str) -> Arn {
    Arn::new("rds", &caller.region, caller.account(), format!("og:{}", name.to_lowercase()))
}

fn not_found(name: &str) -> Fault {
    Fault::not_found("OptionGroupNotFoundFault", format!("Specified OptionGroupName: {name} not found."))
}

/// The binding options of a group, by its name, of an account in a Region.
fn binding(world: &World, account: &str, region: &str, name: &str) -> BTreeSet<String> {
    let arn = Arn::new("rds", region, account, format!("og:{name}")).to_string();
    world.rds.option_groups.get(&arn).map(OptionGroup::binding).unwrap_or_default()
}

/// The options that bind a snapshot, as its owner's group has them.
pub(super) fn binding_of(world: &World, snapshot: &Snapshot) -> BTreeSet<String> {
    binding(world, &snapshot.arn.account, &snapshot.arn.region, &snapshot.option_group)
}

/// The group that a request names for an engine's version: it must exist and be made for that major version. UNSOURCED: the
/// code of the latter.
pub(super) fn chosen(
    world: &World,
    caller: &Caller,
    query: &Query,
    engine: &Engine,
    version: &str,
) -> Outcome<Option<String>> {
    let Some(name) = query.text("OptionGroupName").map(str::to_lowercase) else { return Ok(None) };
    if name == engine.default_option_group(version) {
        return Ok(Some(name));
    }
    let group = world.rds.option_groups.get(&arn(caller, &name).to_string()).ok_or_else(|| not_found(&name))?;
    if group.engine != engine.name || group.major != engine.major(version) {
        return Err(Fault::combination(format!(
            "The option group {name} is for {} {} and cannot be used with {} {version}.",
            group.engine, group.major, engine.name
        )));
    }
    Ok(Some(name))
}

/// Refuses a group that lacks any of `bound` (RDS User Guide, Working with option groups: persistent and permanent options).
/// UNSOURCED: the code.
pub(super) fn must_keep(world: &World, caller: &Caller, bound: &BTreeSet<String>, name: &str) -> Outcome<()> {
    let has = binding(world, caller.account(), &caller.region, name);
    match bound.iter().find(|option| !has.contains(*option)) {
        None => Ok(()),
        Some(missing) => {
            let message = format!("The option group {name} lacks the persistent or permanent option {missing}.");
            Err(Fault::combination(message))
        }
    }
}

/// The binding options of the group that one of the caller's own instances has.
pub(super) fn binding_here(world: &World, caller: &Caller, name: &str) -> BTreeSet<String> {
    binding(world, caller.account(), &caller.region, name)
}

/// Copies the group of another account's snapshot into the caller's account, under its own name; a group of that name that
/// is there already stays (RDS User Guide, Copying a DB snapshot, option groups).
pub(super) fn copy_along(world: &mut World, caller: &Caller, snapshot: &Snapshot) -> String {
    let name = snapshot.option_group.clone();
    let from = Arn::new("rds", &snapshot.arn.region, &snapshot.arn.account, format!("og:{name}"));
    if let Some(group) = world.rds.option_groups.get(&from.to_string()).cloned() {
        let arn = arn(caller, &name);
        let copy = OptionGroup { arn: arn.clone(), tags: Tags::new(), copied_from: Some(from), ..group };
        world.rds.option_groups.entry(arn.to_string()).or_insert(copy);
    }
    name
}

/// RDS API Reference, CreateOptionGroup.
pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["EngineName", "MajorEngineVersion", "OptionGroupDescription", "OptionGroupName", "Tags"])?;
    let name = identifier("OptionGroupName", query.required("OptionGroupName")?, GROUP)?;
    let engine = engines::named(query.required("EngineName")?)?;
    let major = query.required("MajorEngineVersion")?.to_owned();
    let description = query.required("OptionGroupDescription")?.to_owned();
    if !engine.versions.iter().any(|version| engine.major(version) == major) {
        return Err(Fault::combination(format!("Cannot find major version {major} for {}", engine.name)));
    }
    let tags = super::tagging::parsed(query)?;
    let arn = arn(caller, &name);
    if world.rds.option_groups.contains_key(&arn.to_string()) {
        return Err(Fault::bad(
            "OptionGroupAlreadyExistsFault",
            format!("An option group named {name} already exists."),
        ));
    }
    // 20 option groups (same page).
    if count(world, caller) >= world.settings.quotas.option_groups {
        return Err(Fault::bad("OptionGroupQuotaExceededFault", "Cannot create more option groups"));
    }
    let engine = engine.name.to_owned();
    let options = BTreeSet::new();
    let group = OptionGroup { arn: arn.clone(), engine, major, description, options, tags, copied_from: None };
    world.rds.option_groups.insert(arn.to_string(), group.clone());
    Ok(shown(&group))
}

/// How many the account has in the Region, without default ones.
pub(super) fn count(world: &World, caller: &Caller) -> usize {
    let prefix = arn(caller, "").to_string();
    world.rds.option_groups.keys().filter(|arn| arn.starts_with(&prefix)).count()
}

/// RDS API Reference, ModifyOptionGroup. Options have no settings here, and come into effect at once.
pub(super) fn modify(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["ApplyImmediately", "OptionGroupName", "OptionsToInclude", "OptionsToRemove"])?;
    let name = query.required("OptionGroupName")?.to_lowercase();
    query.flag("ApplyImmediately")?;
    let mut group = own(world, caller, &name)?.clone();
    for prefix in query.members("OptionsToInclude") {
        let option = query.required(&format!("{prefix}.OptionName"))?;
        if kind(&group.engine, option).is_none() {
            return Err(Fault::value(format!("The option {option} does not exist for {}.", group.engine)));
        }
        group.options.insert(option.to_owned());
    }
    let used = in_use(world, caller, &name);
    for option in query.list("OptionsToRemove") {
        if let Some(kind) = kind(&group.engine, option)
            && (kind.permanent || kind.persistent && used)
        {
            // UNSOURCED: the code.
            let message = format!("The option {option} is persistent or permanent and can't be removed.");
            return Err(Fault::bad("InvalidOptionGroupStateFault", message));
        }
        group.options.remove(option);
    }
    world.rds.option_groups.insert(group.arn.to_string(), group.clone());
    Ok(shown(&group))
}

/// RDS API Reference, DescribeOptionGroups. Default groups are those of the versions in use.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["EngineName", "Filters", "MajorEngineVersion", "Marker", "MaxRecords", "OptionGroupName"])?;
    filters(query, &[])?;
    let wanted = query.text("OptionGroupName");
    let (engine, major) = (query.text("EngineName"), query.text("MajorEngineVersion"));
    if wanted.is_some() && (engine.is_some() || major.is_some()) {
        return Err(Fault::combination("OptionGroupName can't be supplied together with EngineName."));
    }
    if engine.is_none() && major.is_some() {
        return Err(Fault::combination("MajorEngineVersion needs EngineName."));
    }
    let prefix = arn(caller, "").to_string();
    let made = world.rds.option_groups.values().filter(|group| group.arn.to_string().starts_with(&prefix)).cloned();
    let used = world.rds.instances_of(caller.account(), &caller.region).map(|instance| {
        let engine = engines::of(&instance.engine);
        default(caller, engine, &instance.engine_version)
    });
    let mut items: Vec<_> = made.chain(used).map(|group| (group.arn.to_string(), group)).collect();
    items.sort_by(|(one, _), (other, _)| one.cmp(other));
    items.dedup_by(|(one, _), (other, _)| one == other);
    items.retain(|(key, group)| {
        wanted.is_none_or(|name| *key == arn(caller, name).to_string())
            && engine.is_none_or(|engine| engine == group.engine)
            && major.is_none_or(|major| major == group.major)
    });
    if let (Some(name), true) = (wanted, items.is_empty()) {
        return Err(not_found(name));
    }
    let (groups, marker) = paged(query, items)?;
    let mut xml = Xml::new();
    xml.list("OptionGroupsList", "OptionGroup", groups, |xml, group| show(xml, &group));
    xml.maybe("Marker", marker);
    Ok(xml)
}

fn default(caller: &Caller, engine: &Engine, version: &str) -> OptionGroup {
    let name = engine.default_option_group(version);
    OptionGroup {
        arn: arn(caller, &name),
        engine: engine.name.to_owned(),
        major: engine.major(version),
        description: format!("Default option group for {} {}", engine.name, engine.major(version)),
        options: BTreeSet::new(),
        tags: Tags::new(),
        copied_from: None,
    }
}

/// RDS API Reference, DeleteOptionGroup; RDS User Guide, Deleting an option group: neither a default group nor one that an
/// instance or a snapshot has.
pub(super) fn delete(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["OptionGroupName"])?;
    let name = query.required("OptionGroupName")?.to_lowercase();
    if name.starts_with("default:") {
        return Err(Fault::bad("InvalidOptionGroupStateFault", "Default option groups cannot be deleted."));
    }
    let arn = own(world, caller, &name)?.arn.to_string();
    let kept = world.rds.snapshots_of(caller.account(), &caller.region).any(|of| of.option_group == name);
    if kept || in_use(world, caller, &name) {
        let message = format!(
            "The option group '{name}' cannot be deleted because it is in use by one or more databases or snapshots."
        );
        return Err(Fault::bad("InvalidOptionGroupStateFault", message));
    }
    world.rds.option_groups.remove(&arn);
    Ok(Xml::new())
}

fn own<'a>(world: &'a World, caller: &Caller, name: &str) -> Outcome<&'a OptionGroup> {
    world.rds.option_groups.get(&arn(caller, name).to_string()).ok_or_else(|| not_found(name))
}

fn in_use(world: &World, caller: &Caller, name: &str) -> bool {
    let mut instances = world.rds.instances_of(caller.account(), &caller.region);
    instances.any(|instance| instance.setup.option_group == name)
}

fn shown(group: &OptionGroup) -> Xml {
    let mut xml = Xml::new();
    xml.node("OptionGroup", |xml| show(xml, group));
    xml
}

/// RDS API Reference, OptionGroup.
fn show(xml: &mut Xml, group: &OptionGroup) {
    xml.leaf("OptionGroupName", group.arn.name_of("og").unwrap_or_default());
    xml.leaf("OptionGroupDescription", &group.description);
    xml.leaf("EngineName", &group.engine);
    xml.leaf("MajorEngineVersion", &group.major);
    xml.list("Options", "Option", &group.options, |xml, option| {
        let kind = kind(&group.engine, option);
        xml.leaf("OptionName", option);
        xml.leaf("Persistent", kind.is_some_and(|kind| kind.persistent));
        xml.leaf("Permanent", kind.is_some_and(|kind| kind.permanent));
    });
    xml.leaf("AllowsVpcAndNonVpcInstanceMemberships", true);
    xml.leaf("OptionGroupArn", &group.arn);
    if let Some(source) = &group.copied_from {
        xml.maybe("SourceOptionGroup", source.name_of("og"));
        xml.leaf("SourceAccountId", &source.account);
    }
}
