//! The output of the demo: one stream of at most 100 columns, in which each event names its agent.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::side::Side;

/// The width of the output, in columns.
const WIDTH: usize = 100;

/// The states of a step that an agent has just made ready.
const MADE: [&str; 7] = ["created", "changed", "shared", "sent", "recorded", "revoked", "deleted"];

/// Prints to standard output.
#[derive(Debug)]
pub(crate) struct Show {
    begun: Instant,
    colour: bool,
    speed: u32,
    /// The text printed last for each step, separately for `working` and for other states.
    said: RefCell<BTreeMap<(Side, String, bool), String>>,
}

/// A line of an agent's JSON output.
#[derive(Debug)]
pub(crate) struct Event {
    kind: String,
    step: String,
    state: String,
    text: String,
    percent: Option<u64>,
    remaining: Option<Duration>,
    fix: Option<String>,
}

/// Text styles, printed as ANSI escape codes.
#[derive(Debug, Clone, Copy)]
enum Ink {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

impl Event {
    /// Parses a line. A line that is not an event becomes the text.
    pub(crate) fn parse(line: &str) -> Self {
        let json: Value = serde_json::from_str(line).unwrap_or_default();
        let text = |field: &str| json[field].as_str().map(str::to_owned);
        Self {
            kind: text("event").unwrap_or_default(),
            step: text("step").unwrap_or_default(),
            state: text("state").unwrap_or_default(),
            text: text("text").unwrap_or_else(|| line.to_owned()),
            percent: json["percent"].as_u64(),
            remaining: json["remaining_seconds"].as_u64().map(Duration::from_secs),
            fix: text("fix"),
        }
    }

    /// Whether this event reports the end of the handoff.
    pub(crate) fn is_end(&self) -> bool {
        self.kind == "end"
    }
}

impl Show {
    /// Starts the clock. `speed` is how many times faster than AWS the simulated AWS is.
    pub(crate) fn new(colour: bool, speed: u32) -> Self {
        let colour = colour && std::io::stdout().is_terminal();
        Self { begun: Instant::now(), colour, speed, said: RefCell::default() }
    }

    /// Prints one event of an agent.
    pub(crate) fn event(&self, side: Side, event: &Event) {
        // Other kinds than steps are received messages and the handoff's end.
        let (step, state) = match event.kind.as_str() {
            "step" | "fault" => (event.step.as_str(), event.state.as_str()),
            "end" => ("the handoff", if event.state.is_empty() { "ended" } else { &event.state }),
            kind => (kind, ""),
        };
        let is_made = MADE.contains(&state);
        let ink = match state {
            _ if is_made || matches!(state, "done" | "ended") => Ink::Green,
            "blocked" | "failed" => Ink::Red,
            _ => Ink::Plain,
        };
        let seconds = self.begun.elapsed().as_secs();
        let who = if side == Side::A { "A source" } else { "B target" };
        let lead = [
            (Ink::Dim, format!("{:>2}:{:02}  ", seconds / 60, seconds % 60)),
            (ink_of(side), format!("{who}  ")),
            (Ink::Bold, format!("{step:<13} ")),
            (ink, format!("{state:<9}  ")),
        ];
        // The text of a step that is made often repeats the text printed when it began: print it once.
        let text = self.progress(event);
        let said = self.said.borrow_mut().insert((side, step.to_owned(), state == "working"), text.clone());
        let text = if is_made && said.as_ref() == Some(&text) { "" } else { &text };
        self.paragraph(&lead, text);
        if let Some(fix) = &event.fix {
            // Lines after the first are to be copied, and are printed unchanged.
            let (words, paste) = fix.split_once('\n').unwrap_or((fix, ""));
            self.paragraph(&[(Ink::Bold, "       fix: ".to_owned())], words);
            paste.lines().for_each(|line| write(&format!("       {line}\n")));
        }
    }

    fn progress(&self, event: &Event) -> String {
        let mut text = event.text.clone();
        if let Some(percent) = event.percent {
            let _ = write!(text, ", {percent} %");
        }
        if let Some(remaining) = event.remaining {
            let _ = write!(text, ", {} left", rough(remaining.saturating_mul(self.speed)));
        }
        text
    }

    fn paragraph(&self, lead: &[(Ink, String)], text: &str) {
        let indent: usize = lead.iter().map(|(_, part)| part.chars().count()).sum();
        let mut out: String = lead.iter().map(|(ink, part)| self.inked(*ink, part)).collect();
        let hang = format!("\n{}", " ".repeat(indent));
        out.push_str(&wrap(text, WIDTH.saturating_sub(indent).max(20)).join(&hang));
        write(&format!("{}\n", out.trim_end()));
    }

    /// Prints a heading.
    pub(crate) fn heading(&self, text: &str) {
        write(&format!("\n{}\n", self.inked(Ink::Bold, text)));
    }

    /// Prints a paragraph.
    pub(crate) fn say(&self, text: &str) {
        self.paragraph(&[], text);
    }

    /// Prints a line to copy, without wrapping it.
    pub(crate) fn copy(&self, text: &str) {
        write(&format!("  {}\n", self.inked(Ink::Cyan, text)));
    }

    /// Prints a side, and a text about it.
    pub(crate) fn side(&self, side: Side, text: &str) {
        self.paragraph(&[(ink_of(side), format!("  {side}  "))], text);
    }

    /// Prints a check, and whether it passed.
    pub(crate) fn check(&self, holds: bool, text: &str) {
        let (ink, word) = if holds { (Ink::Green, "ok ") } else { (Ink::Red, "NOT") };
        self.paragraph(&[(ink, format!("  {word}  "))], text);
    }

    fn inked(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bold => 1,
            Ink::Dim => 2,
            Ink::Red => 31,
            Ink::Green => 32,
            Ink::Yellow => 33,
            Ink::Cyan => 36,
            Ink::Plain => return text.to_owned(),
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// A rounded duration for people.
fn rough(duration: Duration) -> String {
    let minutes = duration.as_secs().div_ceil(60);
    match (minutes / 60, minutes % 60) {
        (0, 0) => "less than 1 min".to_owned(),
        (0, minutes) => format!("about {minutes} min"),
        (hours, minutes) => format!("about {hours} h {minutes:02} min"),
    }
}

/// The colour of a side.
fn ink_of(side: Side) -> Ink {
    if side == Side::A { Ink::Cyan } else { Ink::Yellow }
}

/// Wraps a text at spaces; a word that is wider than a line is broken at the end of the line.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        if column > 0 && column + 1 + letters.len() > width {
            lines.push(String::new());
            column = 0;
        }
        for (index, piece) in letters.chunks(width).enumerate() {
            if index > 0 {
                lines.push(String::new());
                column = 0;
            }
            let line = lines.last_mut().map(|line| {
                if column > 0 {
                    line.push(' ');
                }
                line.extend(piece);
                line.chars().count()
            });
            column = line.unwrap_or_default();
        }
    }
    lines
}

/// Writes to standard output. Errors are ignored: a closed pipe must not stop the demo.
fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrap_breaks_at_spaces_and_splits_words_wider_than_a_line() {
        assert_eq!(wrap("a bc def", 5), ["a bc", "def"]);
        assert_eq!(wrap("to 1234567890 x", 5), ["to", "12345", "67890", "x"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn parse_keeps_a_line_that_is_not_json_as_text() {
        let event = Event::parse("no JSON");
        assert_eq!((event.text.as_str(), event.is_end()), ("no JSON", false));
        assert!(Event::parse(r#"{"event":"end","text":"landed"}"#).is_end());
    }
}
