//! The protocol between the two accounts of an RDS handoff.
//!
//! This crate defines everything that one account writes and the other reads, and everything that one version of an
//! agent writes to AWS and a later one reads: identifiers, names, tags, messages, and the receiver's checks. It is
//! pure: it does not use the clock, the network or the AWS SDK.
//! | module | content |
//! |---|---|
//! | [`ids`] | account ids, Regions, labels, identifiers, and the identity of a snapshot's data: parsed once, valid afterwards |
//! | [`arn`] | the four kinds of ARN that a handoff uses |
//! | [`names`] | the deterministic names of everything that the agents create, and the handoff id |
//! | [`words`] | closed sets of words that tags and messages share: stages, reasons, what an account lacks |
//! | [`terms`] | how long an offer is valid, and the priority of handoffs |
//! | [`tags`] | tag keys, the grammar of tag values, and the types of tag values |
//! | [`state`] | the state of a handoff in the tags of a source snapshot or target copy, including the database tags that are carried over |
//! | [`wire`] | the messages, one file for each kind; `envelope` has their size limit, version and refusals |
//! | [`verify`] | the receiver's checks; no other module depends on it |
//!
//! `state` uses the modules above it in this table, `wire` uses `state`, and `verify` uses both.

pub mod arn;
pub mod ids;
pub mod names;
pub mod state;
pub mod tags;
pub mod terms;
pub mod verify;
pub mod wire;
pub mod words;

pub use arn::{DbArn, KeyArn, QueueArn, SnapshotArn};
pub use ids::{
    AccountId, DbIdentifier, DbiResourceId, Digest, HandoffId, Identity, Label, Nonce, ParseError, Region, SnapshotId,
};
pub use state::carried::Carried;
pub use state::{Phase, SourceFacts, TargetFacts};
pub use terms::Terms;
pub use wire::envelope::{MAX_BODY, Refusal, VERSION};
pub use wire::handoff::HandoffMessage;
pub use wire::hello::{AnswerMessage, HelloMessage};
pub use wire::receipt::ReceiptMessage;
pub use wire::request::RequestMessage;
pub use wire::{Message, Reply};
pub use words::{Lack, Reason, Stage};
