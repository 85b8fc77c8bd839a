//! The upper limits of what the agents may cost, and whether they are met.

use std::fmt::Write as _;

use e2e::cost::{Cost, Row};

use crate::table::Line;

/// Compares the agents' lines with the targets. A target whose row was not run is reported as `not run`.
pub(crate) fn judge(agents: &[Line]) -> String {
    let of = |databases| agents.iter().find(|line| line.row == Row::raised(databases)).map(|line| &line.cost);
    let (one, hundred) = (of(1), of(100));
    let calls = |cost: &Cost| cost.each(cost.calls);
    let reads = |cost: &Cost| cost.each(cost.reads);
    let dead = |cost: &Cost| cost.reported.mean().map_or(0.0, |mean| mean.as_secs_f64());
    let large = agents.iter().filter(|line| line.row == Row::raised(line.row.databases) && line.row.databases > 100);
    let largest = large.max_by_key(|line| line.row.databases);
    let ratio = hundred.zip(largest).map(|(hundred, largest)| calls(&largest.cost) / calls(hundred));
    let slowest = agents.iter().map(|line| line.cost.over_bound()).reduce(f64::max);

    let mut text = "\nTargets of the agents:\n".to_owned();
    let mut target = |what: &str, most: f64, is: Option<f64>| {
        let verdict = match is {
            Some(is) if is <= most => "reached",
            Some(_) => "MISSED",
            None => "not run",
        };
        let is = is.map_or("-".to_owned(), |is| format!("{is:.3}"));
        let _ = writeln!(text, "  {verdict:<8} {what}: at most {most}, is {is}");
    };
    target("1 handoff: calls", 120.0, one.map(calls));
    target("1 handoff: mean dead seconds where progress is reported", 30.0, one.map(dead));
    target("100 handoffs: calls each", 45.0, hundred.map(calls));
    target("100 handoffs: reads each", 10.0, hundred.map(reads));
    target("calls each of the largest row over those of 100", 1.1, ratio);
    target("makespan over its bound, the worst row", 1.05, slowest);
    text
}
