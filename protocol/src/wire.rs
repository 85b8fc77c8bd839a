//! The messages between the two accounts, one file for each kind, and what the two queues hold.

pub mod envelope;
pub mod handoff;
pub mod hello;
pub mod receipt;
pub mod request;

use crate::ids::HandoffId;
use envelope::Refusal;
use handoff::Handoff;
use hello::{Answer, Hello};
use receipt::Receipt;

/// What an inbox holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An order to begin.
    Handoff(Box<Handoff>),
    /// A question.
    Hello(Box<Hello>),
}

impl Message {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is neither, or a bad one; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        match Handoff::decode(body) {
            Err(Refusal::Newer { kind, .. }) if kind == "hello" => {
                Hello::decode(body).map(|hello| Self::Hello(Box::new(hello)))
            }
            other => other.map(|handoff| Self::Handoff(Box::new(handoff))),
        }
    }
}

/// What a receipts queue holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To an offer.
    Receipt(Receipt),
    /// To a hello.
    Answer(Answer),
}

impl Reply {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is neither, or a bad one; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        match Receipt::decode(body) {
            Err(Refusal::Newer { kind, .. }) if kind == "answer" => Answer::decode(body).map(Self::Answer),
            other => other.map(Self::Receipt),
        }
    }

    /// The handoff that it is about.
    pub fn handoff(&self) -> &HandoffId {
        match self {
            Self::Receipt(receipt) => &receipt.handoff,
            Self::Answer(answer) => &answer.handoff,
        }
    }
}
