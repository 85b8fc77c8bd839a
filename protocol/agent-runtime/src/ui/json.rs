//! JSON output: a line for each event, and one document for a command that only reads.

use std::cell::OnceCell;
use std::rc::Rc;

use protocol::AccountId;
use serde::Serialize;

use super::console::Console;
use super::words::{Kind, Said};
use crate::clock::Clock;
use crate::event::{Event, RowState, Sink};
use crate::fault::Answer;

/// The version of every JSON line and document. It is raised when a field is removed or changes its meaning, not when one is added.
const VERSION: u32 = 1;

/// What is printed, with its version.
#[derive(Serialize)]
struct Versioned<'a, T> {
    version: u32,
    #[serde(flatten)]
    content: &'a T,
}

impl<'a, T: Serialize> Versioned<'a, T> {
    fn of(content: &'a T) -> Self {
        Self { version: VERSION, content }
    }
}

/// The document of a command, indented, with a line break at its end. `content` is serialized as an object.
pub(crate) fn document(content: &impl Serialize) -> String {
    serde_json::to_string_pretty(&Versioned::of(content)).unwrap_or_default() + "\n"
}

/// Writes an object for each event.
#[derive(Debug)]
pub(crate) struct JsonLines {
    console: Rc<Console>,
    clock: Clock,
    agent: &'static str,
    /// Set once it is known.
    account: Rc<OnceCell<AccountId>>,
}

/// One line. Its fields are a contract.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    agent: &'static str,
    account: &'a str,
    handoff: String,
    event: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<RowState>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stalled_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
    #[serde(flatten)]
    answer: &'a Answer,
}

impl JsonLines {
    pub(crate) fn new(
        console: Rc<Console>,
        clock: Clock,
        agent: &'static str,
        account: Rc<OnceCell<AccountId>>,
    ) -> Self {
        Self { console, clock, agent, account }
    }
}

impl Sink for JsonLines {
    fn take(&self, event: &Event) {
        let Some(said) = Said::of(event) else { return };
        let line = Line {
            at: self.clock.now().to_string(),
            agent: self.agent,
            account: self.account.get().map_or("", AccountId::as_str),
            handoff: said.subject,
            event: said.kind,
            outcome: said.outcome,
            step: said.step,
            state: said.state,
            text: &said.text,
            percent: said.percent,
            remaining_seconds: said.remaining.map(|remaining| remaining.as_secs()),
            stalled_seconds: said.stalled.map(|stalled| stalled.as_secs()),
            fix: said.fix.as_deref(),
            answer: &said.answer,
        };
        self.console.print(&format!("{}\n", serde_json::to_string(&Versioned::of(&line)).unwrap_or_default()));
    }
}
