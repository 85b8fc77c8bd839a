//! What an agent prints, and the events that it shows.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;

use agent_runtime::Exit;
use agent_runtime::event::{Ending, Event, Requested, Row, RowState, Sink, Subject, Trouble};
use protocol::Reason;
use protocol::tags::Outcome;
use serde_json::Value;

/// How far what is to be pasted is indented.
const PASTE: &str = "          ";

/// How the simulated AWS's request ids begin; the number of the call follows, in 12 digits.
const REQUEST_ID: &str = "00000000-0000-4000-8000-";

/// The text with `<id>` in place of each request id, which counts the calls so far.
pub fn without_request_ids(text: &str) -> String {
    let mut parts = text.split(REQUEST_ID);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| text + "<id>" + rest.get(12..).unwrap_or_default())
}

/// A run of an agent that ended.
#[derive(Debug)]
pub struct Ran {
    /// How.
    pub exit: Exit,
    /// What it printed, to standard output and standard error.
    pub out: String,
    /// The events that it showed, in order: each step, stall, fault and end once, until something else was seen.
    pub events: Vec<Event>,
}

impl Ran {
    /// What it printed, without its line breaks.
    pub fn words(&self) -> String {
        self.out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// How many of its events are such.
    pub fn count(&self, is_such: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is_such(event)).count()
    }

    /// Whether account A took a handoff back with this outcome.
    pub fn settled(&self, outcome: Outcome) -> bool {
        self.count(|event| matches!(event, Event::Ended { ending: Ending::Settled(how), .. } if *how == outcome)) > 0
    }

    /// Each state of the step of this name that was shown.
    pub fn step(&self, name: &str) -> impl Iterator<Item = &Row> {
        self.rows().filter(move |row| row.step == name)
    }

    /// How often this step acted.
    pub fn acted(&self, name: &str) -> usize {
        self.step(name).filter(|row| matches!(row.state, RowState::Acting(_))).count()
    }

    /// Whether a step showed that it waits, by these words.
    pub fn waited(&self, words: &str) -> bool {
        self.rows().any(|row| row.waits && row.text.contains(words))
    }

    /// Whether a step was refused soon after a change of the agent's own, and waited.
    pub fn waited_for_propagation(&self) -> bool {
        self.rows().any(|row| row.state == RowState::Working && row.text.contains("AWS is still spreading"))
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.events.iter().filter_map(|event| match event {
            Event::Step { row, .. } => Some(row),
            _ => None,
        })
    }

    /// The steps that showed no progress.
    pub fn stalled(&self) -> Vec<&'static str> {
        let step = |event: &Event| match event {
            Event::Stalled { row, .. } => Some(row.step),
            _ => None,
        };
        self.events.iter().filter_map(step).collect()
    }

    /// What blocked somebody: a fault that was met while it ran, or that it ended with.
    pub fn blocked(&self) -> impl Iterator<Item = (&Subject, &Trouble)> {
        self.events.iter().filter_map(|event| match event {
            Event::Faulted { subject, fault, .. } | Event::GivenUp { subject, fault } => Some((subject, fault)),
            _ => None,
        })
    }

    /// Whether this blocked somebody.
    pub fn blocked_by(&self, what: &str) -> bool {
        self.blocked().any(|(_, fault)| fault.what.contains(what))
    }

    /// Whether something blocked somebody that is fixed so.
    pub fn blocked_until(&self, fix: &str) -> bool {
        self.blocked().any(|(_, fault)| fault.fix.as_deref().is_some_and(|words| words.contains(fix)))
    }

    /// What a handoff could not go on for.
    pub fn failed(&self) -> impl Iterator<Item = &Trouble> {
        self.events.iter().filter_map(|event| match event {
            Event::Failed { fault, .. } => Some(fault),
            _ => None,
        })
    }

    /// Why messages were put into a dead-letter queue.
    pub fn rejected(&self) -> Vec<Reason> {
        let reason = |event: &Event| match event {
            Event::Rejected { reason, .. } => Some(*reason),
            _ => None,
        };
        self.events.iter().filter_map(reason).collect()
    }

    /// The requests that were read, and what their handoffs were by then.
    pub fn requested(&self) -> Vec<(&Subject, Requested)> {
        let requests = self.events.iter().filter_map(|event| match event {
            Event::Requested { subject, standing } => Some((subject, *standing)),
            _ => None,
        });
        requests.collect()
    }
}

/// What an agent has told of something that blocks it: a line, and what hangs under it.
#[derive(Debug, Clone)]
pub struct Told(pub String);

impl Told {
    /// What is to be pasted: it stands as it is under the words of the fix, which hang deeper.
    pub fn paste(&self) -> String {
        let fix = self.0.lines().skip_while(|line| !line.contains("fix: ")).skip(1);
        let starts = |line: &&str| line.strip_prefix(PASTE).is_some_and(|line| !line.starts_with(' '));
        let lines = fix.skip_while(|line| !starts(line)).filter_map(|line| line.strip_prefix(PASTE));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The same, where it is JSON.
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

/// The events that an agent has shown so far.
#[derive(Debug, Default)]
pub(crate) struct Events {
    all: RefCell<Vec<Event>>,
    ended: Cell<usize>,
    /// Only ends are counted: all events of ten thousand handoffs would fill the memory.
    counts_only: bool,
}

impl Events {
    pub(crate) fn new(counts_only: bool) -> Self {
        Self { counts_only, ..Self::default() }
    }

    /// All of them.
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
