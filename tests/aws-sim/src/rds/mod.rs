//! The Relational Database Service: DB instances and their snapshots.

mod attributes;
mod certificate;
mod certificates;
pub(crate) mod changes;
mod copies;
mod deletion;
pub(crate) mod endings;
pub(crate) mod engines;
mod groups;
mod identifiers;
pub(crate) mod instance;
mod instances;
mod keys;
mod listing;
mod maintenance;
mod modify;
mod monitoring;
mod monitoring_request;
mod network;
mod option_group;
mod option_groups;
mod options;
mod parameter_group;
mod parameters;
mod permission;
mod progress;
mod resources;
mod restore;
mod secret;
mod secrets;
pub(crate) mod setup;
mod setup_request;
mod sharing;
pub(crate) mod snapshot;
mod snapshots;
mod storage;
mod store;
mod tag_list;
mod tagging;
mod versions;
mod windows;

pub(crate) use permission::permit;
pub(crate) use progress::apply_due_events;
pub(crate) use resources::resources;
pub(crate) use snapshots::set_up_backup;
pub(crate) use store::Rds;

use crate::caller::Caller;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

pub(crate) fn route(world: &mut World, caller: &Caller, action: &str, query: &Query) -> Outcome<Xml> {
    match action {
        "CreateDBInstance" => instances::create(world, caller, query),
        "DescribeDBInstances" => instances::describe(world, caller, query),
        "ModifyDBInstance" => modify::modify(world, caller, query),
        "RebootDBInstance" => maintenance::reboot(world, caller, query),
        "DeleteDBInstance" => deletion::delete_instance(world, caller, query),
        "CreateDBSnapshot" => snapshots::create(world, caller, query),
        "DescribeDBSnapshots" => snapshots::describe(world, caller, query),
        "DeleteDBSnapshot" => deletion::delete_snapshot(world, caller, query),
        "CopyDBSnapshot" => copies::copy(world, caller, query),
        "DescribeDBSnapshotAttributes" => sharing::describe(world, caller, query),
        "ModifyDBSnapshotAttribute" => sharing::modify(world, caller, query),
        "RestoreDBInstanceFromDBSnapshot" => restore::restore(world, caller, query),
        "AddTagsToResource" => tagging::add(world, caller, query),
        "RemoveTagsFromResource" => tagging::remove(world, caller, query),
        "ListTagsForResource" => tagging::list(world, caller, query),
        "CreateDBSubnetGroup" => groups::create(world, caller, query),
        "DescribeDBSubnetGroups" => groups::describe(world, caller, query),
        "DeleteDBSubnetGroup" => groups::delete(world, caller, query),
        "CreateDBParameterGroup" => parameters::create(world, caller, query),
        "DescribeDBParameterGroups" => parameters::describe(world, caller, query),
        "DeleteDBParameterGroup" => parameters::delete(world, caller, query),
        "CreateOptionGroup" => option_groups::create(world, caller, query),
        "DescribeOptionGroups" => option_groups::describe(world, caller, query),
        "ModifyOptionGroup" => option_groups::modify(world, caller, query),
        "DeleteOptionGroup" => option_groups::delete(world, caller, query),
        "DescribeDBEngineVersions" => versions::describe(world, caller, query),
        "DescribeCertificates" => certificates::describe(world, caller, query),
        "DescribeAccountAttributes" => attributes::describe(world, caller, query),
        // RDS API Reference, Common Errors.
        _ => Err(Fault::bad("InvalidAction", format!("Could not find operation {action} for version 2014-10-31"))),
    }
}
