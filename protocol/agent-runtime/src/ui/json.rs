//! JSON output: a line for each event, and one document for a read-only command.

use std::cell::OnceCell;
use std::rc::Rc;

use protocol::AccountId;
use serde::Serialize;

use super::console::Console;
use super::words::{Kind, Rendered};
use crate::clock::Clock;
use crate::event::{Event, RowState, Sink};
use crate::fault::Answer;

/// The version of every JSON line and document. It is raised when a field is removed or changes its meaning, not when
/// one is added.
const VERSION: u32 = 1;

/// JSON content with its version.
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
    /// Set when the configuration was read.
    account: Rc<OnceCell<AccountId>>,
}

/// One JSON line. Its fields are a stable interface.
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
        let Some(rendered) = Rendered::of(event) else { return };
        let line = Line {
            at: self.clock.now().to_string(),
            agent: self.agent,
            account: self.account.get().map_or("", AccountId::as_str),
            handoff: rendered.subject,
            event: rendered.kind,
            outcome: rendered.outcome,
            step: rendered.step,
            state: rendered.state,
            text: &rendered.text,
            percent: rendered.percent,
            remaining_seconds: rendered.remaining.map(|remaining| remaining.as_secs()),
            stalled_seconds: rendered.stalled.map(|stalled| stalled.as_secs()),
            fix: rendered.fix.as_deref(),
            answer: &rendered.answer,
        };
        self.console.print(&format!("{}\n", serde_json::to_string(&Versioned::of(&line)).unwrap_or_default()));
    }
}
