//! The contract between the two accounts of an RDS handoff.
//!
//! Everything that one account writes and the other reads, or that one version of an agent writes and the next one reads
//! back from AWS, is defined here and nowhere else: identifiers, names, tags, messages, and the checks that a receiver
//! makes. The crate is pure: it knows neither time, nor network, nor the AWS SDK.
//!
//! | module | what it owns |
//! |---|---|
//! | [`ids`] | account ids, Regions, labels, identifiers: parsed once, then trusted |
//! | [`arn`] | the four kinds of ARN that a handoff meets |
//! | [`names`] | the deterministic names of everything that the agents make |
//! | [`carried`] | the tags of a database that go with it |
//! | [`tags`] | tag keys, the grammar of tag values, and the facts that stand in one value |
//! | [`facts`] | all that a source snapshot or a target copy remembers of its handoff |
//! | [`identity`] | what makes two snapshots the same data |
//! | [`handoff`] | the handoff message, versions 1 and 2 |
//! | [`receipt`] | the receipt, version 1 |
//! | [`hello`] | the hello and its answer, version 1; what the two queues hold |
//! | [`request`] | the request, version 1 |
//! | [`terms`] | how long an offer is good for, and which goes first |
//! | [`trust`] | what a receiver believes, and the reasons for which it refuses |

pub mod arn;
pub mod carried;
pub mod facts;
pub mod handoff;
pub mod hello;
pub mod identity;
pub mod ids;
pub mod names;
pub mod receipt;
pub mod request;
pub mod tags;
pub mod terms;
pub mod trust;

pub use arn::{DbArn, KeyArn, QueueArn, SnapshotArn};
pub use carried::Carried;
pub use facts::{Phase, SourceFacts, TargetFacts};
pub use handoff::Handoff;
pub use hello::{Answer, Hello, Lack, Message, Reply};
pub use identity::Identity;
pub use ids::{
    AccountId, DbIdentifier, DbiResourceId, Digest, HandoffId, Label, Nonce, ParseError, Region, SnapshotId,
};
pub use receipt::{Receipt, Stage};
pub use request::Request;
pub use terms::Terms;
pub use trust::{Reason, Refusal};

/// The version of every receipt, and of a handoff message that says no more than version 1 can.
pub const VERSION: u64 = 1;

/// No message is larger than this, in bytes: a body is far below 4 KiB, and SQS lets 1 MiB through.
pub const MAX_BODY: usize = 16 * 1024;
