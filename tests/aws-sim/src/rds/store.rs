//! The state of RDS.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::instance::Instance;
use super::network::SubnetGroup;
use super::option_group::OptionGroup;
use super::parameter_group::ParameterGroup;
use super::snapshot::Snapshot;
use crate::arn::Arn;

/// All resources of RDS, of all accounts and Regions, by ARN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rds {
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) snapshots: BTreeMap<String, Snapshot>,
    /// Subnet groups by ARN.
    pub(crate) subnet_groups: BTreeMap<String, SubnetGroup>,
    pub(crate) parameter_groups: BTreeMap<String, ParameterGroup>,
    pub(crate) option_groups: BTreeMap<String, OptionGroup>,
    /// (account, Region, id).
    pub(crate) security_groups: BTreeSet<(String, String, String)>,
    /// (account, Region) whose default VPC has been deleted.
    pub(crate) without_default_vpc: BTreeSet<(String, String)>,
    /// The times at which instances or snapshots have events, with their ARNs.
    pub(super) events: BTreeSet<(Timestamp, String)>,
    /// The queue of copies of each source database, by its resource id: the first one runs, the others wait.
    pub(super) queues: BTreeMap<String, Vec<String>>,
}

impl Rds {
    pub(crate) fn next_event(&self) -> Option<Timestamp> {
        self.events.first().map(|(at, _)| *at)
    }

    /// The instances of an account in a Region, by identifier.
    pub(super) fn instances_of(&self, account: &str, region: &str) -> impl Iterator<Item = &Instance> {
        let prefix = Arn::new("rds", region, account, "db:").to_string();
        let all = self.instances.range(prefix.clone()..);
        all.take_while(move |(arn, _)| arn.starts_with(&prefix)).map(|(_, instance)| instance)
    }

    /// The snapshots of an account in a Region, by identifier.
    pub(super) fn snapshots_of(&self, account: &str, region: &str) -> impl Iterator<Item = &Snapshot> {
        let prefix = Arn::new("rds", region, account, "snapshot:").to_string();
        let all = self.snapshots.range(prefix.clone()..);
        all.take_while(move |(arn, _)| arn.starts_with(&prefix)).map(|(_, snapshot)| snapshot)
    }
}
