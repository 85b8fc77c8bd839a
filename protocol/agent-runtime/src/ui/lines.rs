//! Writes events as lines of text, for a pipe or a file.

use std::rc::Rc;

use super::console::Console;
use super::text::{COLUMNS, push_fix, push_wrapped};
use super::words::Rendered;
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
        let Some(rendered) = Rendered::of(event) else { return };
        let lead =
            format!("{}  {}  {:<14} {:<9} ", time(&self.clock), rendered.subject, rendered.place(), rendered.word());
        let mut text = String::new();
        push_wrapped(&mut text, COLUMNS, &lead, &rendered.line());
        push_fix_below(&mut text, COLUMNS, rendered.fix_below());
        self.console.print(&text);
    }
}

/// The time of day, in UTC.
pub(super) fn time(clock: &Clock) -> String {
    clock.now().strftime("%H:%M:%S").to_string()
}

/// Appends the fix below the line of its event.
pub(super) fn push_fix_below(text: &mut String, columns: usize, fix: Option<&str>) {
    if let Some(fix) = fix {
        push_fix(text, columns, "          fix: ", fix);
    }
}
