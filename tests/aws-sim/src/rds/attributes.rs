//! The account's quotas and their usage.

use super::snapshot::Creator;
use super::{groups, instances, option_groups, parameters};
use crate::caller::Caller;
use crate::fault::Outcome;
use crate::query::Query;
use crate::world::World;
use crate::xml::Xml;

/// RDS API Reference, DescribeAccountAttributes and AccountQuota; the maxima as in RDS User Guide, Quotas and
/// constraints for Amazon RDS. Usage is zero for resources that are not simulated.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[])?;
    let quotas = world.settings.quotas;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let instances = world.rds.instances_of(caller.account(), &caller.region).count();
    let own = world.rds.snapshots_of(caller.account(), &caller.region);
    let manual = own.filter(|snapshot| snapshot.creator == Creator::Account).count();
    let figures = [
        ("AllocatedStorage", instances::storage_used(world, caller), quotas.storage_gib),
        ("AuthorizationsPerDBSecurityGroup", 0, 20),
        ("CustomEndpointsPerDBCluster", 0, 5),
        ("DBClusterParameterGroups", 0, 50),
        ("DBClusterRoles", 0, 5),
        ("DBClusters", 0, 40),
        ("DBInstanceRoles", 0, 5),
        ("DBInstances", count(instances), count(quotas.instances)),
        ("DBParameterGroups", count(parameters::count(world, caller)), count(quotas.parameter_groups)),
        ("DBSecurityGroups", 0, 25),
        ("DBSubnetGroups", count(groups::count(world, caller)), count(quotas.subnet_groups)),
        ("EventSubscriptions", 0, 20),
        ("ManualClusterSnapshots", 0, 100),
        ("ManualSnapshots", count(manual), count(quotas.manual_snapshots)),
        ("OptionGroups", count(option_groups::count(world, caller)), count(quotas.option_groups)),
        ("ReadReplicasPerMaster", 0, 15),
        ("ReservedDBInstances", 0, 40),
        ("SubnetsPerDBSubnetGroup", 2, 20),
    ];
    let mut xml = Xml::new();
    xml.list("AccountQuotas", "AccountQuota", figures, |xml, (name, used, max)| {
        xml.leaf("AccountQuotaName", name);
        xml.leaf("Used", used);
        xml.leaf("Max", max);
    });
    Ok(xml)
}
