//! Permits: who asks for what is limited, and how requests are ordered.

use std::cmp::Reverse;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use protocol::{AccountId, Digest, HandoffId, Region};
use protocol::{DbIdentifier, DbiResourceId};
use tokio::sync::Notify;

/// Who holds or waits for a permit: a handoff of this process, and the message that asks for it where several may ask for the same
/// one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The handoff.
    pub handoff: HandoffId,
    /// The digest of its message; `None` where a handoff cannot have several.
    pub message: Option<Digest>,
}

/// What AWS or the operator limits. Each kind has a queue of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PermitKind {
    /// Handoffs to one account and Region, from the source snapshot to the end of the copy.
    UnderWay(AccountId, Region),
    /// Copies of snapshots in flight to one Region of this account (RDS User Guide, Copying a DB snapshot: 20).
    Copy(Region),
    /// Databases that are being created in one Region of this account.
    Restore(Region),
}

impl PermitKind {
    /// What is waited for, for a person.
    pub fn words(&self) -> &'static str {
        match self {
            Self::UnderWay(..) | Self::Copy(_) => "a copy slot",
            Self::Restore(_) => "a restore slot",
        }
    }

    /// Whether a permit is held until it is released, whatever AWS shows. Else it counts only until AWS shows what its holder
    /// has begun; from then on AWS's own listing counts.
    pub(crate) fn is_held_until_released(&self) -> bool {
        matches!(self, Self::UnderWay(..))
    }
}

/// The order of requests of one sender, least first: by priority, then the largest database, so that a wave ends early, then by
/// name, so that a person can foresee the rest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The higher goes first.
    pub priority: Reverse<i16>,
    /// Allocated storage in GiB; the larger goes first.
    pub size_gib: Reverse<u32>,
    /// The database at the source.
    pub database: DbIdentifier,
    /// The handoff.
    pub handoff: HandoffId,
}

/// A request for a permit. The gate adds who asks, and how to wake it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What for.
    pub kind: PermitKind,
    /// The name of the resource that its holder makes, as a [`Supply`](crate::gate::Supply) knows it.
    pub resource: String,
    /// Whose it is: senders take turns.
    pub sender: AccountId,
    /// Among the requests of one sender the least goes first.
    pub rank: Rank,
    /// The source database: AWS copies its snapshots one after another (RDS User Guide, Copying a DB snapshot), so that a second
    /// one would hold a permit in vain.
    pub source: DbiResourceId,
    /// The id of the step that releases it when it is ready.
    pub released_by: &'static str,
    /// Holders of this other kind of permit that rank higher and may ask any moment are given time to ask first.
    pub after: Option<PermitKind>,
    /// It asks again within this time, although nothing has come free.
    pub asks_again_within: Option<Duration>,
}

/// A claim and who makes it.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) claim: Claim,
    /// Ends its wait.
    pub(crate) wake: Rc<Notify>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("claim", &self.claim).finish_non_exhaustive()
    }
}
