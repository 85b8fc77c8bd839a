//! An agent may be killed at any instruction: the next one reads the state from AWS and continues, and no resource is
//! created twice or left behind.

use std::sync::Arc;

use agent_runtime::Exit;
use e2e::{A, B, Kill, Lab, Moment, World, differences};
use tokio::sync::OnceCell;

use crate::sample::{points, sharded};

/// Runs one handoff in which an agent is killed once. A killed agent is started again, as by a supervisor. Returns the
/// kill and the fingerprint of the world that is left.
async fn handoff_with(kill: Kill, world: World) -> (Arc<Kill>, String) {
    let kill = Arc::new(kill);
    let lab = Lab::new(world).await;
    lab.pass_through(Some(kill.clone()));
    let source =
        async { while kill.watch(A, lab.source(&["run"])).await.is_none_or(|ran| ran.exit != Exit::Settled) {} };
    let target = async { while kill.watch(B, lab.target_until_restored(&["orders-cutover-1"])).await.is_none() {} };
    Lab::in_time(async { tokio::join!(source, target) }).await;
    lab.pass_through(None);
    let (source, target) = lab.settle().await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
    let (offered, accepted) = lab.digests().await;
    assert!(
        offered.is_some() && offered == accepted,
        "A offered and B accepted different messages: {offered:?} {accepted:?}"
    );
    (kill, lab.cloud.fingerprint())
}

/// The number of calls of a handoff without a kill, and the world that it leaves. All shards share the result.
async fn clean(existing_key: bool) -> &'static (usize, String) {
    static CLEAN: [OnceCell<(usize, String)>; 2] = [const { OnceCell::const_new() }; 2];
    let run = async || {
        let (kill, world) = handoff_with(Kill::never(), World { existing_key, ..World::quick() }).await;
        (kill.calls(), world)
    };
    CLEAN[usize::from(existing_key)].get_or_init(run).await
}

/// Kills an agent at each sampled call. The world that is left must equal that of a clean run in every tag, grant and
/// message.
async fn kill_at_each_call((moment, existing_key): (Moment, bool), shard: usize) {
    let initial_world = || World { existing_key, ..World::quick() };
    let (calls, world) = clean(existing_key).await;
    // Each kind of kill samples other calls.
    let kind = 3 * moment as usize + usize::from(existing_key);
    let points = points(1..=*calls, EVERY, kind, shard);
    for at in &points {
        let (kill, left) = handoff_with(Kill::new(*at, moment), initial_world()).await;
        let struck = kill.struck().unwrap_or_else(|| panic!("no agent was killed at call {at} of {calls}"));
        assert_eq!(differences(&left, world), "", "killed {moment:?} call {at}, {struck}");
    }
    println!("killed {moment:?} {} of {calls} calls", points.len());
    assert!(!points.is_empty(), "the sample of {calls} calls is empty");
}

/// A sample takes every 20th call.
const EVERY: usize = 20;

#[rustfmt::skip]
sharded!(kill_at_each_call(Moment::Before, false) in
    kill_before_each_call_leaves_same_result_1 0, kill_before_each_call_leaves_same_result_2 1,
    kill_before_each_call_leaves_same_result_3 2, kill_before_each_call_leaves_same_result_4 3);
#[rustfmt::skip]
sharded!(kill_at_each_call(Moment::After, false) in
    kill_after_each_call_before_its_answer_leaves_same_result_1 0,
    kill_after_each_call_before_its_answer_leaves_same_result_2 1,
    kill_after_each_call_before_its_answer_leaves_same_result_3 2,
    kill_after_each_call_before_its_answer_leaves_same_result_4 3);
#[rustfmt::skip]
sharded!(kill_at_each_call(Moment::Later, false) in
    kill_in_sleep_after_each_call_leaves_same_result_1 0, kill_in_sleep_after_each_call_leaves_same_result_2 1,
    kill_in_sleep_after_each_call_leaves_same_result_3 2, kill_in_sleep_after_each_call_leaves_same_result_4 3);
// After the call, when most state is lost; the steps are otherwise those above.
#[rustfmt::skip]
sharded!(kill_at_each_call(Moment::After, true) in
    kill_with_existing_key_leaves_same_result_1 0, kill_with_existing_key_leaves_same_result_2 1,
    kill_with_existing_key_leaves_same_result_3 2, kill_with_existing_key_leaves_same_result_4 3);
