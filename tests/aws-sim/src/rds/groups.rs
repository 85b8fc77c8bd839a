//! Subnet groups and security groups: the parts of a network that RDS requests name.

use super::listing::{filters, paged};
use super::network::{SubnetGroup, default_security_group, show};
use super::store::Rds;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::tags::Tags;
use crate::world::World;
use crate::xml::Xml;

/// The subnet group that a request names; `None` if it names none, which means the default one (RDS API Reference,
/// CreateDBInstance, DBSubnetGroupName: "Must match the name of an existing DB subnet group").
pub(super) fn subnet_group(world: &World, caller: &Caller, query: &Query) -> Outcome<Option<String>> {
    let Some(name) = query.text("DBSubnetGroupName") else { return Ok(None) };
    let name = name.to_lowercase();
    let arn = Arn::new("rds", &caller.region, caller.account(), format!("subgrp:{name}")).to_string();
    if name == "default" || world.rds.subnet_groups.contains_key(&arn) {
        return Ok(Some(name));
    }
    Err(Fault::not_found("DBSubnetGroupNotFoundFault", format!("DB subnet group '{name}' does not exist.")))
}

/// Refuses the default subnet group if there is no default VPC. The text has been seen in practice.
pub(super) fn must_have_default(world: &World, caller: &Caller, chosen: &str) -> Outcome<()> {
    let place = (caller.account().to_owned(), caller.region.clone());
    if chosen == "default" && world.rds.without_default_vpc.contains(&place) {
        let message = "No default subnet detected in VPC. Please contact AWS Support to recreate the default Subnets.";
        return Err(Fault::bad("InvalidSubnet", message));
    }
    Ok(())
}

/// The security groups of an instance; `None` if the request names none. The refusal has been seen in practice:
/// aws/aws-cli#574.
pub(super) fn security_groups(world: &World, caller: &Caller, query: &Query) -> Outcome<Option<Vec<String>>> {
    let named: Vec<String> = query.list("VpcSecurityGroupIds").into_iter().map(str::to_owned).collect();
    let default = default_security_group(caller.account(), &caller.region);
    for id in &named {
        let key = (caller.account().to_owned(), caller.region.clone(), id.clone());
        if *id != default && !world.rds.security_groups.contains(&key) {
            return Err(Fault::value(format!("Invalid security group , groupId= {id}, groupName=.")));
        }
    }
    Ok((!named.is_empty()).then_some(named))
}

impl Rds {
    /// Sets up a complete subnet group.
    pub(crate) fn add_subnet_group(&mut self, account: &str, region: &str, name: &str) {
        let arn = Arn::new("rds", region, account, format!("subgrp:{}", name.to_lowercase()));
        let group = SubnetGroup { description: String::new(), tags: Tags::new(), arn: arn.clone() };
        self.subnet_groups.insert(arn.to_string(), group);
    }
}

/// RDS API Reference, CreateDBSubnetGroup.
pub(super) fn create(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBSubnetGroupDescription", "DBSubnetGroupName", "SubnetIds", "Tags"])?;
    let name = query.required("DBSubnetGroupName")?.to_lowercase();
    let description = query.required("DBSubnetGroupDescription")?.to_owned();
    let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte);
    let letter = name.starts_with(|first: char| first.is_ascii_alphabetic());
    if name == "default" || !letter || name.len() > 255 || !name.bytes().all(permitted) {
        return Err(Fault::value(format!("The parameter DBSubnetGroupName is not a valid identifier: {name}")));
    }
    if query.list("SubnetIds").len() < 2 {
        let message = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Please add subnets to cover at least 2 AZs.";
        return Err(Fault::bad("DBSubnetGroupDoesNotCoverEnoughAZs", message));
    }
    // 20 subnets in a group (RDS User Guide, Quotas and constraints for Amazon RDS).
    if query.list("SubnetIds").len() > 20 {
        return Err(Fault::bad("DBSubnetQuotaExceededFault", "A DB subnet group has at most 20 subnets."));
    }
    let tags = super::tagging::parsed(query)?;
    let arn = Arn::new("rds", &caller.region, caller.account(), format!("subgrp:{name}"));
    if world.rds.subnet_groups.contains_key(&arn.to_string()) {
        return Err(Fault::bad("DBSubnetGroupAlreadyExists", format!("The DB subnet group '{name}' already exists.")));
    }
    if count(world, caller) >= world.settings.quotas.subnet_groups {
        return Err(Fault::bad("DBSubnetGroupQuotaExceeded", "Cannot create more DB subnet groups"));
    }
    let mut xml = Xml::new();
    xml.node("DBSubnetGroup", |xml| show(xml, caller.account(), &caller.region, &name, &description));
    world.rds.subnet_groups.insert(arn.to_string(), SubnetGroup { arn, description, tags });
    Ok(xml)
}

/// The number of subnet groups of the account in the Region, including the default one.
pub(super) fn count(world: &World, caller: &Caller) -> usize {
    let prefix = Arn::new("rds", &caller.region, caller.account(), "subgrp:").to_string();
    1 + world.rds.subnet_groups.keys().filter(|arn| arn.starts_with(&prefix)).count()
}

/// RDS API Reference, DeleteDBSubnetGroup: not the default one, and not one that an instance uses.
pub(super) fn delete(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBSubnetGroupName"])?;
    let name = query.required("DBSubnetGroupName")?.to_lowercase();
    let arn = Arn::new("rds", &caller.region, caller.account(), format!("subgrp:{name}")).to_string();
    let used = world.rds.instances_of(caller.account(), &caller.region).any(|of| of.setup.subnet_group == name);
    if name == "default" || used {
        let message = format!("Cannot delete the subnet group '{name}' because it is the default or still in use.");
        return Err(Fault::bad("InvalidDBSubnetGroupStateFault", message));
    }
    match world.rds.subnet_groups.remove(&arn) {
        Some(_) => Ok(Xml::new()),
        None => {
            Err(Fault::not_found("DBSubnetGroupNotFoundFault", format!("DB subnet group '{name}' does not exist.")))
        }
    }
}

/// RDS API Reference, DescribeDBSubnetGroups.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&["DBSubnetGroupName", "Filters", "Marker", "MaxRecords"])?;
    filters(query, &[])?;
    let wanted = query.text("DBSubnetGroupName").map(str::to_lowercase);
    let prefix = Arn::new("rds", &caller.region, caller.account(), "subgrp:").to_string();
    let default = ("default".to_owned(), "default".to_owned());
    let made = world
        .rds
        .subnet_groups
        .iter()
        .filter_map(|(arn, group)| Some((arn.strip_prefix(&prefix)?.to_owned(), group.description.clone())));
    let mut items: Vec<_> =
        made.chain([default]).map(|(name, description)| (name.clone(), (name, description))).collect();
    items.sort();
    items.retain(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    if let (Some(wanted), true) = (wanted, items.is_empty()) {
        return Err(Fault::not_found(
            "DBSubnetGroupNotFoundFault",
            format!("DB subnet group '{wanted}' does not exist."),
        ));
    }
    let (groups, marker) = paged(query, items)?;
    let mut xml = Xml::new();
    xml.list("DBSubnetGroups", "DBSubnetGroup", groups, |xml, (name, description)| {
        show(xml, caller.account(), &caller.region, &name, &description);
    });
    xml.maybe("Marker", marker);
    Ok(xml)
}
