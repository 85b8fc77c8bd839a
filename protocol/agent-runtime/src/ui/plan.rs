//! The output of `plan` and `status`: the same steps, run by a read-only pass.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::forecast::{Forecast, in_seconds};
use super::row::{first_open, progress};
use super::standing::{Standing, Tally};
use super::text::{COLUMNS, push_fix, push_wrapped};
use crate::event::{Row, Trouble};
use crate::text::{estimate, minute};

/// With at most this many handoffs, all their steps are read and shown.
pub const FEW: usize = 5;

/// One handoff in the report.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// `database/label`.
    pub handoff: String,
    /// Its id, if known.
    pub id: Option<String>,
    /// Its route: the target or the source.
    pub route: String,
    /// Its standing in the summary.
    pub standing: Standing,
    /// Its phase, as display text.
    pub phase: String,
    /// When the phase began.
    pub since: Option<Timestamp>,
    /// What it waits for: [`waits_for`].
    pub waits_for: Option<String>,
    /// The access of account B.
    pub access: Option<Access>,
    /// Its steps.
    pub steps: Vec<Row>,
    /// Its fault, with the fix.
    pub fault: Option<Trouble>,
}

/// What account B has or had access to, and how long.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// `share` for the copy, and `key`, unless administrators manage the key policy.
    pub to: &'static [&'static str],
    /// When access was granted.
    pub from: Timestamp,
    /// When access was revoked; `None` while it is open.
    pub until: Option<Timestamp>,
    /// When access is revoked at the latest.
    pub until_latest: Timestamp,
    /// How long access lasts, in seconds.
    #[serde(rename = "lasts_seconds", serialize_with = "in_seconds")]
    pub lasts: Duration,
}

impl Entry {
    fn is_over(&self) -> bool {
        self.steps.is_empty() && self.fault.is_none()
    }

    /// Appends the one line of an ended handoff.
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
            let lead = format!("  {:<9} {:<16} ", row.state.word(), row.step);
            push_wrapped(text, COLUMNS, &lead, &format!("{}{since}", progress(row)));
        }
        if let Some(Access { to, from, until, until_latest, lasts }) = &self.access {
            let end = match until {
                Some(until) => format!("revoked {}", minute(*until)),
                None => format!("until {} at the latest", minute(*until_latest)),
            };
            let what = format!("for {}: since {}, {end}", estimate(*lasts), minute(*from));
            push_wrapped(text, COLUMNS, &format!("  access   {:<16} ", to.join(" and ")), &what);
        }
        if let Some(fault) = &self.fault {
            push_wrapped(text, COLUMNS, "  error    ", &fault.told());
            if let Some(fix) = &fault.fix {
                push_fix(text, COLUMNS, "  fix       ", fix);
            }
        }
    }
}

/// All handoffs of one agent.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `plan` or `status`.
    pub command: &'static str,
    /// The ARN of the caller.
    pub caller: String,
    /// The agent's own account.
    pub account: String,
    /// The agent's own Region.
    pub region: String,
    /// The handoffs.
    pub handoffs: Vec<Entry>,
    /// The number of handoffs with each standing.
    pub summary: Tally,
    /// The forecast, in a plan that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// Whether the text shows only the steps of handoffs with a fault.
    #[serde(skip)]
    pub brief: bool,
    /// Notes, such as resources of the agents that belong to no handoff.
    pub notes: Vec<String>,
}

impl Report {
    /// The JSON document.
    pub fn json(&self) -> String {
        super::json::document(self)
    }

    /// The text form, in at most 100 columns.
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
                let _ = writeln!(text, "\n{more} more handoffs have an error");
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

/// Returns what a handoff waits for: its first step that is not ready.
pub fn waits_for(rows: &[Row]) -> Option<String> {
    first_open(rows).map(|row| format!("{}: {}", row.step, progress(row)))
}
