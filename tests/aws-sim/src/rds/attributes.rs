//! The account's own figures.

use crate::fault::Outcome;
use crate::query::Query;
use crate::world::{Caller, World};
use crate::xml::Xml;

/// RDS API Reference, DescribeAccountAttributes.
pub(super) fn describe(world: &mut World, caller: &Caller, query: &Query) -> Outcome<Xml> {
    query.only(&[])?;
    let (account, region) = (caller.account(), caller.region.as_str());
    let quotas = world.settings.quotas;
    let instances = world.rds.instances_of(account, region);
    let storage: u64 =
        world.rds.instances_of(account, region).map(|instance| u64::from(instance.setup.storage.gib)).sum();
    let manual = world.rds.snapshots_of(account, region).filter(|snapshot| !snapshot.automated);
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let groups =
        world.rds.subnet_groups.values().filter(|group| group.arn.account == account && group.arn.region == region);
    let figures = [
        ("AllocatedStorage", storage, 100_000),
        ("DBInstances", count(instances.count()), count(quotas.instances)),
        ("DBSubnetGroups", count(groups.count()) + 1, 50),
        ("ManualSnapshots", count(manual.count()), count(quotas.manual_snapshots)),
    ];
    let mut xml = Xml::new();
    xml.list("AccountQuotas", "AccountQuota", figures, |xml, (name, used, max)| {
        xml.leaf("AccountQuotaName", name);
        xml.leaf("Used", used);
        xml.leaf("Max", max);
    });
    Ok(xml)
}
