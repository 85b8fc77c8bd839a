//! Permits: the claims for limited resources, their owners and their order.

use std::cmp::Reverse;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use protocol::{AccountId, Digest, HandoffId, Region};
use protocol::{DbIdentifier, DbiResourceId};
use tokio::sync::Notify;

/// The holder of a permit or claim: a handoff of this process and, if several messages can request the same handoff,
/// the message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// The handoff.
    pub handoff: HandoffId,
    /// The digest of its message; `None` if a handoff cannot have several messages.
    pub message: Option<Digest>,
}

/// A resource that AWS or the operator limits. Each kind has its own queue.
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
    /// The permit as display text.
    pub fn words(&self) -> &'static str {
        match self {
            Self::UnderWay(..) | Self::Copy(_) => "a copy slot",
            Self::Restore(_) => "a restore slot",
        }
    }

    /// Whether a permit counts until it is released, regardless of what AWS shows. Otherwise it counts only until AWS
    /// lists the resource that its holder created; from then on the listing counts instead.
    pub(crate) fn is_held_until_released(&self) -> bool {
        matches!(self, Self::UnderWay(..))
    }
}

/// The order of the claims of one sender, least first: by priority; then the largest database first, so that a wave of
/// handoffs ends early; then by name, so that the order is predictable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// A higher priority goes first.
    pub priority: Reverse<i16>,
    /// Allocated storage in GiB; a larger database goes first.
    pub size_gib: Reverse<u32>,
    /// The source database.
    pub database: DbIdentifier,
    /// The handoff.
    pub handoff: HandoffId,
}

/// A claim: a request for one permit. The permit allows one call that creates a limited resource. The gate adds the
/// owner and how to wake it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The kind of permit.
    pub kind: PermitKind,
    /// The name of the resource that the holder creates, as a [`Supply`](crate::gate::Supply) lists it.
    pub resource: String,
    /// The sender of the handoff. Permits are granted to senders in rotation.
    pub sender: AccountId,
    /// The order among the claims of one sender: the least is granted first.
    pub rank: Rank,
    /// The source database. AWS copies the snapshots of one database one after another (RDS User Guide, Copying a DB
    /// snapshot), so a second copy would hold a permit without progress.
    pub source: DbiResourceId,
    /// The id of the step whose completion releases the permit.
    pub released_by: &'static str,
    /// If set: holders of this other kind of permit that rank higher and may claim at any moment are given time to
    /// claim first.
    pub after: Option<PermitKind>,
    /// If set: the claim is repeated within this time even if no permit was released.
    pub claims_again_within: Option<Duration>,
}

/// A claim and how to wake its owner.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) claim: Claim,
    /// Ends the owner's wait.
    pub(crate) wake: Rc<Notify>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("claim", &self.claim).finish_non_exhaustive()
    }
}
