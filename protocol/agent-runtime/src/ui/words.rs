//! The text of events: the only place that renders them.

use std::borrow::Cow;
use std::time::Duration;

use protocol::{AccountId, Lack};
use serde::Serialize;

use super::row::progress;
use crate::event::{Ending, Event, Mailbox, Requested, Row, RowState, Stall, Subject, Trouble};
use crate::fault::Answer;
use crate::text::estimate;

/// The kind of an event in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Step,
    Stall,
    Fault,
    Message,
    End,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Stall => "stall",
            Self::Fault => "fault",
            Self::Message => "message",
            Self::End => "end",
        }
    }
}

/// An event as rendered for a line.
#[derive(Debug)]
pub(crate) struct Rendered<'a> {
    pub(crate) kind: Kind,
    pub(crate) subject: String,
    /// The outcome of an end or a message.
    pub(crate) outcome: Option<&'static str>,
    pub(crate) step: Option<&'static str>,
    pub(crate) state: Option<RowState>,
    pub(crate) text: Cow<'a, str>,
    /// The text for a line of text, if it differs: it includes data that has its own fields in JSON.
    line: Option<String>,
    pub(crate) percent: Option<u8>,
    pub(crate) remaining: Option<Duration>,
    pub(crate) stalled: Option<Duration>,
    pub(crate) fix: Option<Cow<'a, str>>,
    /// AWS's response, for a fault.
    pub(crate) answer: Answer,
}

impl<'a> Rendered<'a> {
    /// Renders an event; `None` if no line is written for it.
    pub(crate) fn of(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::Listed(_)
            | Event::Driven(_)
            | Event::Dropped(_)
            | Event::Walked { .. }
            | Event::Refused(_)
            | Event::Unreadable(_)
            | Event::NoHelloNeeded => return None,
            Event::Step { subject, row } => Self::step(subject, row),
            Event::Stalled { subject, row, stall } => Self::stall(subject, row, *stall),
            Event::Faulted { subject, fault, .. } => Self::trouble(Kind::Fault, subject, RowState::Blocked, fault),
            Event::GivenUp { subject, fault } => Self::trouble(Kind::End, subject, RowState::Blocked, fault),
            Event::Failed { subject, fault } => Self::trouble(Kind::End, subject, RowState::Failed, fault),
            Event::Ended { subject, ending } => {
                let (outcome, text) = match ending {
                    Ending::Settled(outcome) => (outcome.as_str(), "settled: nothing of it is open any more".into()),
                    Ending::Restored(database) => {
                        let database = database.as_ref().map_or("", |database| database.as_str());
                        ("restored", format!("database {database} is available").into())
                    }
                    Ending::Stopped => ("stopped", "the next run continues from here".into()),
                };
                Self { outcome: Some(outcome), ..Self::new(Kind::End, subject, text) }
            }
            Event::ReceiptRecorded { subject, account, stage, reason } => {
                let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
                Self::message(subject, "receipt", format!("account {account} reports: {stage}{reason}"))
            }
            Event::AnswerRecorded { subject, account, lack } => {
                Self::message(subject, "receipt", readiness(account, lack.map(Lack::as_str)))
            }
            Event::AnswerReceived { subject, account, lack } => {
                let outcome = if lack.is_none() { "ready" } else { "unready" };
                Self::message(subject, outcome, readiness(account, lack.map(Lack::meaning)))
            }
            Event::HelloAnswered { subject, account, lack: None } => {
                let text = format!("account {account} asks whether this account is ready: it is");
                Self::message(subject, "hello", text)
            }
            Event::HelloAnswered { subject, account, lack: Some((lack, fault)) } => {
                let what = fault.told();
                let text = format!("account {account} was told that this account is not ready, {lack}: {what}");
                let fix = fault.fix.as_deref().map(Cow::Borrowed);
                Self { fix, ..Self::message(subject, "unready", text) }
            }
            Event::Requested { subject, standing } => {
                let text = match standing {
                    Requested::New => "is requested".to_owned(),
                    Requested::UnderWay => "is requested, and already in progress".to_owned(),
                    Requested::Over(outcome) => {
                        format!(
                            "is requested again, but has ended: {outcome}; a label can be used once for each database"
                        )
                    }
                };
                Self::message(subject, "request", text)
            }
            Event::Rejected { subject, mailbox, reason, detail, fix } => {
                let what = content(*mailbox);
                let text = format!("a {what} was rejected and put into the dead-letter queue: {reason}: {detail}");
                let fix = fix.as_deref().map(Cow::Borrowed);
                Self { fix, ..Self::message(subject, "rejected", text) }
            }
            Event::NewerLeft { mailbox, version, kind } => {
                let what = content(*mailbox);
                let text = format!("a {what} of version {version}, kind {kind} is left for a newer agent");
                Self::message(&Subject::from(*mailbox), "newer", text)
            }
        })
    }

    fn new(kind: Kind, subject: &Subject, text: Cow<'a, str>) -> Self {
        Self {
            kind,
            subject: subject.to_string(),
            outcome: None,
            step: None,
            state: None,
            text,
            line: None,
            percent: None,
            remaining: None,
            stalled: None,
            fix: None,
            answer: Answer::default(),
        }
    }

    fn message(subject: &Subject, outcome: &'static str, text: String) -> Self {
        Self { outcome: Some(outcome), ..Self::new(Kind::Message, subject, text.into()) }
    }

    fn step(subject: &Subject, row: &'a Row) -> Self {
        Self {
            step: Some(row.step),
            state: Some(row.state),
            // The text was already written when the call began.
            line: Some(if matches!(row.state, RowState::Made(_)) { String::new() } else { progress(row) }),
            percent: row.percent,
            remaining: row.remaining,
            ..Self::new(Kind::Step, subject, row.text.as_str().into())
        }
    }

    fn stall(subject: &Subject, row: &Row, stall: Stall) -> Self {
        let percent = row.percent.map_or_else(String::new, |percent| format!(" at {percent} %"));
        let text = format!("no progress for {}{percent}: {}", estimate(stall.lasts), row.text);
        let fix = format!("polling continues; {}", stall.hint);
        Self {
            step: Some(row.step),
            state: Some(row.state),
            line: Some(format!("{text}; {fix}")),
            percent: row.percent,
            stalled: Some(stall.lasts),
            fix: Some(fix.into()),
            ..Self::new(Kind::Stall, subject, text.into())
        }
    }

    fn trouble(kind: Kind, subject: &Subject, state: RowState, fault: &'a Trouble) -> Self {
        Self {
            outcome: (kind == Kind::End).then(|| state.word()),
            step: fault.step,
            state: Some(state),
            fix: fault.fix.as_deref().map(Cow::Borrowed),
            answer: fault.answer.clone(),
            ..Self::new(kind, subject, fault.what.as_str().into())
        }
    }

    /// The step, or the kind of event if it has none.
    pub(crate) fn place(&self) -> &'static str {
        self.step.unwrap_or(if self.state.is_some() { "-" } else { self.kind.word() })
    }

    /// The outcome or state as one word.
    pub(crate) fn word(&self) -> &'static str {
        match (self.kind, self.outcome, self.state) {
            (Kind::Stall, ..) => "stalled",
            (_, Some(outcome), _) => outcome,
            (_, None, state) => state.map_or("", RowState::word),
        }
    }

    /// The text of the line.
    pub(crate) fn line(&self) -> String {
        let text = self.line.as_deref().unwrap_or(&self.text);
        format!("{text}{}", self.answer)
    }

    /// The fix to write below the line, if the line does not contain it.
    pub(crate) fn fix_below(&self) -> Option<&str> {
        self.fix.as_deref().filter(|_| self.line.is_none())
    }
}

/// The text and fix of an event that is written to standard error; `None` for other events.
pub(crate) fn stderr_text(event: &Event) -> Option<(Cow<'_, str>, Option<&str>)> {
    match event {
        Event::Refused(fault) => Some((fault.told().into(), fault.fix.as_deref())),
        Event::Unreadable(what) => {
            Some((what.into(), Some("until it is fixed, no agent revokes the access that it may have open")))
        }
        Event::NoHelloNeeded => {
            Some(("no hello to send: each declared handoff has its answer or has ended".into(), None))
        }
        _ => None,
    }
}

fn readiness(account: &AccountId, lack: Option<&str>) -> String {
    match lack {
        None => format!("account {account} is ready"),
        Some(lack) => format!("account {account} is not ready: {lack}"),
    }
}

/// The name of a mailbox's messages.
fn content(mailbox: Mailbox) -> &'static str {
    match mailbox {
        Mailbox::Inbox => "message",
        Mailbox::Receipts => "receipt",
        Mailbox::Requests => "request",
    }
}
