//! Events as lines of text, in a pipe or a file.

use std::rc::Rc;

use super::console::Console;
use super::text::{COLUMNS, push_mend, push_wrapped};
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
        let lead = format!("{}  {}  {:<14} {:<8} ", time(&self.clock), said.subject, said.place(), said.word());
        let mut text = String::new();
        push_wrapped(&mut text, COLUMNS, &lead, &said.line());
        push_mend_below(&mut text, COLUMNS, said.mend_below());
        self.console.print(&text);
    }
}

/// The time of day, in UTC.
pub(super) fn time(clock: &Clock) -> String {
    clock.now().strftime("%H:%M:%S").to_string()
}

/// Appends how something is mended, below its line.
pub(super) fn push_mend_below(text: &mut String, columns: usize, mend: Option<&str>) {
    if let Some(mend) = mend {
        push_mend(text, columns, "          mend: ", mend);
    }
}
