//! What an agent prints, read as a person reads it.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::rc::Rc;

use agent_runtime::Exit;
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
}

impl Ran {
    /// What it printed, without its line breaks.
    pub fn words(&self) -> String {
        self.out.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// What an agent has told of something that blocks it: a line, and what hangs under it.
#[derive(Debug, Clone)]
pub struct Told(pub String);

impl Told {
    /// What is to be pasted: it stands as it is under the words of the mend, which hang deeper.
    pub fn paste(&self) -> String {
        let mend = self.0.lines().skip_while(|line| !line.contains("mend: ")).skip(1);
        let starts = |line: &&str| line.strip_prefix(PASTE).is_some_and(|line| !line.starts_with(' '));
        let lines = mend.skip_while(|line| !starts(line)).filter_map(|line| line.strip_prefix(PASTE));
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
pub(crate) struct Output(Rc<RefCell<Vec<u8>>>, Rc<Cell<Ends>>);

/// How many ends have been told, up to where.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    count: usize,
    read: usize,
}

impl Output {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }

    /// How many handoffs it has told the end of, in JSON. What was read once is not read again: it can be very long.
    pub(crate) fn ended(&self) -> usize {
        let (bytes, mut ends) = (self.0.borrow(), self.1.get());
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let new = String::from_utf8_lossy(&bytes[ends.read..end.max(ends.read)]);
        ends.count += new.lines().filter(|line| line.contains(r#""event":"end""#)).count();
        ends.read = end;
        self.1.set(ends);
        ends.count
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
