//! The initial state of many tests: account A's copy in the Region `THERE`, encrypted with a key of A's.

use crate::lab::{A, B, Clients, HERE, Lab, THERE, advance_time, hours, snapshot_arn};

pub(crate) struct CopiedSnapshot {
    pub(crate) lab: Lab,
    pub(crate) a_here: Clients,
    pub(crate) a: Clients,
    pub(crate) b: Clients,
    /// A's key in the Region `THERE`.
    pub(crate) key: String,
    /// B's key in the Region `THERE`.
    pub(crate) own: String,
    /// The ARN of A's copy in the Region `THERE`.
    pub(crate) copy: String,
}

/// Copies A's database `orders` to the Region `THERE`, as the snapshot `copy`, which is not shared.
pub(crate) async fn copied_snapshot() -> CopiedSnapshot {
    let lab = Lab::new();
    lab.database("orders");
    let (a_here, a, b) = (lab.agent(A, HERE), lab.agent(A, THERE), lab.agent(B, THERE));
    a_here.snapshot("orders", "first").await;
    let (key, own) = (a.key().await, b.key().await);
    a.copy(&snapshot_arn(A, HERE, "first"), "copy", &key).await;
    advance_time(hours(4)).await;
    assert_eq!(a.status("copy").await, "available");
    CopiedSnapshot { lab, a_here, a, b, key, own, copy: snapshot_arn(A, THERE, "copy") }
}
