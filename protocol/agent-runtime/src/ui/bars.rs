//! The progress bars of `run` on a terminal: a line for each active handoff and a summary, below the written lines.
//! They are drawn when something changes, without a timer.

use std::cell::RefCell;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use protocol::tags::Outcome;

use super::standing::Standing;
use super::text::{COLUMNS, push_wrapped, without_control_chars};
use super::wave::{Member, Wave};
use crate::clock::Clock;
use crate::event::{Ending, Event, Sink, Subject};
use crate::fault::FaultKind;
use crate::text::{estimate, time_of_day};

/// The terminal that shows the progress bars.
#[derive(Debug, Clone)]
pub struct Terminal {
    term: Arc<dyn TermLike>,
    lines: MultiProgress,
}

impl Terminal {
    /// A terminal that draws on `term`.
    pub fn new(term: impl TermLike + Clone + 'static) -> Self {
        let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
        Self { term: Arc::new(term), lines: MultiProgress::with_draw_target(target) }
    }

    /// Clears the bars before other text is written. The next draw shows them below that text. Errors of a closed
    /// terminal are ignored.
    pub fn clear_bars(&self) {
        let _ = self.lines.clear();
    }

    /// The maximum line width in columns.
    pub(crate) fn columns(&self) -> usize {
        usize::from(self.term.width()).min(COLUMNS)
    }
}

/// One line of the progress bars.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    lead: String,
    percent: Option<u8>,
    text: String,
}

/// The progress bars.
#[derive(Debug)]
pub(crate) struct Bars {
    terminal: Terminal,
    clock: Clock,
    wave: RefCell<Wave>,
    /// The shown lines, from the top.
    shown: RefCell<Vec<(ProgressBar, Line)>>,
}

impl Bars {
    pub(crate) fn new(terminal: Terminal, clock: Clock) -> Self {
        Self { terminal, clock, wave: RefCell::default(), shown: RefCell::default() }
    }

    /// The maximum line width in columns.
    pub(crate) fn columns(&self) -> usize {
        self.terminal.columns()
    }

    /// Clears the bars before other text is written.
    pub(crate) fn clear_bars(&self) {
        self.terminal.clear_bars();
    }

    /// Draws the current state of the handoffs.
    pub(crate) fn draw(&self) {
        let (columns, height) = (self.terminal.columns(), usize::from(self.terminal.term.height()));
        let wave = self.wave.borrow();
        self.show(if wave.is_empty() { Vec::new() } else { lines(&wave, columns, height) }, columns);
    }

    fn show(&self, lines: Vec<Line>, columns: usize) {
        let mut shown = self.shown.borrow_mut();
        let kept = lines.len().min(shown.len());
        for (bar, _) in shown.drain(kept..) {
            self.terminal.lines.remove(&bar);
        }
        for (at, line) in lines.into_iter().enumerate() {
            match shown.get_mut(at) {
                Some((_, shown)) if *shown == line => {}
                Some((bar, shown)) => {
                    set(bar, &line, columns);
                    *shown = line;
                }
                None => {
                    let bar = self.terminal.lines.add(ProgressBar::new(100));
                    set(&bar, &line, columns);
                    shown.push((bar, line));
                }
            }
        }
        // Drawing one line draws all of them.
        if let Some((bar, _)) = shown.last() {
            bar.tick();
        }
    }

    /// Removes the bars and returns the summary of the handoffs; `None` if none was driven.
    pub(crate) fn close(self) -> Option<String> {
        self.show(Vec::new(), self.columns());
        self.clear_bars();
        let wave = self.wave.into_inner();
        (!wave.is_empty()).then(|| wave.tally().words())
    }

    fn update(&self, change: impl FnOnce(&mut Wave)) {
        change(&mut self.wave.borrow_mut());
        self.draw();
    }
}

impl Sink for Bars {
    fn take(&self, event: &Event) {
        let (subject, standing) = match event {
            Event::Listed(handoffs) => return self.wave.borrow_mut().keep(handoffs),
            Event::Dropped(subject) => return self.wave.borrow_mut().drop(subject),
            Event::Driven(subject) => return self.update(|wave| wave.add(subject)),
            Event::Walked { subject, rows } => {
                return self.update(|wave| wave.walked(subject, rows, self.clock.now()));
            }
            Event::Faulted { subject, fault, .. } if fault.kind != FaultKind::Transient => (subject, Standing::Blocked),
            Event::GivenUp { subject, .. } => (subject, Standing::Blocked),
            Event::Failed { subject, .. } => (subject, Standing::Failed),
            Event::Ended { subject, ending } => match ending {
                Ending::Settled(Outcome::Landed | Outcome::Revoked) | Ending::Restored(_) => {
                    (subject, Standing::Settled)
                }
                Ending::Settled(Outcome::Expired | Outcome::Rejected | Outcome::Failed) => (subject, Standing::Failed),
                Ending::Stopped => return,
            },
            _ => return,
        };
        self.update(|wave| wave.stands(subject, standing));
    }
}

fn set(bar: &ProgressBar, line: &Line, columns: usize) {
    let template = if line.percent.is_some() { bar_template(columns) } else { "{prefix}{msg}".to_owned() };
    // An invalid template falls back to indicatif's default bar.
    bar.set_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let bar = bar.clone().with_prefix(line.lead.clone()).with_position(line.percent.unwrap_or(0).into());
    bar.set_message(line.text.clone());
}

fn bar_template(columns: usize) -> String {
    format!("{{prefix}}{{bar:{}}} {{msg}}", columns / 6)
}

/// Handoffs in flight, then waiting handoffs, as many as fit; then the summary.
fn lines(wave: &Wave, columns: usize, height: usize) -> Vec<Line> {
    let mut summary = String::new();
    let ends = wave.ends().map_or_else(|| "-".to_owned(), |ends| format!("{} UTC", time_of_day(ends)));
    push_wrapped(&mut summary, columns, "", &format!("{}; end expected after {ends}", wave.tally().words()));
    let mut members: Vec<_> = wave.all(Standing::InFlight).chain(wave.all(Standing::Waiting)).collect();
    // Leave a third of the screen to the last written lines, which may contain a fix.
    let room = (height * 2 / 3).saturating_sub(summary.lines().count());
    let mut more = None;
    if members.len() > room {
        let shown = room.saturating_sub(1);
        more = Some(format!("and {} more", members.len() - shown));
        members.truncate(shown);
    }
    let bars = members.into_iter().map(|(subject, member)| line(subject, member, columns));
    let plain = |text: &str| Line { lead: String::new(), percent: None, text: text.to_owned() };
    bars.chain(more.as_deref().map(plain)).chain(summary.lines().map(plain)).collect()
}

fn line(subject: &Subject, member: &Member, columns: usize) -> Line {
    let subject = cut(&subject.to_string(), columns / 3);
    let Some(row) = &member.at else { return Line { lead: subject, percent: None, text: String::new() } };
    let lead = format!("{subject:<width$} {:<14} ", row.step, width = columns / 3);
    let room = columns.saturating_sub(lead.chars().count());
    let text = match row.percent {
        Some(percent) => {
            let left = row.remaining.map_or(String::new(), |left| format!("  {} left", estimate(left)));
            cut(&format!("{percent:>3} %{left}"), room.saturating_sub(columns / 6 + 1))
        }
        None => cut(&row.text, room),
    };
    Line { lead, percent: row.percent, text }
}

/// Shortens a text to at most `columns` columns.
fn cut(text: &str, columns: usize) -> String {
    let text = without_control_chars(text);
    if text.chars().count() <= columns {
        return text;
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}
