//! Account A does not trust account B: a receipt is accepted only with the digest of the offer, and from B's own queue.

use std::time::Duration;

use agent_runtime::Exit;
use agent_runtime::event::{Ending, Event};
use e2e::{A, B, HOME, Lab, TARGET, World};
use protocol::tags::Outcome;
use protocol::{Reason, ReceiptMessage, Stage};

#[tokio::test(start_paused = true)]
async fn invalid_receipt_goes_to_dead_letter_queue_and_changes_nothing() {
    let lab = Lab::new(World::quick()).await;
    let source = lab.source_for(Duration::from_mins(10)).await;
    assert_eq!(source.exit, Exit::Pending, "{}", source.out);
    let world = lab.cloud.fingerprint();
    let a = lab.admin(A, HOME);
    let queue = format!("rds-handoff-receipts-{B}");
    let source = a.snapshots().await.pop().unwrap();
    let tags = a.tags(&source).await;
    let tag = |key: &str| tags.iter().find(|(name, _)| name == key).unwrap().1.clone();
    let id = tag("rds-handoff:id");
    let digest = tag("rds-handoff:offer").rsplit_once('=').unwrap().1.to_owned();
    let receipt = |id: &str, digest: &str, account: &str| {
        let (id, digest, account) = (id.parse().unwrap(), digest.parse().unwrap(), account.parse().unwrap());
        ReceiptMessage::new(id, digest, account, Stage::Landed, None).encode()
    };
    let hostile = [
        ("{}".to_owned(), Reason::Malformed),
        (receipt("0000000000000000", &digest, B), Reason::NoSuchOffer),
        (receipt(&id, &"0".repeat(64), B), Reason::NoSuchOffer),
        (receipt(&id, &digest, "333333333333"), Reason::UnknownSender),
    ];
    for (body, reason) in &hostile {
        // A poll of a process that has ended may still receive the message and hide it.
        tokio::time::sleep(Duration::from_secs(30)).await;
        a.send(&queue, body).await;
        // A receipt for an unknown offer may be valid if the read of the tags was stale: it is checked once more before
        // it goes to the dead-letter queue.
        tokio::time::sleep(Duration::from_mins(2)).await;
        let ran = lab.source(&["run", "--once"]).await;
        assert_eq!(ran.exit, Exit::Pending, "{}", ran.out);
        assert_eq!(ran.rejected(), [*reason], "{}", ran.out);
    }
    let dead = a.peek(&format!("{queue}-dead")).await;
    assert_eq!(dead.len(), hostile.len());
    let left = lab.cloud.fingerprint();
    let snapshots =
        |world: &str| world.lines().filter(|line| line.starts_with("snapshot")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(snapshots(&left), snapshots(&world));

    // A receipt of a newer version stays in the queue.
    tokio::time::sleep(Duration::from_secs(30)).await;
    a.send(&queue, &receipt(&id, &digest, B).replace("\"version\":1", "\"version\":2")).await;
    lab.source(&["run", "--once"]).await;
    tokio::time::sleep(Duration::from_mins(16)).await;
    assert_eq!(a.peek(&queue).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn access_is_revoked_when_account_b_never_responds() {
    let lab = Lab::new(World::quick()).await;
    let terms = "label = \"cutover-1\"\nstart_within = \"1h\"\naccess_for = \"3h\"";
    lab.edit("source.toml", "label = \"cutover-1\"", terms);
    let ran = lab.source(&Lab::ALONE).await;
    assert_eq!(ran.exit, Exit::Failed, "{}", ran.out);
    assert!(ran.settled(Outcome::Expired), "{}", ran.out);
    assert_eq!(lab.admin(A, TARGET).snapshots().await, Vec::<String>::new());
    // Account B starts too late: it finds nothing and fails.
    let target = lab.target(&["run"]).await;
    assert_eq!(target.exit, Exit::Failed, "{}", target.out);
    assert_eq!(lab.admin(B, TARGET).snapshots().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn operator_withdraws_handoff_by_setting_ended_tag() {
    let lab = Lab::new(World::quick()).await;
    let source = lab.source_for(Duration::from_mins(10)).await;
    let stopped = |event: &Event| matches!(event, Event::Ended { ending: Ending::Stopped, .. });
    assert_eq!(source.count(stopped), 1, "{}", source.out);
    let a = lab.admin(A, HOME);
    let snapshot = a.snapshots().await.pop().unwrap();
    let tag = aws_sdk_rds::types::Tag::builder().key("rds-handoff:ended").value("revoked/2026-11-21T10:10:00Z").build();
    let arn = format!("arn:aws:rds:{HOME}:{A}:snapshot:{snapshot}");
    a.rds.add_tags_to_resource().resource_name(arn).tags(tag).send().await.unwrap();
    let source = lab.source(&["run"]).await;
    assert_eq!(source.exit, Exit::Settled, "{}", source.out);
    assert!(source.settled(Outcome::Revoked), "{}", source.out);
    assert_eq!(lab.admin(A, TARGET).snapshots().await, Vec::<String>::new());
    let key = lab.replica_key().await;
    let policy = lab.admin(A, TARGET).kms.get_key_policy().key_id(key).send().await.unwrap();
    assert!(!policy.policy().unwrap().contains(B));
}
