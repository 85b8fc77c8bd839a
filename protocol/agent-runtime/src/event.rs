//! What happens in `run` and `hello`, as values.
//!
//! Code that has something to tell emits an [`Event`] into a [`Sink`]. It knows neither how the event is shown nor whether it
//! was shown before: the sinks in [`crate::ui`] decide that.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use protocol::tags::Outcome;
use protocol::{AccountId, DbIdentifier, Label, Lack, Reason, Stage};
use serde::Serialize;

use crate::fault::{Answer, Fault, FaultKind};

/// Takes events.
pub trait Sink: fmt::Debug {
    /// Takes one event. It must not emit another one.
    fn take(&self, event: &Event);
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handoffs that this agent can still come by: those that AWS shows, and those in flight. Whatever a sink keeps of any
    /// other handoff is forgotten.
    Listed(Vec<Subject>),
    /// A handoff is driven from now on.
    Driven(Subject),
    /// The drive of a handoff has ended. A sink forgets what was shown last of it: if it is driven again, all its steps are shown
    /// again.
    Dropped(Subject),
    /// A pass has walked these steps.
    Walked {
        /// Whose.
        subject: Subject,
        /// From the first; the last one is where the pass ended.
        rows: Vec<Row>,
    },
    /// A step of a pass differs from the last pass. Made of [`Event::Walked`]; nothing else emits it.
    Step {
        /// Whose.
        subject: Subject,
        /// How it stands now.
        row: Row,
    },
    /// A step of a pass shows no progress. Made of [`Event::Walked`]; nothing else emits it.
    Stalled {
        /// Whose.
        subject: Subject,
        /// The step.
        row: Row,
        /// For how long.
        stall: Stall,
    },
    /// A fault, after which it is tried again.
    Faulted {
        /// Whose.
        subject: Subject,
        /// What went wrong.
        fault: Trouble,
        /// It is tried again after this long.
        again: Duration,
    },
    /// A blocked handoff is not waited for any longer: this run ends, and the next one goes on.
    GivenUp {
        /// Whose.
        subject: Subject,
        /// What blocks it.
        fault: Trouble,
    },
    /// A handoff cannot go on.
    Failed {
        /// Whose.
        subject: Subject,
        /// What went wrong.
        fault: Trouble,
    },
    /// A handoff has ended, or is left for the next run.
    Ended {
        /// Whose.
        subject: Subject,
        /// How.
        ending: Ending,
    },
    /// A receipt of account B was recorded on its source snapshot.
    ReceiptRecorded {
        /// Whose.
        subject: Subject,
        /// Account B.
        account: AccountId,
        /// How far account B is.
        stage: Stage,
        /// Why, if it goes no further.
        reason: Option<Reason>,
    },
    /// Account B's answer to a hello of `run` was recorded on its source snapshot.
    AnswerRecorded {
        /// Whose.
        subject: Subject,
        /// Account B.
        account: AccountId,
        /// What account B lacks; `None` when it is ready.
        lack: Option<Lack>,
    },
    /// Account B has answered the command `hello`.
    AnswerHeard {
        /// Whose.
        subject: Subject,
        /// Account B.
        account: AccountId,
        /// What account B lacks; `None` when it is ready.
        lack: Option<Lack>,
    },
    /// A hello of account A was answered.
    HelloAnswered {
        /// Whose.
        subject: Subject,
        /// Account A.
        account: AccountId,
        /// What account A was told that this account lacks, and what this account's operators should know.
        lack: Option<(Lack, Trouble)>,
    },
    /// A request for a handoff was read.
    Requested {
        /// Whose.
        subject: Subject,
        /// What the handoff was by then.
        standing: Requested,
    },
    /// A message was put into the dead-letter queue of its mailbox.
    Rejected {
        /// Its handoff, or its mailbox where it belongs to none.
        subject: Subject,
        /// Where it was received.
        mailbox: Mailbox,
        /// Why, as its sender may be told.
        reason: Reason,
        /// Why, for a person.
        detail: String,
        /// What to do about it.
        fix: Option<String>,
    },
    /// A message of a newer version was left in its mailbox.
    NewerLeft {
        /// Where.
        mailbox: Mailbox,
        /// Its version.
        version: u64,
        /// Its kind.
        kind: String,
    },
    /// The command ends, or does only a part of its work. Shown on standard error.
    Refused(Trouble),
    /// What is under way and cannot be read, for a person. Shown on standard error.
    Unreadable(String),
    /// `hello` has nobody to ask. Shown on standard error.
    NobodyToAsk,
}

impl Event {
    /// Whom it is about; `None` where it is about the command.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Listed(_) | Self::NewerLeft { .. } | Self::Refused(_) | Self::Unreadable(_) | Self::NobodyToAsk => {
                None
            }
            Self::Driven(subject)
            | Self::Dropped(subject)
            | Self::Walked { subject, .. }
            | Self::Step { subject, .. }
            | Self::Stalled { subject, .. }
            | Self::Faulted { subject, .. }
            | Self::GivenUp { subject, .. }
            | Self::Failed { subject, .. }
            | Self::Ended { subject, .. }
            | Self::ReceiptRecorded { subject, .. }
            | Self::AnswerRecorded { subject, .. }
            | Self::AnswerHeard { subject, .. }
            | Self::HelloAnswered { subject, .. }
            | Self::Requested { subject, .. }
            | Self::Rejected { subject, .. } => Some(subject),
        }
    }
}

/// Whom an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One handoff.
    Handoff {
        /// The database at the source.
        database: DbIdentifier,
        /// The operator's name for the handoff.
        label: Label,
    },
    /// All handoffs, while they are listed.
    Handoffs,
    /// A queue of this account.
    Mailbox(Mailbox),
    /// The answers to the hellos of an account.
    Answers(AccountId),
}

impl Subject {
    /// One handoff.
    pub fn handoff(database: &DbIdentifier, label: &Label) -> Self {
        Self::Handoff { database: database.clone(), label: label.clone() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handoff { database, label } => write!(f, "{database}/{label}"),
            Self::Handoffs => f.write_str("handoffs"),
            Self::Mailbox(mailbox) => mailbox.fmt(f),
            Self::Answers(account) => write!(f, "answers to account {account}"),
        }
    }
}

impl From<Mailbox> for Subject {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

/// A queue that an agent receives from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mailbox {
    /// Account B's, of messages.
    Inbox,
    /// Account A's, of receipts.
    Receipts,
    /// Account A's, of requests.
    Requests,
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inbox => "inbox",
            Self::Receipts => "receipts",
            Self::Requests => "requests",
        })
    }
}

/// How a handoff has ended for this process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Account A has taken everything back.
    Settled(Outcome),
    /// Account B's database is available.
    Restored(Option<DbIdentifier>),
    /// The process was stopped before; the next run goes on.
    Stopped,
}

/// What a requested handoff was when its request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// Not begun.
    New,
    /// Under way.
    UnderWay,
    /// Over: it is not begun again.
    Over(Outcome),
}

/// What a step does to its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Creates it, or begins to.
    Create,
    /// Changes it.
    Change,
    /// Shares it with the other account.
    Share,
    /// Sends a message.
    Send,
    /// Writes a tag.
    Record,
    /// Withdraws access.
    Revoke,
    /// Deletes it.
    Delete,
}

impl Verb {
    /// While the step is at it.
    pub fn present(self) -> &'static str {
        match self {
            Self::Create => "creating",
            Self::Change => "changing",
            Self::Share => "sharing",
            Self::Send => "sending",
            Self::Record => "recording",
            Self::Revoke => "revoking",
            Self::Delete => "deleting",
        }
    }

    /// When the step is ready.
    pub fn past(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Change => "changed",
            Self::Share => "shared",
            Self::Send => "sent",
            Self::Record => "recorded",
            Self::Revoke => "revoked",
            Self::Delete => "deleted",
        }
    }
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Ready, by an act of this process.
    Made(Verb),
    /// Ready before this process looked.
    Found,
    /// This process is making the call now.
    Acting(Verb),
    /// AWS or the other account is at it.
    Working,
    /// Still to be done.
    Todo,
    /// Somebody must move.
    Blocked,
    /// It cannot go on.
    Failed,
}

impl RowState {
    /// Its word, in text and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Made(verb) => verb.past(),
            Self::Found => "done",
            Self::Acting(verb) => verb.present(),
            Self::Working => "working",
            Self::Todo => "todo",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
        }
    }

    /// Whether the step is ready.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Made(_) | Self::Found)
    }
}

impl Serialize for RowState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Work without progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// For so long.
    pub lasts: Duration,
    /// Where a person may find out why.
    pub hint: &'static str,
}

/// One step of one handoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The step's stable name.
    pub step: &'static str,
    /// How it stands.
    pub state: RowState,
    /// For a person.
    pub text: String,
    /// As AWS reports it.
    pub percent: Option<u8>,
    /// Estimated from it, in seconds.
    #[serde(rename = "remaining_seconds", serialize_with = "seconds")]
    pub remaining: Option<Duration>,
    /// Since when it is so, where AWS or a tag tells.
    pub since: Option<Timestamp>,
    /// Nobody is at it: another account, or a place in a line, is waited for.
    pub waits: bool,
    /// This process has seen no progress for so long, and that is longer than `stall_after`. One that only looks sees none.
    #[serde(skip)]
    pub stalled: Option<Stall>,
}

impl Row {
    /// A row of which nothing more is known.
    pub fn new(step: &'static str, state: RowState, text: String) -> Self {
        Self { step, state, text, percent: None, remaining: None, since: None, waits: false, stalled: None }
    }
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs()).serialize(serializer)
}

/// What is told of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// What follows.
    #[serde(skip)]
    pub kind: FaultKind,
    /// The name of the step that it happened at.
    #[serde(skip)]
    pub step: Option<&'static str>,
    /// The closed reason that the other account may be told.
    #[serde(skip)]
    pub reason: Reason,
    /// The error code that AWS gave.
    #[serde(skip)]
    pub code: Option<String>,
    /// What went wrong, and what caused it.
    pub what: String,
    /// How to fix it.
    pub fix: Option<String>,
    /// How AWS answered.
    #[serde(flatten)]
    pub answer: Answer,
}

impl Trouble {
    /// What went wrong, with AWS's request id and status.
    pub fn told(&self) -> String {
        format!("{}{}", self.what, self.answer)
    }
}

impl From<&Fault> for Trouble {
    fn from(fault: &Fault) -> Self {
        Self {
            kind: fault.kind,
            step: fault.step().map(|step| step.0),
            reason: fault.reason(),
            code: fault.code().map(str::to_owned),
            what: fault.chain(),
            fix: fault.fix().map(str::to_owned),
            answer: fault.answer().clone(),
        }
    }
}
