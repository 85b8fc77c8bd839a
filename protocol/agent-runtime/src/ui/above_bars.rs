//! Writes events as lines of text on a terminal, above the progress bars.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::console::Console;
use super::lines::{push_fix_below, time};
use super::text::push_wrapped;
use super::words::{Kind, Rendered};
use crate::clock::Clock;
use crate::event::{Event, Sink, Subject, Trouble};

/// Writes the events that the bars do not show.
#[derive(Debug)]
pub(crate) struct LinesAboveBars {
    console: Rc<Console>,
    clock: Clock,
    /// Each fix that was written, with the subject that it was first written for.
    fixes: RefCell<BTreeMap<String, Subject>>,
}

impl LinesAboveBars {
    pub(crate) fn new(console: Rc<Console>, clock: Clock) -> Self {
        Self { console, clock, fixes: RefCell::default() }
    }

    /// Each fix is written once, however many handoffs need it. Returns a reference to the first one if the fix was
    /// already written.
    fn reference_to_fix(&self, subject: &Subject, fault: &Trouble) -> Option<String> {
        let mut fixes = self.fixes.borrow_mut();
        let fix = fault.fix.as_ref()?;
        if let Some(first) = fixes.get(fix) {
            return Some(if first == subject {
                "same fix as above".to_owned()
            } else {
                format!("same fix as {first}")
            });
        }
        fixes.insert(fix.clone(), subject.clone());
        None
    }
}

impl Sink for LinesAboveBars {
    fn take(&self, event: &Event) {
        let before = match event {
            // Shown by the bars.
            Event::Step { .. } | Event::ReceiptRecorded { .. } | Event::AnswerRecorded { .. } => return,
            Event::Listed(handoffs) => {
                let listed: BTreeSet<&Subject> = handoffs.iter().collect();
                let stays = |of: &Subject| !matches!(of, Subject::Handoff { .. }) || listed.contains(of);
                return self.fixes.borrow_mut().retain(|_, first| stays(first));
            }
            Event::Faulted { subject, fault, .. }
            | Event::Failed { subject, fault }
            | Event::GivenUp { subject, fault } => self.reference_to_fix(subject, fault),
            _ => None,
        };
        let Some(rendered) = Rendered::of(event) else { return };
        let (words, fix) = match &before {
            None => (rendered.line(), rendered.fix_below()),
            Some(before) if rendered.kind == Kind::End => (format!("no longer waited for; {before}"), None),
            Some(before) => (before.clone(), None),
        };
        let at = rendered.step.map_or_else(String::new, |step| format!(" at {step}"));
        let mut text = String::new();
        let lead = format!("{}  ", time(&self.clock));
        push_wrapped(
            &mut text,
            self.console.columns(),
            &lead,
            &format!("{} {}{at}: {words}", rendered.subject, rendered.word()),
        );
        push_fix_below(&mut text, self.console.columns(), fix);
        self.console.print(&text);
    }
}
