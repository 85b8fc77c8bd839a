//! The Relational Database Service: DB instances and their snapshots.

mod attributes;
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
mod option_groups;
pub(crate) mod options;
pub(crate) mod parameters;
mod permission;
mod progress;
mod restore;
mod secret;
pub(crate) mod setup;
mod sharing;
pub(crate) mod snapshot;
mod snapshots;
mod storage;
mod tagging;
mod versions;
mod watching;
mod windows;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub(crate) use permission::permit;
pub(crate) use progress::happen;
pub(crate) use snapshots::set_up_backup;

use crate::arn::Arn;
use crate::fault::{Fault, Outcome};
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;
use instance::Instance;
use snapshot::Snapshot;

/// Everything of RDS, of all accounts and Regions, by ARN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rds {
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    /// Subnet group ARN to its description.
    pub(crate) subnet_groups: BTreeMap<String, groups::SubnetGroup>,
    pub(crate) parameter_groups: BTreeMap<String, parameters::ParameterGroup>,
    pub(crate) option_groups: BTreeMap<String, options::OptionGroup>,
    /// (account, Region, id).
    pub(crate) security_groups: BTreeSet<(String, String, String)>,
    /// (account, Region) where somebody has deleted the default VPC.
    pub(crate) without_default_vpc: BTreeSet<(String, String)>,
    /// When which instance or snapshot is to be looked at.
    agenda: BTreeSet<(Timestamp, String)>,
    /// The copies under way of each source database, by its resource id: the first runs, the others wait.
    queues: BTreeMap<String, Vec<String>>,
}

impl Rds {
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.agenda.first().map(|(at, _)| *at)
    }

    /// The instances of an account in a Region, by identifier.
    fn instances_of(&self, account: &str, region: &str) -> impl Iterator<Item = &Instance> {
        let prefix = Arn::new("rds", region, account, "db:").to_string();
        let all = self.instances.range(prefix.clone()..);
        all.take_while(move |(arn, _)| arn.starts_with(&prefix)).map(|(_, instance)| instance)
    }

    /// The snapshots of an account in a Region, by identifier.
    fn snapshots_of(&self, account: &str, region: &str) -> impl Iterator<Item = &Snapshot> {
        let prefix = Arn::new("rds", region, account, "snapshot:").to_string();
        let all = self.snapshots.range(prefix.clone()..);
        all.take_while(move |(arn, _)| arn.starts_with(&prefix)).map(|(_, snapshot)| snapshot)
    }
}

/// The ARN that a parameter means: an ARN as it stands, or a name of the caller's own.
fn own_arn(caller: &Caller, kind: &str, named: &str) -> String {
    if named.starts_with("arn:") {
        return named.to_owned();
    }
    Arn::new("rds", &caller.region, caller.account(), format!("{kind}:{}", named.to_lowercase())).to_string()
}

/// The ARNs that a request names.
pub(crate) fn resources(caller: &Caller, action: &str, query: &Query) -> Vec<String> {
    let arns = |wanted: &[(&str, &str)]| {
        let named = wanted.iter().filter_map(|(kind, name)| Some(own_arn(caller, kind, query.text(name)?)));
        named.collect::<Vec<_>>()
    };
    match action {
        "CreateDBInstance" | "ModifyDBInstance" => arns(&[
            ("db", "DBInstanceIdentifier"),
            ("subgrp", "DBSubnetGroupName"),
            ("pg", "DBParameterGroupName"),
            ("og", "OptionGroupName"),
        ]),
        "DescribeDBInstances" | "DeleteDBInstance" | "RebootDBInstance" => arns(&[("db", "DBInstanceIdentifier")]),
        "CreateDBSnapshot" => arns(&[("db", "DBInstanceIdentifier"), ("snapshot", "DBSnapshotIdentifier")]),
        "CopyDBSnapshot" => {
            arns(&[("snapshot", "SourceDBSnapshotIdentifier"), ("snapshot", "TargetDBSnapshotIdentifier")])
        }
        "DescribeDBSnapshots" | "DeleteDBSnapshot" | "DescribeDBSnapshotAttributes" | "ModifyDBSnapshotAttribute" => {
            arns(&[("snapshot", "DBSnapshotIdentifier")])
        }
        "RestoreDBInstanceFromDBSnapshot" => arns(&[
            ("db", "DBInstanceIdentifier"),
            ("snapshot", "DBSnapshotIdentifier"),
            ("subgrp", "DBSubnetGroupName"),
            ("pg", "DBParameterGroupName"),
            ("og", "OptionGroupName"),
        ]),
        "CreateDBParameterGroup" | "DescribeDBParameterGroups" | "DeleteDBParameterGroup" => {
            arns(&[("pg", "DBParameterGroupName")])
        }
        "CreateOptionGroup" | "DescribeOptionGroups" | "DeleteOptionGroup" | "ModifyOptionGroup" => {
            arns(&[("og", "OptionGroupName")])
        }
        "CreateDBSubnetGroup" | "DescribeDBSubnetGroups" | "DeleteDBSubnetGroup" => {
            arns(&[("subgrp", "DBSubnetGroupName")])
        }
        "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => {
            query.text("ResourceName").map(str::to_owned).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

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
