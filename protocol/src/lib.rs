//! The contract between the two accounts of an RDS handoff.
//!
//! Everything that one account writes and the other reads, or that one version of an agent writes and the next one reads
//! back from AWS, is defined here and nowhere else: identifiers, names, tags, messages, and the checks that a receiver
//! makes. The crate is pure: it knows neither time, nor network, nor the AWS SDK.
//!
//! | module | what it owns |
//! |---|---|
//! | [`ids`] | account ids, Regions, labels, identifiers, and what makes two snapshots the same data: parsed once, then trusted |
//! | [`arn`] | the four kinds of ARN that a handoff meets |
//! | [`names`] | the deterministic names of everything that the agents make, the handoff id among them |
//! | [`words`] | closed sets of words that stand both in tags and in messages: stages, reasons, what an account lacks |
//! | [`terms`] | how long an offer is good for, and which goes first |
//! | [`tags`] | tag keys, the grammar of tag values, and the facts that stand in one value |
//! | [`state`] | all that a source snapshot or a target copy remembers of its handoff, the tags of a database that go with it among that |
//! | [`wire`] | the messages, one file for each kind; `envelope` has their bounds, version and refusals |
//! | [`verify`] | what a receiver believes: nothing here depends on it |
//!
//! `state` uses what stands above it in this table, `wire` uses `state`, and `verify` uses both.

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
