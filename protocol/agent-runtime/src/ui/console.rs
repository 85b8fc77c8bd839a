//! Standard output and standard error, with the progress bars below them on a terminal.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;

use super::bars::Bars;
use super::text::{COLUMNS, push_fix, push_wrapped};

/// The output streams of a command.
pub(crate) struct Console {
    out: RefCell<Box<dyn Write>>,
    err: RefCell<Box<dyn Write>>,
    bars: Option<Bars>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("bars", &self.bars).finish_non_exhaustive()
    }
}

impl Console {
    /// Writes to `out` and `err`. `bars` is set if `out` is a terminal and the format is text.
    pub(crate) fn new((out, err): (Box<dyn Write>, Box<dyn Write>), bars: Option<Bars>) -> Self {
        Self { out: RefCell::new(out), err: RefCell::new(err), bars }
    }

    /// The bars, on a terminal.
    pub(crate) fn bars(&self) -> Option<&Bars> {
        self.bars.as_ref()
    }

    /// The maximum line width in columns.
    pub(crate) fn columns(&self) -> usize {
        self.bars.as_ref().map_or(COLUMNS, Bars::columns)
    }

    /// Writes to standard output.
    pub(crate) fn print(&self, text: &str) {
        self.above_the_bars(&self.out, text);
    }

    /// Writes an error and its fix to standard error.
    pub(crate) fn print_error(&self, what: &str, fix: Option<&str>) {
        let mut text = String::new();
        push_wrapped(&mut text, self.columns(), "error: ", what);
        if let Some(fix) = fix {
            push_fix(&mut text, self.columns(), "  fix: ", fix);
        }
        self.above_the_bars(&self.err, &text);
    }

    fn above_the_bars(&self, to: &RefCell<Box<dyn Write>>, text: &str) {
        if let Some(bars) = &self.bars {
            bars.clear_bars();
        }
        write(to, text);
        if let Some(bars) = &self.bars {
            bars.draw();
        }
    }
}

/// Writes text. Errors are ignored, for example a closed pipe.
fn write(to: &RefCell<Box<dyn Write>>, text: &str) {
    let mut to = to.borrow_mut();
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}

impl Drop for Console {
    /// Replaces the bars with the summary of the handoffs, however the command ends.
    fn drop(&mut self) {
        if let Some(summary) = self.bars.take().and_then(Bars::close) {
            write(&self.out, &format!("{summary}\n"));
        }
    }
}
