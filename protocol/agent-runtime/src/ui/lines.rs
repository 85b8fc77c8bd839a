//! Events as lines of text, in a pipe or a file.

use std::rc::Rc;

use super::console::Console;
use super::text::{COLUMNS, push_fix, push_wrapped};
use super::words::Said;
use crate::clock::Clock;
use crate::event::{Event, Sink};

/// Writes a line for each event, in columns.
#[derive(Debug)]
pub(crate) struct Lines {
    console: Rc<Console>,
    clock: Clock,
}

impl Lines {
    pub(crate) fn new(console: Rc<Console>, clock: Clock) -> Self {
        Self { console, clock }
    }
}

impl Sink for Lines {
    fn take(&self, event: &Event) {
        let Some(said) = Said::of(event) else { return };
        let lead = format!("{}  {}  {:<14} {:<9} ", time(&self.clock), said.subject, said.place(), said.word());
        let mut text = String::new();
        push_wrapped(&mut text, COLUMNS, &lead, &said.line());
        push_fix_below(&mut text, COLUMNS, said.fix_below());
        self.console.print(&text);
    }
}

/// The time of day, in UTC.
pub(super) fn time(clock: &Clock) -> String {
    clock.now().strftime("%H:%M:%S").to_string()
}

/// Appends how something is fixed, below its line.
pub(super) fn push_fix_below(text: &mut String, columns: usize, fix: Option<&str>) {
    if let Some(fix) = fix {
        push_fix(text, columns, "          fix: ", fix);
    }
}
