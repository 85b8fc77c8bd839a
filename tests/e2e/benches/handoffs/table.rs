//! The table of costs.

use std::fmt;
use std::time::Duration;

use e2e::cost::{Cost, Row, Waits, Way};

use crate::machine::Took;

pub(crate) const HEAD: &str = "\
databases way            each: calls  reads  polls | dead: reported   silent      | makespan  x bound |   wall    MiB";

pub(crate) const FOOT: &str = "
databases  at once; quotas of manual snapshots, instances, storage and grants are raised with them, and that of copies in flight
           too, except in a row with @N, which has N
each       for each handoff: calls to AWS without polls of a queue; of these, reads; polls of a queue (sqs:ReceiveMessage)
dead       mean and worst time for which work of AWS was complete and not yet noticed: of snapshots and copies, whose progress
           AWS reports, and of instances, restored or modified, whose progress it does not report
bound      AWS's own durations: 20 min snapshot, 3 h copies across Regions in as many rounds as the quota requires, 1 h second copy,
           30 min restore (none in snapshot-tool), 7 min for a new master password (agents alone)
wall, MiB  of this process, with the simulated AWS and the SDK's clients; ~ computed from the largest row that was run
";

/// One way to move some databases.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) way: Way,
    pub(crate) row: Row,
    pub(crate) cost: Cost,
    /// `None` if the line is computed.
    pub(crate) run: Option<Took>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { way, row, cost, run } = self;
        let raised = *row == Row::raised(row.databases);
        let databases = if raised { row.databases.to_string() } else { format!("{}@{}", row.databases, row.copies) };
        let [calls, reads, polls] = [cost.calls, cost.reads, cost.receives].map(|count| cost.each(count));
        let hours = cost.makespan.as_secs_f64() / 3600.0;
        let (reported, silent) = (dead(&cost.reported), dead(&cost.silent));
        let mark = if run.is_some() { ' ' } else { '~' };
        write!(f, "{databases:>9} {:<14}{mark}{calls:>11.1} {reads:>6.1} {polls:>6.1} | ", way.name())?;
        write!(f, "{reported:>14} {silent:>13} | {hours:>6.2} h {:>8.3} | ", cost.over_bound())?;
        match run {
            Some(took) => write!(f, "{:>6.1}s {:>6}", took.wall.as_secs_f64(), took.memory),
            None => write!(f, "      -      -"),
        }
    }
}

/// Mean and worst dead time, in seconds.
fn dead(waits: &Waits) -> String {
    let seconds = |time: Duration| time.as_secs_f64();
    waits.mean().map_or("-".to_owned(), |mean| format!("{:.0}/{:.0}s", seconds(mean), seconds(waits.worst)))
}
