//! Where a command writes.

use std::cell::{OnceCell, RefCell};
use std::io::Write;
use std::rc::Rc;

use clap::ValueEnum;
use protocol::AccountId;

use super::above::Above;
use super::bars::{Bars, Terminal};
use super::console::Console;
use super::json::JsonLines;
use super::lines::Lines;
use super::log::Log;
use super::once::Once;
use super::words::complaint;
use crate::clock::Clock;
use crate::event::{Event, Sink};
use crate::fault::Fault;

/// How output is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person.
    Text,
    /// For a program: `check`, `plan` and `status` one document, `run` and `hello` a line for each event.
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
    /// Prints to the first stream, and complains to the second; `terminal` where the first is one, and a person reads it. What is
    /// shown of events goes to `also` as well.
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
            Format::Text if is_live => Box::new(Above::new(Rc::clone(&console), clock)),
            Format::Text => Box::new(Lines::new(Rc::clone(&console), clock)),
        };
        Self { console, format, account, once: RefCell::default(), lines, also }
    }

    /// From now on it is known whose agent it is.
    pub fn speaks_for(&self, account: &AccountId) {
        let _ = self.account.set(account.clone());
    }

    /// Tells the operator why nothing was done, and how to fix it.
    pub fn complain(&self, what: &str, fix: Option<&str>) {
        self.console.complain(what, fix);
    }

    /// Tells the operator of a fault that ends the command.
    pub fn refuse(&self, fault: &Fault) {
        self.complain(&fault.told(), fault.fix());
    }

    /// Prints a report, or another answer.
    pub fn print(&self, text: &str) {
        self.console.print(text);
    }

    /// How output is written.
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
        self.once.borrow_mut().sift(event, &|event| {
            self.lines.take(event);
            if let Some((what, fix)) = complaint(event) {
                self.complain(&what, fix);
            }
            if let Some(also) = &self.also {
                also.take(event);
            }
        });
    }
}
