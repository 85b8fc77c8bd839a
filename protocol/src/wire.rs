//! The messages between the two accounts, one file for each kind.

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

/// A message in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// An order to start.
    Handoff(Box<HandoffMessage>),
    /// The question whether account B is ready.
    Hello(Box<HelloMessage>),
}

impl Message {
    /// Parses a body.
    ///
    /// # Errors
    /// When it is neither kind, or invalid; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        match HandoffMessage::decode(body) {
            Err(Refusal::Newer { kind, .. }) if kind == "hello" => {
                HelloMessage::decode(body).map(|hello| Self::Hello(Box::new(hello)))
            }
            other => other.map(|handoff| Self::Handoff(Box::new(handoff))),
        }
    }
}

/// A message in a receipts queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The reply to an offer.
    Receipt(ReceiptMessage),
    /// The reply to a hello.
    Answer(AnswerMessage),
}

impl Reply {
    /// Parses a body.
    ///
    /// # Errors
    /// When it is neither kind, or invalid; [`Refusal::Newer`] when a later version may understand it.
    pub fn decode(body: &str) -> Result<Self, Refusal> {
        match ReceiptMessage::decode(body) {
            Err(Refusal::Newer { kind, .. }) if kind == "answer" => AnswerMessage::decode(body).map(Self::Answer),
            other => other.map(Self::Receipt),
        }
    }

    /// The handoff that it belongs to.
    pub fn handoff(&self) -> &HandoffId {
        match self {
            Self::Receipt(receipt) => &receipt.handoff,
            Self::Answer(answer) => &answer.handoff,
        }
    }
}
