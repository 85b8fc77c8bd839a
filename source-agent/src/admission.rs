//! The permits that a handoff of account A needs: for its source snapshot, and for its copy to the target Region.

use std::cmp::Reverse;

use agent_runtime::StepId;
use agent_runtime::gate::{Claim, PermitKind, Rank};
use protocol::names::SnapshotRole;

use crate::handoff::Handoff;

/// The step that begins the shared copy, and the wait for it. When the wait is ready the permit is released.
pub(crate) const COPY: StepId = StepId("copy");

/// The permit to be under way, from the source snapshot to the end of the copy.
pub(crate) fn under_way(of: &Handoff) -> Claim {
    claim(of, under_way_kind(of), SnapshotRole::Source, None)
}

/// The permit to have a copy in flight to the target Region. Other handoffs whose snapshot is complete may rank higher.
pub(crate) fn copy(of: &Handoff) -> Claim {
    claim(of, PermitKind::Copy(of.route.region.clone()), SnapshotRole::Shared, Some(under_way_kind(of)))
}

fn under_way_kind(of: &Handoff) -> PermitKind {
    PermitKind::UnderWay(of.route.account.clone(), of.route.region.clone())
}

fn claim(of: &Handoff, kind: PermitKind, makes: SnapshotRole, after: Option<PermitKind>) -> Claim {
    Claim {
        kind,
        resource: of.snapshot(makes).to_string(),
        sender: of.database.account.clone(),
        rank: Rank {
            priority: Reverse(of.terms.priority),
            size_gib: Reverse(of.size_gib),
            database: of.database.database.clone(),
            handoff: of.id.clone(),
        },
        source: of.resource.clone(),
        released_by: COPY.0,
        after,
        claims_again_within: None,
    }
}
