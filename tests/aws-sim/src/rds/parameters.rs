//! DB parameter groups. All parameters have their default values: they cannot be set here.

use super::engines::{self, Engine};
use super::identifiers::{GROUP, identifier};
use super::listing::{filters, paged};
use super::parameter_group::ParameterGroup;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

fn arn(caller: &Caller, name: &str) -> Arn {
    Arn::new("rds", &caller.region, caller.account(), format!("pg:{}", name.to_lowercase()))
}

/// RDS API Reference, CreateDBInstance and DescribeDBParameterGroups, Errors.
fn not_found(name: &str) -> Fault {
    Fault::not_found("DBParameterGroupNotFound", format!("DBParameterGroup not found: {name}"))
}

/// The families of all supported versions.
fn families() -> Vec<String> {
    let mut all: Vec<String> =
        engines::all().flat_map(|engine| engine.versions.iter().map(|version| engine.family(version))).collect();
    all.sort();
    all.dedup();
    all
}

/// The family of the group `name`, which may be a default group.
fn family_of(world: &World, caller: &Caller, name: &str) -> Option<String> {
    let made = world.rds.parameter_groups.get(&arn(caller, name).to_string()).map(|group| group.family.clone());
    made.or_else(|| {
        let lower = name.to_lowercase();
        let family = lower.strip_prefix("default.")?;
        families().into_iter().find(|known| known == family)
    })
}

/// The group that a request names for an instance: it must exist and be of the instance's family (RDS API Reference,
/// ModifyDBInstance, DBParameterGroupName). The text has been seen in practice.
pub(super) fn chosen(
    world: &World,
    caller: &Caller,
    query: &Query,
    engine: &Engine,
    version: &str,
) -> Outcome<Option<String>> {
    let Some(name) = query.text("DBParameterGroupName") else { return Ok(None) };
    let own = engine.family(version);
    let default = format!("default.{own}");
    if name.eq_ignore_ascii_case(&default) {
        return Ok(Some(default));
    }
    let family = family_of(world, caller, name).ok_or_else(|| not_found(name))?;
    if family != own {
        return Err(Fault::combination(format!(
            "The Parameter Group {name} with DBParameterGroupFamily {family} cannot be used for this instance. Please use a \
             Parameter Group with DBParameterGroupFamily {own}"
        )));
    }
    Ok(Some(name.to_lowercase()))
}

/// RDS API Reference, CreateDBParameterGroup.
pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBParameterGroupFamily", "DBParameterGroupName", "Description", "Tags"])?;
    let name = identifier("DBParameterGroupName", query.required("DBParameterGroupName")?, GROUP)?;
    let family = query.required("DBParameterGroupFamily")?.to_owned();
    let description = query.required("Description")?.to_owned();
    if !families().contains(&family) {
        // The text has been seen in practice.
        return Err(Fault::value(format!("ParameterGroupFamily {family} is not a valid parameter group family")));
    }
    let tags = super::tagging::parsed(query)?;
    let arn = arn(caller, &name);
    if world.rds.parameter_groups.contains_key(&arn.to_string()) {
        return Err(Fault::bad("DBParameterGroupAlreadyExists", format!("Parameter group {name} already exists")));
    }
    if count(world, caller) >= world.settings.quotas.parameter_groups {
        return Err(Fault::bad("DBParameterGroupQuotaExceeded", "Cannot create more DB parameter groups"));
    }
    let group = ParameterGroup { arn: arn.clone(), family, description, tags };
    let mut xml = Xml::new();
    xml.node("DBParameterGroup", |xml| show(xml, caller, &name, &group.family, &group.description));
    world.rds.parameter_groups.insert(arn.to_string(), group);
    Ok(xml)
}

/// The number of parameter groups of the account in the Region, without default ones.
pub(super) fn count(world: &World, caller: &Caller) -> usize {
    let prefix = arn(caller, "").to_string();
    world.rds.parameter_groups.keys().filter(|arn| arn.starts_with(&prefix)).count()
}

/// RDS API Reference, DescribeDBParameterGroups. Without a name, lists the default groups of the families in use.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBParameterGroupName", "Filters", "Marker", "MaxRecords"])?;
    filters(query, &[])?;
    let prefix = arn(caller, "").to_string();
    let made = world.rds.parameter_groups.iter().filter_map(|(arn, group)| {
        Some((arn.strip_prefix(&prefix)?.to_owned(), (group.family.clone(), group.description.clone())))
    });
    let default = |family: String| {
        let description = format!("Default parameter group for {family}");
        (format!("default.{family}"), (family, description))
    };
    let used = world.rds.instances_of(caller.account(), &caller.region);
    let used = used.map(|instance| default(engines::of(&instance.engine).family(&instance.engine_version)));
    let mut items: Vec<_> = made.chain(used).collect();
    if let Some(name) = query.text("DBParameterGroupName") {
        items.extend(
            name.strip_prefix("default.")
                .filter(|family| families().iter().any(|known| known == family))
                .map(|family| default(family.to_owned())),
        );
        items.retain(|(known, _)| name.eq_ignore_ascii_case(known));
        if items.is_empty() {
            return Err(not_found(name));
        }
    }
    items.sort();
    items.dedup();
    let items = items.into_iter().map(|(name, rest)| (name.clone(), (name, rest))).collect();
    let (groups, marker) = paged(query, items)?;
    let mut xml = Xml::new();
    xml.list("DBParameterGroups", "DBParameterGroup", groups, |xml, (name, (family, description))| {
        show(xml, caller, &name, &family, &description);
    });
    xml.maybe("Marker", marker);
    Ok(xml)
}

/// RDS API Reference, DeleteDBParameterGroup: not a default group, and not one that an instance uses.
pub(super) fn delete(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBParameterGroupName"])?;
    let name = query.required("DBParameterGroupName")?.to_lowercase();
    if name.starts_with("default.") {
        return Err(Fault::bad("InvalidDBParameterGroupState", "Default DBParameterGroup cannot be deleted."));
    }
    let arn = arn(caller, &name).to_string();
    if !world.rds.parameter_groups.contains_key(&arn) {
        return Err(not_found(&name));
    }
    if world.rds.instances_of(caller.account(), &caller.region).any(|of| of.setup.parameter_group == name) {
        return Err(Fault::bad(
            "InvalidDBParameterGroupState",
            "One or more database instances are still members of this parameter group, so the group cannot be deleted",
        ));
    }
    world.rds.parameter_groups.remove(&arn);
    Ok(Xml::new())
}

fn show(xml: &mut Xml, caller: &Caller, name: &str, family: &str, description: &str) {
    xml.leaf("DBParameterGroupName", name);
    xml.leaf("DBParameterGroupFamily", family);
    xml.leaf("Description", description);
    xml.leaf("DBParameterGroupArn", arn(caller, name));
}
