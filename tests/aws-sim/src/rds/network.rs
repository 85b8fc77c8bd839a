//! The default VPC of an account in a Region, and the description of a subnet group in it.

use crate::arn::Arn;
use crate::tags::Tags;
use crate::xml::Xml;

/// A DB subnet group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubnetGroup {
    pub(crate) arn: Arn,
    pub(crate) description: String,
    pub(crate) tags: Tags,
}

/// The default VPC of an account in a Region, which is its only one.
pub(super) fn vpc(account: &str, region: &str) -> String {
    format!("vpc-{}", digits(account, region))
}

/// The default VPC's default security group.
pub(super) fn default_security_group(account: &str, region: &str) -> String {
    format!("sg-{}", digits(account, region))
}

/// Seventeen hex digits derived from the account and Region.
fn digits(account: &str, region: &str) -> String {
    let sum = region.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("{account}{:05x}", sum & 0xf_ffff)
}

/// RDS API Reference, DBSubnetGroup.
pub(super) fn show(xml: &mut Xml, account: &str, region: &str, name: &str, description: &str) {
    xml.leaf("DBSubnetGroupName", name);
    xml.leaf("DBSubnetGroupDescription", description);
    xml.leaf("VpcId", vpc(account, region));
    xml.leaf("SubnetGroupStatus", "Complete");
    xml.list("Subnets", "Subnet", ["a", "b"], |xml, zone| {
        xml.leaf("SubnetIdentifier", format!("subnet-{}{zone}", digits(account, region)));
        xml.node("SubnetAvailabilityZone", |xml| xml.leaf("Name", format!("{region}{zone}")));
        xml.leaf("SubnetStatus", "Active");
    });
    xml.leaf("DBSubnetGroupArn", Arn::new("rds", region, account, format!("subgrp:{name}")));
}
