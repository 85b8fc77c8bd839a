//! Events as lines of text on a terminal, above the bars.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::console::Console;
use super::lines::{push_fix_below, time};
use super::text::push_wrapped;
use super::words::{Kind, Said};
use crate::clock::Clock;
use crate::event::{Event, Sink, Subject, Trouble};

/// Writes what the bars do not show.
#[derive(Debug)]
pub(crate) struct Above {
    console: Rc<Console>,
    clock: Clock,
    /// For whom each fix was written first.
    fixes: RefCell<BTreeMap<String, Subject>>,
}

impl Above {
    pub(crate) fn new(console: Rc<Console>, clock: Clock) -> Self {
        Self { console, clock, fixes: RefCell::default() }
    }

    /// A person is told once how something is fixed, however many handoffs it holds up, and however often.
    fn said_before(&self, subject: &Subject, fault: &Trouble) -> Option<String> {
        let mut fixes = self.fixes.borrow_mut();
        let fix = fault.fix.as_ref()?;
        if let Some(first) = fixes.get(fix) {
            return Some(if first == subject { "as said above".to_owned() } else { format!("as {first}") });
        }
        fixes.insert(fix.clone(), subject.clone());
        None
    }
}

impl Sink for Above {
    fn take(&self, event: &Event) {
        let before = match event {
            // The bars show it.
            Event::Step { .. } | Event::ReceiptRecorded { .. } | Event::AnswerRecorded { .. } => return,
            Event::Listed(handoffs) => {
                let listed: BTreeSet<&Subject> = handoffs.iter().collect();
                let stays = |of: &Subject| !matches!(of, Subject::Handoff { .. }) || listed.contains(of);
                return self.fixes.borrow_mut().retain(|_, first| stays(first));
            }
            Event::Faulted { subject, fault, .. }
            | Event::Failed { subject, fault }
            | Event::GivenUp { subject, fault } => self.said_before(subject, fault),
            _ => None,
        };
        let Some(said) = Said::of(event) else { return };
        let (words, fix) = match &before {
            None => (said.line(), said.fix_below()),
            Some(before) if said.kind == Kind::End => (format!("not waited for any longer, {before}"), None),
            Some(before) => (before.clone(), None),
        };
        let at = said.step.map_or_else(String::new, |step| format!(" at {step}"));
        let mut text = String::new();
        let lead = format!("{}  ", time(&self.clock));
        push_wrapped(
            &mut text,
            self.console.columns(),
            &lead,
            &format!("{} {}{at}: {words}", said.subject, said.word()),
        );
        push_fix_below(&mut text, self.console.columns(), fix);
        self.console.print(&text);
    }
}
