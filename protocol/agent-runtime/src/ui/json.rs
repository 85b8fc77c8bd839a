//! Events as lines of JSON.

use std::cell::OnceCell;
use std::rc::Rc;

use protocol::AccountId;
use serde::Serialize;

use super::console::Console;
use super::words::{Kind, Said};
use crate::clock::Clock;
use crate::event::{Event, RowState, Sink};
use crate::fault::Answer;

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
    mend: Option<&'a str>,
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
            mend: said.mend.as_deref(),
            answer: &said.answer,
        };
        self.console.print(&format!("{}\n", serde_json::to_string(&line).unwrap_or_default()));
    }
}
