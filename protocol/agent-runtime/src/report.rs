//! What `plan` and `status` print: the same steps, walked by a pass that never acts.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::fault::{Answer, Fault};
use crate::forecast::Forecast;
use crate::step::StepId;
use crate::text::{estimate, minute};
use crate::wave::{Standing, Tally, first_open};

/// No line of text output is wider, but what is to be pasted.
pub const COLUMNS: usize = 100;

/// So many handoffs are read with all their steps.
pub const FEW: usize = 5;

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RowState {
    /// Ready, made by this process.
    Made,
    /// Ready, found so.
    Found,
    /// Being done by this process now.
    Acting,
    /// AWS or the other account is at it.
    Working,
    /// Still to be done.
    Todo,
    /// Somebody must move.
    Blocked,
    /// It cannot go on.
    Failed,
}

/// Work without progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// For so long.
    pub lasts: Duration,
    /// Where a person may find out why.
    pub hint: &'static str,
}

/// One step of one handoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The step's stable name.
    pub step: &'static str,
    /// How it stands.
    pub state: RowState,
    /// For a person.
    pub text: String,
    /// As AWS reports it.
    pub percent: Option<u8>,
    /// Estimated from it, in seconds.
    #[serde(rename = "remaining_seconds", serialize_with = "seconds")]
    pub remaining: Option<Duration>,
    /// Since when it is so, where AWS or a tag tells.
    pub since: Option<Timestamp>,
    /// Nobody is at it: another account, or a place in a line, is waited for.
    pub waits: bool,
    /// This process has seen no progress for so long, and that is longer than `stall_after`. One that only looks sees none.
    #[serde(skip)]
    pub stalled: Option<Stall>,
}

impl Row {
    /// A row of which nothing more is known.
    pub fn new(step: StepId, state: RowState, text: String) -> Self {
        Self { step: step.0, state, text, percent: None, remaining: None, since: None, waits: false, stalled: None }
    }
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs()).serialize(serializer)
}

/// One handoff.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// `database/label`.
    pub handoff: String,
    /// Its id, once known.
    pub id: Option<String>,
    /// Where it goes, or comes from.
    pub route: String,
    /// How it stands among the others.
    pub standing: Standing,
    /// Where it stands.
    pub phase: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What it waits for: [`waits_for`].
    pub waits_for: Option<String>,
    /// What account B has been let in to.
    pub access: Option<Access>,
    /// Its steps.
    pub steps: Vec<Row>,
    /// What went wrong, and how to mend it.
    pub fault: Option<Trouble>,
}

/// For how long account B could get at what.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// `share` of the copy, and `key`, unless its policy is the administrators' own.
    pub to: &'static [&'static str],
    /// When it was offered.
    pub from: Timestamp,
    /// When it was taken back; `None` while it is open.
    pub until: Option<Timestamp>,
    /// When it is taken back at the latest.
    pub until_latest: Timestamp,
    /// For so long, in seconds.
    #[serde(rename = "lasts_seconds", serialize_with = "in_seconds")]
    pub lasts: Duration,
}

/// A fault, for a report.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// What went wrong.
    pub what: String,
    /// How to mend it.
    pub mend: Option<String>,
    /// How AWS answered.
    #[serde(flatten)]
    pub answer: Answer,
}

pub(crate) fn in_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

impl From<&Fault> for Trouble {
    fn from(fault: &Fault) -> Self {
        Self { what: fault.chain(), mend: fault.mend().map(str::to_owned), answer: fault.answer().clone() }
    }
}

impl Entry {
    fn is_over(&self) -> bool {
        self.steps.is_empty() && self.fault.is_none()
    }

    /// One that is over takes one line.
    fn push_line(&self, text: &mut String) {
        let since = self.since.map_or_else(String::new, |since| format!("{}  ", minute(since)));
        let lasted = self.access.as_ref().map(|access| format!(", access for {}", estimate(access.lasts)));
        let line = format!("{}{}", self.phase, lasted.unwrap_or_default());
        push_wrapped(text, COLUMNS, &format!("{}  {since}", self.handoff), &line);
    }

    fn push(&self, text: &mut String) {
        let since = self.since.map_or_else(String::new, |since| format!(" since {}", minute(since)));
        let line = format!("{}: {}{since}", self.route, self.phase);
        push_wrapped(text, COLUMNS, &format!("\n{}  ", self.handoff), &line);
        for row in &self.steps {
            let since = row.since.map_or_else(String::new, |since| format!(", since {}", minute(since)));
            let lead = format!("  {:<8} {:<16} ", row.state.word(), row.step);
            push_wrapped(text, COLUMNS, &lead, &format!("{}{since}", progress(row)));
        }
        if let Some(Access { to, from, until, until_latest, lasts }) = &self.access {
            let end = match until {
                Some(until) => format!("taken back {}", minute(*until)),
                None => format!("until {} at the latest", minute(*until_latest)),
            };
            let what = format!("for {}: since {}, {end}", estimate(*lasts), minute(*from));
            push_wrapped(text, COLUMNS, &format!("  access   {:<16} ", to.join(" and ")), &what);
        }
        if let Some(fault) = &self.fault {
            push_wrapped(text, COLUMNS, "  error    ", &format!("{}{}", fault.what, fault.answer));
            if let Some(mend) = &fault.mend {
                push_mend(text, COLUMNS, "  mend     ", mend);
            }
        }
    }
}

/// All handoffs of one agent.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `plan` or `status`.
    pub command: &'static str,
    /// Who asked.
    pub caller: String,
    /// The agent's own account.
    pub account: String,
    /// The agent's own Region.
    pub region: String,
    /// What it found.
    pub handoffs: Vec<Entry>,
    /// How many of all stand how.
    pub summary: Tally,
    /// What is still to come, in a plan that can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// In the text, the steps of those alone that are in trouble.
    #[serde(skip)]
    pub brief: bool,
    /// What is ours and belongs to none of them.
    pub notes: Vec<String>,
}

impl Report {
    /// For a program.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// For a person, in at most 100 columns.
    pub fn text(&self) -> String {
        let mut text = format!("account {}  {}\nas {}\n", self.account, self.region, self.caller);
        let (over, open): (Vec<_>, Vec<_>) = self.handoffs.iter().partition(|entry| entry.is_over());
        if self.brief {
            let troubled: Vec<_> = open.iter().filter(|entry| entry.fault.is_some()).collect();
            for entry in troubled.iter().take(FEW) {
                entry.push(&mut text);
            }
            if troubled.len() > FEW {
                let more = troubled.len() - FEW;
                let _ = writeln!(text, "\n{more} more are in trouble");
            }
        } else {
            if !over.is_empty() {
                text.push('\n');
            }
            for entry in over {
                entry.push_line(&mut text);
            }
            for entry in open {
                entry.push(&mut text);
            }
        }
        if let Some(forecast) = &self.forecast {
            forecast.push(&mut text);
        }
        match self.summary.total() {
            0 => text.push_str("\nno handoffs\n"),
            1 => {}
            count => {
                let how = if self.brief { "; --handoff NAME shows the steps of one" } else { "" };
                let words = format!("{}{how}", self.summary.words());
                push_wrapped(&mut text, COLUMNS, &format!("\n{count} handoffs: "), &words);
            }
        }
        for note in &self.notes {
            push_wrapped(&mut text, COLUMNS, "\nnote: ", note);
        }
        text
    }
}

impl RowState {
    /// The word in text output.
    pub fn word(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Found => "done",
            Self::Acting => "acting",
            Self::Working => "working",
            Self::Todo => "to do",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
        }
    }
}

/// A row's text with its progress.
pub fn progress(row: &Row) -> String {
    let mut text = row.text.clone();
    if let Some(percent) = row.percent {
        let _ = write!(text, ", {percent} %");
    }
    if let Some(remaining) = row.remaining {
        let _ = write!(text, ", about {} left", estimate(remaining));
    }
    text
}

/// What a handoff waits for: its first step that is not ready.
pub fn waits_for(rows: &[Row]) -> Option<String> {
    first_open(rows).map(|row| format!("{}: {}", row.step, progress(row)))
}

/// Appends a paragraph that hangs under `lead`, broken at spaces where a line would have more `columns`.
pub fn push_wrapped(text: &mut String, columns: usize, lead: &str, paragraph: &str) {
    let indent = lead.trim_start_matches('\n').chars().count();
    let mut line = lead.to_owned();
    let mut column = indent;
    for word in harmless(paragraph).split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > columns {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(indent);
            column = indent;
        }
        if column > indent {
            line.push(' ');
            column += 1;
        }
        line.push_str(word);
        column += width;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Appends how something is mended: a paragraph, and under it, as it is, what is to be pasted.
pub fn push_mend(text: &mut String, columns: usize, lead: &str, mend: &str) {
    push_pasted(text, columns, lead, lead.len() - lead.trim_start().len(), mend);
}

/// The first line is wrapped; what follows it is to be pasted, and stands as it is.
pub fn push_pasted(text: &mut String, columns: usize, lead: &str, indent: usize, words: &str) {
    let (words, paste) = words.split_once('\n').unwrap_or((words, ""));
    push_wrapped(text, columns, lead, words);
    for line in paste.lines() {
        let _ = writeln!(text, "{:indent$}{}", "", harmless(line));
    }
}

/// What another account has written must not speak to the terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
