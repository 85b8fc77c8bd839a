//! An agent may be killed at any instruction: the next one looks at AWS and goes on, and nothing is made twice or left behind.

use std::sync::Arc;

use agent_runtime::Exit;
use e2e::{A, B, Kill, Lab, Moment, World, differences};

/// One handoff with a death in it. Whoever dies is started again, as by a supervisor. Returns the world that is left.
async fn move_with(kill: Kill, world: World) -> (Arc<Kill>, String) {
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
    assert!(offered.is_some() && offered == accepted, "one message: {offered:?} {accepted:?}");
    (kill, lab.cloud.fingerprint())
}

/// Kills at every call of a clean run. The world that is left must be the clean one, to the last tag, grant and message.
async fn crash_everywhere(moment: Moment, given_key: bool) {
    let begin = || World { given_key, ..World::quick() };
    let (clean, world) = move_with(Kill::never(), begin()).await;
    let calls = clean.calls();
    for at in 1..=calls {
        let (kill, left) = move_with(Kill::new(at, moment), begin()).await;
        let struck = kill.struck().unwrap_or_else(|| panic!("nobody was killed at call {at} of {calls}"));
        assert_eq!(differences(&left, &world), "", "killed {moment:?} call {at}, {struck}");
    }
    println!("killed {moment:?} each of {calls} calls");
}

// Four tests, so that they run side by side.

#[tokio::test(start_paused = true)]
async fn crash_everywhere_before_the_call() {
    crash_everywhere(Moment::Before, false).await;
}

#[tokio::test(start_paused = true)]
async fn crash_everywhere_after_the_call_and_before_its_answer() {
    crash_everywhere(Moment::After, false).await;
}

#[tokio::test(start_paused = true)]
async fn crash_everywhere_in_the_sleep_after() {
    crash_everywhere(Moment::Later, false).await;
}

/// The moment that loses most; the others are the same steps as above.
#[tokio::test(start_paused = true)]
async fn crash_everywhere_under_a_given_key() {
    crash_everywhere(Moment::After, true).await;
}
