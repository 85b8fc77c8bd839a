//! The messages between the two accounts, one file for each kind, and what the two queues hold.

pub mod envelope;
pub mod handoff;
pub mod hello;
pub mod receipt;
pub mod request;

use crate::ids::HandoffId;
use envelope::Refusal;
use handoff::HandoffMessage;
use hello::{AnswerMessage, HelloMessage};
use receipt::ReceiptMessage;

/// What an inbox holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An order to begin.
    Handoff(Box<HandoffMessage>),
    /// A question.
    Hello(Box<HelloMessage>),
}

impl Message {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is neither, or a bad one; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        match HandoffMessage::decode(body) {
            Err(Refusal::Newer { kind, .. }) if kind == "hello" => {
                HelloMessage::decode(body).map(|hello| Self::Hello(Box::new(hello)))
            }
            other => other.map(|handoff| Self::Handoff(Box::new(handoff))),
        }
    }
}

/// What a receipts queue holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To an offer.
    Receipt(ReceiptMessage),
    /// To a hello.
    Answer(AnswerMessage),
}

impl Reply {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is neither, or a bad one; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        match ReceiptMessage::decode(body) {
            Err(Refusal::Newer { kind, .. }) if kind == "answer" => AnswerMessage::decode(body).map(Self::Answer),
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
