//! Creating, changing, describing and deleting option groups.

use std::collections::BTreeSet;

use super::engines::{self, Engine};
use super::identifiers::{GROUP, identifier};
use super::listing::{filters, paged};
use super::option_group::{OptionGroup, kind};
use super::options::{arn, not_found};
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::World;
use crate::xml::Xml;

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

/// The number of option groups of the account in the Region, without default ones.
pub(super) fn count(world: &World, caller: &Caller) -> usize {
    let prefix = arn(caller, "").to_string();
    world.rds.option_groups.keys().filter(|arn| arn.starts_with(&prefix)).count()
}

/// RDS API Reference, ModifyOptionGroup. Options have no settings here, and take effect at once.
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

/// RDS API Reference, DescribeOptionGroups. Lists the default groups of the versions in use.
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

/// RDS API Reference, DeleteOptionGroup; RDS User Guide, Deleting an option group: not a default group, and not one
/// that an instance or a snapshot uses.
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
