//! What `run` shows while it runs: a line for each thing that changes. On a terminal steps are shown by bars, and the lines for
//! all else scroll away above them. Logs, by `tracing`, go to standard error beside it.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write;
use std::time::Duration;

use protocol::AccountId;
use serde::Serialize;

use crate::bars::{Bars, Terminal};
use crate::clock::Clock;
use crate::fault::{Answer, Fault, FaultKind};
use crate::report::{COLUMNS, Row, RowState, Stall, progress, push_mend, push_wrapped};
use crate::start::Format;
use crate::text::estimate;
use crate::wave::{Standing, Wave};

/// Where progress goes.
pub struct Screen {
    out: RefCell<Box<dyn Write>>,
    err: RefCell<Box<dyn Write>>,
    agent: &'static str,
    account: OnceCell<AccountId>,
    format: Format,
    clock: Clock,
    /// What was last shown of each step of a handoff.
    shown: RefCell<BTreeMap<String, Vec<(&'static str, Shown)>>>,
    /// What was last said to be stalled, of one step of one handoff.
    stalls: RefCell<BTreeMap<(String, &'static str), String>>,
    faults: RefCell<BTreeMap<String, String>>,
    ended: RefCell<BTreeSet<(String, String)>>,
    live: Option<Live>,
}

/// What is kept for a person who watches.
struct Live {
    terminal: Terminal,
    bars: RefCell<Bars>,
    wave: RefCell<Wave>,
    /// What was said to mend something, and for which handoff.
    mends: RefCell<BTreeMap<String, String>>,
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("format", &self.format).finish_non_exhaustive()
    }
}

/// Stands for a state and a text, of which thousands would fill the memory.
type Shown = u64;

/// One line of JSON output. Its fields are a contract.
#[derive(Serialize)]
struct Line<'a> {
    at: String,
    agent: &'static str,
    account: &'a str,
    handoff: &'a str,
    /// `step`, `stall`, `fault`, `message` or `end`.
    event: &'static str,
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
    answer: Answer,
}

impl Screen {
    /// Shows to `out`, and complains to `err`; `terminal` where that is one, and a person reads it.
    pub fn new(
        agent: &'static str,
        (out, err): (Box<dyn Write>, Box<dyn Write>),
        terminal: Option<Terminal>,
        format: Format,
        clock: Clock,
    ) -> Self {
        let live = terminal.filter(|_| format == Format::Text).map(|terminal| Live {
            bars: RefCell::new(Bars::new(terminal.clone())),
            terminal,
            wave: RefCell::default(),
            mends: RefCell::default(),
        });
        Self {
            out: RefCell::new(out),
            err: RefCell::new(err),
            agent,
            account: OnceCell::new(),
            format,
            clock,
            live,
            shown: RefCell::default(),
            stalls: RefCell::default(),
            faults: RefCell::default(),
            ended: RefCell::default(),
        }
    }

    /// From now on it is known for whom the agent speaks.
    pub fn speaks_for(&self, account: &AccountId) {
        let _ = self.account.set(account.clone());
    }

    /// A handoff is driven from now on.
    pub fn drives(&self, subject: &str) {
        self.learn(|wave| wave.add(subject));
    }

    /// Something new is known of the wave.
    fn learn(&self, news: impl FnOnce(&mut Wave)) {
        let Some(live) = &self.live else { return };
        let mut wave = live.wave.borrow_mut();
        news(&mut wave);
        live.bars.borrow_mut().draw(&wave);
    }

    /// The steps that a pass has walked: what has changed since the last one is shown.
    pub fn rows(&self, subject: &str, rows: &[Row]) {
        for row in rows {
            // A fault is shown once, by `fault`, with its mend.
            if matches!(row.state, RowState::Blocked | RowState::Failed) {
                continue;
            }
            if let Some(stalled) = row.stalled {
                self.stall(subject, row, &stalled);
            }
            if self.live.is_some() {
                continue;
            }
            let text = progress(row);
            // Made just now: what it is was said when the act began.
            let brief = if row.state == RowState::Made { "" } else { text.as_str() };
            if !self.is_news(subject, row, &text) {
                continue;
            }
            self.line(
                subject,
                row.step,
                row.state.word(),
                brief,
                &Line {
                    step: Some(row.step),
                    state: Some(row.state),
                    text: &row.text,
                    percent: row.percent,
                    remaining_seconds: row.remaining.map(|remaining| remaining.as_secs()),
                    ..self.event("step", subject)
                },
            );
        }
        // An act may be followed by the same fault.
        if !rows.iter().any(|row| matches!(row.state, RowState::Blocked | RowState::Acting)) {
            self.faults.borrow_mut().remove(subject);
        }
        self.learn(|wave| wave.walked(subject, rows, self.clock.now()));
    }

    fn is_news(&self, subject: &str, row: &Row, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        (row.state.word(), text).hash(&mut hasher);
        let now = hasher.finish();
        let mut shown = self.shown.borrow_mut();
        let steps = shown.entry(subject.to_owned()).or_default();
        if let Some((_, last)) = steps.iter_mut().find(|(step, _)| *step == row.step) {
            return std::mem::replace(last, now) != now;
        }
        steps.push((row.step, now));
        true
    }

    /// Work that shows no progress. Said once, until it shows some.
    fn stall(&self, subject: &str, row: &Row, stall: &Stall) {
        let seen = format!("{} {:?}", row.text, row.percent);
        let last = self.stalls.borrow_mut().insert((subject.to_owned(), row.step), seen.clone());
        if last.is_some_and(|last| last == seen) {
            return;
        }
        let percent = row.percent.map_or(String::new(), |percent| format!(" at {percent} %"));
        let text = format!("no progress for {}{percent}: {}", estimate(stall.lasts), row.text);
        let mend = format!("it is looked at on; {}", stall.hint);
        let line = Line {
            step: Some(row.step),
            state: Some(row.state),
            text: &text,
            percent: row.percent,
            stalled_seconds: Some(stall.lasts.as_secs()),
            mend: Some(&mend),
            ..self.event("stall", subject)
        };
        self.line(subject, row.step, "stalled", &format!("{text}; {mend}"), &line);
    }

    /// A fault that is looked at again. Said once, until something else is seen.
    pub fn fault(&self, subject: &str, fault: &Fault, again: Duration) {
        let what = fault.chain();
        tracing::info!(handoff = subject, kind = ?fault.kind, again = again.as_secs(), "{}", fault.told());
        if fault.kind == FaultKind::Transient {
            return;
        }
        let last = self.faults.borrow_mut().insert(subject.to_owned(), what.clone());
        if last.is_none_or(|last| last != what) {
            self.trouble(subject, "blocked", "fault", fault);
        }
        self.learn(|wave| wave.stands(subject, Standing::Blocked));
    }

    /// A handoff is not waited for any longer: this run ends, the next one goes on.
    pub fn given_up(&self, subject: &str, fault: &Fault) {
        self.trouble(subject, "blocked", "end", fault);
        self.learn(|wave| wave.stands(subject, Standing::Blocked));
    }

    /// A handoff has failed.
    pub fn failed(&self, subject: &str, fault: &Fault) {
        tracing::info!(handoff = subject, "failed: {}", fault.told());
        self.trouble(subject, "failed", "end", fault);
        self.learn(|wave| wave.stands(subject, Standing::Failed));
    }

    /// Something that a person should know: a message, or the end of a handoff.
    pub fn say(&self, subject: &str, event: &'static str, outcome: &str, text: &str) {
        self.say_with(subject, event, outcome, text, None);
    }

    /// The same, with what to do about it.
    pub fn say_with(&self, subject: &str, event: &'static str, outcome: &str, text: &str, mend: Option<&str>) {
        if event == "end" && outcome != "stopped" {
            let well = matches!(outcome, "landed" | "revoked" | "restored");
            self.learn(|wave| wave.stands(subject, if well { Standing::Settled } else { Standing::Failed }));
        }
        // What a receipt brings is seen in the bars.
        if self.live.is_some() && outcome == "receipt" {
            return;
        }
        // An agent that goes on for ever comes by what is over again and again.
        if event == "end" && !self.ended.borrow_mut().insert((subject.to_owned(), outcome.to_owned())) {
            return;
        }
        let line = Line { text, outcome: Some(outcome), mend, ..self.event(event, subject) };
        self.line(subject, event, outcome, text, &line);
        self.mend(mend);
    }

    /// In JSON it stands in its line.
    fn mend(&self, mend: Option<&str>) {
        if let (Format::Text, Some(mend)) = (self.format, mend) {
            let mut text = String::new();
            push_mend(&mut text, self.columns(), "          mend: ", mend);
            self.write(&text);
        }
    }

    fn trouble(&self, subject: &str, word: &str, event: &'static str, fault: &Fault) {
        let what = fault.chain();
        let step = fault.step().map(|step| step.0);
        let state = Some(if word == "failed" { RowState::Failed } else { RowState::Blocked });
        let outcome = (event == "end").then_some(word);
        let (mend, answer) = (fault.mend(), fault.answer().clone());
        let line = Line { text: &what, step, state, outcome, mend, answer, ..self.event(event, subject) };
        if let Some(said) = self.said(subject, fault) {
            let over = if event == "end" { "not waited for any longer, " } else { "" };
            return self.line(subject, step.unwrap_or("-"), word, &format!("{over}{said}"), &line);
        }
        self.line(subject, step.unwrap_or("-"), word, &fault.told(), &line);
        self.mend(fault.mend());
    }

    /// A person who watches is told once how something is mended, however many handoffs it holds up, and however often.
    fn said(&self, subject: &str, fault: &Fault) -> Option<String> {
        let mut mends = self.live.as_ref()?.mends.borrow_mut();
        let mend = fault.mend()?;
        if let Some(first) = mends.get(mend) {
            return Some(if first == subject { "as said above".to_owned() } else { format!("as {first}") });
        }
        mends.insert(mend.to_owned(), subject.to_owned());
        None
    }

    fn event<'a>(&'a self, event: &'static str, handoff: &'a str) -> Line<'a> {
        Line {
            at: self.clock.now().to_string(),
            agent: self.agent,
            account: self.account.get().map_or("", AccountId::as_str),
            handoff,
            event,
            outcome: None,
            step: None,
            state: None,
            text: "",
            percent: None,
            remaining_seconds: None,
            stalled_seconds: None,
            mend: None,
            answer: Answer::default(),
        }
    }

    fn line(&self, subject: &str, what: &str, word: &str, text: &str, json: &Line<'_>) {
        match self.format {
            Format::Json => self.write(&format!("{}\n", serde_json::to_string(json).unwrap_or_default())),
            Format::Text => {
                let time = json.at.get(11..19).unwrap_or_default();
                let mut line = String::new();
                if self.live.is_some() {
                    let at = json.step.map_or_else(String::new, |step| format!(" at {step}"));
                    let text = format!("{subject} {word}{at}: {text}");
                    push_wrapped(&mut line, self.columns(), &format!("{time}  "), &text);
                } else {
                    push_wrapped(&mut line, COLUMNS, &format!("{time}  {subject}  {what:<14} {word:<8} "), text);
                }
                self.write(&line);
            }
        }
    }

    fn columns(&self) -> usize {
        self.live.as_ref().map_or(COLUMNS, |live| live.terminal.columns())
    }

    fn write(&self, text: &str) {
        self.above_the_bars(&self.out, text);
    }

    /// Nobody may be reading any more: that stops nothing.
    fn above_the_bars(&self, to: &RefCell<Box<dyn Write>>, text: &str) {
        if let Some(live) = &self.live {
            live.terminal.make_way();
        }
        let mut to = to.borrow_mut();
        let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
        self.learn(|_| ());
    }

    /// Tells the operator why nothing was done, and how to mend it.
    pub fn complain(&self, what: &str, mend: Option<&str>) {
        let mut text = String::new();
        push_wrapped(&mut text, self.columns(), "error: ", what);
        if let Some(mend) = mend {
            push_mend(&mut text, self.columns(), "  mend: ", mend);
        }
        self.above_the_bars(&self.err, &text);
    }

    /// Tells the operator of a fault that ends the command.
    pub fn refuse(&self, fault: &Fault) {
        self.complain(&fault.told(), fault.mend());
    }

    /// Prints a report, or another answer.
    pub fn print(&self, text: &str) {
        self.write(text);
    }

    /// How output is written.
    pub fn format(&self) -> Format {
        self.format
    }
}

impl Drop for Screen {
    /// However a command ends, its bars go, and in their place stands what became of the wave.
    fn drop(&mut self) {
        let Some(Live { terminal, bars, wave, .. }) = self.live.take() else { return };
        bars.borrow_mut().draw(&Wave::default());
        terminal.make_way();
        let wave = wave.into_inner();
        if !wave.is_empty() {
            self.write(&format!("{}\n", wave.tally().words()));
        }
    }
}
