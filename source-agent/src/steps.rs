//! The steps of account A, in one file for each resource.

mod copy;
mod existing_key;
mod hello;
mod key;
mod landing;
mod offering;
mod settling;
mod share;
mod share_key;
mod snapshot;

pub(crate) use copy::{CopyComplete, CopyToTargetRegion, DeleteSharedCopy};
pub(crate) use existing_key::ExistingKey;
pub(crate) use hello::{HELLO, SayHello, hello_message};
pub(crate) use key::{HandoffKey, KeyAlias, ReplicaKey};
pub(crate) use landing::{AWAIT_LANDING, AwaitLanding, Publish};
pub(crate) use offering::{MakeOffer, OFFER};
pub(crate) use settling::{AwaitPropagation, MarkEnded, MarkSettled};
pub(crate) use share::{ShareSnapshot, Unshare};
pub(crate) use share_key::{CloseKey, RevokeGrants, ShareKey};
pub(crate) use snapshot::{SNAPSHOT, SnapshotComplete, TakeSnapshot};

use agent_runtime::Fault;
use agent_runtime::aws::rds::snapshot::{SnapshotView, is_young};
use jiff::Timestamp;
use protocol::names::SnapshotRole;

use crate::handoff::Handoff;

/// Whether this snapshot is ours and has this role; `false` while its tags may not be visible yet.
fn owned(of: &Handoff, view: &SnapshotView, role: SnapshotRole, now: Timestamp) -> Result<bool, Fault> {
    if of.owns(&view.tags, role) {
        return Ok(true);
    }
    if view.tags.is_empty() && is_young(view.created, now) {
        return Ok(false);
    }
    Err(Fault::not_ours(&format!("snapshot {}", view.arn), "it does not carry this handoff's tags"))
}
