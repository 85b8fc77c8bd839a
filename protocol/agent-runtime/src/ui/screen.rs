//! The screen: the output of a command.

use std::cell::{OnceCell, RefCell};
use std::io::Write;
use std::rc::Rc;

use clap::ValueEnum;
use protocol::AccountId;

use super::above_bars::LinesAboveBars;
use super::bars::{Bars, Terminal};
use super::console::Console;
use super::json::JsonLines;
use super::lines::Lines;
use super::log::Log;
use super::once::Once;
use super::words::stderr_text;
use crate::clock::Clock;
use crate::event::{Event, Sink};
use crate::fault::Fault;

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for a person.
    Text,
    /// JSON for a program: one document from `check`, `plan` and `status`, a line for each event from `run` and
    /// `hello`.
    Json,
}

/// The sink of all events of a command, and where it prints.
#[derive(Debug)]
pub struct Screen {
    console: Rc<Console>,
    format: Format,
    account: Rc<OnceCell<AccountId>>,
    once: RefCell<Once>,
    lines: Box<dyn Sink>,
    also: Option<Rc<dyn Sink>>,
}

impl Screen {
    /// Prints to the first stream, and errors to the second. `terminal` is set if the first is a terminal. Shown events
    /// also go to `also`.
    pub fn new(
        agent: &'static str,
        streams: (Box<dyn Write>, Box<dyn Write>),
        terminal: Option<Terminal>,
        format: Format,
        clock: Clock,
        also: Option<Rc<dyn Sink>>,
    ) -> Self {
        let terminal = terminal.filter(|_| format == Format::Text);
        let is_live = terminal.is_some();
        let bars = terminal.map(|terminal| Bars::new(terminal, clock.clone()));
        let (console, account) = (Rc::new(Console::new(streams, bars)), Rc::default());
        let lines: Box<dyn Sink> = match format {
            Format::Json => Box::new(JsonLines::new(Rc::clone(&console), clock, agent, Rc::clone(&account))),
            Format::Text if is_live => Box::new(LinesAboveBars::new(Rc::clone(&console), clock)),
            Format::Text => Box::new(Lines::new(Rc::clone(&console), clock)),
        };
        Self { console, format, account, once: RefCell::default(), lines, also }
    }

    /// Sets the account of the agent, which JSON lines contain.
    pub fn set_account(&self, account: &AccountId) {
        let _ = self.account.set(account.clone());
    }

    /// Prints an error and its fix.
    pub fn print_error(&self, what: &str, fix: Option<&str>) {
        self.console.print_error(what, fix);
    }

    /// Prints a fault that ends the command.
    pub fn refuse(&self, fault: &Fault) {
        self.print_error(&fault.told(), fault.fix());
    }

    /// Prints a text, such as a report, to standard output.
    pub fn print(&self, text: &str) {
        self.console.print(text);
    }

    /// The output format.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl Sink for Screen {
    fn take(&self, event: &Event) {
        Log.take(event);
        if let Some(bars) = self.console.bars() {
            bars.take(event);
        }
        self.once.borrow_mut().pass_new(event, &|event| {
            self.lines.take(event);
            if let Some((what, fix)) = stderr_text(event) {
                self.print_error(&what, fix);
            }
            if let Some(also) = &self.also {
                also.take(event);
            }
        });
    }
}
