//! The cost of a handoff in calls and time, as `cargo bench -p e2e` measures it.

use std::time::Duration;

use e2e::cost::{Row, Way, measure};

/// The most calls that one handoff may take: of both agents together, without polls of the queues.
pub(crate) const CALLS_OF_ONE: usize = 120;

#[tokio::test(start_paused = true)]
async fn one_handoff_stays_in_call_budget_and_three_share_reads() {
    let one = measure(Way::Agents, Row::raised(1)).await;
    assert!(one.calls <= CALLS_OF_ONE, "{one:?}");
    assert!(one.reads < one.calls && one.receives > 0, "{one:?}");
    // The agents cannot be faster than AWS.
    assert!(one.makespan >= one.bound && one.over_bound() < 1.05, "{one:?}");
    assert!(one.silent.mean().is_some() && one.reported.mean() <= Some(one.reported.worst), "{one:?}");
    let three = measure(Way::Agents, Row::raised(3)).await;
    assert!(three.each(three.calls) < one.each(one.calls) * 0.6, "{one:?} {three:?}");
}

#[tokio::test(start_paused = true)]
async fn waiter_script_polls_at_interval_and_makes_seven_changes() {
    let interval = Duration::from_secs(30);
    for databases in [1, 3] {
        let cost = measure(Way::Waiters, Row::raised(databases)).await;
        // Account A's key and its replica are made once.
        assert_eq!(cost.calls - cost.reads, 7 * databases + 2, "{cost:?}");
        for waits in [cost.reported, cost.silent] {
            assert!(
                waits.mean() > Some(Duration::ZERO) && waits.worst <= interval + Duration::from_secs(1),
                "{cost:?}"
            );
        }
        assert!(cost.makespan >= cost.bound, "{cost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn copy_quota_of_one_runs_copies_in_sequence() {
    let (narrow, wide) = (Row { databases: 3, copies: 1 }, Row::raised(3));
    let (narrow, wide) = (measure(Way::Waiters, narrow).await, measure(Way::Waiters, wide).await);
    assert_eq!(narrow.bound, wide.bound + Duration::from_hours(2 * 3));
    assert!(narrow.makespan >= narrow.bound && narrow.over_bound() < 1.05, "{narrow:?}");
}

#[tokio::test(start_paused = true)]
async fn snapshot_tool_waits_for_its_schedules() {
    let cost = measure(Way::SnapshotTool, Row::raised(3)).await;
    assert!(cost.reported.worst > Duration::from_mins(10) && cost.silent.mean().is_none(), "{cost:?}");
    assert!(cost.makespan >= cost.bound, "{cost:?}");
}
