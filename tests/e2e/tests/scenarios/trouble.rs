//! Faults during a handoff: the output says who must act, and the handoff continues by itself when the fault is fixed.

use std::time::Duration;

use agent_runtime::Exit;
use agent_runtime::event::Event;
use e2e::{A, B, Lab, TARGET, World};
use protocol::{Reason, Stage};
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn signal_stops_run_at_once_and_next_run_continues() {
    let lab = Lab::new(World::slow()).await;
    let stop = CancellationToken::new();
    let source = lab.source_as(A, "rds-handoff-source-agent", &Lab::ALONE, stop.clone());
    let signal = async {
        tokio::time::sleep(Duration::from_hours(1)).await;
        let now = tokio::time::Instant::now();
        stop.cancel();
        now
    };
    let (source, stopped) = tokio::join!(source, signal);
    assert_eq!(source.exit, Exit::Pending);
    assert!(stopped.elapsed() < Duration::from_secs(1), "not stopped at once: {:?}", stopped.elapsed());
    let (source, target) = lab.run_handoffs(&["orders-cutover-1"]).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled));
}

#[tokio::test(start_paused = true)]
async fn failed_target_copy_fails_handoff_and_names_cleanup_command() {
    let lab = Lab::new(World::slow()).await;
    let source = lab.source(&["run"]);
    let failing_copy = async {
        // AWS fails a copy whose source is deleted while it runs.
        let a = lab.admin(A, TARGET);
        loop {
            tokio::time::sleep(Duration::from_mins(1)).await;
            if !lab.admin(B, TARGET).snapshots().await.is_empty() {
                break;
            }
            lab.target(&["run", "--once"]).await;
        }
        let copy = a.snapshots().await.pop().unwrap();
        a.rds.delete_db_snapshot().db_snapshot_identifier(copy).send().await.unwrap();
        lab.target(&["run"]).await
    };
    let (source, target) = tokio::join!(source, failing_copy);
    assert_eq!((source.exit, target.exit), (Exit::Failed, Exit::Failed), "{}\n{}", source.out, target.out);
    let heard = |event: &Event| {
        matches!(event, Event::ReceiptRecorded { stage: Stage::Failed, reason: Some(Reason::CopyFailed), .. })
    };
    assert_eq!(source.count(heard), 1, "{}", source.out);
    let again = lab.target(&["run"]).await;
    assert_eq!(again.exit, Exit::Failed, "the failed copy was deleted: {}", again.out);
    let fix = again.failed().find_map(|fault| fault.fix.as_deref());
    assert!(
        fix.is_some_and(|it| it.contains("delete-db-snapshot")),
        "the fix has no command that deletes the copy: {}",
        again.out
    );
}

#[tokio::test(start_paused = true)]
async fn denied_key_use_is_retried_until_policy_is_fixed() {
    let lab = Lab::new(World::quick()).await;
    let source = lab.source(&Lab::ALONE);
    let target = async {
        lab.message().await;
        // An administrator removes account B from the key policy.
        let (a, key) = (lab.admin(A, TARGET), lab.replica_key().await);
        let policy = a.kms.get_key_policy().key_id(&key).send().await.unwrap().policy().unwrap().to_owned();
        let put = |policy: String| a.kms.put_key_policy().key_id(&key).policy(policy).send();
        put(policy.replace(&format!("{B}:root"), "333333333333:root")).await.unwrap();
        let fix = async {
            // Account A's agent would restore the policy by itself: it reads it every five minutes.
            tokio::time::sleep(Duration::from_mins(30)).await;
            put(policy.clone()).await.unwrap();
        };
        tokio::join!(lab.target(&["run", "--patience", "10h"]), fix).0
    };
    let (source, target) = Box::pin(Lab::in_time(async { tokio::join!(source, target) })).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert!(target.waited_for_propagation(), "{}", target.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
}

#[tokio::test(start_paused = true)]
async fn missing_subnet_group_blocks_until_it_is_created() {
    let lab = Lab::new(World::quick()).await;
    lab.edit("target.toml", "private", "later");
    let target = async {
        let ran = lab.target_until_trouble().await;
        assert_eq!(ran.exit, Exit::Blocked, "{}", ran.out);
        assert!(ran.blocked().any(|(_, fault)| fault.step == Some("fit-profile")), "{}", ran.out);
        assert!(lab.admin(B, TARGET).snapshots().await.is_empty(), "a snapshot was copied");
        lab.cloud.create_subnet_group(B, TARGET, "later");
        lab.target_until_restored(&["orders-cutover-1"]).await
    };
    let (source, target) = Box::pin(Lab::in_time(async { tokio::join!(lab.source(&Lab::ALONE), target) })).await;
    assert_eq!((source.exit, target.exit), (Exit::Settled, Exit::Settled), "{}\n{}", source.out, target.out);
    assert_eq!(lab.restored("orders-cutover-1"), lab.original("orders"));
}
