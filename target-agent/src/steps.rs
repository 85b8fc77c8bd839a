//! One file for each resource that a handoff touches in account B.

mod copy;
mod message;
mod restore;
mod tell;
mod verify;

pub(crate) use copy::{CopyUnderOwnKey, Land};
pub(crate) use message::AnswerMessage;
pub(crate) use restore::Restore;
pub(crate) use tell::{ACCEPTED, FAILED, LANDED, RESTORED, Tell};
pub(crate) use verify::Verify;
