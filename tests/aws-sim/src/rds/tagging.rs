//! Tags of RDS resources.

use super::tag_list::show;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::{self, Tags};
use crate::world::World;
use crate::xml::Xml;

/// The request's `Tags`, checked.
pub(super) fn parsed(query: &Query) -> Outcome<Tags> {
    let mut tags = Tags::new();
    for prefix in query.members("Tags") {
        let key = query.required(&format!("{prefix}.Key"))?.to_owned();
        let value = query.text(&format!("{prefix}.Value")).unwrap_or_default().to_owned();
        // UNSOURCED: stricter reading.
        if tags.insert(key.clone(), value).is_some() {
            return Err(Fault::value(format!("The tag key {key} is given twice")));
        }
    }
    // RDS User Guide, Overview of Amazon RDS resource tags; the code is from cloud-custodian/cloud-custodian#4674.
    tags::check(&tags).map_err(|wrong| Fault::value(wrong))?;
    Ok(tags)
}

/// The tags that a copy of a snapshot gets; refused if AWS itself has set one. The text has been seen in practice.
pub(super) fn copied(tags: &Tags) -> Outcome<Tags> {
    if tags.keys().any(|key| reserved(key)) {
        return Err(Fault::value("Tag keys cannot start with the reserved prefix"));
    }
    Ok(tags.clone())
}

/// Refuses more than 50 tags on a resource, not counting those of AWS itself (RDS User Guide, Overview of Amazon RDS
/// resource tags).
pub(super) fn must_not_be_too_many(tags: &Tags) -> Outcome<()> {
    if inherited(tags).len() > 50 {
        return Err(Fault::value("Tag limit exceeded: a resource has at most 50 tags"));
    }
    Ok(())
}

/// The tags that a restored instance inherits. UNSOURCED: that those of AWS itself are not inherited.
pub(super) fn inherited(tags: &Tags) -> Tags {
    let own = tags.iter().filter(|(key, _)| !reserved(key));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// "It can't be prefixed with aws: or rds:" (RDS API Reference, Tag, Key).
fn reserved(key: &str) -> bool {
    ["aws:", "rds:"].iter().any(|prefix| key.to_lowercase().starts_with(prefix))
}

/// The tags of the resource that `ResourceName`, an ARN, names (RDS API Reference, AddTagsToResource).
fn named<'a>(world: &'a mut World, caller: &Caller, query: &Query) -> Outcome<&'a mut Tags> {
    let text = query.required("ResourceName")?;
    // Seen in practice: hashicorp/terraform#1908.
    let malformed = || Fault::value(format!("Invalid resource name: {text}"));
    let arn = Arn::parse(text).filter(|arn| arn.service == "rds").ok_or_else(malformed)?;
    if arn.region != caller.region || arn.account != caller.account() {
        return Err(malformed());
    }
    let kind = arn.resource.split(':').next().unwrap_or_default();
    let (tags, code) = match kind {
        "db" => (world.rds.instances.get_mut(text).map(|instance| &mut instance.tags), "DBInstanceNotFound"),
        "snapshot" => (world.rds.snapshots.get_mut(text).map(|snapshot| &mut snapshot.tags), "DBSnapshotNotFound"),
        "subgrp" => (world.rds.subnet_groups.get_mut(text).map(|group| &mut group.tags), "DBSubnetGroupNotFoundFault"),
        "pg" => (world.rds.parameter_groups.get_mut(text).map(|group| &mut group.tags), "DBParameterGroupNotFound"),
        "og" => (world.rds.option_groups.get_mut(text).map(|group| &mut group.tags), "OptionGroupNotFoundFault"),
        _ => return Err(malformed()),
    };
    // UNSOURCED: the codes for groups; the page lists only those for instances and snapshots.
    tags.ok_or_else(|| Fault::not_found(code, format!("{text} not found.")))
}

/// RDS API Reference, AddTagsToResource: an existing key gets the new value.
pub(super) fn add(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["ResourceName", "Tags"])?;
    let added = parsed(query)?;
    if added.is_empty() {
        return Err(Fault::missing("Tags"));
    }
    let tags = named(world, caller, query)?;
    let mut all = tags.clone();
    all.extend(added);
    must_not_be_too_many(&all)?;
    *tags = all;
    Ok(Xml::new())
}

/// RDS API Reference, RemoveTagsFromResource: TagKeys is required.
pub(super) fn remove(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["ResourceName", "TagKeys"])?;
    let keys = query.list("TagKeys");
    if keys.is_empty() {
        return Err(Fault::missing("TagKeys"));
    }
    // UNSOURCED: the code. Tags of AWS itself "can't be edited or deleted" (RDS User Guide, same page).
    if let Some(key) = keys.iter().find(|key| reserved(key)) {
        return Err(Fault::value(format!("The tag {key} has the reserved prefix and can't be removed.")));
    }
    named(world, caller, query)?.retain(|key, _| !keys.contains(&key.as_str()));
    Ok(Xml::new())
}

pub(super) fn list(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["Filters", "ResourceName"])?;
    super::listing::filters(query, &[])?;
    let tags = named(world, caller, query)?;
    let mut xml = Xml::new();
    show(&mut xml, &*tags);
    Ok(xml)
}
