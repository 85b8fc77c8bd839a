//! What an agent prints, and its events.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;

use agent_runtime::Exit;
use agent_runtime::event::{Ending, Event, Requested, Row, RowState, Sink, Subject, Trouble};
use protocol::Reason;
use protocol::tags::Outcome;
use serde_json::Value;

/// The indentation of text that is to be pasted.
const PASTE: &str = "          ";

/// The prefix of the simulated AWS's request ids; the number of the call follows, in 12 digits.
const REQUEST_ID: &str = "00000000-0000-4000-8000-";

/// The text with `<id>` in place of each request id, which depends on the number of calls so far.
pub fn without_request_ids(text: &str) -> String {
    let mut parts = text.split(REQUEST_ID);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| text + "<id>" + rest.get(12..).unwrap_or_default())
}

/// A run of an agent that ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub exit: Exit,
    /// What it printed, to standard output and standard error.
    pub out: String,
    /// Its events, in order. A step, stall, fault or end is repeated only after it has changed.
    pub events: Vec<Event>,
}

impl Ran {
    /// What it printed, with each run of white space as one space.
    pub fn words(&self) -> String {
        self.out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// How many events fulfil the condition.
    pub fn count(&self, is_such: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_such(event)).count()
    }

    /// Whether account A settled a handoff with this outcome.
    pub fn settled(&self, outcome: Outcome) -> bool {
        self.count(|event| matches!(event, Event::Ended { ending: Ending::Settled(how), .. } if *how == outcome)) > 0
    }

    /// Each state that the events show of the step of this name.
    pub fn step(&self, name: &str) -> impl Iterator<Item = &Row> {
        self.rows().filter(move |row| row.step == name)
    }

    /// How often this step acted.
    pub fn acted(&self, name: &str) -> usize {
        self.step(name).filter(|row| matches!(row.state, RowState::Acting(_))).count()
    }

    /// Whether a step waited, with these words in its text.
    pub fn waited(&self, words: &str) -> bool {
        self.rows().any(|row| row.waits && row.text.contains(words))
    }

    /// Whether a step was refused during the propagation delay of the agent's own change, and waited.
    pub fn waited_for_propagation(&self) -> bool {
        self.rows().any(|row| row.state == RowState::Working && row.text.contains("has not propagated yet"))
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.events.iter().filter_map(|event| match event {
            Event::Step { row, .. } => Some(row),
            _ => None,
        })
    }

    /// The steps that were reported as stalled.
    pub fn stalled(&self) -> Vec<&'static str> {
        let step = |event: &Event| match event {
            Event::Stalled { row, .. } => Some(row.step),
            _ => None,
        };
        self.events.iter().filter_map(step).collect()
    }

    /// The faults that blocked something, while it ran or when it ended.
    pub fn blocked(&self) -> impl Iterator<Item = (&Subject, &Trouble)> {
        self.events.iter().filter_map(|event| match event {
            Event::Faulted { subject, fault, .. } | Event::GivenUp { subject, fault } => Some((subject, fault)),
            _ => None,
        })
    }

    /// Whether a fault with these words blocked something.
    pub fn blocked_by(&self, what: &str) -> bool {
        self.blocked().any(|(_, fault)| fault.what.contains(what))
    }

    /// Whether a fault blocked something and its fix has these words.
    pub fn blocked_until(&self, fix: &str) -> bool {
        self.blocked().any(|(_, fault)| fault.fix.as_deref().is_some_and(|words| words.contains(fix)))
    }

    /// The faults that ended a handoff.
    pub fn failed(&self) -> impl Iterator<Item = &Trouble> {
        self.events.iter().filter_map(|event| match event {
            Event::Failed { fault, .. } => Some(fault),
            _ => None,
        })
    }

    /// The reasons of messages that were put into a dead-letter queue.
    pub fn rejected(&self) -> Vec<Reason> {
        let reason = |event: &Event| match event {
            Event::Rejected { reason, .. } => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// The requests that were read, and the state of each handoff at that time.
    pub fn requested(&self) -> Vec<(&Subject, Requested)> {
        let requests = self.events.iter().filter_map(|event| match event {
            Event::Requested { subject, standing } => Some((subject, *standing)),
            _ => None,
        });
        requests.collect()
    }
}

/// What an agent has printed about something that blocks it: a line, and the indented lines below it.
#[derive(Debug, Clone)]
pub struct Told(pub String);

impl Told {
    /// The text to paste: the lines below the words of the fix, which are indented more.
    pub fn paste(&self) -> String {
        let fix = self.0.lines().skip_while(|line| !line.contains("fix: ")).skip(1);
        let starts = |line: &&str| line.strip_prefix(PASTE).is_some_and(|line| !line.starts_with(' '));
        let lines = fix.skip_while(|line| !starts(line)).filter_map(|line| line.strip_prefix(PASTE));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The text to paste, as JSON statements.
    pub fn statements(&self) -> Vec<Value> {
        let statements: Vec<Value> = serde_json::from_str(&format!("[{}]", self.paste())).expect("statements to paste");
        assert!(!statements.is_empty(), "nothing to paste: {}", self.0);
        statements
    }
}

/// What an agent has printed so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Rc<RefCell<Vec<u8>>>);

impl Output {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        let mut blocks: Vec<Told> = Vec::new();
        for line in self.text().lines() {
            match blocks.last_mut() {
                Some(Told(block)) if line.starts_with(' ') => block.extend([line, "\n"]),
                _ => blocks.push(Told(format!("{line}\n"))),
            }
        }
        blocks.retain(|Told(block)| block.contains(" blocked "));
        blocks
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The events of an agent so far.
#[derive(Debug, Default)]
pub(crate) struct Events {
    all: RefCell<Vec<Event>>,
    ended: Cell<usize>,
    /// Only the number of ends is kept: all events of ten thousand handoffs would fill the memory.
    counts_only: bool,
}

impl Events {
    pub(crate) fn new(counts_only: bool) -> Self {
        Self { counts_only, ..Self::default() }
    }

    /// All events.
    pub(crate) fn all(&self) -> Vec<Event> {
        self.all.borrow().clone()
    }

    /// How many handoffs have ended.
    pub(crate) fn ended(&self) -> usize {
        self.ended.get()
    }
}

impl Sink for Events {
    fn take(&self, event: &Event) {
        if matches!(event, Event::Ended { .. } | Event::Failed { .. } | Event::GivenUp { .. }) {
            self.ended.set(self.ended.get() + 1);
        }
        if !self.counts_only {
            self.all.borrow_mut().push(event.clone());
        }
    }
}
