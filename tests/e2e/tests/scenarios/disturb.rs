//! One call is throttled, fails, loses its answer or reads stale state: the result of the handoff must not change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agent_runtime::Exit;
use aws_sim::{Call, Disturbance, Gate};
use e2e::{Disturb, HOME, Lab, World, differences, without_unused_keys};
use tokio::sync::OnceCell;

use crate::sample::{points, sharded};

/// Runs one handoff with a disturbance. Returns the number of calls and the fingerprint of the world that is left.
async fn handoff_with(disturb: Disturb) -> (usize, String) {
    let disturb = Arc::new(disturb);
    let lab = Lab::new(World::quick()).await;
    lab.pass_through(Some(disturb.clone()));
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    lab.pass_through(None);
    lab.settle().await;
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    let (offered, accepted) = lab.digests().await;
    assert!(
        offered.is_some() && offered == accepted,
        "A offered and B accepted different messages: {offered:?} {accepted:?}"
    );
    (disturb.calls(), lab.cloud.fingerprint())
}

/// The number of calls of an undisturbed handoff, and the world that it leaves. All shards share the result.
async fn clean() -> &'static (usize, String) {
    static CLEAN: OnceCell<(usize, String)> = OnceCell::const_new();
    CLEAN.get_or_init(|| handoff_with(Disturb::new(usize::MAX, Disturbance::None))).await
}

/// A sample takes every 25th call.
const EVERY: usize = 25;

/// Disturbs each sampled call. The world that is left must equal that of a clean run, except for one unused key.
async fn disturb_each_call((what, kind): (Disturbance, usize), shard: usize) {
    let (calls, world) = clean().await;
    // Each kind of disturbance samples other calls.
    let points = points(1..=*calls, EVERY, 3 * kind, shard);
    assert!(!points.is_empty(), "the sample of {calls} calls is empty");
    for at in points {
        let (_, left) = handoff_with(Disturb::new(at, what)).await;
        let differences = differences(&without_unused_keys(&left, 1), &without_unused_keys(world, 1));
        assert_eq!(differences, "", "{what:?} at call {at} of {calls}");
    }
}

#[rustfmt::skip]
sharded!(disturb_each_call(Disturbance::Throttle, 0) in
    throttling_at_each_call_changes_no_result_1 0, throttling_at_each_call_changes_no_result_2 1,
    throttling_at_each_call_changes_no_result_3 2, throttling_at_each_call_changes_no_result_4 3);
#[rustfmt::skip]
sharded!(disturb_each_call(Disturbance::ServerError, 1) in
    server_error_at_each_call_changes_no_result_1 0, server_error_at_each_call_changes_no_result_2 1,
    server_error_at_each_call_changes_no_result_3 2, server_error_at_each_call_changes_no_result_4 3);
#[rustfmt::skip]
sharded!(disturb_each_call(Disturbance::LostAnswer, 2) in
    lost_answer_at_each_call_changes_no_result_1 0, lost_answer_at_each_call_changes_no_result_2 1,
    lost_answer_at_each_call_changes_no_result_3 2, lost_answer_at_each_call_changes_no_result_4 3);
#[rustfmt::skip]
sharded!(disturb_each_call(Disturbance::LateAnswer(Duration::from_mins(2)), 3) in
    answer_after_timeout_at_each_call_changes_no_result_1 0,
    answer_after_timeout_at_each_call_changes_no_result_2 1,
    answer_after_timeout_at_each_call_changes_no_result_3 2,
    answer_after_timeout_at_each_call_changes_no_result_4 3);
#[rustfmt::skip]
sharded!(disturb_each_call(Disturbance::StaleRead(Duration::from_secs(30)), 4) in
    stale_read_at_each_call_changes_no_result_1 0, stale_read_at_each_call_changes_no_result_2 1,
    stale_read_at_each_call_changes_no_result_3 2, stale_read_at_each_call_changes_no_result_4 3);

#[tokio::test(start_paused = true)]
async fn slow_policy_propagation_is_waited_for() {
    let (_, world) = clean().await;
    let lab = Lab::new(World { authorization_lag: Duration::from_mins(6), ..World::quick() }).await;
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert!(source.waited_for_propagation() || target.waited_for_propagation(), "{}\n{}", source.out, target.out);
    lab.settle().await;
    assert_eq!(differences(&lab.cloud.fingerprint(), world), "");
}

#[tokio::test(start_paused = true)]
async fn two_concurrent_agents_per_account_leave_same_result() {
    let (_, world) = clean().await;
    let lab = Lab::new(World::quick()).await;
    let restored = ["orders-cutover-1"];
    let (one, other, first, second) = tokio::join!(
        lab.source(&["run"]),
        lab.source(&["run"]),
        lab.target_until_restored(&restored),
        lab.target_until_restored(&restored)
    );
    for ran in [one, other, first, second] {
        assert_eq!(ran.exit, Exit::Settled, "{}", ran.out);
    }
    lab.settle().await;
    lab.settle().await;
    let left = without_unused_keys(&lab.cloud.fingerprint(), 1);
    assert_eq!(differences(&left, &without_unused_keys(world, 1)), "");
}

/// Makes reads of snapshots in account A's home Region 30 seconds stale from the moment when one of its agents has made
/// the offer. Reads of the copies in the other Region are fresh.
#[derive(Debug, Default)]
struct StaleSnapshotReads {
    copied: AtomicBool,
    offered: AtomicBool,
}

impl Gate for StaleSnapshotReads {
    fn judge(&self, call: &Call) -> Disturbance {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        match call.action.as_str() {
            "rds:CopyDBSnapshot" => self.copied.store(true, Ordering::Relaxed),
            // The first tag that is written after the copy was started is the offer.
            "rds:AddTagsToResource" if is(&self.copied) => self.offered.store(true, Ordering::Relaxed),
            "rds:DescribeDBSnapshots" if call.region == HOME && is(&self.offered) => {
                return Disturbance::StaleRead(Duration::from_secs(30));
            }
            _ => {}
        }
        Disturbance::None
    }
}

#[tokio::test(start_paused = true)]
async fn two_source_agents_with_stale_reads_publish_one_offer() {
    let (_, world) = clean().await;
    for seconds in (45..65).step_by(4) {
        let lab = Lab::new(World::quick()).await;
        lab.pass_through(Some(Arc::new(StaleSnapshotReads::default())));
        let later = async {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            lab.source(&["run"]).await
        };
        let restored = lab.target_until_restored(&["orders-cutover-1"]);
        let (one, other, target) = tokio::join!(lab.source(&["run"]), later, restored);
        for ran in [one, other, target] {
            assert_eq!(ran.exit, Exit::Settled, "{seconds} s apart: {}", ran.out);
        }
        let (offered, accepted) = lab.digests().await;
        assert!(offered.is_some() && offered == accepted, "{seconds} s apart: {offered:?} {accepted:?}");
        lab.settle().await;
        let left = without_unused_keys(&lab.cloud.fingerprint(), 1);
        assert_eq!(differences(&left, &without_unused_keys(world, 1)), "", "{seconds} s apart");
    }
}
