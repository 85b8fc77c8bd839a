//! What `plan` and `status` print: the same steps, walked by a pass that never acts.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;

use crate::fault::Fault;

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
    /// This process has seen no progress for so long, and that is longer than `stall_after`. One that only looks sees none.
    #[serde(skip)]
    pub stalled: Option<Stall>,
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
    /// Where it stands.
    pub phase: String,
    /// Its steps.
    pub steps: Vec<Row>,
    /// What went wrong, and how to mend it.
    pub fault: Option<Trouble>,
}

/// A fault, for a report.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// What went wrong.
    pub what: String,
    /// How to mend it.
    pub mend: Option<String>,
}

impl From<&Fault> for Trouble {
    fn from(fault: &Fault) -> Self {
        Self { what: fault.chain(), mend: fault.mend().map(str::to_owned) }
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
        if self.handoffs.is_empty() {
            text.push_str("\nno handoffs\n");
        }
        for entry in &self.handoffs {
            push_wrapped(&mut text, &format!("\n{}  ", entry.handoff), &format!("{}: {}", entry.route, entry.phase));
            for row in &entry.steps {
                push_wrapped(&mut text, &format!("  {:<8} {:<16} ", row.state.word(), row.step), &progress(row));
            }
            if let Some(fault) = &entry.fault {
                push_wrapped(&mut text, "  error    ", &fault.what);
                if let Some(mend) = &fault.mend {
                    push_mend(&mut text, "  mend     ", mend);
                }
            }
        }
        for note in &self.notes {
            push_wrapped(&mut text, "\nnote: ", note);
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
        let _ = write!(text, ", about {} left", rough(remaining));
    }
    text
}

/// A duration as a person says it.
pub(crate) fn rough(duration: Duration) -> String {
    let minutes = duration.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// A duration of the configuration, in days where it has whole ones.
pub fn long(duration: SignedDuration) -> String {
    match duration.as_hours() {
        hours if hours >= 48 && duration == SignedDuration::from_hours(hours / 24 * 24) => {
            format!("{} days", hours / 24)
        }
        _ => format!("{duration:#}"),
    }
}

/// Appends a paragraph that hangs under `lead`, broken at spaces before column 100.
pub fn push_wrapped(text: &mut String, lead: &str, paragraph: &str) {
    let indent = lead.trim_start_matches('\n').chars().count();
    let mut line = lead.to_owned();
    let mut column = indent;
    for word in harmless(paragraph).split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > 100 {
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
pub fn push_mend(text: &mut String, lead: &str, mend: &str) {
    push_pasted(text, lead, lead.len() - lead.trim_start().len(), mend);
}

/// The first line is wrapped; what follows it is to be pasted, and stands as it is.
pub fn push_pasted(text: &mut String, lead: &str, indent: usize, words: &str) {
    let (words, paste) = words.split_once('\n').unwrap_or((words, ""));
    push_wrapped(text, lead, words);
    for line in paste.lines() {
        let _ = writeln!(text, "{:indent$}{}", "", harmless(line));
    }
}

/// What another account has written must not speak to the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
