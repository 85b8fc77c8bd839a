//! The events of `run` and `hello`.
//!
//! Code that reports something emits an [`Event`] to a [`Sink`]. The sinks in [`crate::ui`] decide how an event is
//! shown, and whether it was already shown.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use protocol::tags::Outcome;
use protocol::{AccountId, DbIdentifier, Label, Lack, Reason, Stage};
use serde::Serialize;

use crate::fault::{Answer, Fault, FaultKind};

/// Takes events.
pub trait Sink: fmt::Debug {
    /// Takes one event. An implementation must not emit another event.
    fn take(&self, event: &Event);
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// All handoffs that this agent may process again: those that AWS shows, and active ones. A sink drops what it
    /// keeps of any other handoff.
    Listed(Vec<Subject>),
    /// The drive of a handoff has started.
    Driven(Subject),
    /// The drive of a handoff has ended. A sink forgets which of its steps were shown: if it is driven again, they are
    /// shown again.
    Dropped(Subject),
    /// A pass has run these steps.
    Walked {
        /// The subject.
        subject: Subject,
        /// The rows of the steps, from the first; the pass ended at the last one.
        rows: Vec<Row>,
    },
    /// A step has changed since the last pass. Derived from [`Event::Walked`]; not emitted otherwise.
    Step {
        /// The subject.
        subject: Subject,
        /// The row of the step.
        row: Row,
    },
    /// A step shows no progress. Derived from [`Event::Walked`]; not emitted otherwise.
    Stalled {
        /// The subject.
        subject: Subject,
        /// The step.
        row: Row,
        /// How long, and the hint.
        stall: Stall,
    },
    /// A fault that is followed by a retry.
    Faulted {
        /// The subject.
        subject: Subject,
        /// The fault.
        fault: Trouble,
        /// The delay before the retry.
        again: Duration,
    },
    /// A blocked handoff is no longer waited for: this run ends, and the next one continues it.
    GivenUp {
        /// The subject.
        subject: Subject,
        /// What blocks it.
        fault: Trouble,
    },
    /// A handoff cannot continue.
    Failed {
        /// The subject.
        subject: Subject,
        /// The fault.
        fault: Trouble,
    },
    /// A handoff has ended, or is left for the next run.
    Ended {
        /// The subject.
        subject: Subject,
        /// How it ended.
        ending: Ending,
    },
    /// A receipt of account B was recorded on its source snapshot.
    ReceiptRecorded {
        /// The subject.
        subject: Subject,
        /// Account B.
        account: AccountId,
        /// The stage that account B reports.
        stage: Stage,
        /// The reason, for `rejected` and `failed`.
        reason: Option<Reason>,
    },
    /// Account B's answer to a hello of `run` was recorded on its source snapshot.
    AnswerRecorded {
        /// The subject.
        subject: Subject,
        /// Account B.
        account: AccountId,
        /// What account B lacks; `None` when it is ready.
        lack: Option<Lack>,
    },
    /// Account B has answered the command `hello`.
    AnswerReceived {
        /// The subject.
        subject: Subject,
        /// Account B.
        account: AccountId,
        /// What account B lacks; `None` when it is ready.
        lack: Option<Lack>,
    },
    /// A hello of account A was answered.
    HelloAnswered {
        /// The subject.
        subject: Subject,
        /// Account A.
        account: AccountId,
        /// What this account lacks according to the answer, and the details for this account's operators; `None` if it
        /// is ready.
        lack: Option<(Lack, Trouble)>,
    },
    /// A request for a handoff was read.
    Requested {
        /// The subject.
        subject: Subject,
        /// The state of the handoff at that time.
        standing: Requested,
    },
    /// A message was put into the dead-letter queue of its mailbox.
    Rejected {
        /// Its handoff, or its mailbox if it belongs to no handoff.
        subject: Subject,
        /// The mailbox that it was received from.
        mailbox: Mailbox,
        /// The reason that its sender may be told.
        reason: Reason,
        /// The details, for the operator.
        detail: String,
        /// The fix, if there is one.
        fix: Option<String>,
    },
    /// A message of a newer version was left in its mailbox.
    NewerLeft {
        /// The mailbox.
        mailbox: Mailbox,
        /// Its version.
        version: u64,
        /// Its kind.
        kind: String,
    },
    /// The command fails, or does only part of its work. Printed to standard error.
    Refused(Trouble),
    /// An active handoff that cannot be read, as display text. Printed to standard error.
    Unreadable(String),
    /// `hello` has no account to ask. Printed to standard error.
    NoHelloNeeded,
}

impl Event {
    /// The subject; `None` for events of the command itself.
    pub fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Listed(_) | Self::NewerLeft { .. } | Self::Refused(_) | Self::Unreadable(_) | Self::NoHelloNeeded => {
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
            | Self::AnswerReceived { subject, .. }
            | Self::HelloAnswered { subject, .. }
            | Self::Requested { subject, .. }
            | Self::Rejected { subject, .. } => Some(subject),
        }
    }
}

/// The subject of an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// One handoff.
    Handoff {
        /// The source database.
        database: DbIdentifier,
        /// The operator's name for the handoff.
        label: Label,
    },
    /// All handoffs, during discovery.
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
    /// Account B's queue for messages.
    Inbox,
    /// Account A's queue for receipts.
    Receipts,
    /// Account A's queue for requests.
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
    /// Account A has revoked all access.
    Settled(Outcome),
    /// Account B's database is available.
    Restored(Option<DbIdentifier>),
    /// The process was stopped before the end; the next run continues.
    Stopped,
}

/// The state of a requested handoff when its request was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requested {
    /// Not begun.
    New,
    /// In progress.
    UnderWay,
    /// Ended: it is not started again.
    Over(Outcome),
}

/// What a step does to its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Creates it, or starts to create it.
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
    /// The word while the call is in progress.
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

    /// The word when the step is ready.
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

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Ready, and made by this process.
    Made(Verb),
    /// Ready before this process observed it.
    Found,
    /// This process is making the call now.
    Acting(Verb),
    /// AWS or the other account is working on it.
    Working,
    /// Still to be done.
    Todo,
    /// It needs operator action.
    Blocked,
    /// It cannot continue.
    Failed,
}

impl RowState {
    /// The word in text and JSON.
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
    /// How long there has been no progress.
    pub lasts: Duration,
    /// Where an operator can find the cause.
    pub hint: &'static str,
}

/// One step of one handoff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The step's stable name.
    pub step: &'static str,
    /// Its state.
    pub state: RowState,
    /// The display text.
    pub text: String,
    /// The progress in percent, as AWS reports it.
    pub percent: Option<u8>,
    /// The remaining time estimated from the progress; in JSON in seconds.
    #[serde(rename = "remaining_seconds", serialize_with = "seconds")]
    pub remaining: Option<Duration>,
    /// When this state began, if AWS or a tag records it.
    pub since: Option<Timestamp>,
    /// Whether the step waits for another account or in a slot queue.
    pub waits: bool,
    /// Set if this process has seen no progress for longer than `stall_after`. Never set in a read-only pass of `plan`
    /// or `status`.
    #[serde(skip)]
    pub stalled: Option<Stall>,
}

impl Row {
    /// A row with this state and text and no further data.
    pub fn new(step: &'static str, state: RowState, text: String) -> Self {
        Self { step, state, text, percent: None, remaining: None, since: None, waits: false, stalled: None }
    }
}

#[expect(clippy::ref_option, reason = "serde passes fields by reference")]
fn seconds<S: serde::Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs()).serialize(serializer)
}

/// A fault as reported in events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The kind of the fault.
    #[serde(skip)]
    pub kind: FaultKind,
    /// The name of the step that it happened at.
    #[serde(skip)]
    pub step: Option<&'static str>,
    /// The reason that may be sent to the other account, from a closed set.
    #[serde(skip)]
    pub reason: Reason,
    /// AWS's error code.
    #[serde(skip)]
    pub code: Option<String>,
    /// What went wrong, with its causes.
    pub what: String,
    /// How to fix it.
    pub fix: Option<String>,
    /// AWS's response.
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
