use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use aws_smithy_async::time::StaticTimeSource;
use protocol::tags::Outcome;
use protocol::{Lack, Reason, Stage};

use super::above_bars::LinesAboveBars;
use super::console::Console;
use super::standing::Standing;
use super::wave::Wave;
use super::{Format, Screen};
use crate::clock::Clock;
use crate::event::{Ending, Event, Mailbox, Requested, Row, RowState, Sink, Stall, Subject, Trouble, Verb};
use crate::fault::{Fault, FaultKind};
use crate::step::StepId;

/// What was written.
#[derive(Clone, Default)]
struct Written(Rc<RefCell<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What was taken.
#[derive(Debug, Default)]
struct Taken(RefCell<Vec<Event>>);

impl Sink for Taken {
    fn take(&self, event: &Event) {
        self.0.borrow_mut().push(event.clone());
    }
}

/// Returns what the screen writes for these events, and the events that it passes on.
fn shown(format: Format, events: &[Event]) -> (String, Vec<Event>) {
    let (written, taken) = (Written::default(), Rc::new(Taken::default()));
    let streams = || Box::new(written.clone()) as Box<dyn Write>;
    let clock = Clock::new(StaticTimeSource::from_secs(1_795_255_200).into());
    let screen = Screen::new("source-agent", (streams(), streams()), None, format, clock, Some(taken.clone()));
    screen.set_account(&"111111111111".parse().unwrap());
    for event in events {
        screen.take(event);
    }
    drop(screen);
    let text = String::from_utf8(written.0.take()).unwrap();
    (text, taken.0.take())
}

fn subject() -> Subject {
    Subject::handoff(&"orders".parse().unwrap(), &"cutover-1".parse().unwrap())
}

fn row(state: RowState, text: &str) -> Row {
    Row::new("copy", state, text.to_owned())
}

fn walked(row: Row) -> Event {
    Event::Walked { subject: subject(), rows: vec![row] }
}

fn fault() -> Trouble {
    (&Fault::blocked("there is no room").hint("make room, as with\naws make room").at(StepId("copy"))).into()
}

fn faulted(fault: Trouble) -> Event {
    Event::Faulted { subject: subject(), fault, again: Duration::from_secs(15) }
}

fn ended(ending: Ending) -> Event {
    Event::Ended { subject: subject(), ending }
}

/// One of each kind of event that is shown.
fn all() -> Vec<Event> {
    let account = || "222222222222".parse().unwrap();
    let stall = Stall { lasts: Duration::from_hours(1), hint: "see AWS Health" };
    let copying = Row { percent: Some(30), ..row(RowState::Working, "copying") };
    let rejected = |subject, mailbox, fix| Event::Rejected {
        subject,
        mailbox,
        reason: Reason::Malformed,
        detail: "not JSON".to_owned(),
        fix,
    };
    let newer = |mailbox| Event::NewerLeft { mailbox, version: 2, kind: "farewell".to_owned() };
    let receipt = |stage, reason| Event::ReceiptRecorded { subject: subject(), account: account(), stage, reason };
    let recorded = |lack| Event::AnswerRecorded { subject: subject(), account: account(), lack };
    let heard = |lack| Event::AnswerReceived { subject: subject(), account: account(), lack };
    let answered = |lack| Event::HelloAnswered { subject: subject(), account: account(), lack };
    let requested = |standing| Event::Requested { subject: subject(), standing };
    vec![
        Event::Driven(subject()),
        walked(row(RowState::Acting(Verb::Share), "shared copy")),
        walked(row(RowState::Made(Verb::Share), "shared copy")),
        walked(Row { remaining: Some(Duration::from_mins(95)), ..copying.clone() }),
        walked(Row { stalled: Some(stall), ..copying }),
        faulted(fault()),
        Event::GivenUp { subject: subject(), fault: fault() },
        Event::Failed { subject: subject(), fault: Trouble { fix: None, step: None, ..fault() } },
        Event::Faulted { subject: Mailbox::Requests.into(), fault: fault(), again: Duration::ZERO },
        Event::Faulted { subject: Subject::Answers(account()), fault: fault(), again: Duration::ZERO },
        ended(Ending::Settled(Outcome::Landed)),
        ended(Ending::Restored(Some("orders-cutover-1".parse().unwrap()))),
        ended(Ending::Restored(None)),
        ended(Ending::Stopped),
        receipt(Stage::Accepted, None),
        receipt(Stage::Failed, Some(Reason::CopyFailed)),
        recorded(None),
        recorded(Some(Lack::Profile)),
        heard(None),
        heard(Some(Lack::Profile)),
        answered(None),
        answered(Some((Lack::Quota, fault()))),
        requested(Requested::New),
        requested(Requested::UnderWay),
        requested(Requested::Over(Outcome::Landed)),
        rejected(Mailbox::Receipts.into(), Mailbox::Receipts, None),
        rejected(subject(), Mailbox::Inbox, None),
        rejected(subject(), Mailbox::Requests, Some("send another one".to_owned())),
        newer(Mailbox::Inbox),
        newer(Mailbox::Requests),
        Event::Refused(fault()),
        Event::Unreadable("snapshot x".to_owned()),
        Event::NoHelloNeeded,
        Event::Dropped(subject()),
    ]
}

#[test]
fn events_as_lines_of_text() {
    insta::assert_snapshot!(shown(Format::Text, &all()).0);
}

#[test]
fn events_as_lines_of_json() {
    insta::assert_snapshot!(shown(Format::Json, &all()).0);
}

/// The number of lines that these events produce.
fn lines(events: &[Event]) -> usize {
    shown(Format::Json, events).0.lines().count()
}

#[test]
fn step_is_shown_again_only_when_it_changes() {
    let (copying, done) = (walked(row(RowState::Working, "copying")), walked(row(RowState::Found, "copying")));
    assert_eq!(lines(&[copying.clone(), copying.clone()]), 1);
    assert_eq!(lines(&[copying.clone(), done, copying]), 3);
}

#[test]
fn fault_is_shown_again_only_after_something_else() {
    let other = Trouble { what: "another".to_owned(), ..fault() };
    let blocked = walked(row(RowState::Blocked, "there is no room"));
    assert_eq!(lines(&[faulted(fault()), blocked.clone(), faulted(fault())]), 1);
    assert_eq!(lines(&[faulted(fault()), faulted(other), faulted(fault())]), 3);
    let acting = walked(row(RowState::Acting(Verb::Share), "shared copy"));
    assert_eq!(lines(&[faulted(fault()), acting, blocked, faulted(fault())]), 2, "one of them is the step");
    let done = walked(row(RowState::Found, "shared copy"));
    assert_eq!(lines(&[faulted(fault()), done, faulted(fault())]), 3);
}

#[test]
fn transient_fault_is_not_shown() {
    assert_eq!(lines(&[faulted(Trouble { kind: FaultKind::Transient, ..fault() })]), 0);
}

#[test]
fn dropped_handoff_is_shown_from_the_beginning() {
    let seen = [
        walked(row(RowState::Blocked, "there is no room")),
        faulted(fault()),
        walked(row(RowState::Acting(Verb::Share), "x")),
    ];
    let again = [&seen[..], &[Event::Dropped(subject())], &seen].concat();
    assert_eq!((lines(&seen), lines(&again)), (2, 4));
}

#[test]
fn end_is_shown_once_while_handoff_is_listed() {
    let landed = || ended(Ending::Settled(Outcome::Landed));
    let listed = |handoffs| [landed(), Event::Dropped(subject()), Event::Listed(handoffs), landed()];
    assert_eq!(lines(&listed(vec![subject()])), 1);
    assert_eq!(lines(&listed(Vec::new())), 2, "it is no longer listed, and nothing is kept of it");
    assert_eq!(lines(&[landed(), ended(Ending::Stopped)]), 2, "another end");
}

#[test]
fn additional_sink_receives_only_shown_events() {
    let (copying, blocked) = (row(RowState::Working, "copying"), row(RowState::Blocked, "there is no room"));
    let events =
        [walked(copying.clone()), walked(copying.clone()), walked(blocked), faulted(fault()), faulted(fault())];
    let (_, taken) = shown(Format::Text, &events);
    assert_eq!(taken, [Event::Step { subject: subject(), row: copying }, faulted(fault())]);
}

#[test]
fn fix_is_written_once_above_the_bars() {
    let written = Written::default();
    let console = Console::new((Box::new(written.clone()), Box::new(written.clone())), None);
    let above = LinesAboveBars::new(Rc::new(console), Clock::new(StaticTimeSource::from_secs(1_795_255_200).into()));
    let other = || Subject::handoff(&"payroll".parse().unwrap(), &"cutover-1".parse().unwrap());
    let faulted = |subject| Event::Faulted { subject, fault: fault(), again: Duration::ZERO };
    let given_up = |subject| Event::GivenUp { subject, fault: fault() };
    above.take(&faulted(subject()));
    above.take(&faulted(other()));
    above.take(&given_up(subject()));
    above.take(&Event::Listed(vec![other()]));
    above.take(&given_up(other()));
    drop(above);
    let expected = "10:00:00  orders/cutover-1 blocked at copy: there is no room\n          \
                    fix: make room, as with\n          aws make room\n\
                    10:00:00  payroll/cutover-1 blocked at copy: same fix as orders/cutover-1\n\
                    10:00:00  orders/cutover-1 blocked at copy: no longer waited for; same fix as above\n\
                    10:00:00  payroll/cutover-1 blocked at copy: there is no room\n          \
                    fix: make room, as with\n          aws make room\n";
    assert_eq!(String::from_utf8(written.0.take()).unwrap(), expected);
}

#[test]
fn dropped_handoff_is_counted_while_it_is_listed() {
    let mut wave = Wave::default();
    let count = |wave: &Wave| wave.all(Standing::Settled).filter(|(_, member)| member.at.is_none()).count();
    wave.add(&subject());
    wave.walked(&subject(), &[row(RowState::Found, "shared copy")], "2026-11-21T10:00:00Z".parse().unwrap());
    wave.stands(&subject(), Standing::Settled);
    wave.keep(&[]);
    assert_eq!((wave.tally().total(), count(&wave)), (1, 0), "it is driven");
    wave.drop(&subject());
    wave.keep(&[subject()]);
    assert_eq!(count(&wave), 1, "its standing is kept, and nothing else");
    wave.keep(&[]);
    assert!(wave.is_empty());
}
