//! Measures what a handoff costs: calls to AWS, and the time for which work of AWS was complete and not yet noticed. It
//! measures the agents and the usual alternatives, each in an equal world of its own.

mod figures;
mod scripts;
mod snapshot_tool;

use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::{Durations, Quotas};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Lab, World};

pub use figures::{Cost, Waits};

/// How the databases are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Both agents, each as a service (`run --watch`).
    Agents,
    /// A script for each database that waits as `aws rds wait` does: a description of the one resource every 30 s.
    Waiters,
    /// The same script, every 10 s.
    TenSeconds,
    /// awslabs/rds-snapshot-tool: functions that list all snapshots, run by schedules.
    SnapshotTool,
}

impl Way {
    /// All ways.
    pub const ALL: [Self; 4] = [Self::Agents, Self::Waiters, Self::TenSeconds, Self::SnapshotTool];

    /// Its name on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Waiters => "waiters-30s",
            Self::TenSeconds => "polling-10s",
            Self::SnapshotTool => "snapshot-tool",
        }
    }
}

/// How many databases are moved at once, and the quota of copies in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The number of databases.
    pub databases: usize,
    /// The quota of copies in flight of each account in a Region.
    pub copies: usize,
}

impl Row {
    /// A row with the quota of copies raised to the number of databases.
    pub fn raised(databases: usize) -> Self {
        Self { databases, copies: databases.max(Quotas::default().copies_in_flight) }
    }

    /// The quotas of this row, raised where the default would refuse most of the databases.
    fn quotas(self) -> Quotas {
        let standard = Quotas::default();
        Quotas {
            copies_in_flight: self.copies,
            manual_snapshots: standard.manual_snapshots.max(3 * self.databases),
            instances: standard.instances.max(2 * self.databases),
            storage_gib: standard.storage_gib.max(200 * self.databases as u64),
            grants: standard.grants.max(10 * self.databases),
            ..standard
        }
    }

    /// The lower bound of the makespan: AWS's own durations, with copies across Regions in as many rounds as the quota
    /// requires.
    fn bound(self, way: Way) -> Duration {
        let Durations { snapshot, copy_across_regions, copy_within_region, restore, modification, .. } =
            Durations::default();
        let rounds = u32::try_from(self.databases.div_ceil(self.copies)).unwrap_or(u32::MAX);
        let copies = snapshot + copy_across_regions * rounds + copy_within_region;
        match way {
            // A new master password takes two fifths longer than another modification.
            Way::Agents => copies + restore + modification * 7 / 5,
            Way::Waiters | Way::TenSeconds => copies + restore,
            // It restores nothing.
            Way::SnapshotTool => copies,
        }
    }
}

/// Moves the databases of a row, in a world of its own, on a paused clock.
pub async fn measure(way: Way, row: Row) -> Cost {
    let databases: Vec<&'static str> = (0..row.databases).map(|n| &*format!("db{n:05}").leak()).collect();
    // The tool shares the snapshot itself, which AWS does not allow under the default key, so it sets up its own
    // databases.
    let initial = if way == Way::SnapshotTool { Vec::new() } else { databases.clone() };
    let audited = row.databases <= 100;
    let world = World { databases: initial, quotas: row.quotas(), remembers: Duration::ZERO, audited, ..World::slow() };
    let lab = Lab::new(world).await;
    let copies = row.copies;
    lab.edit("source.toml", "[[target]]", &format!("[limits]\ncopies_in_flight = {copies}\n[[target]]"));
    let limits = format!("[limits]\ncopies_in_flight = {copies}\nrestores_in_flight = {copies}\n[[from]]");
    lab.edit("target.toml", "[[from]]", &limits);
    let tool = match way {
        Way::SnapshotTool => Some(snapshot_tool::Tool::set_up(&lab, &databases).await),
        _ => None,
    };
    lab.cloud.forget_calls();
    let begun = Instant::now();
    let work = async {
        match (way, &tool) {
            (Way::Agents, _) => agents(&lab, databases.len()).await,
            (Way::TenSeconds, _) => scripts::run(&lab, &databases, Duration::from_secs(10)).await,
            (_, Some(tool)) => tool.run(databases.len()).await,
            (..) => scripts::run(&lab, &databases, Duration::from_secs(30)).await,
        }
    };
    let bound = row.bound(way);
    let mut cost = Cost::new(row.databases, bound);
    let limited = tokio::time::timeout(bound * 4, work);
    let done = tokio::select! {
        biased;
        done = limited => done,
        () = cost.count(&lab.cloud) => Ok(()),
    };
    done.expect("it ends within four times the bound");
    cost.close(&lab.cloud, begun.elapsed());
    cost
}

/// Runs both agents as services until account A has settled and account B has restored everything.
async fn agents(lab: &Lab, databases: usize) {
    const SERVICE: [&str; 4] = ["run", "--watch", "--format", "json"];
    lab.keep_no_events();
    let stop = CancellationToken::new();
    let until_done = async {
        while lab.ended("source-agent") < databases || lab.ended("target-agent") < databases {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
        stop.cancel();
    };
    let source = lab.source_as(crate::A, "rds-handoff-source-agent", &SERVICE, stop.clone());
    let target = lab.target_until(&SERVICE, stop.clone());
    let (source, target, ()) = tokio::join!(source, target, until_done);
    for ran in [source, target] {
        assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    }
}
