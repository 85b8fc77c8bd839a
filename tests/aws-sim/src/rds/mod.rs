//! The Relational Database Service: DB instances and their snapshots.

mod attributes;
mod copies;
mod deletion;
mod groups;
mod identifiers;
pub(crate) mod instance;
mod instances;
mod keys;
mod modify;
mod progress;
mod restore;
mod sharing;
pub(crate) mod snapshot;
mod snapshots;
mod tagging;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub(crate) use groups::default_security_group;
pub(crate) use progress::happen;

use crate::access::Leave;
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
    /// (account, Region, id).
    pub(crate) security_groups: BTreeSet<(String, String, String)>,
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
        "CreateDBInstance" | "DescribeDBInstances" | "DeleteDBInstance" | "ModifyDBInstance" => {
            arns(&[("db", "DBInstanceIdentifier")])
        }
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
        ]),
        "CreateDBSubnetGroup" | "DescribeDBSubnetGroups" => arns(&[("subgrp", "DBSubnetGroupName")]),
        "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => {
            query.text("ResourceName").map(str::to_owned).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What an account lets others do to its resources: describe and copy (and, unencrypted, restore) the snapshots that it
/// shares. Anybody else is answered as if they were not there, by the action itself.
pub(crate) fn leave<'a>(world: &World, caller: &Caller, action: &str, arn: &str) -> Leave<'a> {
    let Some(parsed) = Arn::parse(arn) else { return Leave::Service };
    let reads = matches!(action, "CopyDBSnapshot" | "DescribeDBSnapshots" | "RestoreDBInstanceFromDBSnapshot");
    if parsed.account == caller.account() {
        return Leave::Service;
    }
    match world.rds.snapshots.get(arn) {
        Some(snapshot) if reads && snapshot.shared_with(caller.account()) => Leave::Share,
        _ if reads && parsed.name_of("snapshot").is_some() => Leave::Service,
        _ => Leave::Nobody,
    }
}

pub(crate) fn route(world: &mut World, caller: &Caller, action: &str, query: &Query) -> Outcome<Xml> {
    match action {
        "CreateDBInstance" => instances::create(world, caller, query),
        "DescribeDBInstances" => instances::describe(world, caller, query),
        "ModifyDBInstance" => modify::modify(world, caller, query),
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
        "DescribeAccountAttributes" => attributes::describe(world, caller, query),
        _ => Err(Fault::bad("InvalidAction", format!("Could not find operation {action} for version 2014-10-31"))),
    }
}

/// `MaxRecords` is 20 to 100, by default 100 (RDS API Reference, the Describe actions).
fn max_records(query: &Query) -> Outcome<usize> {
    match query.number("MaxRecords")?.unwrap_or(100) {
        count @ 20..=100 => Ok(usize::try_from(count).unwrap_or(100)),
        other => Err(Fault::value(format!("Invalid value {other} for MaxRecords. Must be between 20 and 100"))),
    }
}

/// The request's `Filters`: name to values. A filter that the action does not have is refused.
fn filters<'a>(query: &'a Query, known: &[&str]) -> Outcome<BTreeMap<&'a str, Vec<&'a str>>> {
    let mut found = BTreeMap::new();
    for prefix in query.members("Filters") {
        let name = query.required(&format!("{prefix}.Name"))?;
        if !known.contains(&name) {
            return Err(Fault::value(format!("Unrecognized filter name: {name}")));
        }
        let values = query.list(&format!("{prefix}.Values"));
        if values.is_empty() {
            return Err(Fault::value(format!("The filter {name} has no values")));
        }
        found.insert(name, values);
    }
    Ok(found)
}
