//! Measures what a handoff costs, in virtual time against the simulated AWS: `cargo bench -p e2e`.
//!
//! Calls, dead time and makespan are the same on every machine and in every build. Wall time and memory are those of
//! this process, with the simulated AWS, the SDK's clients and the agents in it; tests/e2e/benches/processes measures
//! the agents alone.
//!
//! `--rows 1000 --ways agents` takes half a minute, 10000 some ten minutes, and so does each of the scripts with 1000.
//! Without an optimised build: `cargo test -p e2e --bench handoffs -- --rows 1,10`. Instructions of the processor:
//! `valgrind --tool=callgrind <the binary that cargo names> --rows 1 --ways agents`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "it prints a table, and panics on any failure")]

mod machine;
mod table;
mod targets;

use clap::Parser;
use clap::builder::PossibleValuesParser;
use e2e::cost::{Row, Way, measure};

use table::Line;

/// Moves databases in a simulated AWS in virtual time, with the agents and with the usual alternatives, and prints what
/// each costs.
#[derive(Debug, Parser)]
#[command(name = "handoffs")]
struct Arguments {
    /// How many databases at once; `100@20` sets the quota of copies in flight to 20, otherwise it is raised with the
    /// databases
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,100@20", value_parser = row)]
    rows: Vec<Row>,
    /// Which ways to move them
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(Way::ALL.map(Way::name)))]
    ways: Vec<String>,
    /// Run only the agents with more databases than this; compute the other ways from their largest row
    #[arg(long, value_name = "N", default_value_t = 1000)]
    peers_up_to: usize,
    /// Also print the number of calls of each action
    #[arg(long)]
    actions: bool,
    /// Passed by `cargo bench` to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn row(text: &str) -> Result<Row, String> {
    let number = |text: &str| match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text:?} is not a number of databases or copies")),
    };
    match text.split_once('@') {
        Some((databases, copies)) => Ok(Row { databases: number(databases)?, copies: number(copies)? }),
        None => number(text).map(Row::raised),
    }
}

fn main() {
    let arguments = Arguments::parse();
    let wanted = |way: &Way| arguments.ways.is_empty() || arguments.ways.iter().any(|name| name == way.name());
    println!("{}", table::HEAD);
    let mut lines: Vec<Line> = Vec::new();
    for row in &arguments.rows {
        for way in Way::ALL.into_iter().filter(wanted) {
            let too_many = way != Way::Agents && row.databases > arguments.peers_up_to;
            let largest = lines.iter().rfind(|line| line.way == way && line.run.is_some());
            let line = match largest {
                Some(largest) if too_many => Line { row: *row, run: None, ..largest.clone() },
                _ => run(way, *row),
            };
            println!("{line}");
            if arguments.actions {
                line.cost.actions.iter().for_each(|(action, count)| println!("{action:>40} {count}"));
            }
            lines.push(line);
        }
    }
    println!("{}", table::FOOT);
    lines.retain(|line| line.way == Way::Agents);
    print!("{}", targets::judge(&lines));
}

/// Measures one line of the table, on a paused clock of its own.
fn run(way: Way, row: Row) -> Line {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let run = machine::Run::begin();
    let cost = runtime.expect("a runtime").block_on(measure(way, row));
    Line { way, row, cost, run: Some(run.end()) }
}
